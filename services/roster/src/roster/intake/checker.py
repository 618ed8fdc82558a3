"""Headings against the table, cells against their columns, rows against each other: collects every fault."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from roster.intake.cells import refuse_formula
from roster.intake.columns import BY_FIELD, EXPLANATION, Column, find_column, missing_columns, nearest_heading
from roster.intake.faults import CellError, FaultList, masked_id, printable, shown_heading
from roster.intake.limits import MAX_COLUMNS
from roster.intake.rows import FIELDS, Row, findings
from roster.intake.rules import Reporter, RosterKind
from shared.law import rule
from shared.problems import Fault

# Departments, levels and dates repeat from row to row; a column in which nothing does must not fill the memory.
_REMEMBERED = 1_000
_UNSEEN = object()
_AT = {name: at for at, name in enumerate(FIELDS)}
_EMPTY: list[Any] = [None] * len(FIELDS)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which cell of a row holds which column.

    `places` is (index in the row, column, heading as the sender wrote it); `headings` finds the last by field.
    """

    places: tuple[tuple[int, Column, str], ...]
    headings: dict[str, tuple[int, str]]
    unknown: tuple[tuple[int, str], ...]
    repeated: tuple[tuple[int, str, str], ...]
    missing: tuple[Column, ...]

    @classmethod
    def of(cls, names: Sequence[str], kind: RosterKind) -> "Layout":
        """Find the columns of `names`; blank names are nobody's."""
        places: list[tuple[int, Column, str]] = []
        unknown: list[tuple[int, str]] = []
        repeated: list[tuple[int, str, str]] = []
        headings: dict[str, tuple[int, str]] = {}
        for index, name in enumerate(names):
            column = find_column(name)
            if column is None:
                if name.strip() and name.strip() != EXPLANATION:
                    unknown.append((index, name))
                continue
            heading = shown_heading(name)
            taken = next((headings[part][1] for part in column.writes if part in headings), None)
            if taken is not None:
                repeated.append((index, heading, taken))
                continue
            places.append((index, column, heading))
            for part in column.writes:
                headings[part] = (index, heading)
        present = [column for _, column, _ in places]
        return cls(tuple(places), headings, tuple(unknown), tuple(repeated), tuple(missing_columns(present, kind)))

    def named(self, field_name: str) -> str:
        """The sender's heading of a field, or the field's own name."""
        return self.headings.get(field_name, (0, field_name))[1]


class SheetAt(NamedTuple):
    """A sheet of a file: which it is, its name (None: the file has no sheets), the rows of those before it.

    A row's number, which its entry keeps, counts on from sheet to sheet; a fault names the sheet and its own row.
    """

    place: int = 0
    name: str | None = None
    above: int = 0


_NO_SHEET = SheetAt()


