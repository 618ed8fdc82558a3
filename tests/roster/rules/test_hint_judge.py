"""Judging as a whole: never raises, always the same, tells schools nothing of the registry, explains itself."""

import json
import string
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roster.hints import findings, grounds, standing
from roster.hints.explain import WORDING, explain
from roster.hints.findings import FINDINGS
from roster.hints.hint import Finding, Hint, Severity
from roster.hints.labels import label, label_en
from roster.hints.limits import AGE_LIMITS, EXPERIMENTAL_AGE_LIMIT, age_limit, end_of_study, end_of_term, last_day_of
from roster.hints.model import (
    NO_HISTORY,
    ActiveDeferment,
    AgeRule,
    CertificateOnFile,
    Filing,
    GraduatedDeferment,
    History,
    OtherRoster,
    RegistryFacts,
    RegistryStatus,
    School,
    SchoolKind,
    Student,
)
from roster.hints.rules import CESSATION_TESTS, GRANTING_TESTS, judge
from roster.intake.deadlines import deadline_article
from roster.intake.rules import EXPERIMENTAL, CaseKind, CessationReason, Division, Level, RosterKind
from shared.law import DEFERMENT_REGULATION, RULES
from shared.periods import Deadline
from tests.roster.rules.hint_cases import FACTS, FILING, LEFT, SCHOOL, TODAY, codes, facts, find, one, student

FIRST_DAY = date(2018, 6, 28)


def for_school(hints: Sequence[Hint]) -> tuple[Hint, ...]:
    """What is left of `hints` where the read path keeps `visible_to_school`, as row-level security does."""
    return tuple(hint for hint in hints if hint.visible_to_school)


