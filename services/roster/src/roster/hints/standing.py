"""How the man stands with the system, with the calendar and with the registry: RO-14, RO-18 and RO-27 to RO-34."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from roster.hints.case import BLOCKING, INFO, WARNING, Case, asked_until
from roster.hints.findings import (
    ACTIVE_ELSEWHERE,
    ALREADY_ACTIVE_HERE,
    BIRTH_DATE_DIFFERS,
    CERTIFICATE_DECIDED,
    CESSATION_NOT_LIABLE,
    END_ALREADY_PAST,
    EXTENSION_NOT_LONGER,
    EXTENSION_TERMS,
    HOUSEHOLD_ELSEWHERE,
    IN_OTHER_ROSTER,
    INDUCTION_ORDER,
    LATE,
    LEFT_BEFORE_DEFERMENT,
    NO_ACTIVE_DEFERMENT,
    NOT_LIABLE,
    NOT_YET_DRAFTEE,
    OVERSEAS_COMPATRIOT,
    OVERSEAS_CONFLICT,
    PAST_DRAFTEE_AGE,
    REGISTRY_INCOMPLETE,
    REGISTRY_PENDING,
    REGISTRY_UNKNOWN,
    STUDY_PERIOD,
    TRAINING_VOLUNTEER,
)
from roster.hints.hint import Hint, Values
from roster.hints.limits import conscription_age, end_of_study, end_of_term, longest_study
from roster.hints.model import ActiveDeferment, RegistryFacts, RegistryStatus
from roster.intake.deadlines import days_late, deadline_article
from roster.intake.rules import CERTIFICATES, CONSCRIPTION_AGES, CaseKind, Level, RosterKind, age_in_year
from shared.law import DESIGN_POLICY, MILITARY_SERVICE_ACT, SYSTEM_MANUAL, rule
from shared.places import county_by_code

_TAIPEI = ZoneInfo("Asia/Taipei")

# What the article of each kind presupposes: Art. 14 an approved deferment, Art. 16 one that ends.
_NEEDS_DEFERMENT = {RosterKind.EXTENSION: "14-1", RosterKind.CESSATION: "16-1"}
_ASKED_OF_REGISTRY = (
    ("status", "兵役身分", "status"),
    ("birth_date", "出生年月日", "birth date"),
    ("county_code", "戶籍地", "household"),
)


@rule("RO-14")
def past_draftee_age(case: Case) -> Hint | None:
    """He turned 36 in an earlier year: the roster came in time, the year has changed since."""
    birth_date = case.student.birth_date
    if conscription_age(birth_date, case.today, case.law_on) != "past":
        return None
    _, last = CONSCRIPTION_AGES.on(case.law_on).value
    last_liable_day = date(birth_date.year + last, 12, 31)
    values: Values = {"age": age_in_year(birth_date, case.today), "last_liable_day": last_liable_day}
    severity = BLOCKING if case.granting else INFO
    return case.hint(PAST_DRAFTEE_AGE, severity, "3", values, law=MILITARY_SERVICE_ACT)


@rule("RO-14", "RO-33")
def not_yet_draftee(case: Case) -> Hint | None:
    """He turns 19 in a later year, so is no draftee yet."""
    birth_date = case.student.birth_date
    if conscription_age(birth_date, case.today, case.law_on) != "before":
        return None
    first, _ = CONSCRIPTION_AGES.on(case.law_on).value
    first_liable_day = date(min(birth_date.year + first, date.max.year), 1, 1)
    values: Values = {"age": age_in_year(birth_date, case.today), "first_liable_day": first_liable_day}
    return case.hint(NOT_YET_DRAFTEE, WARNING, "3", values, law=MILITARY_SERVICE_ACT)


@rule("RO-18")
def registry_answered(case: Case) -> Hint | None:
    """What the registry has not told is said, never passed over in silence."""
    facts = case.facts
    if facts is None:
        return case.hint(REGISTRY_PENDING, WARNING, "Registry.NOT_CHECKED", {}, law=DESIGN_POLICY)
    as_of = day_in_taiwan(facts.as_of)
    if not facts.known:
        return case.hint(REGISTRY_UNKNOWN, WARNING, "Registry.NOT_CHECKED", {"as_of": as_of}, law=DESIGN_POLICY)
    if facts.status is not None and facts.birth_date is not None and facts.county_code is not None:
        return None
    missing = [(zh, en) for name, zh, en in _ASKED_OF_REGISTRY if getattr(facts, name) is None]
    values: Values = {
        "as_of": as_of,
        "missing": "、".join(zh for zh, _ in missing),
        "missing_en": ", ".join(en for _, en in missing),
    }
    return case.hint(REGISTRY_INCOMPLETE, WARNING, "Registry.NOT_CHECKED", values, law=DESIGN_POLICY)


@rule("RO-27")
def deferment_active(case: Case) -> list[Hint]:
    """An extension or cessation without a deferment at this school; a deferment still running, here or elsewhere.

    A reapplication takes the place of whatever he had, so one that runs is no surprise. What has run out by its date
    is no longer held against an application, but is still what an extension extends.
    """
    kind, active = case.filing.kind, case.history.active
    if kind == RosterKind.REAPPLICATION:
        return []
    needed = _NEEDS_DEFERMENT.get(kind)
    article = None if needed is None else case.article(needed)
    here = _here(case)
    found: list[Hint] = []
    if article is not None and not here:
        annotation = None if case.facts is None else case.facts.annotation_number
        found.append(case.hint(NO_ACTIVE_DEFERMENT, WARNING, article, {"kind": kind, "annotation": annotation}))
    if kind == RosterKind.APPLICATION:
        # What a certificate granted ahead of this roster is confirmed by it, not replaced (RO-71).
        replaced = [one for one in here if not one.awaits_roster or case.filing.case in CERTIFICATES]
        running = [deferment for deferment in replaced if case.today <= deferment.until]
        found += [
            case.hint(ALREADY_ACTIVE_HERE, WARNING, case.article("11-1"), _known(deferment)) for deferment in running
        ]
    for deferment in active:
        if deferment not in here and case.today <= deferment.until:
            values: Values = {
                "kind": kind,
                "school": case.school.name or case.school.code,
                "other_school": deferment.school_name or deferment.school_code,
                "other_school_code": deferment.school_code,
                **_known(deferment),
            }
            found.append(case.hint(ACTIVE_ELSEWHERE, WARNING, article or case.article("11-1"), values))
    return found


@rule("RO-27")
def left_before_deferment(case: Case) -> list[Hint]:
    """He left before a deferment of this school was filed: the cessation is of an earlier enrolment, reported late."""
    left_on = case.student.left_on
    if left_on is None:
        return []
    filed = [(deferment, deferment.filed_on or deferment.since) for deferment in _here(case)]
    return [
        case.hint(LEFT_BEFORE_DEFERMENT, BLOCKING, "16-1", {"left_on": left_on, "filed_on": day, **_known(deferment)})
        for deferment, day in filed
        if left_on < day
    ]


def _here(case: Case) -> list[ActiveDeferment]:
    """His deferments at the filing school that nothing has ended, oldest first; without a school those of experimental
    education, and after vacation training all of them (Art. 16-1: 同時廢止已核准之緩徵)."""
    if case.filing.case is CaseKind.VACATION_TRAINING:
        return list(case.history.active)
    return [deferment for deferment in case.history.active if deferment.school_code == case.school.code]


def _known(deferment: ActiveDeferment) -> Values:
    return {"decision_number": deferment.decision_number, "since": deferment.since, "until": deferment.until}


@rule("RO-27")
def on_other_rosters(case: Case) -> list[Hint]:
    """The same man on another roster that nobody has decided yet."""
    return [
        case.hint(
            IN_OTHER_ROSTER,
            WARNING,
            case.article("11-1"),
            {"other_school": other.school_name or other.school_code, "roster": other.roster_id},
        )
        for other in case.history.other_rosters
    ]


@rule("RO-28")
def submitted_late(case: Case) -> Hint | None:
    """Received after the last day: accepted all the same (RO-05)."""
    filing = case.filing
    late = days_late(filing.deadline, filing.received_on)
    if filing.deadline is None or not late:
        return None
    values: Values = {"days_late": late, "due": filing.deadline.due, "received_on": filing.received_on}
    return case.hint(LATE, WARNING, deadline_article(filing.kind, case.student.cessation_reason), values)


@rule("RO-29")
def household_county(case: Case) -> Hint | None:
    """The roster went to a county that is not the household's, so to the wrong authority."""
    facts, county = case.facts, case.student.county_code
    if facts is None or facts.county_code is None or facts.county_code == county:
        return None
    here, there = county_by_code(county), county_by_code(facts.county_code)
    if here is not None and here is there:
        return None
    values: Values = {"roster_county": county, "registry_county": facts.county_code, "since": facts.household_since}
    return case.hint(HOUSEHOLD_ELSEWHERE, BLOCKING, case.article("11-1"), values)


