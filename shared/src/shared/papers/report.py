"""What a report is: the columns of its sheet, its layout on paper, its file's name, and where its rows come from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock
from shared.csv_out import Sheet, Value
from shared.papers.document import Column, Document
from shared.papers.forms import Form
from shared.roc import roc
from shared.schemas import Out, Page

T = TypeVar("T", bound=Out)


# No slots: with them Python 3.11 cannot make a frozen generic by name, `Layout[…](…)`.
@dataclass(frozen=True)
class Layout(Generic[T]):
    """A report on paper: its title line, the lines under it, its columns with their share of the paper's width.

    `amounts`: the headings of those columns whose numbers are written as money is.
    """

    title: str
    lines: tuple[str, ...]
    columns: tuple[tuple[str, int, Callable[[T], Value]], ...]
    amounts: frozenset[str] = frozenset()

    @property
    def papered(self) -> tuple[Column, ...]:
        """Its columns as a document has them."""
        return tuple(Column(heading, weight, amount=heading in self.amounts) for heading, weight, _ in self.columns)

    @property
    def values(self) -> tuple[Callable[[T], Value], ...]:
        """What of an item stands under each heading."""
        return tuple(value for _, _, value in self.columns)


@dataclass(frozen=True)
class Report(Generic[T]):
    """How a list is written: its columns, and the name its file is kept under (Chinese, and ASCII for old programs).

    `paper` gives the layout for PDF; it may ask the database what the title is to say.
    """

    sheet: Sheet[T]
    name: str
    ascii_name: str
    paper: Callable[[AsyncSession], Awaitable[Layout[T]]] = field(repr=False)


class Fetch(Protocol[T]):
    """The function that JSON pages come from. `most`: how many rows the whole list may have."""

    def __call__(
        self, session: AsyncSession, *, cursor: str | None, limit: int, most: int | None
    ) -> Awaitable[Page[T]]:
        """A page of the list."""


async def frame(
    report: Report[T], form: Form, session: AsyncSession
) -> tuple[Document, tuple[Callable[[T], Value], ...]]:
    """The document of a report in `form`, dated now, and what of an item stands in each of its columns."""
    made_at = int(clock.now().timestamp())
    if form is not Form.PDF:
        columns = tuple(Column(heading) for heading, _ in report.sheet.columns)
        return Document(report.name, report.name, (), columns, made_at), tuple(v for _, v in report.sheet.columns)
    layout = await report.paper(session)
    lines = (*layout.lines, f"列印日期：{roc(clock.today())}")
    return Document(report.name, layout.title, lines, layout.papered, made_at), layout.values
