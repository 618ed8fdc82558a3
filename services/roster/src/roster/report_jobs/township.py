"""What was decided on the men of a township's households (RO-51), for the township and for its county."""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Subquery, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster import layouts, lists
from roster.deferments.models import Deferment
from roster.intake.models import Entry
from roster.reference.models import School
from roster.report_jobs.schemas import TownshipEntryOut, TownshipPage
from roster.review.current import current
from roster.review.models import DecisionRecord
from roster.words import word
from shared import cursors
from shared.csv_out import Sheet
from shared.ids import mask_id
from shared.law import rule
from shared.papers.report import Layout, Report
from shared.places import COUNTIES, TOWNSHIPS
from shared.principals import Principal
from shared.problems import NOT_FOUND


def own_township(principal: Principal, code: str | None) -> str:
    """The township that the caller may ask about: a township itself, a county each of its own. Raises 404."""
    if principal.org.type == "township" and code in (None, principal.org.code):
        code = principal.org.code
    found = TOWNSHIPS.get(code or "")
    if found is None or principal.org.code not in (found.county_code, code):
        raise NOT_FOUND()
    return found.code


def decided(code: str) -> Subquery:
    """The decisions on a township's men that stand, with what is told of each."""
    return (
        select(
            DecisionRecord.id,
            DecisionRecord.decided_at,
            DecisionRecord.kind,
            DecisionRecord.decision,
            DecisionRecord.decision_number,
            DecisionRecord.decided_on,
            DecisionRecord.deferment_until,
            Entry.national_id,
            Entry.name,
            Entry.birth_date,
            Entry.village,
            # What no school filed has none (RO-70 to RO-72).
            func.coalesce(School.name, "").label("school_name"),
            Deferment.deferred_from,
        )
        .join(Entry, Entry.id == DecisionRecord.entry_id)
        .outerjoin(School, School.code == DecisionRecord.school_code)
        .outerjoin(Deferment, Deferment.id == DecisionRecord.deferment_id)
        .where(DecisionRecord.township_code == code, current())
        .subquery("decided")
    )


@rule("RO-61", "RO-51")
async def list_decided(
    session: AsyncSession, principal: Principal, code: str, *, cursor: str | None, limit: int, most: int | None = None
) -> TownshipPage:
    """A page of them, the oldest first. Raises 404, and 422 for more than `most`."""
    own_township(principal, code)
    found, next_cursor = await lists.page(
        session,
        decided(code),
        sort="decided_at",
        sortable=("decided_at",),
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("township", code),
        most=most,
    )
    masked = principal.org.type != "county"
    return TownshipPage(items=[_shown(row, code, masked) for row in found], next_cursor=next_cursor)


def _shown(row: RowMapping, code: str, masked: bool) -> TownshipEntryOut:
    values: dict[str, Any] = {name: row[name] for name in TownshipEntryOut.model_fields if name in row}
    decision_id: UUID = row["id"]
    return TownshipEntryOut(
        **values
        | {
            "decision_id": decision_id,
            "household": f"{_place(code)}{row['village'] or ''}",
            "national_id": mask_id(row["national_id"]) if masked else row["national_id"],
        }
    )


def _place(code: str) -> str:
    township = TOWNSHIPS[code]
    return f"{COUNTIES[township.county_code].name}{township.name}"


def report(code: str) -> Report[TownshipEntryOut]:
    """How they are written."""

    async def paper(_session: AsyncSession) -> Layout[TownshipEntryOut]:
        columns = tuple((heading, weight, value) for (heading, value), weight in zip(_COLUMNS, _WEIGHTS, strict=True))
        return Layout(f"{_place(code)}役男緩徵審核結果", (), columns)

    return Report(Sheet(_COLUMNS), "鄉鎮市區役男緩徵審核結果", "township-decisions", paper)


_COLUMNS = (
    ("身分證字號", lambda d: d.national_id),
    ("姓名", lambda d: d.name),
    ("出生年月日", lambda d: d.birth_date),
    ("戶籍所在縣市鄉鎮市區村", lambda d: d.household),
    ("學校", lambda d: d.school_name),
    ("名冊種類", lambda d: layouts.PAPER_NAMES[d.kind]),
    ("准駁", lambda d: word(d.decision)),
    ("文號", lambda d: d.decision_number),
    ("准駁日期", lambda d: d.decided_on),
    ("緩徵起始日期", lambda d: d.deferred_from),
    ("緩徵截止日期", lambda d: d.deferment_until),
)
_WEIGHTS = (9, 8, 8, 15, 13, 13, 5, 14, 8, 8, 8)