@rule("RO-30")
def liable_status(case: Case) -> Hint | None:
    """He has served, is exempted or disqualified: nothing to defer; a cessation may pass, without an annotation."""
    facts = case.facts
    if facts is None or not not_liable(facts):
        return None
    values: Values = {"status": facts.status, "as_of": day_in_taiwan(facts.as_of)}
    if case.granting:
        return case.hint(NOT_LIABLE, BLOCKING, "15-1", values)
    return case.hint(CESSATION_NOT_LIABLE, INFO, "16-2", values)


def day_in_taiwan(instant: datetime) -> date:
    """The date an instant has in Taiwan."""
    return instant.astimezone(_TAIPEI).date()


def not_liable(facts: RegistryFacts) -> bool:
    """Whether the registry says that there is no active service left to call him to."""
    return facts.status is not None and facts.status != RegistryStatus.NONE


@rule("RO-31")
def overseas_compatriot(case: Case) -> list[Hint]:
    """僑民役男 by the roster's word, by the registry's, or by one against the other."""
    declared = case.student.overseas_compatriot
    registered = None if case.facts is None else case.facts.overseas_compatriot
    found: list[Hint] = []
    if declared or registered:
        source: Values = {
            "source": "名冊" if declared else "役政資訊系統",
            "source_en": "roster" if declared else "conscription registry",
        }
        # What the school itself declared stays visible whatever the registry says: a hint that came and went with the
        # registry's answer would tell the answer.
        found.append(
            case.hint(
                OVERSEAS_COMPATRIOT, INFO, "update-12", source, law=SYSTEM_MANUAL, visible_to_school=bool(declared)
            )
        )
    if declared is not None and registered is not None and declared != registered:
        answers: Values = {"roster": declared, "registry": registered}
        found.append(case.hint(OVERSEAS_CONFLICT, WARNING, "update-12", answers, law=SYSTEM_MANUAL))
    return found


