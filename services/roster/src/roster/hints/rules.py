"""Judging an entry: which tests apply to which kind of roster, in which order, and all that they find."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

from roster.hints import grounds, standing
from roster.hints.case import Case, lay_out
from roster.hints.hint import Hint
from roster.hints.model import AgeRule, Filing, History, RegistryFacts, School, Student
from roster.intake.rules import EXPERIMENTAL, CaseKind
from shared.law import rule

Test = Callable[[Case], Hint | Sequence[Hint] | None]

# In the order in which hints are shown: the rule's number.
GRANTING_TESTS: Final[tuple[Test, ...]] = (
    standing.past_draftee_age,
    standing.registry_answered,
    grounds.school_registered,
    grounds.enrolment_recognised,
    grounds.level_repeated,
    grounds.continuing_school_age,
    grounds.continuing_division,
    grounds.any_school_age,
    grounds.experimental_age,
    grounds.deferment_capped,
    standing.deferment_active,
    standing.on_other_rosters,
    standing.submitted_late,
    standing.household_county,
    standing.liable_status,
    standing.overseas_compatriot,
    standing.induction_order,
    standing.birth_date,
    standing.study_period,
    standing.extension_terms,
    standing.extension_not_longer,
    standing.end_already_past,
    standing.not_yet_draftee,
    standing.training_volunteer,
    standing.certificate_decided,
)
"""Application, extension, reapplication."""

_OF_SCHOOLS: Final[frozenset[Test]] = frozenset(
    {
        grounds.school_registered,
        grounds.enrolment_recognised,
        grounds.level_repeated,
        grounds.continuing_school_age,
        grounds.continuing_division,
        grounds.any_school_age,
        standing.study_period,
        standing.extension_terms,
        standing.training_volunteer,
    }
)
EXPERIMENTAL_TESTS: Final[tuple[Test, ...]] = tuple(test for test in GRANTING_TESTS if test not in _OF_SCHOOLS)
"""The same of men who are enrolled nowhere. Art. 13(2): 經查無第十五條第二項所定情形，應予核准, so RO-20 to RO-24 are
not asked; nor what speaks of a school's levels and terms (RO-33), nor of college students (RO-34, Art. 13(3):
第一項役男)."""

CESSATION_TESTS: Final[tuple[Test, ...]] = (
    standing.past_draftee_age,
    standing.registry_answered,
    standing.deferment_active,
    standing.left_before_deferment,
    standing.on_other_rosters,
    standing.submitted_late,
    standing.household_county,
    standing.liable_status,
    standing.overseas_compatriot,
    standing.birth_date,
    standing.not_yet_draftee,
)
"""A cessation asks for nothing, so the grounds of refusal, the limits and the induction order say nothing of it."""


TRAINING_TESTS: Final[tuple[Test, ...]] = tuple(
    test for test in CESSATION_TESTS if test is not standing.left_before_deferment
)
"""Of men after vacation training (Art. 16-1), which ends whatever deferment they have, whenever it was filed."""


def judge(
    student: Student,
    school: School,
    history: History,
    facts: RegistryFacts | None,
    filing: Filing,
    today: date,
    *,
    age_rule: AgeRule = AgeRule.YEAR_END,
) -> tuple[Hint, ...]:
    """Every hint about one entry, in the order of the rules; the same input always gives the same hints.

    `facts` None means that the registry has not answered yet. A missing field makes its test silent, never an error.
    Raises LookupError only when `today` is before 2018-06-28, the oldest text of the regulation known here.
    """
    return judge_case(lay_out(student, school, history, facts, filing, today, age_rule))


@rule("RO-70", "RO-72")
def tests_of(case: Case) -> tuple[Test, ...]:
    """Which tests are asked, by the kind of roster and by who filed it."""
    if case.granting:
        return EXPERIMENTAL_TESTS if case.filing.case in EXPERIMENTAL else GRANTING_TESTS
    return TRAINING_TESTS if case.filing.case is CaseKind.VACATION_TRAINING else CESSATION_TESTS


def judge_case(case: Case) -> tuple[Hint, ...]:
    """`judge` for an entry that is laid out already."""
    found: list[Hint] = []
    for test in tests_of(case):
        outcome = test(case)
        if not outcome:
            continue
        if isinstance(outcome, Hint):
            found.append(outcome)
        else:
            found.extend(outcome)
    return tuple(found)
