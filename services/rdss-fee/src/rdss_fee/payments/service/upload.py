"""A posting file that is uploaded, and what is told of files."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.bankfiles.layouts import LAYOUTS
from rdss_fee.bankfiles.postings import Totals
from rdss_fee.bankfiles.reading import BankFileError
from rdss_fee.payments import queries
from rdss_fee.payments.schemas import FILE_SORTS, BankFileOut, BankFilePage, LayoutName
from rdss_fee.payments.service.take_file import ReadFile, read_file, take_file
from rdss_fee.payments.service.words import faults_of
from shared import clock, cursors, lists
from shared.idempotency import REPLAYED, Reply
from shared.law import rule
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault

WHYS: Final = ("bad_number", "no_notice", "nothing_to_reverse")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What was sent with a file, and the file, read."""

    name: str
    complete_through: date | None
    found: ReadFile


@rule("FE-32")
async def read_upload(
    layout: LayoutName,
    data: bytes,
    *,
    name: str,
    complete_through: date | None,
    count: int | None,
    total: int | None,
) -> Uploaded:
    """Read a file whole. Raises 422 with every fault: its line is the row, its field the column."""
    if complete_through is not None and complete_through > clock.today():
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    "day_impossible",
                    "銀行不可能已告知今日以後之起息日",
                    "The bank cannot have told of value dates after today",
                    column="complete_through",
                    suggestion=clock.today().isoformat(),
                )
            ]
        )
    if (count is None) != (total is None):
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    "totals_incomplete",
                    "控制總數之筆數與金額須一併載明",
                    "Count and total are stated together, or neither",
                    column="total" if total is None else "count",
                )
            ]
        )
    stated = None if count is None or total is None else Totals(count, total)
    try:
        found = await read_file(LAYOUTS[layout], data, stated)
    except BankFileError as error:
        raise INVALID_CONTENT(errors=faults_of(error.faults, LAYOUTS[layout]), error_count=error.count) from None
    return Uploaded(name, complete_through, found)


@rule("FE-32")
async def upload(session: AsyncSession, uploaded: Uploaded) -> Reply:
    """Take a file that was read: 201, or 200 marked as replayed for one that was taken before."""
    taken = await take_file(
        session,
        uploaded.found,
        name=uploaded.name,
        source="upload",
        complete_through=uploaded.complete_through,
    )
    told = await get_file(session, taken.id)
    return Reply(told, 200, {REPLAYED: "true"}) if taken.before else Reply(told, 201)


async def list_files(session: AsyncSession, *, sort: str, cursor: str | None, limit: int) -> BankFilePage:
    """The files that were taken, the newest first unless asked otherwise."""
    found, next_cursor = await lists.page(
        session,
        queries.files(),
        sort=sort,
        sortable=FILE_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("bank_files"),
    )
    return BankFilePage(items=[_out(row) for row in found], next_cursor=next_cursor)


async def get_file(session: AsyncSession, file_id: UUID) -> BankFileOut:
    """One file; raises 404."""
    rows = queries.files()
    row = (await session.execute(select(rows).where(rows.c.id == file_id))).mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return _out(row)


def _out(row: RowMapping) -> BankFileOut:
    named: dict[str, Any] = {name: row[name] for name in BankFileOut.model_fields if name in row}
    whys = {why: row[f"{why}_count"] for why in WHYS}
    fresh, suspended = row["fresh_count"], sum(whys.values())
    counts = {
        "fresh": fresh,
        "known": row["line_count"] - fresh,
        "to_notices": fresh - suspended,
        "suspended": suspended,
        "digest": row["digest"].hex(),
    }
    return BankFileOut(**named | whys | counts)
