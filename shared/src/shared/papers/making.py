"""From packed rows to a file, in child processes: this process loads neither spreadsheets nor typesetting."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shared import child
from shared.csv_out import Value
from shared.papers.document import BIND, Cell, Document, Packed, batch, encode, value_of
from shared.papers.fonts import FILE, VARIABLE
from shared.papers.forms import Form
from shared.problems import UNAVAILABLE, ProblemError, ProblemType

FONT_MISSING = ProblemType(
    "font_missing", 503, "伺服器未安裝列印用中文字型，暫無法產出 PDF", "The server has no Chinese font to make PDF with"
)
REPORT_NOT_MADE = ProblemType(
    "report_not_made", 422, "此報表無法以所選格式產出", "The report cannot be made in that form"
)

VOLUME = 1_000
"""Rows of a volume of PDF: a document costs a quarter of a megabyte a row while it is set."""
WAIT = 110
"""Seconds of the clock that a request waits for a child; a job may wait longer."""
_BATCH = 500
# Named, not imported: it loads in the child what this process must not carry.
_WORK = "shared.papers.child"
_MB = 1_048_576
# Of address space, for which typesetting wants more than it uses: each of its threads reserves some.
_MEMORY = 1_536 * _MB
_SECONDS = 90
_LARGEST = 256 * _MB


@dataclass
class Rows:
    """Rows as they come, packed in batches."""

    values: Sequence[Callable[[Any], Value]]
    batches: list[bytes] = field(default_factory=list)
    count: int = 0
    _open: list[list[Cell]] = field(default_factory=list)

    def add(self, items: Iterable[Any]) -> None:
        """Take the rows of a page."""
        for item in items:
            self._open.append([value_of(value(item)) for value in self.values])
            if len(self._open) == _BATCH:
                self._close()

    def _close(self) -> None:
        if self._open:
            self.batches.append(batch(self._open))
            self.count += len(self._open)
            self._open = []

    def packed(self) -> tuple[bytes, ...]:
        """All of them."""
        self._close()
        return tuple(self.batches)


async def make(form: Form, document: Document, rows: Rows, font_dir: str = "", wait: int = WAIT) -> bytes:
    """The file. Raises `FONT_MISSING` (503), `REPORT_NOT_MADE` (422) where it would be beyond all measure, and
    `UNAVAILABLE` (503) where the machine does not make a part of it in `wait` seconds.
    """
    if form is not Form.PDF:
        return await done_by(_WORK, [form.value], encode(Packed(document, rows.packed())), wait)
    parts = list(_volumes(document, rows.packed()))
    # As many at once as `shared.child` lets.
    made = await asyncio.gather(*(done_by(_WORK, [form.value, font_dir], encode(part), wait) for part in parts))
    if len(made) == 1:
        return made[0]
    return await done_by(_WORK, [BIND], msgspec.msgpack.encode(list(made)), wait)


def _volumes(document: Document, batches: tuple[bytes, ...]) -> Iterator[Packed]:
    each = VOLUME // _BATCH
    count = max(-(-len(batches) // each), 1)
    for number in range(count):
        frame = msgspec.structs.replace(document, volume=number + 1, volumes=count, first_row=number * VOLUME + 1)
        yield Packed(frame, batches[number * each : (number + 1) * each])


async def done_by(work: str, argument: list[str], data: bytes, wait: int = WAIT) -> bytes:
    """What the module named `work` makes of `data` in a child process with the limits of papers; raises as `make`."""
    try:
        return await child.run(work, argument, data, memory=_MEMORY, seconds=_SECONDS, wait=wait, most=_LARGEST)
    except child.ChildError as error:
        raise _refusal(error) from None


def _refusal(error: child.ChildError) -> ProblemError:
    if error.reason == "refused":
        place = error.payload.decode()
        return FONT_MISSING(
            detail=f"請執行 make run（或 sh local/setup.sh）取得字型，或將 {FILE} 放入資料夾並以 {VARIABLE} 指定；"
            "其他格式不受影響。",
            detail_en=f"{FILE} was not found at {place}. Run make run (or sh local/setup.sh), or put it into a folder"
            f" and name that in {VARIABLE}. Other forms are not concerned.",
            headers={"Retry-After": "3600"},
        )
    if error.reason in ("crashed", "starved"):
        return UNAVAILABLE(headers={"Retry-After": "5"})
    return REPORT_NOT_MADE(
        detail="內容過長或過多，產出時超過記憶體或時間上限；請縮小查詢範圍，或改用 CSV。",
        detail_en="It is too long: making it took more memory or time than it may. Narrow the search, or take CSV.",
    )
