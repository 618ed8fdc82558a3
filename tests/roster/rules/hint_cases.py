"""A student against whom nothing speaks, and ways to change one thing about him."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from roster.hints.hint import Hint
from roster.hints.model import (
    NO_HISTORY,
    AgeRule,
    Filing,
    History,
    RegistryFacts,
    RegistryStatus,
    School,
    SchoolKind,
    Student,
)
from roster.hints.rules import judge
from roster.intake.rules import CessationReason, Level, RosterKind
from shared.periods import Deadline

TODAY = date(2026, 10, 1)
TAIPEI, NEW_TAIPEI = "63000", "65000"

STUDENT = Student(
    birth_date=date(2006, 5, 4),
    county_code=TAIPEI,
    level=Level.BACHELOR,
    nominal_years=4,
    enrolled_on=date(2025, 9, 1),
    expected_graduation_on=date(2029, 6, 30),
)
SCHOOL = School(code="0003", kind=SchoolKind.UNIVERSITY, name="國立臺灣大學")
FACTS = RegistryFacts(
    as_of=datetime(2026, 9, 30, 4, 0, tzinfo=UTC),
    status=RegistryStatus.NONE,
    birth_date=STUDENT.birth_date,
    county_code=TAIPEI,
    household_since=date(2010, 1, 1),
    overseas_compatriot=False,
    volunteered_training=False,
)
DEADLINE = Deadline(date(2026, 9, 18), date(2026, 10, 18), date(2026, 10, 19), False, ())
FILING = Filing(RosterKind.APPLICATION, received_on=TODAY, academic_year=115, term=1, deadline=DEADLINE)
LEFT = {"cessation_reason": CessationReason.WITHDREW, "left_on": date(2026, 9, 15)}

GRANTING = [RosterKind.APPLICATION, RosterKind.EXTENSION, RosterKind.REAPPLICATION]


def student(**changed: Any) -> Student:
    """The blameless student with some fields changed."""
    return msgspec.structs.replace(STUDENT, **changed)


def facts(**changed: Any) -> RegistryFacts:
    """The registry's answer that says nothing against him, with some fields changed."""
    return replace(FACTS, **changed)


def find(
    who: Student = STUDENT,
    *,
    kind: RosterKind = RosterKind.APPLICATION,
    school: School = SCHOOL,
    history: History = NO_HISTORY,
    registry: RegistryFacts | None = FACTS,
    filing: Filing = FILING,
    today: date = TODAY,
    age_rule: AgeRule = AgeRule.YEAR_END,
) -> tuple[Hint, ...]:
    """All hints about him."""
    return judge(who, school, history, registry, replace(filing, kind=kind), today, age_rule=age_rule)


def codes(hints: tuple[Hint, ...]) -> list[str]:
    """Their codes, in order."""
    return [hint.code for hint in hints]


def one(hints: tuple[Hint, ...], code: str) -> Hint:
    """The one hint of that code."""
    (found,) = [hint for hint in hints if hint.code == code]
    return found
