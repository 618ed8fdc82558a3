"""The drop folder: files that the bank, or somebody for it, lays down are taken as uploads are (FE-32).

`<folder>/<layout>/<file>`; a file that was taken lies in `<layout>/taken/` afterwards, one that was refused in
`<layout>/refused/` beside a `.txt` that names its faults. A file is taken when it was left alone for `SETTLED` seconds
and its name does not begin with a dot. Layouts without a trailer need the control totals in `<file>.totals`: count and
sum, with a blank between.

It may be killed at any moment. The booking is one transaction, and a file that it had taken and not moved is known
again by its digest.
"""

import asyncio
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rdss_fee.bankfiles.layouts import LAYOUTS, Layout
from rdss_fee.bankfiles.postings import Totals
from rdss_fee.bankfiles.reading import BankFileError
from rdss_fee.payments.service.take_file import Taken, read_file, take_file
from rdss_fee.payments.service.words import faults_of, in_lines
from shared import clock, jobs, logs, purposes
from shared.db import Context, Database, is_away
from shared.law import rule

KIND: Final = "bank.drop"
EVERY: Final = 30
SETTLED: Final = 5.0
LARGEST: Final = 268_435_456
_TOTALS: Final = ".totals"
_SYSTEM: Final = Context.system("rdss-fee")
# How long one statement over a million lines may take, one file, and all that lie there.
_STATEMENT: Final = 600
_FILE: Final = 1_800
_LONGEST: Final = 7_200

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that lies in the folder, and its control totals where they were laid beside it."""

    path: Path
    layout: Layout
    stated: Totals | None


class TakeDropped:
    """The handler of `bank.drop`: takes each file that lies there."""

    seconds = _LONGEST

    def __init__(self, database: Database, folder: str) -> None:
        self._database = database
        self._folder = Path(folder)

    async def __call__(self, job: jobs.Job) -> None:
        """Take or refuse the files in the order of their names. Raises OSError for a folder that cannot be read."""
        for dropped in await asyncio.to_thread(lying, self._folder):
            try:
                async with asyncio.timeout(_FILE) as its_time:
                    await self._take(dropped)
            except Exception as error:
                # One file that cannot be booked keeps no other from being booked; it is tried again at the next turn.
                # One that takes too long is such a file, and no database that is away.
                if is_away(error) and not its_time.expired():
                    raise
                log.error("bank_file_not_taken", layout=dropped.layout.name, error=type(error).__name__)

    async def _take(self, dropped: Dropped) -> None:
        if dropped.path.stat().st_size > LARGEST:
            await asyncio.to_thread(_refuse, dropped, f"檔案上限為 {LARGEST:,} 位元組。 At most {LARGEST:,} bytes.\n")
            return
        data = await asyncio.to_thread(dropped.path.read_bytes)
        try:
            taken = await take_dropped(self._database, dropped, data)
        except BankFileError as error:
            told = in_lines(faults_of(error.faults, dropped.layout), error.count)
            await asyncio.to_thread(_refuse, dropped, told)
            log.warning("bank_file_refused", layout=dropped.layout.name, faults=error.count)
            return
        await asyncio.to_thread(_move, dropped, "taken")
        log.info("bank_file_taken", layout=dropped.layout.name, file=str(taken.id), before=taken.before)


@rule("FE-32")
async def take_dropped(database: Database, dropped: Dropped, data: bytes) -> Taken:
    """Book a file of the folder, as the service's own work. Raises BankFileError with every fault."""
    found = await read_file(dropped.layout, data, dropped.stated)
    async with database.transaction(_SYSTEM) as session:
        await purposes.assume(session, "bank", "bank_file", found.file.digest)
        return await take_file(session, found, name=dropped.path.name[:200], source="drop_folder", seconds=_STATEMENT)


def lying(folder: Path) -> list[Dropped]:
    """The files that wait, by layout and name; what is still being written, and what is no file, is passed over."""
    found = []
    for layout in LAYOUTS.values():
        place = folder / layout.name
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if path.name.startswith(".") or path.name.endswith(_TOTALS) or not _settled(path):
                continue
            stated = _stated(path)
            # Without totals it is not whole yet.
            if stated is not None or layout.trailer is not None:
                found.append(Dropped(path, layout, stated))
    return found


def _settled(path: Path) -> bool:
    try:
        about = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(about.st_mode) and clock.now().timestamp() - about.st_mtime >= SETTLED


def _stated(path: Path) -> Totals | None:
    try:
        count, total = _beside(path).read_text("ascii").split()
        return Totals(int(count), int(total))
    except (FileNotFoundError, ValueError):
        return None


def _beside(path: Path) -> Path:
    return path.with_name(path.name + _TOTALS)


def _refuse(dropped: Dropped, told: str) -> None:
    """Lay the faults down first: a file that is refused is never without them."""
    target = _place(dropped, "refused")
    writing = target.with_name(f".{target.name}.txt")
    writing.write_text(told, "utf-8")
    writing.replace(target.with_name(f"{target.name}.txt"))
    _move(dropped, "refused", target)


def _place(dropped: Dropped, to: str) -> Path:
    """Where a file goes, under a name that none there has."""
    place = dropped.path.parent / to
    place.mkdir(exist_ok=True)
    target = place / dropped.path.name
    if target.exists():
        # Another file of that name, or the same once more; neither is lost.
        target = place / f"{clock.now():%Y%m%dT%H%M%S%f}-{dropped.path.name}"
    return target


def _move(dropped: Dropped, to: str, target: Path | None = None) -> None:
    target = target or _place(dropped, to)
    os.replace(dropped.path, target)
    beside = _beside(dropped.path)
    if beside.exists():
        os.replace(beside, target.with_name(target.name + _TOTALS))
