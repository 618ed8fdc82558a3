"""A refused file as one that the school mends and posts back (RO-07, docs/adr/0059).

Nothing of it was taken in, so all of its rows come back: those with faults first, their faulty cells marked, and in the
first column what is wrong with each; intake passes that column over. Nothing is masked: it is the school's own file.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roster.intake.charset import charset_of, decode
from roster.intake.checker import Layout
from roster.intake.columns import EXPLANATION, find_column
from roster.intake.csv_reader import read_csv
from roster.intake.faults import IntakeRejected, shown_heading
from roster.intake.reading import CSV, bare, is_title
from roster.intake.rules import RosterKind
from roster.intake.sheets import reader
from roster.intake.sheets.book import SHEET_TYPES, Cell, Day, Flag, Number, Odd
from roster.intake.templates import choices
from shared import clock
from shared.law import rule
from shared.papers.document import Cell as Written
from shared.papers.document import Column, Document, Marked
from shared.papers.forms import Form
from shared.papers.making import Rows, make
from shared.problems import MAX_LISTED, UNAVAILABLE, Fault, ProblemError

TABLES = (CSV, *SHEET_TYPES)
"""The media types of files that can come back; of JSON the list of faults names members."""
_SPARE_ROWS = 200
_EXPLAINED = 2_000
# Seconds. What is wrong with the file is known: it is not kept from the school for a machine that has no time.
_PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet of the file (None: it has none) as it was sent: headings, and rows by their number."""

    sheet: str | None
    headings: tuple[str, ...]
    rows: list[tuple[int, list[str]]]


async def mended(refused: ProblemError, form: Form, content_type: str, kind: RosterKind, body: bytes) -> ProblemError:
    """`refused` with the file to mend in `form`; as it is where the file is no table that could be read, or the machine
    has no time to make another of it.
    """
    if bare(content_type) not in TABLES or refused.type.status != 422:
        return refused
    try:
        async with asyncio.timeout(_PATIENCE):
            refused.file = await _to_mend(refused, form, content_type, kind, body)
    except (IntakeRejected, TimeoutError):
        return refused
    except ProblemError as error:
        if error.type is not UNAVAILABLE:
            raise
    return refused


async def _to_mend(
    refused: ProblemError, form: Form, content_type: str, kind: RosterKind, body: bytes
) -> tuple[bytes, str, str] | None:
    found = await _tables(body, content_type, kind)
    if not found:
        return None
    document, rows = lay_out(found, refused.errors, refused.error_count, int(clock.now().timestamp()))
    packed = Rows([lambda row, at=at: row[at] for at in range(len(document.columns))])  # type: ignore[misc]
    packed.add(rows)
    return await make(form, document, packed), form.value, f"faulty-rows.{form.extension}"


async def _tables(body: bytes, content_type: str, kind: RosterKind) -> list[Table]:
    media = bare(content_type)
    if media == CSV:
        rows = [(number, list(cells)) for number, cells in read_csv(decode(body, charset_of(content_type)).text)]
        sheets: list[tuple[str | None, list[tuple[int, list[str]]]]] = [(None, rows)]
    else:
        book = await reader.open_workbook(body, media)
        sheets = [
            (shown_heading(sheet.name), [(number, [_text(cell) for cell in cells]) for number, cells in sheet.rows])
            for sheet in book.sheets
            if not sheet.hidden
        ]
    return [table for name, rows in sheets if (table := _table(name, rows, kind)) is not None]


def _table(name: str | None, rows: list[tuple[int, list[str]]], kind: RosterKind) -> Table | None:
    """The rows under their headings, which stand under at most a few title lines."""
    for skipped, (_, cells) in enumerate(rows):
        if is_title(skipped, cells):
            continue
        return Table(name, tuple(cells), rows[skipped + 1 :]) if Layout.of(cells, kind).places else None
    return None


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Number):
        return cell.text
    if isinstance(cell, Day):
        return cell.iso
    if isinstance(cell, Flag):
        return "是" if cell.value else "否"
    assert isinstance(cell, Odd)
    return cell.shown


@rule("RO-07")
def lay_out(
    tables: Sequence[Table], faults: Sequence[Fault], total: int, made_at: int
) -> tuple[Document, list[list[Written]]]:
    """The sheet to mend and its rows: faulty ones first, each group as the file had them."""
    of_row: defaultdict[tuple[str | None, int | None], list[Fault]] = defaultdict(list)
    for fault in faults:
        of_row[fault.sheet, fault.row].append(fault)
    headings = list(_headings(tables, faults))
    place = {heading: index for index, heading in enumerate(headings, 1)}
    first: list[list[Written]] = []
    rest: list[list[Written]] = []
    for table in tables:
        named = list(_numbered(table.headings))
        for number, cells in table.rows:
            found = of_row.pop((table.sheet, number), [])
            wrong = {fault.column for fault in found}
            row: list[Written] = [None] * (len(headings) + 1)
            row[0] = Marked(_explained(table, number, found)) if found else None
            for heading, text in zip(named, cells, strict=False):
                if heading in place:
                    marked = shown_heading(heading[0]) in wrong
                    row[place[heading]] = Marked(text) if marked else text or None
            (first if found else rest).append(row)
    columns = (Column(EXPLANATION), *(Column(text, choices=_choices(text)) for text, _ in headings))
    rows = first + rest
    notes = tuple(_notes(len(first), [fault for left in of_row.values() for fault in left], total))
    blank = len(rows) + _SPARE_ROWS
    return Document("名冊", "須更正之名冊", (), columns, made_at, blank, notes), rows


def _numbered(headings: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each heading with how often it stood before: one that is repeated is two columns."""
    seen: defaultdict[str, int] = defaultdict(int)
    for heading in headings:
        yield heading, seen[heading]
        seen[heading] += 1


def _headings(tables: Sequence[Table], faults: Sequence[Fault]) -> Iterator[tuple[str, int]]:
    """Those of all sheets once, then those that are missing; not the explanations of the last time."""
    seen: set[tuple[str, int]] = set()
    missing = [(fault.column, 0) for fault in faults if fault.code == "column_missing" and fault.column]
    for heading in (*(one for table in tables for one in _numbered(table.headings)), *missing):
        if heading[0].strip() and heading not in seen and heading[0].strip() != EXPLANATION:
            seen.add(heading)
            yield heading


def _choices(heading: str) -> tuple[str, ...]:
    column = find_column(heading)
    return () if column is None else choices(column)


def _explained(table: Table, number: int, faults: Sequence[Fault]) -> str:
    where = f"原工作表「{table.sheet}」第 {number} 列" if table.sheet else f"原第 {number} 列"
    told = "；".join(f"「{fault.column}」{fault.message}" if fault.column else fault.message for fault in faults)
    return f"{where}：{told}"[:_EXPLAINED]


def _notes(faulty: int, others: Sequence[Fault], total: int) -> Iterator[str]:
    yield f"本檔共 {total:,} 處須更正，整份未收件；有誤的 {faulty:,} 列排在最前，錯誤的儲存格以紅底標示。"
    yield f"請依「{EXPLANATION}」欄更正後，將整份檔案（含無誤的列）存檔並重新上傳；該欄不必刪除，上傳時略過。"
    if total > MAX_LISTED:
        yield f"錯誤過多，本次僅列出前 {MAX_LISTED:,} 處；更正後重新上傳，將列出其餘部分。"
    if others:
        yield "欄位名稱及全檔的錯誤："
    for fault in others:
        yield f"　{f'「{fault.column}」欄：' if fault.column else ''}{fault.message}"
