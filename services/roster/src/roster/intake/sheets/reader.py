"""Reading a workbook in a process of its own, which may take no more memory and time than any school's file needs."""

import asyncio
from datetime import date

from roster.intake.faults import IntakeRejected
from roster.intake.reading import Submission
from roster.intake.rules import Reporter, RosterKind
from roster.intake.sheets import package
from roster.intake.sheets.book import Book, decode_book, decode_refusal
from roster.intake.sheets.table import read_book
from shared import child
from shared.law import rule
from shared.problems import UNAVAILABLE, ProblemError

MEMORY = 400 * 1024 * 1024
SECONDS, WAIT = 12, 40
MOST = 64 * 1024 * 1024


@rule("RO-06", "RO-07")
async def read_workbook(data: bytes, media: str, kind: RosterKind, reporter: Reporter, today: date) -> Submission:
    """Read and check an XLSX or ODS file; raises `IntakeRejected` as `read_submission` does."""
    book = await open_workbook(data, media)
    return await asyncio.to_thread(lambda: read_book(book, kind, reporter, today))


async def open_workbook(data: bytes, media: str) -> Book:
    """Its sheets, nothing of them checked; raises `IntakeRejected` for a file that cannot be read, and
    `UNAVAILABLE` (503) where the machine has no time for it: the file is not at fault.
    """
    await asyncio.to_thread(package.look_at, data, media)
    try:
        answer = await child.run(
            "roster.intake.sheets.child", [media], data, memory=MEMORY, seconds=SECONDS, wait=WAIT, most=MOST
        )
    except child.ChildError as error:
        raise _refusal(error) from None
    return await asyncio.to_thread(decode_book, answer)


def _refusal(error: child.ChildError) -> IntakeRejected | ProblemError:
    if error.reason == "refused":
        return package.told(decode_refusal(error.payload))
    if error.reason == "starved":
        return UNAVAILABLE(headers={"Retry-After": "30"})
    return package.refusal("unsound" if error.reason == "crashed" else "too_large_to_read")
