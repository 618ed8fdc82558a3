"""A school's file, from bytes to checked rows or to the list of everything that is wrong with it (RO-06, RO-07)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from roster.intake.characters import notes_on_characters
from roster.intake.charset import decode, undecodable, undefined_in
from roster.intake.checker import Checker, Layout, SheetAt
from roster.intake.columns import Column, find_column
from roster.intake.csv_reader import read_csv, too_many_rows
from roster.intake.faults import CellError, IntakeRejected, Note, one_fault
from roster.intake.json_reader import member, pointer_to, read_json, too_many_members
from roster.intake.limits import MAX_COLUMNS, MAX_ROWS
from roster.intake.ndjson_reader import read_ndjson
from roster.intake.rows import Row
from roster.intake.rules import Reporter, RosterKind
from roster.intake.sheets.book import SHEET_TYPES
from shared.law import rule
from shared.problems import Fault

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
TEXT_TYPES = (JSON, NDJSON, CSV)
MEDIA_TYPES = (*TEXT_TYPES, *SHEET_TYPES)
# Where the cells of a JSON file are; a table has rows and columns only.
_POINTERS: Mapping[str, Callable[[int, str | None], str]] = {
    JSON: pointer_to,
    NDJSON: lambda _line, name: member(name),
}
# How packages (.xlsx, .ods) and the old compound files (.xls) begin.
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
MAX_TITLES = 3
NO_NOTES: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Submission:
    """A file read without a fault: its rows, the charset it was in (utf-8 or cp950), what its sender should know.

    `sheets`: those that rows were read from, of a file that has sheets.
    """

    rows: tuple[Row, ...]
    charset: str
    notes: tuple[Note, ...]
    sheets: tuple[SheetAt, ...] = ()

    def place(self, number: int) -> tuple[str | None, int]:
        """Where the row of that number stands in the file: its sheet, and its row there."""
        at = next((sheet for sheet in reversed(self.sheets) if number > sheet.above), SheetAt())
        return at.name, number - at.above

    def located(self, fault: Fault) -> Fault:
        """A fault of the row with that number, told by sheet and row of the file."""
        if not self.sheets or fault.row is None:
            return fault
        sheet, row = self.place(fault.row)
        return replace(fault, sheet=sheet, row=row)


def bare(media_type: str) -> str:
    """A media type without its parameters, in small letters (RFC 9110 8.3.1)."""
    return media_type.partition(";")[0].strip().lower()


@rule("RO-06", "RO-07")
def read_submission(
    data: bytes,
    media_type: str,
    charset: str | None,
    kind: RosterKind,
    reporter: Reporter,
    today: date,
) -> Submission:
    """Read and check a whole file of `TEXT_TYPES`; `charset` is the one declared, `reporter` the sender's org type.

    Raises `IntakeRejected`, which names every faulty cell, not only the first. Nothing is half accepted.
    """
    media = bare(media_type)
    if media not in TEXT_TYPES:
        raise one_fault(
            "type",
            Fault(
                "media_type_unsupported",
                f"不支援此內容類型，請以 {'、'.join(MEDIA_TYPES)} 送出。",
                f"This media type is not supported. Send {' or '.join(MEDIA_TYPES)}.",
            ),
        )
    if not data.strip(b" \t\r\n\xef\xbb\xbf"):
        raise one_fault("content", Fault("file_empty", "檔案沒有內容。", "The file is empty."))
    if data.startswith(_SPREADSHEETS):
        raise one_fault(
            "type",
            Fault(
                "file_is_sheet",
                f"檔案內容為試算表，不是文字檔；請以 {'、'.join(SHEET_TYPES)} 送出，或另存為 CSV UTF-8。",
                f"The file is a spreadsheet, no text. Send it as {' or '.join(SHEET_TYPES)}, or save it as CSV UTF-8.",
            ),
        )
    checker = Checker(kind, reporter, today, _POINTERS.get(media))
    if media == JSON:
        used, notes, unusual = "utf-8", NO_NOTES, _check_json(data, charset, checker)
    elif media == NDJSON:
        used, notes, unusual = "utf-8", NO_NOTES, _check_ndjson(data, charset, checker)
    else:
        used, notes, unusual = _check_csv(data, charset, checker)
    checker.faults.raise_if_any()
    found = Submission(tuple(checker.rows), used, notes)
    return replace(found, notes=notes + notes_on_characters(found.rows, found.place, used)) if unusual else found


def no_rows(pointer: str | None) -> IntakeRejected:
    """The refusal of a file without a student."""
    return one_fault(
        "content",
        Fault("no_rows", "檔案沒有任何學生資料列。", "The file holds no students.", pointer=pointer),
    )


def _check_csv(data: bytes, charset: str | None, checker: Checker) -> tuple[str, tuple[Note, ...], bool]:
    decoded = decode(data, charset)
    rows = read_csv(decoded.text)
    try:
        number, names, titles = _heading_row(rows)
        layout = Layout.of(names, checker.kind)
        if not layout.places:
            raise _no_heading(number, names)
    except IntakeRejected as refused:
        raise (undecodable(decoded) if decoded.undefined else refused) from None
    checker.headings(layout, number)
    headed = {index for index, name in enumerate(names) if name.strip()}
    count = 0
    for count, (row, cells) in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise too_many_rows()
        checker.row(row, layout, _defined(cells) if decoded.undefined else cells)
        if len(cells) > len(headed):
            _check_strays(checker, row, headed, cells)
    if not count:
        checker.faults.raise_if_any()
        raise no_rows(None)
    return decoded.charset, (*decoded.notes, *titles), decoded.unusual


def _defined(cells: list[str]) -> list[str | CellError]:
    """The cells, those with bytes that mean nothing as what is wrong with them."""
    return [_UNDEFINED if undefined_in(cell) else cell for cell in cells]


_UNDEFINED = CellError(
    "undefined_bytes",
    "此格含有該編碼未定義的位元組，原字無法得知；請以 UTF-8 重新匯出，或重新輸入此格。",
    "The cell holds bytes that mean nothing in the file's charset: what was meant cannot be known. Export the file as "
    "UTF-8, or type the cell again.",
)


def _heading_row(rows: Iterator[tuple[int, list[str]]]) -> tuple[int, list[str], tuple[Note, ...]]:
    """The first row that is no title line. A title (facts.md 3.2) stands alone in its row and is no column's name."""
    for skipped, (number, cells) in enumerate(rows):
        filled = [cell for cell in cells if cell.strip()]
        separators = ("\t", ";", "|")
        alone = len(filled) == 1 and not any(mark in filled[0].strip() for mark in separators)
        if skipped < MAX_TITLES and alone and find_column(filled[0]) is None:
            continue
        return number, cells, title_note(skipped)
    raise one_fault(
        "content",
        Fault(
            "heading_missing",
            "檔案沒有欄位名稱列，請於第一列填欄位名稱（如 身分證字號、姓名）。",
            "There is no row of headings: put national_id, name and so on into the first row.",
            row=1,
        ),
    )


