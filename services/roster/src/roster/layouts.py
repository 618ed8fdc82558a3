"""How reports stand on paper (RO-64): the columns and title line of the paper rosters, with the review beside them.

SOURCE: facts.md 3.2, the rosters of one university's own system, column by column and in their order.
"""

from collections.abc import Callable, Mapping
from typing import Final

from roster.intake.rules import RosterKind
from roster.results.schemas import ResultEntryOut, ResultOut
from roster.review.schemas import EntryOut, RosterOut
from roster.words import word
from shared.csv_out import Value
from shared.law import rule
from shared.papers.report import Layout
from shared.places import COUNTIES
from shared.roc import roc

_Columns = tuple[tuple[str, int, Callable[[EntryOut], Value]], ...]

PAPER_NAMES: Final[Mapping[RosterKind, str]] = {
    RosterKind.APPLICATION: "申請緩徵學生名冊",
    RosterKind.EXTENSION: "延長修業年限學生名冊",
    RosterKind.REAPPLICATION: "重新辦理緩徵學生名冊",
    RosterKind.CESSATION: "離校學生緩徵原因消滅名冊",
}
_YEARS: Final = "零一二三四五六七八"


def _class(man: EntryOut) -> str:
    year = man.class_year
    spoken = "" if year is None else f"{_YEARS[year] if year < len(_YEARS) else year}年級"
    return f"{man.department or ''}{spoken}"


def _household(man: EntryOut) -> str:
    return f"{COUNTIES[man.county_code].name}{man.township}{man.village or ''}"


def _graduation(man: EntryOut) -> Value:
    # On the roster of extensions this column has the end that is asked for (facts.md 3.2, their rules).
    return man.extended_until or man.expected_graduation_on


def _remarks(man: EntryOut) -> str:
    return "；".join(text for text in (man.extension_reason, man.remarks) if text)


_OF_THE_MAN: Final[_Columns] = (
    ("系科年級", 14, _class),
    ("學號", 9, lambda m: m.student_no),
    ("姓名", 8, lambda m: m.name),
    ("身分證字號", 9, lambda m: m.national_id),
    ("出生年月日", 8, lambda m: m.birth_date),
    ("戶籍所在縣市鄉鎮市區村", 16, _household),
)
_STUDYING: Final[_Columns] = (
    *_OF_THE_MAN,
    ("學年制", 5, lambda m: m.nominal_years),
    ("入學日期", 8, lambda m: m.enrolled_on),
    ("預訂畢業日期", 10, _graduation),
    ("備考", 9, _remarks),
)
_LEFT: Final[_Columns] = (
    *_OF_THE_MAN,
    ("原因", 9, lambda m: word(m.cessation_reason)),
    ("離校日期", 8, lambda m: m.left_on),
    ("備考", 14, lambda m: m.remarks),
)
_DECIDED: Final[_Columns] = (
    ("准駁", 5, lambda m: word(m.decision.decision) if m.decision else None),
    ("准駁日期", 8, lambda m: m.decision.decided_on if m.decision else None),
    ("文號", 13, lambda m: m.decision.decision_number if m.decision else None),
)
_REVIEW: Final[_Columns] = (
    ("審核狀態", 7, lambda m: word(m.state)),
    ("邏輯驗證提示", 18, lambda m: "；".join(hint.message for hint in m.hints)),
)


@rule("RO-64")
def columns(kind: RosterKind) -> _Columns:
    """The columns of the paper roster of `kind`, in their order."""
    return _LEFT if kind is RosterKind.CESSATION else _STUDYING


@rule("RO-64")
def title(roster: RosterOut) -> str:
    """The title line of a paper roster."""
    return f"{roster.school_name}{roster.academic_year}學年度第{roster.term}學期{PAPER_NAMES[roster.kind]}"


def entries(roster: RosterOut, at: str | None) -> Layout[EntryOut]:
    """A roster under review: the paper roster, then where each man stands."""
    moment = () if at is None else (at,)
    return Layout(title(roster), (*_lines(roster), *moment), (*columns(roster.kind), *_REVIEW, *_DECIDED[:1]))


def school_copy(roster: RosterOut) -> Layout[EntryOut]:
    """The decided roster: the paper roster with what was decided on each man (Art. 13)."""
    lines = (*_lines(roster), "送還學校一份")
    return Layout(title(roster), lines, (*columns(roster.kind), *_DECIDED))


def result_entries(roster: RosterOut) -> Layout[ResultEntryOut]:
    """The results of one roster, man by man."""
    return Layout(
        f"{title(roster)}審核結果",
        _lines(roster),
        (
            ("列號", 4, lambda m: m.row_no),
            ("學號", 9, lambda m: m.student_no),
            ("姓名", 9, lambda m: m.name),
            ("身分證字號", 9, lambda m: m.national_id),
            ("審核狀態", 7, lambda m: word(m.state)),
            ("准駁", 6, lambda m: word(m.decision)),
            ("准駁日期", 8, lambda m: m.decided_on),
            ("文號", 16, lambda m: m.decision_number),
            ("發文日期", 8, lambda m: m.issued_on),
            ("緩徵截止日期", 9, lambda m: m.deferment_until),
            ("不核准理由", 20, lambda m: m.reason),
        ),
    )


def _lines(roster: RosterOut) -> tuple[str, ...]:
    return (
        f"審核機關：{roster.county_name}",
        f"收件日期：{roc(roster.received_on)}",
        f"名冊人數：{roster.headcount}人",
    )


RESULTS: Final = Layout[ResultOut](
    "審核結果查詢",
    (),
    (
        ("名冊種類", 12, lambda r: PAPER_NAMES[r.kind]),
        ("學校", 14, lambda r: r.school_name),
        ("縣市", 5, lambda r: r.county_name),
        ("學年度", 5, lambda r: r.academic_year),
        ("學期", 4, lambda r: r.term),
        ("名冊人數", 6, lambda r: r.headcount),
        ("送件日期", 8, lambda r: r.submitted_on),
        ("狀態", 6, lambda r: word(r.state)),
        ("陳核中", 5, lambda r: r.for_approval),
        ("已核定", 5, lambda r: r.decided),
        ("核准", 5, lambda r: r.approved),
        ("不核准", 5, lambda r: r.rejected),
        ("最近准駁日期", 9, lambda r: r.last_decided_on),
    ),
)
ROSTERS: Final = Layout[RosterOut](
    "名冊清單",
    (),
    (
        ("名冊種類", 12, lambda r: PAPER_NAMES[r.kind]),
        ("學校", 14, lambda r: r.school_name),
        ("縣市", 5, lambda r: r.county_name),
        ("學年度", 5, lambda r: r.academic_year),
        ("學期", 4, lambda r: r.term),
        ("名冊人數", 6, lambda r: r.headcount),
        ("收件日期", 8, lambda r: r.received_on),
        ("送件期限", 8, lambda r: r.deadline),
        ("逾期日數", 6, lambda r: r.days_late),
        ("待處理日數", 6, lambda r: r.days_waiting),
        ("狀態", 6, lambda r: word(r.state)),
    ),
)