@dataclass(slots=True)
class Checker:
    """Checks the rows of one file, sheet by sheet: `at` is the one in hand.

    `pointer` is given for JSON: from a row and a member's name to their pointer.
    """

    kind: RosterKind
    reporter: Reporter
    today: date
    pointer: Callable[[int, str | None], str] | None
    faults: FaultList = field(default_factory=FaultList)
    rows: list[Row] = field(default_factory=list)
    _outcomes: dict[str, dict[str | CellError, object]] = field(default_factory=lambda: {name: {} for name in BY_FIELD})
    at: SheetAt = _NO_SHEET
    _seen: dict[str, tuple[int, Layout, SheetAt, bool]] = field(default_factory=dict)
    # The layout of the row before, and of its places where in a row the value goes and what was read there before.
    _layout: Layout | None = None
    _places: list[tuple[int, Column, str, int, dict[str | CellError, object]]] = field(default_factory=list)

    def fault(
        self,
        row: int,
        place: tuple[int, str | None],
        error: CellError,
        value: str | None = None,
        at: SheetAt | None = None,
    ) -> None:
        """Add one fault at (row, column) of the sheet in hand, or of `at`."""
        if self.faults.full:
            self.faults.total += 1
            return
        order, heading = place
        sheet = self.at if at is None else at
        self.faults.add(
            order,
            Fault(
                error.code,
                error.message,
                error.message_en,
                sheet=sheet.name,
                row=row,
                column=heading,
                pointer=None if self.pointer is None else self.pointer(row, heading),
                value=None if value is None else printable(value),
                suggestion=error.suggestion() if callable(error.suggestion) else error.suggestion,
            ),
            sheet.place,
        )

    def headings(self, layout: Layout, row: int) -> None:
        """Add the faults of a heading row (CSV) or of the names in one object (JSON)."""
        if self.faults.full:
            self.faults.total += len(layout.unknown) + len(layout.repeated) + len(layout.missing)
            return
        for index, name in layout.unknown:
            error = CellError(
                "column_unknown",
                "沒有這個欄位，請更正欄位名稱或刪除此欄。",
                "There is no such column: correct its heading or delete it.",
                partial(nearest_heading, name),
            )
            # A name nobody knows may be a man's: it is shown masked, and never becomes part of a pointer.
            if self.pointer is not None:
                self.fault(row, (index, None), error, shown_heading(name))
            else:
                self.fault(row, (index, shown_heading(name)), error)
        for index, heading, taken in layout.repeated:
            self.fault(
                row,
                (index, heading),
                CellError(
                    "column_repeated",
                    f"此欄與「{taken}」欄填列相同資料，請保留其一。",
                    f"This column holds the same data as {taken}: keep one of the two.",
                ),
            )
        english = bool(layout.places) and all(name.isascii() for _, _, name in layout.places)
        for column in layout.missing:
            name = column.field if english or self.pointer is not None else column.headings[0]
            self.fault(row, (MAX_COLUMNS, name), _missing(column, self.kind))

    @rule("RO-07")
    def row(self, number: int, layout: Layout, cells: Sequence[str | CellError]) -> None:
        """Check one row; a cell beyond the end of `cells` is blank."""
        if layout is not self._layout:
            self._layout = layout
            self._places = [
                (*place, _AT.get(place[1].field, -1), self._outcomes[place[1].field]) for place in layout.places
            ]
        values = _EMPTY.copy()
        width = len(cells)
        for index, column, heading, at, known in self._places:
            text = cells[index] if index < width else ""
            outcome = known.get(text, _UNSEEN)
            if outcome is _UNSEEN:
                outcome = self._judge(column, text)
                if len(known) < _REMEMBERED:
                    known[text] = outcome
            if outcome is None:
                continue
            if type(outcome) is CellError:
                value = None
                stood = text.found if isinstance(text, CellError) else text
                if stood and stood.strip() and not self.faults.full:
                    value = column.shown(stood)
                self.fault(number, (index, heading), outcome, value)
            elif type(outcome) is tuple:
                for name, part in zip(column.writes, outcome, strict=True):
                    values[_AT[name]] = part
            else:
                values[at] = outcome
        # What could not be read is None, whatever a whole row may lack.
        row = Row(number + self.at.above, *values)
        for found in findings(row, self.reporter, self.today, layout.named):
            place = layout.headings[found.field]
            self.fault(number, place, CellError(found.code, found.message, found.message_en, found.suggestion))
        self._once(number, layout, row.national_id)
        if not self.faults.total:
            self.rows.append(row)

    def _judge(self, column: Column, text: str | CellError) -> object:
        """The value of a cell (a tuple for a combined one), None for a blank one, or the `CellError` it earns."""
        if isinstance(text, CellError):
            return text
        if not text.strip():
            return _blank(column) if self.kind in column.required else None
        try:
            if self.kind not in column.allowed:
                raise _not_for(column, self.kind)
            # Before anything looks into the text: what is read below is short, whatever was sent.
            if len(text) > column.max_length:
                raise CellError(
                    "too_long",
                    f"內容過長，上限 {column.max_length} 字，請縮短。",
                    f"Too long: at most {column.max_length} characters.",
                )
            refuse_formula(text, column.signs_refused)
            return column.read(text)
        except CellError as error:
            # The traceback would keep every frame alive for as long as the outcome is remembered.
            return error.with_traceback(None)

    def _once(self, number: int, layout: Layout, national_id: str | None) -> None:
        """Each man once: every row of a repeated ID is faulty, and names the other."""
        if national_id is None:
            return
        first = self._seen.get(national_id)
        if first is None:
            self._seen[national_id] = (number, layout, self.at, False)
            return
        other, other_layout, at, told = first
        if not told:
            self._seen[national_id] = (other, other_layout, at, True)
            self._repeated(at, other, other_layout, national_id, self.at, number)
        self._repeated(self.at, number, layout, national_id, at, other)

    def _repeated(
        self, at: SheetAt, number: int, layout: Layout, national_id: str, other_at: SheetAt, other: int
    ) -> None:
        sheet, sheet_en = (f"工作表「{other_at.name}」", f" of sheet {other_at.name}") if at != other_at else ("", "")
        self.fault(
            number,
            layout.headings["national_id"],
            CellError(
                "national_id_repeated",
                f"與{sheet}第 {other} 列的身分證字號相同，同一人只能列一次，請刪除重複的列或更正字號。",
                f"The same national ID stands in row {other}{sheet_en}: each man once. Remove one row or correct the "
                "ID.",
            ),
            masked_id(national_id),
            at,
        )


def _blank(column: Column) -> CellError:
    return CellError(
        "required",
        f"必填欄位「{column.headings[0]}」空白，請填寫。",
        f"{column.field} is required: fill it in.",
    )


def _missing(column: Column, kind: RosterKind) -> CellError:
    combined = {"county_code": "戶籍所在縣市鄉鎮市區村", "department": "系科年級"}
    combined |= {"township_code": combined["county_code"], "class_year": combined["department"]}
    return CellError(
        "column_missing",
        f"缺少必要欄位「{column.headings[0]}」（{column.field}），請補上。",
        f"The required column {column.field} ({column.headings[0]}) is missing from this {kind.value} roster: add it.",
        combined.get(column.field),
    )


def _not_for(column: Column, kind: RosterKind) -> CellError:
    kinds = "、".join(KIND_NAMES[one] for one in RosterKind if one in column.allowed)
    return CellError(
        "not_for_kind",
        f"「{column.headings[0]}」只用於{kinds}，此名冊請留空。",
        f"{column.field} does not belong in a roster of kind {kind.value}: leave it empty.",
    )


KIND_NAMES = {
    RosterKind.APPLICATION: "申請緩徵名冊",
    RosterKind.EXTENSION: "延長修業年限名冊",
    RosterKind.REAPPLICATION: "重新辦理緩徵名冊",
    RosterKind.CESSATION: "緩徵原因消滅名冊",
}