def is_title(skipped: int, cells: Sequence[str]) -> bool:
    """Whether a row of a sheet, `skipped` rows below the top, is above the headings: one cell that names no column."""
    filled = [cell for cell in cells if cell.strip()]
    return skipped < MAX_TITLES and len(filled) <= 1 and not any(map(find_column, filled))


def title_note(skipped: int) -> tuple[Note, ...]:
    """What the sender is told of title lines."""
    if not skipped:
        return ()
    return (
        Note(
            "title_skipped",
            f"欄位名稱列之前的 {skipped} 列視為標題，未收錄。",
            f"The {skipped} row(s) above the headings were taken for a title and not read.",
        ),
    )


def _no_heading(row: int, names: list[str]) -> IntakeRejected:
    """Nothing in the row is a heading. Its cells are not quoted: they may well be a student."""
    if len(names) == 1:
        return one_fault(
            "content",
            Fault(
                "delimiter",
                "欄位之間未以半形逗號分隔，請另存為「CSV（逗號分隔）」後重新送出。",
                "The columns are not separated by commas. Save the file as comma-delimited CSV and send it again.",
                row=row,
            ),
        )
    return one_fault(
        "content",
        Fault(
            "heading_missing",
            "此列沒有任何可辨識的欄位名稱，請於第一列填欄位名稱（如 身分證字號、姓名），並確認檔案編碼。",
            "No heading in this row is known: put national_id, name and so on into the first row, and check the "
            "file's encoding.",
            row=row,
        ),
    )