@rule("RO-32")
def induction_order(case: Case) -> Hint | None:
    """He was called before the roster came; a school certificate on file (Art. 12) clears it."""
    facts = case.facts
    if facts is None or facts.induction_order_on is None or case.history.certificate_on_file:
        return None
    received_on = case.filing.received_on
    if facts.induction_order_on >= received_on:
        return None
    values: Values = {
        "order_on": facts.induction_order_on,
        "order_number": facts.induction_order_number,
        "received_on": received_on,
    }
    return case.hint(INDUCTION_ORDER, WARNING, case.article("12-1"), values)


@rule("RO-71")
def certificate_decided(case: Case) -> list[Hint]:
    """His certificate was decided ahead of this roster: the entry links to that decision by its number and day.

    12(1) 申請緩徵學生名冊未送達……前，學生收受徵集令時，得由學校出具證明書……申請緩徵.
    """
    article = case.article("12-1")
    granted = [
        (one.decision_number, one.since, True) for one in _here(case) if one.awaits_roster and case.today <= one.until
    ]
    refused = [
        (paper.rejected, paper.decided_on, False)
        for paper in case.history.certificates
        if paper.rejected is not None and paper.school_code == case.school.code
    ]
    return [
        case.hint(
            CERTIFICATE_DECIDED, INFO, article, {"decision_number": number, "decided_on": day, "approved": approved}
        )
        for number, day, approved in (*granted, *refused)
    ]


