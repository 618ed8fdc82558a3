"""A workbook's sheets to checked rows (RO-06, RO-07): every visible sheet that has headings is read."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from roster.intake.characters import TEXTS, notes_on_characters
from roster.intake.checker import Checker, Layout, SheetAt
from roster.intake.columns import Column
from roster.intake.csv_reader import too_many_rows
from roster.intake.faults import CellError, IntakeRejected, Note, one_fault, shown_heading
from roster.intake.limits import LAST_NUMBER, MAX_ROWS
from roster.intake.reading import Submission, is_title, no_rows, title_note
from roster.intake.rules import Reporter, RosterKind
from roster.intake.sheets.book import Book, Cell, Number, Odd, Sheet, blank
from roster.intake.sheets.meanings import meaning
from shared.ids import read_id
from shared.law import rule
from shared.problems import Fault

_PLACES_TOLD = 10
_A_ROSTERS_HEADINGS = 4
_Rows = Sequence[tuple[int, list[Cell]]]


@dataclass(slots=True)
class _Table:
    """A sheet with headings: its layout, the row they stand in, the students' rows."""

    at: SheetAt
    layout: Layout
    heading: int
    titles: int
    headed: frozenset[int]
    rows: _Rows

    @property
    def is_roster(self) -> bool:
        """True if the headings are a roster's beyond doubt, or a man is named under them."""
        known = self.layout.headings
        return "national_id" in known or len(known) >= _A_ROSTERS_HEADINGS or _names_a_man(self.rows)


@dataclass(slots=True)
class _Found:
    """What the sender is told of an accepted workbook."""

    skipped: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    # Cells whose number was read as text: how many, and the first of them.
    numbers: int = 0
    places: list[str] = field(default_factory=list)


@rule("RO-06", "RO-07")
def read_book(book: Book, kind: RosterKind, reporter: Reporter, today: date) -> Submission:
    """Check all sheets as one file; raises `IntakeRejected` naming every faulty cell with its sheet, row and column."""
    checker = Checker(kind, reporter, today, None)
    found = _Found()
    tables = _tables(book, checker, found)
    if not tables:
        raise _no_heading(book)
    if sum(len(table.rows) for table in tables) > MAX_ROWS:
        raise too_many_rows()
    for table in tables:
        if table.rows and table.at.above + table.rows[-1][0] > LAST_NUMBER:
            raise _too_far_down(table)
    longest = max((_longest_number(table) for table in tables), default=0)
    for table in tables:
        checker.at = table.at
        checker.headings(table.layout, table.heading)
        for number, cells in table.rows:
            checker.row(number, table.layout, _texts(checker, number, table, cells, longest, found))
            _check_strays(checker, number, table.headed, cells)
    checker.faults.raise_if_any()
    if not checker.rows:
        raise no_rows(None)
    sheets = tuple(table.at for table in tables)
    read = Submission(tuple(checker.rows), "utf-8", tuple(_notes(book, tables, found)), sheets)
    return replace(read, notes=read.notes + notes_on_characters(read.rows, read.place, read.charset))


def _tables(book: Book, checker: Checker, found: _Found) -> list[_Table]:
    """The sheets to be read; what is wrong with others, or why they are not read, is noted."""
    tables: list[_Table] = []
    for index, sheet in enumerate(book.sheets):
        at = SheetAt(index, shown_heading(sheet.name))
        if sheet.hidden:
            found.hidden.append(at.name or "")
        elif table := _table(sheet, at, checker.kind):
            tables.append(table)
        elif _names_a_man(sheet.rows):
            checker.at = at
            checker.fault(sheet.rows[0][0], (0, None), _HEADING_MISSING)
        elif sheet.rows:
            found.skipped.append(at.name or "")
    # A page of instructions may have a column of remarks; if nothing else is there, its faults say what is missing.
    rosters = [table for table in tables if table.is_roster] or tables
    found.skipped += [table.at.name or "" for table in tables if table not in rosters]
    above = 0
    for table in rosters:
        table.at = table.at._replace(above=above)
        above += table.rows[-1][0] if table.rows else table.heading
    return rosters


def _table(sheet: Sheet, at: SheetAt, kind: RosterKind) -> _Table | None:
    """The sheet under its headings; None if none of its first rows holds any."""
    for skipped, (number, cells) in enumerate(sheet.rows):
        names = [_plain(cell) for cell in cells]
        if is_title(skipped, names):
            continue
        layout = Layout.of(names, kind)
        if not layout.places:
            return None
        headed = frozenset(index for index, name in enumerate(names) if name.strip())
        return _Table(at, layout, number, skipped, headed, sheet.rows[skipped + 1 :])
    return None


def _plain(cell: Cell) -> str:
    """A text or the digits of a number; nothing else is a heading."""
    if isinstance(cell, str):
        return cell
    return cell.text if isinstance(cell, Number) else ""


def _names_a_man(rows: _Rows) -> bool:
    """True if a cell is a national ID: such a sheet is not passed over because its headings are missing."""
    return any(isinstance(cell, str) and read_id(cell).kind is not None for _, cells in rows for cell in cells)


def _longest_number(table: _Table) -> int:
    """Digits of the longest student number that consists of digits only."""
    place = table.layout.headings.get("student_no")
    if place is None:
        return 0
    texts = (_plain(cells[place[0]]).strip() for _, cells in table.rows if place[0] < len(cells))
    return max((len(text) for text in texts if text.isdigit()), default=0)