def _check_strays(checker: Checker, row: int, headed: set[int], cells: list[str]) -> None:
    for index, cell in enumerate(cells):
        if index not in headed and cell.strip():
            checker.fault(
                row,
                (index, None),
                CellError(
                    "cell_without_heading",
                    f"第 {index + 1} 欄沒有欄位名稱卻有內容；內容含逗號時請以雙引號括住，或刪除該格。",
                    f"Cell {index + 1} has no heading above it. Quote a cell that holds a comma, or clear it.",
                ),
            )


def _check_json(data: bytes, charset: str | None, checker: Checker) -> bool:
    rows, unusual = read_json(data, charset)
    if not rows:
        raise no_rows("/rows")
    objects = _Objects(checker)
    for number, row in rows:
        objects.check(number, row)
    return unusual


def _check_ndjson(data: bytes, charset: str | None, checker: Checker) -> bool:
    lines, unusual = read_ndjson(data, charset)
    objects = _Objects(checker)
    broken = 0
    for line in lines:
        if not isinstance(line, Fault):
            objects.check(*line)
            continue
        broken += line.code != "json_type"
        if checker.faults.full:
            checker.faults.total += 1
        else:
            checker.faults.add(0, line)
    if broken:
        raise _broken_lines(broken, checker)
    return unusual


def _broken_lines(broken: int, checker: Checker) -> IntakeRejected:
    """Lines that are no JSON make the whole a fault of syntax; what is wrong with the others is told all the same."""
    total = checker.faults.total
    return IntakeRejected(
        "syntax",
        "broken_lines",
        f"檔案有 {broken:,} 列不是 JSON，共 {total:,} 處須更正，整份未收件；請更正後重新送出。",
        f"{broken:,} lines are not JSON, and {total:,} things in all must be corrected; nothing was taken in.",
        checker.faults.listed(),
        total,
    )


class _Objects:
    """Takes rows of named values to the checker; rows with the same names are laid out once."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._layouts: dict[tuple[str, ...], Layout] = {}

    def check(self, number: int, row: dict[str, Any]) -> None:
        names = tuple(row)
        layout = self._layouts.get(names)
        if layout is None:
            if len(names) > MAX_COLUMNS:
                point = self._checker.pointer
                raise too_many_members(number, "" if point is None else point(number, None))
            layout = Layout.of(names, self._checker.kind)
            # Rows that each invent new names would otherwise fill the memory with layouts.
            if len(self._layouts) < 100:
                self._layouts[names] = layout
        if layout.unknown or layout.repeated or layout.missing:
            self._checker.headings(layout, number)
        values = list(row.values())
        for index, column, _ in layout.places:
            if type(values[index]) is not str:
                values[index] = _as_text(values[index], column)
        self._checker.row(number, layout, values)


def _as_text(value: Any, column: Column) -> str | CellError:
    """What a JSON value would be as a cell: numbers and booleans only where the column is one; null is blank."""
    if value is None:
        return ""
    if isinstance(value, bool):
        if column.written == "flag":
            return "true" if value else "false"
    elif isinstance(value, int) and column.written == "number":
        return str(value)
    return CellError(
        "json_type",
        "值的型別不符；除數字與是否欄位外，請一律以字串（加雙引號）填寫，以免遺失開頭的 0。",
        "The wrong JSON type: apart from numbers and flags every value is a string, so that no leading zero is lost.",
    )