days = st.dates()
maybe_day = st.none() | days
levels = st.sampled_from(Level)
students = st.builds(
    Student,
    birth_date=days,
    county_code=st.sampled_from(["63000", "65000", "10003", "99999"]),
    level=st.none() | levels,
    division=st.sampled_from(Division),
    nominal_years=st.none() | st.integers(0, 12),
    enrolled_on=maybe_day,
    expected_graduation_on=maybe_day,
    extended_until=maybe_day,
    cessation_reason=st.none() | st.sampled_from(CessationReason),
    left_on=maybe_day,
    overseas_compatriot=st.none() | st.booleans(),
    experimental_education=st.booleans(),
    status_recognised=st.none() | st.booleans(),
    prior_graduated_level=st.none() | levels,
    prior_graduated_on=maybe_day,
    moi_approval_no=st.none() | st.text(max_size=5),
)
schools = st.builds(
    School, st.sampled_from(["0003", "0001", None]), st.sampled_from(SchoolKind), st.booleans(), st.booleans()
)
deferments = st.builds(
    ActiveDeferment,
    st.sampled_from(["0003", "0001", "0002", None]),
    st.just("{n}"),
    days,
    days,
    awaits_roster=st.booleans(),
)
papers = st.builds(CertificateOnFile, st.sampled_from(["0003", None]), st.none() | st.just("{r}"), maybe_day)
histories = st.builds(
    History,
    active=st.lists(deferments, max_size=3).map(tuple),
    graduated=st.lists(st.builds(GraduatedDeferment, levels, days), max_size=2).map(tuple),
    other_rosters=st.lists(st.builds(OtherRoster, st.just("r"), st.just("0002")), max_size=2).map(tuple),
    certificate_on_file=st.booleans(),
    certificates=st.lists(papers, max_size=2).map(tuple),
)
registries = st.builds(
    RegistryFacts,
    as_of=st.datetimes(datetime(2018, 7, 1), datetime(2999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    known=st.booleans(),
    status=st.none() | st.sampled_from(RegistryStatus),
    birth_date=maybe_day,
    county_code=st.none() | st.sampled_from(["63000", "65000", "10003", "x"]),
    household_since=maybe_day,
    induction_order_number=st.none() | st.text(max_size=5),
    induction_order_on=maybe_day,
    overseas_compatriot=st.none() | st.booleans(),
    volunteered_training=st.none() | st.booleans(),
    annotation_number=st.none() | st.text(max_size=5),
)
deadlines = st.builds(lambda start, due: Deadline(start, due, due, False, ()), days, days)
filings = st.builds(
    Filing,
    kind=st.sampled_from(RosterKind),
    received_on=days,
    academic_year=st.integers(-5000, 9000),
    term=st.integers(0, 3),
    deadline=st.none() | deadlines,
    case=st.none() | st.sampled_from(CaseKind),
)
todays = st.dates(FIRST_DAY)
ORDER = {test.__name__: position for position, test in enumerate(GRANTING_TESTS)}


@given(students, schools, histories, st.none() | registries, filings, todays, st.sampled_from(AgeRule))
@settings(max_examples=150, deadline=None)
def test_judging_never_raises_and_every_hint_can_be_read_stored_and_explained(
    who, school, history, registry, filing, today, age_rule
):
    hints = judge(who, school, history, registry, filing, today, age_rule=age_rule)
    assert hints == judge(who, school, history, registry, filing, today, age_rule=age_rule)
    assert [hint.rule for hint in hints] == sorted(hint.rule for hint in hints)
    for hint in hints:
        assert FINDINGS[hint.code] is hint.finding
        assert hint.message
        assert hint.message_en
        assert (hint.last_day is None) is (filing.kind is RosterKind.CESSATION)
        assert all(cited["wording"] for cited in json.loads(json.dumps(explain(hint.as_dict())))["citations"])


@pytest.mark.rule("RO-18")
@given(students, schools, histories, registries, filings, todays)
@settings(max_examples=100, deadline=None)
def test_a_school_learns_nothing_of_what_the_registry_answered(who, school, history, registry, filing, today):
    """Not even by a hint that comes, goes or changes with the answer: RO-22, 27, 29, 30, 32 and all the registry's."""
    seen = for_school(judge(who, school, history, registry, filing, today))
    assert seen == for_school(judge(who, school, History(), None, filing, today))
    assert not {hint.rule for hint in seen} & {"RO-18", "RO-22", "RO-27", "RO-29", "RO-30", "RO-32", "RO-34", "RO-71"}


@pytest.mark.rule("RO-70")
@given(students, schools, histories, st.none() | registries, filings, todays, st.sampled_from(sorted(EXPERIMENTAL)))
@settings(max_examples=100, deadline=None)
def test_of_a_man_without_enrolment_article_15_2_alone_is_asked(who, school, history, registry, filing, today, case):
    """13(2): whatever is said of him, RO-20 to RO-24 are silent, and no other age limit caps his deferment."""
    hints = judge(who, school, history, registry, replace(filing, case=case), today)
    assert not {hint.rule for hint in hints} & {"RO-20", "RO-21", "RO-22", "RO-23", "RO-24", "RO-34"}
    if filing.kind is not RosterKind.CESSATION:
        last = last_day_of(who.birth_date, 24)
        assert all(hint.last_day == last for hint in hints)
        too_old = today > last
        assert ("experimental_age" in codes(hints)) is (too_old and who.experimental_education)


@pytest.mark.rule("RO-24", "RO-26")
@given(st.dates(date(1950, 1, 1), date(2010, 1, 1)), st.dates(FIRST_DAY, date(2090, 1, 1)), st.integers(0, 4000))
def test_once_too_old_always_too_old(born, today, later):
    who, after = student(birth_date=born), today + timedelta(days=later)
    if "age_limit" in codes(find(who, today=today, registry=None)):
        assert "age_limit" in codes(find(who, today=after, registry=None))


@pytest.mark.rule("RO-26")
@given(days, days, st.integers(18, 40), st.sampled_from(AgeRule))
def test_the_younger_man_may_be_deferred_at_least_as_long(one_born, other_born, years, age_rule):
    older, younger = sorted((one_born, other_born))
    assert last_day_of(older, years, age_rule) <= last_day_of(younger, years, age_rule)


@pytest.mark.rule("RO-26")
@given(days, st.integers(18, 40))
def test_the_year_end_is_never_stricter_than_the_birthday(born, years):
    assert last_day_of(born, years, AgeRule.BIRTHDAY) <= last_day_of(born, years, AgeRule.YEAR_END)


@pytest.mark.rule("RO-26")
@pytest.mark.parametrize(
    ("born", "years", "age_rule", "last"),
    [
        (date(1993, 12, 31), 33, AgeRule.YEAR_END, date(2026, 12, 31)),
        (date(1998, 1, 1), 28, AgeRule.YEAR_END, date(2026, 12, 31)),
        (date(2002, 2, 1), 24, AgeRule.YEAR_END, date(2026, 12, 31)),
        (date(1996, 2, 29), 33, AgeRule.BIRTHDAY, date(2029, 2, 28)),
        (date(1996, 2, 29), 28, AgeRule.BIRTHDAY, date(2024, 2, 29)),
    ],
)
def test_last_days(born, years, age_rule, last):
    """facts.md 6.4."""
    assert last_day_of(born, years, age_rule) == last


def test_before_the_oldest_text_known_nothing_can_be_judged():
    find(today=FIRST_DAY)
    with pytest.raises(LookupError):
        find(today=FIRST_DAY - timedelta(days=1))


@pytest.mark.rule("RO-35")
def test_a_hint_names_the_version_of_the_law_in_force():
    who = student(birth_date=date(1980, 1, 1))
    assert one(find(who, today=date(2019, 7, 25)), "age_limit").law_version == date(2018, 6, 28)
    assert one(find(who, today=date(2019, 7, 26)), "age_limit").law_version == date(2019, 7, 26)


@pytest.mark.rule("RO-35")
def test_explanation_of_15_1_5():
    hint = one(find(student(birth_date=date(1993, 5, 4)), today=date(2027, 1, 1)), "age_limit")
    told = explain(hint)
    assert told == explain(hint.as_dict())
    assert told["rule"] == "RO-24"
    assert told["severity"] == "blocking"
    assert told["law_version"] == "2019-07-26"
    assert told["last_day"] == "2026-12-31"
    assert told["values"] == {"age": 34, "limit": 33, "age_rule": "year_end", "last_day": "2026-12-31"}
    assert told["message"] == "年齡34歲，逾33歲仍未畢業（計算至當年12月31日止）；緩徵至遲至115年12月31日止。"
    (cited,) = told["citations"]
    assert cited["text"] == "免役禁役緩徵緩召實施辦法第15條第1項第5款"
    assert cited["wording"] == "就讀前款以外學校年齡逾三十三歲仍未畢業。"


@pytest.mark.rule("RO-35")
def test_every_article_a_hint_may_cite_has_its_words():
    late = {deadline_article(RosterKind.CESSATION, reason) for reason in CessationReason}
    late |= {deadline_article(kind) for kind in RosterKind}
    assert all(WORDING[DEFERMENT_REGULATION, article] for article in late | {f"15-1-{n}" for n in range(1, 6)})


def test_every_finding_is_two_languages_over_the_same_values():
    for finding in FINDINGS.values():
        named = {name for _, name, _, _ in string.Formatter().parse(finding.text) if name}
        named_en = {name.removesuffix("_en") for _, name, _, _ in string.Formatter().parse(finding.text_en) if name}
        assert named == named_en, finding.code
        assert not finding.text.isascii()
    assert len(FINDINGS) == len([value for value in vars(findings).values() if isinstance(value, Finding)])


def test_every_code_has_words():
    for enum in (Level, RosterKind, SchoolKind, RegistryStatus, CessationReason, AgeRule):
        for code in enum:
            assert not label(code).isascii()
            assert label_en(code).isascii()
    assert (label(Division.DAY), label_en(Severity.INFO)) == ("day", "info")


def test_every_age_limit_is_of_an_article_some_test_asks_for():
    """A row with another article would be a limit that nobody tests."""
    articles = {row.limit.article for dated in AGE_LIMITS for row in dated.value}
    assert articles == {"15-1-4", "15-1-5"}
    assert {dated.value.article for dated in EXPERIMENTAL_AGE_LIMIT} == {"15-2"}
    for kind in SchoolKind:
        for level in (None, *Level):
            for division in Division:
                assert age_limit(kind, level, division, TODAY).years in (28, 33)


@pytest.mark.parametrize(
    ("year", "term", "last"),
    [(115, 1, date(2027, 1, 31)), (115, 2, date(2027, 7, 31)), (115, 3, None), (90000, 1, None)],
)
def test_terms_end_in_january_and_july(year, term, last):
    assert end_of_term(year, term) == last


def test_studies_at_the_ends_of_time_do_not_overflow():
    assert end_of_study(date.max, 7) < date.max
    assert end_of_study(date.min, 0) == date.min


@pytest.mark.parametrize(
    "rule_id", ["RO-14", "RO-18", *(f"RO-{n}" for n in range(20, 36))], ids=lambda rule_id: rule_id
)
def test_every_rule_has_a_callable_of_its_own(rule_id):
    assert any(module.startswith("roster.hints") for module, _, _ in RULES[rule_id])


def test_no_test_is_left_out_of_judging():
    asked = {*GRANTING_TESTS, *CESSATION_TESTS}
    written = {
        value
        for module in (grounds, standing)
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    assert written - asked == {standing.day_in_taiwan, standing.not_liable}


@pytest.mark.rule("RO-30", "RO-24", "RO-29")
def test_all_hints_come_at_once_and_in_the_order_of_the_rules():
    who = student(birth_date=date(1990, 2, 2), prior_graduated_level=Level.MASTER, overseas_compatriot=True)
    registry = facts(
        status=RegistryStatus.RESERVIST,
        county_code="65000",
        birth_date=date(1990, 2, 3),
        induction_order_on=date(2026, 1, 2),
    )
    history = History(active=(ActiveDeferment("0001", "N", date(2026, 1, 1), date(2027, 1, 1)),))
    filing = replace(FILING, received_on=date(2026, 11, 2))
    hints = find(who, registry=registry, history=history, filing=filing, today=date(2026, 11, 3))
    assert codes(hints) == [
        "repeated_level",
        "age_limit",
        "active_elsewhere",
        "late",
        "household_elsewhere",
        "not_liable",
        "overseas_compatriot",
        "overseas_compatriot_conflict",
        "induction_order",
        "birth_date_differs",
    ]
    assert codes(for_school(hints)) == ["age_limit", "late", "overseas_compatriot"]


def test_names_and_braces_in_values_are_only_ever_text():
    school = School("1", SchoolKind.UNIVERSITY, registered=False, name="{school.__class__}%s")
    assert "{school.__class__}%s" in find(school=school)[0].message


def test_hints_are_values():
    hint = find(registry=None)[0]
    assert hash(hint) == hash(find(registry=None)[0])
    with pytest.raises(AttributeError):
        hint.severity = Severity.INFO  # type: ignore[misc]
    assert MappingProxyType(dict(hint.values)) == hint.values


def test_two_thousand_entries_take_well_under_a_second():
    """Measured 30 ms; the bound is loose because the machine is shared."""
    who = student(**LEFT)
    started = time.process_time()
    for _ in range(2000):
        judge(who, SCHOOL, NO_HISTORY, FACTS, FILING, TODAY)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(("day", "shown"), [(date(1911, 12, 31), "1911-12-31"), (date(1912, 1, 1), "1年1月1日")])
def test_a_day_before_the_republic_is_shown_as_it_was_written(day, shown):
    assert shown in one(find(registry=facts(birth_date=day)), "birth_date_differs").message


def test_without_the_filter_the_registrys_answer_would_show():
    """Negative control of the test above: the hints do change with the answer, only a school's do not."""
    answered, pending = find(registry=facts(status=RegistryStatus.DISQUALIFIED)), find(registry=None)
    assert answered != pending
    assert for_school(answered) == for_school(pending)


def test_hints_that_differ_in_a_value_only_are_told_apart_at_once():
    """A thousand of them cost a thousand times one: nothing compares each with all."""
    compared = 0

    class Day(date):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return super().__eq__(other)

        __hash__ = date.__hash__

    hint = find(student(birth_date=date(1993, 1, 1), expected_graduation_on=date(2030, 6, 30)))[0]
    many = [msgspec.structs.replace(hint, values={"asked": Day.fromordinal(730_000 + n)}) for n in range(1_000)]
    assert len(set(many)) == 1_000
    assert len({*many, *many}) == 1_000
    assert compared < 20_000
