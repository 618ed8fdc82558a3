"""Characters that are kept as they are, and told: the user's own (造字), and those that CP950 lacks (RO-06)."""

import re
from collections.abc import Callable, Iterable

from roster.intake.charset import CP950, GAPS
from roster.intake.columns import BY_FIELD
from roster.intake.faults import Note
from roster.intake.rows import Row

_PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_GAPS = re.compile(f"[{''.join(GAPS.values())}]")
TEXTS = ("name", "village", "department", "student_no", "extension_reason", "moi_approval_no", "remarks")
"""The fields whose words are the school's own; all others are looked up or counted."""
_PLACES_TOLD = 10

Place = Callable[[int], tuple[str | None, int]]
"""From a row's number to its sheet and its row there."""


def notes_on_characters(rows: Iterable[Row], place: Place, charset: str) -> tuple[Note, ...]:
    """What the sender is told of such characters: how many, in which cells; never which, for they are in names."""
    rows = tuple(rows)
    notes: list[Note] = []
    count, places = _found(rows, _PRIVATE_USE, place)
    if count:
        notes.append(
            Note(
                "private_use_characters",
                f"檔案有 {count:,} 個造字（Unicode 私用區字元），已原樣保存；他人電腦可能無法顯示，"
                f"請盡可能改用 Unicode 正字：{places}。",
                f"The file holds {count:,} private-use characters. They are kept as they are, but other computers may "
                f"not show them; use the Unicode character where there is one: {places}.",
            )
        )
    count, places = _found(rows, _GAPS, place) if charset == CP950 else (0, "")
    if count:
        notes.append(
            Note(
                "cp950_gap_characters",
                f"有 {count:,} 個字的 Big5 碼為 CP950 所無，已依通行之擴充碼讀為「堃」「喆」「峯」；"
                f"如屬自造字請更正：{places}。",
                f"{count:,} characters have Big5 codes that CP950 lacks and were read as 堃, 喆 or 峯, by the usual "
                f"extension. Correct them if they are your own: {places}.",
            )
        )
    return tuple(notes)


def _found(rows: tuple[Row, ...], wanted: re.Pattern[str], place: Place) -> tuple[int, str]:
    """How many there are, and the first cells that hold any."""
    count = 0
    cells: list[str] = []
    more = ""
    for row in rows:
        for field in TEXTS:
            text = getattr(row, field)
            if text is None or text.isascii():
                continue
            # Counted one by one: a file may be nothing else.
            here = sum(1 for _ in wanted.finditer(text))
            count += here
            if here and len(cells) < _PLACES_TOLD:
                sheet, number = place(row.number)
                where = f"第 {number} 列" if sheet is None else f"{sheet}!{number}"
                cells.append(f"{where}「{BY_FIELD[field].headings[0]}」")
            elif here:
                more = "…"
    return count, "、".join(cells) + more
