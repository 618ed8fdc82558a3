"""The reports that a list can be had as (RO-61): their columns, with the headings and words people know (glossary).

How they stand on paper is in `roster.layouts`.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from roster import layouts
from roster.intake.columns import BY_FIELD
from roster.results.schemas import ResultEntryOut, ResultOut
from roster.review.schemas import EntryOut, RosterOut
from roster.review.service.common import roster_out
from roster.words import word
from shared.csv_out import Sheet, Value
from shared.papers.report import Layout, Report
from shared.principals import Principal


async def _results_paper(_session: AsyncSession) -> Layout[ResultOut]:
    return layouts.RESULTS


async def _rosters_paper(_session: AsyncSession) -> Layout[RosterOut]:
    return layouts.ROSTERS


RESULTS: Final = Report[ResultOut](
    Sheet(
        (
            ("名冊種類", lambda r: word(r.kind)),
            ("學校代碼", lambda r: r.school_code),
            ("學校名稱", lambda r: r.school_name),
            ("縣市代碼", lambda r: r.county_code),
            ("縣市", lambda r: r.county_name),
            ("學年度", lambda r: r.academic_year),
            ("學期", lambda r: r.term),
            ("名冊人數", lambda r: r.headcount),
            ("送件日期", lambda r: r.submitted_on),
            ("送件時間", lambda r: r.submitted_at),
            ("狀態", lambda r: word(r.state)),
            ("陳核中", lambda r: r.for_approval),
            ("已核定", lambda r: r.decided),
            ("核准", lambda r: r.approved),
            ("不核准", lambda r: r.rejected),
            ("最近准駁日期", lambda r: r.last_decided_on),
            ("名冊識別碼", lambda r: str(r.roster_id)),
        )
    ),
    "審核結果查詢",
    "results",
    _results_paper,
)
"""One row a roster."""

ROSTERS: Final = Report[RosterOut](
    Sheet(
        (
            ("名冊種類", lambda r: word(r.kind)),
            ("學校代碼", lambda r: r.school_code),
            ("學校名稱", lambda r: r.school_name),
            ("縣市代碼", lambda r: r.county_code),
            ("縣市", lambda r: r.county_name),
            ("學年度", lambda r: r.academic_year),
            ("學期", lambda r: r.term),
            ("名冊人數", lambda r: r.headcount),
            ("收件日期", lambda r: r.received_on),
            ("送件期限", lambda r: r.deadline),
            ("逾期日數", lambda r: r.days_late),
            ("待處理日數", lambda r: r.days_waiting),
            ("狀態", lambda r: word(r.state)),
            ("名冊識別碼", lambda r: str(r.id)),
        )
    ),
    "名冊清單",
    "rosters",
    _rosters_paper,
)
"""One row a roster, as on the work list."""

_RESULT_ENTRIES: Final = Sheet[ResultEntryOut](
    (
        ("列號", lambda m: m.row_no),
        ("身分證字號", lambda m: m.national_id),
        ("姓名", lambda m: m.name),
        ("學號", lambda m: m.student_no),
        ("審核狀態", lambda m: word(m.state)),
        ("准駁", lambda m: word(m.decision)),
        ("准駁日期", lambda m: m.decided_on),
        ("准駁文號", lambda m: m.decision_number),
        ("更正前文號", lambda m: m.corrects_number),
        ("發文日期", lambda m: m.issued_on),
        ("緩徵截止日期", lambda m: m.deferment_until),
        ("不核准理由", lambda m: m.reason),
        ("資料識別碼", lambda m: str(m.entry_id)),
    )
)


def result_entries(caller: Principal, roster_id: UUID) -> Report[ResultEntryOut]:
    """One row a man of a roster, with his own decision number."""

    async def paper(session: AsyncSession) -> Layout[ResultEntryOut]:
        return layouts.result_entries(await roster_out(session, caller, roster_id))

    return Report(_RESULT_ENTRIES, "審核結果明細", "result-entries", paper)


_Column = tuple[str, Callable[[EntryOut], Value]]


def _stated(field: str) -> _Column:
    """A column of the school's own roster, under the heading that intake reads."""

    def value(entry: EntryOut) -> Value:
        found: Value = getattr(entry, field)
        return word(found) if isinstance(found, StrEnum) else found

    return BY_FIELD[field].headings[0], value


_OF_THE_ROSTER: Final = tuple(
    _stated(field) for field in BY_FIELD if field in EntryOut.model_fields and field != "household"
)
_OF_THE_REVIEW: Final[tuple[_Column, ...]] = (
    ("審核狀態", lambda e: word(e.state)),
    ("邏輯驗證提示", lambda e: "；".join(hint.message for hint in e.hints)),
    ("准駁", lambda e: word(e.decision.decision) if e.decision else None),
    ("准駁日期", lambda e: e.decision.decided_on if e.decision else None),
    ("准駁文號", lambda e: e.decision.decision_number if e.decision else None),
    ("更正前文號", lambda e: e.decision.corrects_number if e.decision else None),
    ("發文日期", lambda e: e.decision.issued_on if e.decision else None),
    ("緩徵截止日期", lambda e: e.decision.deferment_until if e.decision else None),
    ("不核准理由", lambda e: e.decision.reason if e.decision else None),
)
_FOR_THE_COUNTY: Final[tuple[_Column, ...]] = (
    ("擬辦准駁", lambda e: word(e.draft.decision) if e.draft else None),
    ("擬辦文號", lambda e: e.draft.decision_number if e.draft else None),
    ("審查備註", lambda e: e.draft.review_remarks if e.draft else None),
    ("得緩徵至", lambda e: e.last_day),
    ("最新緩徵文號", lambda e: e.latest_deferment.decision_number if e.latest_deferment else None),
    ("最新緩徵發文日期", lambda e: e.latest_deferment.issued_on if e.latest_deferment else None),
    ("最新緩徵截止日期", lambda e: e.latest_deferment.deferred_until if e.latest_deferment else None),
)
_NUMBER: Final[tuple[_Column, ...]] = (("列號", lambda e: e.row_no),)
_NAME: Final[tuple[_Column, ...]] = (("資料識別碼", lambda e: str(e.id)),)


def entries(caller: Principal, roster_id: UUID, at: str | None = None) -> Report[EntryOut]:
    """The men of a roster (待處理名冊): what the school stated, then the review as far as the caller may see it.

    `at`: of which version or moment they are, in words for the paper; None: as they stand now.
    """
    county = _FOR_THE_COUNTY if caller.org.type == "county" else ()
    sheet = Sheet(_NUMBER + _OF_THE_ROSTER + _OF_THE_REVIEW + county + _NAME)

    async def paper(session: AsyncSession) -> Layout[EntryOut]:
        return layouts.entries(await roster_out(session, caller, roster_id), at)

    return Report(sheet, "名冊明細", "roster-entries", paper)


def school_copy(caller: Principal, roster_id: UUID) -> Report[EntryOut]:
    """The copy of a decided roster that goes back to the school (Art. 13)."""

    async def paper(session: AsyncSession) -> Layout[EntryOut]:
        return layouts.school_copy(await roster_out(session, caller, roster_id))

    decided = tuple(c for c in _OF_THE_REVIEW if c[0] not in ("審核狀態", "邏輯驗證提示"))
    return Report(Sheet(_NUMBER + _OF_THE_ROSTER + decided), "名冊審核結果（送還學校）", "school-copy", paper)
