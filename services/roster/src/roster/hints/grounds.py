"""The grounds of refusal of Article 15: RO-20 to RO-25, and the end every deferment has by age, RO-26.

SOURCE: 免役禁役緩徵緩召實施辦法 Art. 15 (2018-06-28). They are asked only where a deferment is asked for: that of a man
who is too old for one may of course be reported as ended.
"""

from roster.hints.case import BLOCKING, INFO, WARNING, Case, asked_until
from roster.hints.findings import (
    AGE_LIMIT,
    CONTINUING_DIVISION,
    CONTINUING_SCHOOL_AGE,
    DEFERMENT_CAPPED,
    ENROLMENT_NOT_RECOGNISED,
    EXPERIMENTAL_AGE,
    REPEATED_LEVEL,
    SCHOOL_NOT_REGISTERED,
)
from roster.hints.hint import Finding, Hint, Values
from roster.hints.limits import CONTINUING_KINDS, AgeLimit, age_counted, last_day_of
from roster.hints.model import AgeRule
from roster.intake.rules import Division
from shared.law import DESIGN_POLICY, rule

_POLICY = {age_rule: f"AgeRule.{age_rule.name}" for age_rule in AgeRule}


@rule("RO-20")
def school_registered(case: Case) -> Hint | None:
    """15(1)(1) 肄業學校未經主管教育行政機關立案."""
    school = case.school
    if school.registered:
        return None
    return case.hint(SCHOOL_NOT_REGISTERED, BLOCKING, "15-1-1", {"school": school.name or school.code})


@rule("RO-21")
def enrolment_recognised(case: Case) -> Hint | None:
    """15(1)(2) 入學學籍未符合主管教育行政機關規定: by the reference table, or marked so by school or officer."""
    marked = case.student.status_recognised is False
    if case.school.programme_recognised and not marked:
        return None
    values: Values = {"programme_listed": not case.school.programme_recognised, "marked": marked}
    return case.hint(ENROLMENT_NOT_RECOGNISED, BLOCKING, "15-1-2", values)


@rule("RO-22")
def level_repeated(case: Case) -> Hint | None:
    """15(1)(3) 高級中等以上學校畢業生未經內政部核定，再就讀相同等級或低於原等級之學校.

    The highest level he is known to have graduated from counts: the roster's, or that of a deferment that ended so.
    """
    student = case.student
    graduated, graduated_on = student.prior_graduated_level, student.prior_graduated_on
    for past in case.history.graduated:
        if graduated is None or past.level.rank > graduated.rank:
            graduated, graduated_on = past.level, past.ended_on
    if graduated is None or student.level is None or student.level.rank > graduated.rank:
        return None
    if student.moi_approval_no and student.moi_approval_no.strip():
        return None
    values: Values = {"level": student.level, "graduated": graduated, "graduated_on": graduated_on}
    return case.hint(REPEATED_LEVEL, BLOCKING, "15-1-3", values)


@rule("RO-23")
def continuing_school_age(case: Case) -> Hint | None:
    """15(1)(4) 就讀大專校院以下進修學校年齡逾二十八歲仍未畢業."""
    limit = case.limit
    if limit is None or limit.article != "15-1-4":
        return None
    return _past_limit(case, CONTINUING_SCHOOL_AGE, limit)


@rule("RO-23")
def continuing_division(case: Case) -> Hint | None:
    """A continuing division (進修部) of an ordinary school is no 進修學校: said so, whenever it is met."""
    limit = case.limit
    if limit is None or case.student.division != Division.CONTINUING or case.school.kind in CONTINUING_KINDS:
        return None
    last_day = last_day_of(case.student.birth_date, limit.years, case.age_rule)
    values: Values = {"limit": limit.years, "last_day": last_day}
    return case.hint(CONTINUING_DIVISION, INFO, limit.article, values)


@rule("RO-24")
def any_school_age(case: Case) -> Hint | None:
    """15(1)(5) 就讀前款以外學校年齡逾三十三歲仍未畢業."""
    limit = case.limit
    if limit is None or limit.article != "15-1-5":
        return None
    return _past_limit(case, AGE_LIMIT, limit)


@rule("RO-25")
def experimental_age(case: Case) -> Hint | None:
    """15(2) 參與實驗教育年齡逾二十四歲仍未完成者，不得緩徵: of a man on an ordinary roster too."""
    if case.experimental_limit is None:
        return None
    return _past_limit(case, EXPERIMENTAL_AGE, case.experimental_limit)


@rule("RO-26")
def deferment_capped(case: Case) -> Hint | None:
    """The deferment asked for runs past the last day his age allows, while that day is still to come."""
    last_day, limit = case.last_day, case.limit
    if last_day is None or limit is None or case.today > last_day:
        return None
    asked = asked_until(case.student, case.filing.kind)
    if asked is None or asked <= last_day:
        return None
    years = limit.years if case.experimental_limit is None else min(limit.years, case.experimental_limit.years)
    values: Values = {"asked": asked, "limit": years, "age_rule": case.age_rule, "last_day": last_day}
    return case.hint(DEFERMENT_CAPPED, WARNING, _POLICY[case.age_rule], values, law=DESIGN_POLICY)


def _past_limit(case: Case, finding: Finding, limit: AgeLimit) -> Hint | None:
    birth_date = case.student.birth_date
    last_day = last_day_of(birth_date, limit.years, case.age_rule)
    if case.today <= last_day:
        return None
    values: Values = {
        "age": age_counted(birth_date, case.today, case.age_rule),
        "limit": limit.years,
        "age_rule": case.age_rule,
        "last_day": last_day,
    }
    return case.hint(finding, BLOCKING, limit.article, values)
