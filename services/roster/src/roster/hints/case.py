"""One entry laid out for judging: the inputs and what several tests derive from them, computed once."""

from datetime import date

import msgspec

from roster.hints.hint import Finding, Hint, Severity, Values
from roster.hints.limits import AgeLimit, age_limit, cite_on, experimental_age_limit, last_day_of
from roster.hints.model import AgeRule, Filing, History, RegistryFacts, School, Student
from roster.intake.rules import EXPERIMENTAL, RosterKind
from shared.law import DEFERMENT_REGULATION
from shared.law import rule as decides

BLOCKING = Severity.BLOCKING
WARNING = Severity.WARNING
INFO = Severity.INFO


# 未入學高級中等學校取得學籍者 (RO-70).
_WITHOUT_ENROLMENT = {"11-1": "11-2", "12-1": "12-2", "14-1": "14-2"}


class Case(msgspec.Struct, frozen=True, gc=False):
    """What every test gets. `granting`: the entry asks for a deferment (all kinds but the cessation). `law_on`: the day
    whose law is applied, which is `today` but where an amendment is tried out (RO-54).
    """

    student: Student
    school: School
    history: History
    facts: RegistryFacts | None
    filing: Filing
    today: date
    age_rule: AgeRule
    granting: bool
    limit: AgeLimit | None
    experimental_limit: AgeLimit | None
    last_day: date | None
    law_on: date

    def article(self, of_school: str) -> str:
        """The article for a school's roster, or its counterpart for a man who is enrolled nowhere (Art. 11 to 14)."""
        return _WITHOUT_ENROLMENT.get(of_school, of_school) if self.filing.case in EXPERIMENTAL else of_school

    def hint(
        self,
        finding: Finding,
        severity: Severity,
        article: str,
        values: Values,
        *,
        law: str = DEFERMENT_REGULATION,
        visible_to_school: bool | None = None,
    ) -> Hint:
        """A hint of `finding` that cites `article` in the version in force on the day whose law is applied."""
        return Hint(
            finding,
            severity,
            (cite_on(law, article, self.law_on),),
            values,
            self.last_day,
            finding.school_sees if visible_to_school is None else visible_to_school,
        )


def lay_out(
    student: Student,
    school: School,
    history: History,
    facts: RegistryFacts | None,
    filing: Filing,
    today: date,
    age_rule: AgeRule,
    law_on: date | None = None,
) -> Case:
    """The case of one entry. Raises LookupError when `today` is before the oldest text of the regulation.

    `law_on`: the day whose law is applied, by default `today`.
    """
    law_on = law_on or today
    if filing.kind == RosterKind.CESSATION:
        return Case(student, school, history, facts, filing, today, age_rule, False, None, None, None, law_on)
    experimental = experimental_age_limit(law_on) if student.experimental_education else None
    # Art. 13(2): of a man without enrolment Art. 15(2) alone is asked, so its limit is the only one he has.
    if filing.case in EXPERIMENTAL:
        limit = experimental_age_limit(law_on)
    else:
        limit = age_limit(school.kind, student.level, student.division, law_on)
    last_day = deferment_limit(student.birth_date, limit, experimental, age_rule)
    return Case(student, school, history, facts, filing, today, age_rule, True, limit, experimental, last_day, law_on)


@decides("RO-26")
def deferment_limit(
    birth_date: date, limit: AgeLimit, experimental: AgeLimit | None, age_rule: AgeRule = AgeRule.YEAR_END
) -> date:
    """The last day a deferment may run to: the earliest of the limits that apply to the man."""
    years = limit.years if experimental is None else min(limit.years, experimental.years)
    return last_day_of(birth_date, years, age_rule)


def asked_until(student: Student, kind: RosterKind) -> date | None:
    """The last day of the deferment the roster asks for; None for a cessation or where it does not say.

    An extension asks for `extended_until`, every other kind for `expected_graduation_on`.
    """
    if kind == RosterKind.CESSATION:
        return None
    return student.extended_until if kind == RosterKind.EXTENSION else student.expected_graduation_on