def _texts(
    checker: Checker, number: int, table: _Table, cells: list[Cell], longest: int, found: _Found
) -> list[str | CellError]:
    """The row's cells as the checker reads them."""
    texts: list[str | CellError] = [""] * len(cells)
    for index, column, heading in table.layout.places:
        if index >= len(cells):
            continue
        cell = cells[index]
        if isinstance(cell, str):
            texts[index] = cell
            continue
        text = meaning(cell, column)
        if isinstance(cell, Number) and isinstance(text, str) and _may_have_lost_zeros(cell, column):
            if column.field == "student_no" and len(text) < longest:
                text = _ZEROS_LOST
            else:
                found.numbers += 1
                if len(found.places) < _PLACES_TOLD:
                    found.places.append(_place(table.at, number, heading))
        texts[index] = text
    return texts


def _may_have_lost_zeros(cell: Number, column: Column) -> bool:
    return column.field in TEXTS and not cell.padded


def _place(at: SheetAt, row: int, heading: str) -> str:
    return f"{at.name}!{row}「{heading}」"


def _check_strays(checker: Checker, row: int, headed: frozenset[int], cells: list[Cell]) -> None:
    for index, cell in enumerate(cells):
        if index in headed or blank(cell) or (isinstance(cell, Odd) and cell.why == "covered"):
            continue
        checker.fault(row, (index, letters(index)), _NO_HEADING_ABOVE)


def letters(index: int) -> str:
    """The column's name in spreadsheet programs: 0 is A, 26 is AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name


_HEADING_MISSING = CellError(
    "heading_missing",
    "此工作表有身分證字號但沒有可辨識的欄位名稱列，請補上欄位名稱（如 身分證字號、姓名），或刪除此工作表。",
    "This sheet holds national IDs under no known headings. Put national_id, name and so on above them, or delete the "
    "sheet.",
)
_NO_HEADING_ABOVE = CellError(
    "cell_without_heading",
    "此儲存格上方沒有欄位名稱卻有內容，請補上欄位名稱或清除此格。",
    "The cell has no heading above it. Write one, or clear the cell.",
)
_ZEROS_LOST = CellError(
    "number_zeros_lost",
    "學號存成數字，且位數比其他學號少，開頭的 0 應已遺失；請將此欄設為「文字」格式後重新輸入。",
    "The student number is a number, shorter than others: its leading zeros were probably dropped. Format the column "
    "as text and type it again.",
)


def _too_far_down(table: _Table) -> IntakeRejected:
    row = table.rows[-1][0]
    return one_fault(
        "size",
        Fault(
            "row_too_far_down",
            f"第 {row:,} 列仍有內容，與名冊相隔過遠；請刪除名冊以外的內容，或移除中間的空白列。",
            f"Something stands as far down as row {row:,}. Delete what is not the roster, or the blank rows between.",
            sheet=table.at.name,
            row=row,
        ),
    )


def _no_heading(book: Book) -> IntakeRejected:
    seen = next((sheet for sheet in book.sheets if not sheet.hidden and sheet.rows), None)
    if seen is None:
        return one_fault(
            "content",
            Fault(
                "file_empty",
                "檔案中沒有可讀取的內容；隱藏的工作表不會讀取。",
                "There is nothing to read in the file; hidden sheets are not read.",
            ),
        )
    return one_fault(
        "content",
        Fault(
            "heading_missing",
            "沒有任何工作表有可辨識的欄位名稱列，請於名冊上方填欄位名稱（如 身分證字號、姓名）。",
            "No sheet has a row of known headings: put national_id, name and so on above the roster.",
            sheet=shown_heading(seen.name),
            row=seen.rows[0][0],
        ),
    )


def _notes(book: Book, tables: list[_Table], found: _Found) -> list[Note]:
    notes = list(title_note(sum(table.titles for table in tables)))
    if len(tables) > 1:
        names = _listed([table.at.name or "" for table in tables])
        notes.append(
            Note(
                "sheets_read",
                f"已讀取 {len(tables)} 張工作表：{names}；列號依序接續計算。",
                f"{len(tables)} sheets were read: {names}. Their rows are numbered one after the other.",
            )
        )
    for code, sheets, why, why_en in (
        ("sheets_skipped", found.skipped, "沒有欄位名稱列", "they have no headings"),
        ("sheets_hidden", found.hidden, "已隱藏", "they are hidden"),
    ):
        if sheets:
            notes.append(
                Note(
                    code,
                    f"下列工作表因{why}而未讀取：{_listed(sheets)}。",
                    f"These sheets were not read because {why_en}: {_listed(sheets)}.",
                )
            )
    read = [book.sheets[table.at.place] for table in tables]
    formulas, hidden_rows = sum(sheet.formulas for sheet in read), sum(sheet.hidden_rows for sheet in read)
    if formulas:
        notes.append(
            Note(
                "formula_values",
                f"有 {formulas:,} 格為公式，已讀取其存檔時的計算結果；請核對。",
                f"{formulas:,} cells are formulas; the results saved with them were read. Check them.",
            )
        )
    if hidden_rows:
        notes.append(
            Note(
                "hidden_rows_read",
                f"有 {hidden_rows:,} 列在試算表中隱藏（如篩選），仍已讀取。",
                f"{hidden_rows:,} rows are hidden in the sheet, by a filter perhaps; they were read all the same.",
            )
        )
    if found.numbers:
        places = "、".join(found.places) + ("…" if found.numbers > len(found.places) else "")
        notes.append(
            Note(
                "numbers_as_text",
                f"有 {found.numbers:,} 格存成數字，已按其數字讀取；原有開頭的 0 可能已遺失，請核對：{places}。",
                f"{found.numbers:,} cells hold numbers and were read as their digits. Leading zeros may have been "
                f"lost; check {places}.",
            )
        )
    return notes


def _listed(names: list[str]) -> str:
    return "、".join(names[:_PLACES_TOLD]) + ("…" if len(names) > _PLACES_TOLD else "")