@rule("RO-33")
def birth_date(case: Case) -> Hint | None:
    """The roster's birth date against the registry's."""
    facts = case.facts
    if facts is None or facts.birth_date is None or facts.birth_date == case.student.birth_date:
        return None
    values: Values = {"roster": case.student.birth_date, "registry": facts.birth_date}
    return case.hint(BIRTH_DATE_DIFFERS, WARNING, "Registry.BIRTH_DATE", values, law=DESIGN_POLICY)


@rule("RO-33")
def study_period(case: Case) -> Hint | None:
    """From enrolment to the day asked for, against the level's normal years and extension."""
    student = case.student
    until = asked_until(student, case.filing.kind)
    if student.level is None or student.enrolled_on is None or until is None:
        return None
    years = longest_study(student.level, student.nominal_years, case.law_on)
    if years is None:
        return None
    longest_until = end_of_study(student.enrolled_on, years)
    if until <= longest_until:
        return None
    values: Values = {
        "enrolled_on": student.enrolled_on,
        "until": until,
        "level": student.level,
        "years": years,
        "longest_until": longest_until,
    }
    return case.hint(STUDY_PERIOD, WARNING, "StudyPeriods", values, law=DESIGN_POLICY)


@rule("RO-33")
def extension_terms(case: Case) -> Hint | None:
    """An extension runs to the end of the term its roster names at the most."""
    extended_until = case.student.extended_until
    if case.filing.kind != RosterKind.EXTENSION or extended_until is None:
        return None
    term_end = end_of_term(case.filing.academic_year, case.filing.term)
    if term_end is None or extended_until <= term_end:
        return None
    return case.hint(EXTENSION_TERMS, WARNING, "14-1", {"extended_until": extended_until, "term_end": term_end})


@rule("RO-33")
def extension_not_longer(case: Case) -> Hint | None:
    """An extension to a day that the deferment reaches anyway."""
    extended_until, here = case.student.extended_until, _here(case)
    if case.filing.kind != RosterKind.EXTENSION or extended_until is None or not here:
        return None
    newest = here[-1]
    if extended_until > newest.until:
        return None
    values: Values = {
        "extended_until": extended_until,
        "until": newest.until,
        "decision_number": newest.decision_number,
    }
    return case.hint(EXTENSION_NOT_LONGER, WARNING, case.article("14-1"), values)


@rule("RO-33")
def end_already_past(case: Case) -> Hint | None:
    """A deferment asked for until a day that is over: granted today, it would end before it starts."""
    asked = asked_until(case.student, case.filing.kind)
    if asked is None or asked >= case.today:
        return None
    return case.hint(END_ALREADY_PAST, WARNING, "Deferment.END", {"asked": asked}, law=DESIGN_POLICY)


@rule("RO-34")
def training_volunteer(case: Case) -> Hint | None:
    """13(3) 役男志願於專科以上學校在學寒、暑假期間接受常備兵役軍事訓練時，仍受徵集."""
    facts, level = case.facts, case.student.level
    if facts is None or not facts.volunteered_training:
        return None
    if level is not None and level.rank < Level.JUNIOR_COLLEGE.rank:
        return None
    return case.hint(TRAINING_VOLUNTEER, INFO, "13-3", {})
