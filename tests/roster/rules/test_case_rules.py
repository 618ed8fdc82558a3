"""What the law asks of filings by others than schools, and which period it sets (RO-70 to RO-72)."""

from datetime import date

import pytest

from roster.cases.rules import FILED_UNDER, camp_faults, long_enough_in_camp, period_of, term_of
from roster.intake.filing import name_of
from roster.intake.rules import CaseKind, CessationReason, RosterKind
from roster.review.rules import Draft, Ground, check_draft, grounds_open
from roster.review.states import Decision

DAY = date(2026, 10, 1)
ART_15_1 = {
    Ground.SCHOOL_NOT_REGISTERED,
    Ground.ENROLMENT_NOT_RECOGNISED,
    Ground.REPEATED_LEVEL,
    Ground.CONTINUING_SCHOOL_AGE,
    Ground.AGE_LIMIT,
}


@pytest.mark.rule("RO-72")
@pytest.mark.parametrize(("days", "enough"), [(0, False), (29, False), (30, False), (31, True), (112, True)])
def test_more_than_thirty_days_in_camp(days: int, enough: bool) -> None:
    """Art. 16-1(2) 停止訓練時在營時間逾三十日，以已訓補充兵列管."""
    assert long_enough_in_camp(days, DAY) is enough
    faults = list(camp_faults(CessationReason.TRAINED_REPLACEMENT, days, DAY, "/men/0"))
    assert [fault.code for fault in faults] == ([] if enough else ["days_in_camp_too_few"])


@pytest.mark.rule("RO-72")
@pytest.mark.parametrize(("days", "told"), [(None, []), (31, ["days_not_asked"])])
def test_who_finished_has_no_days_to_state(days: int | None, told: list[str]) -> None:
    """Art. 16-1(1) 訓練期滿結訓為後備役."""
    faults = camp_faults(CessationReason.TRAINED_TO_RESERVE, days, DAY, "/men/0")
    assert [fault.code for fault in faults] == told


@pytest.mark.rule("RO-70")
@pytest.mark.parametrize(
    ("day", "term"),
    [
        (date(2026, 7, 31), (114, 2)),
        (date(2026, 8, 1), (115, 1)),
        (date(2026, 12, 31), (115, 1)),
        (date(2027, 1, 31), (115, 1)),
        (date(2027, 2, 1), (115, 2)),
    ],
)
def test_the_term_of_a_day(day: date, term: tuple[int, int]) -> None:
    """The academic year runs from 1 August to 31 July, its second term from 1 February."""
    assert term_of(day) == term


@pytest.mark.rule("RO-70", "RO-71", "RO-72")
@pytest.mark.parametrize(("case", "kind"), sorted(FILED_UNDER))
def test_without_a_period_it_says_so(case: CaseKind, kind: RosterKind) -> None:
    period = period_of(case, kind, None, None)
    assert period.citation.text in period.message
    assert "未定辦理期間" in period.message
    assert "there is no deadline" in period.message_en


@pytest.mark.rule("RO-70")
@pytest.mark.parametrize(
    ("reason", "due", "article"),
    [
        (CessationReason.EXPERIMENTAL_LEFT, date(2026, 10, 20), "第16條第3項"),
        (CessationReason.EXPERIMENTAL_PERMIT_REVOKED, date(2026, 10, 20), "第16條第3項"),
        (CessationReason.EXPERIMENTAL_COMPLETED, None, "第16條第1項第1款"),
    ],
)
def test_the_period_of_a_notice(reason: CessationReason, due: date | None, article: str) -> None:
    """16(3) 應於學生退出或廢止許可之日起三十日內; completion stands in 16(1)(1)."""
    period = period_of(CaseKind.EXPERIMENTAL_EDUCATION, RosterKind.CESSATION, reason, due)
    assert period.citation.text.endswith(article)
    assert (str(due) in period.message) is (due is not None)


@pytest.mark.rule("RO-57", "RO-70", "RO-71", "RO-72")
def test_which_grounds_are_open() -> None:
    """13(2) 經查無第十五條第二項所定情形，應予核准."""
    known = {Ground.NOT_CONSCRIPTABLE, Ground.WRONG_COUNTY}
    assert grounds_open(None) == grounds_open(CaseKind.SCHOOL_CERTIFICATE) == frozenset(Ground)
    for case in (CaseKind.EXPERIMENTAL_EDUCATION, CaseKind.EXPERIMENTAL_CERTIFICATE):
        assert grounds_open(case) == known | {Ground.EXPERIMENTAL_AGE} == set(Ground) - ART_15_1
    assert grounds_open(CaseKind.VACATION_TRAINING) == known


@pytest.mark.rule("RO-57", "RO-70")
@pytest.mark.parametrize("ground", list(Ground))
def test_a_ground_that_is_not_open_is_refused_even_unseen(ground: Ground) -> None:
    draft = Draft(Decision.REJECTED, ground=ground, ground_unseen=True, reason="理由")
    told = check_draft(draft, (), open_to=grounds_open(CaseKind.EXPERIMENTAL_EDUCATION))
    assert [refusal.code for refusal in told] == (["ground_not_open"] if ground in ART_15_1 else [])
    assert check_draft(draft, ()) == ()


@pytest.mark.parametrize(
    ("org_type", "code", "name"),
    [
        ("township", "63000030", "臺北市大安區公所"),
        ("education_authority", "65000", "新北市主管教育行政機關"),
        ("county", "63000", "臺北市政府"),
        ("education_authority", "moe", "moe"),
    ],
)
def test_the_name_of_who_files(org_type: str, code: str, name: str) -> None:
    assert name_of(org_type, code) == name
