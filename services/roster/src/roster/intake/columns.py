"""The one table of roster columns: names, Chinese headings, which kinds need them, how a cell is read and shown.

Reading, templates and documentation all come from `COLUMNS`. SOURCE: contract.md "Roster columns"; facts.md 3.2 for
the headings of the paper rosters. What each kind requires is decision record 0052.
"""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from roster.intake import cells, faults
from roster.intake.labels import folded, read_division, read_flag, read_level, read_reason
from roster.intake.rules import RosterKind
from shared.law import rule

EVERY = frozenset(RosterKind)
NONE: frozenset[RosterKind] = frozenset()
CESSATION = frozenset({RosterKind.CESSATION})
EXTENSION = frozenset({RosterKind.EXTENSION})
STUDY = EVERY - CESSATION

Written = Literal["text", "number", "flag"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `headings[0]` is what templates print; `writes` are the fields of `Row` that a cell fills."""

    field: str
    headings: tuple[str, ...]
    writes: tuple[str, ...]
    read: Callable[[str], object]
    shown: Callable[[str], str | None]
    max_length: int
    required: frozenset[RosterKind]
    allowed: frozenset[RosterKind] = EVERY
    written: Written = "text"
    signs_refused: bool = False

    @property
    def combined(self) -> bool:
        """True for a cell of the paper roster that fills more than one field."""
        return len(self.writes) > 1

    @property
    def dated(self) -> bool:
        """True for a day, also where a month may stand for its last."""
        return self.months or self.read is cells.read_date

    @property
    def months(self) -> bool:
        """True for a day for which a month may stand."""
        return self.read is cells.read_date_or_month


def _column(
    field: str,
    headings: str,
    read: Callable[[str], object],
    shown: Callable[[str], str | None],
    max_length: int,
    required: frozenset[RosterKind] = NONE,
    *,
    allowed: frozenset[RosterKind] = EVERY,
    writes: tuple[str, ...] = (),
    written: Written = "text",
    signs_refused: bool = False,
) -> Column:
    return Column(
        field, tuple(headings.split()), writes or (field,), read, shown, max_length, required, allowed, written,
        signs_refused,
    )  # fmt: skip


_DATE = 40
COLUMNS: tuple[Column, ...] = (
    _column("national_id", "身分證字號 身分證統一編號 身分證號 國民身分證統一編號", cells.read_national_id,
            faults.masked_id, 40, EVERY),
    _column("name", "姓名", cells.read_name, faults.masked_name, 100, EVERY, signs_refused=True),
    _column("birth_date", "出生年月日 出生日期 生日", cells.read_date, faults.masked_date, _DATE, EVERY),
    _column("household", "戶籍所在縣市鄉鎮市區村 戶籍所在縣市鄉鎮市區村里 戶籍地址 戶籍地", cells.read_household,
            faults.masked_place, 200, EVERY, writes=("county_code", "township_code", "village")),
    _column("county_code", "戶籍縣市代碼 縣市代碼", cells.read_county, faults.shown, 20, EVERY),
    _column("township_code", "戶籍鄉鎮市區代碼 鄉鎮市區代碼", cells.read_township, faults.shown, 20, EVERY),
    _column("village", "戶籍村里 村里", cells.read_text, faults.masked_place, 100),
    _column("division", "部別", read_division, faults.shown, 40, STUDY),
    _column("level", "學制", read_level, faults.shown, 40, STUDY),
    _column("nominal_years", "學年制", cells.read_small_number, faults.shown, 20, STUDY, written="number"),
    _column("department_class_year", "系科年級 系所年級 科系年級", cells.read_department_and_year, faults.shown, 120,
            STUDY, writes=("department", "class_year")),
    _column("department", "系科 科系 系所 科別", cells.read_text, faults.shown, 100, STUDY),
    _column("class_year", "年級", cells.read_small_number, faults.shown, 20, STUDY, written="number"),
    _column("student_no", "學號", cells.read_text, faults.masked_number, 20, STUDY),
    _column("enrolled_on", "入學日期", cells.read_date, faults.shown, _DATE, STUDY),
    _column("expected_graduation_on", "預訂畢業日期 預定畢業日期 預計畢業日期", cells.read_date_or_month,
            faults.shown, _DATE, STUDY),
    _column("extended_until", "延長修業至 延長修業期限", cells.read_date_or_month, faults.shown, _DATE, EXTENSION,
            allowed=EXTENSION),
    _column("extension_reason", "延長修業原因 延長原因", cells.read_remarks, faults.hidden, 500, EXTENSION,
            allowed=EXTENSION),
    _column("cessation_reason", "原因 消滅原因 緩徵原因消滅原因", read_reason, faults.shown, 60, CESSATION,
            allowed=CESSATION),
    _column("left_on", "離校日期", cells.read_date, faults.shown, _DATE, CESSATION, allowed=CESSATION),
    _column("overseas_compatriot", "僑民役男 僑民 僑生", read_flag, faults.shown, 20, written="flag"),
    _column("experimental_education", "實驗教育 非學校型態實驗教育", read_flag, faults.shown, 20, written="flag"),
    _column("status_recognised", "學籍經認可 學籍認可", read_flag, faults.shown, 20, written="flag"),
    _column("prior_graduated_level", "曾畢業學制 原畢業學制", read_level, faults.shown, 40),
    _column("prior_graduated_on", "曾畢業日期 原畢業日期", cells.read_date_or_month, faults.shown, _DATE),
    _column("moi_approval_no", "內政部核准文號", cells.read_text, faults.masked_number, 100),
    _column("remarks", "備考 備註", cells.read_remarks, faults.hidden, 1_000),
)  # fmt: skip

BY_FIELD = {column.field: column for column in COLUMNS}
_BY_NAME = {folded(name): column for column in COLUMNS for name in (column.field, *column.headings)}
if len(_BY_NAME) != sum(1 + len(column.headings) for column in COLUMNS):
    raise RuntimeError("two roster columns share a heading")
_LONGEST_HEADING = 60
EXPLANATION = "錯誤說明"
"""The column that a file to mend has in front (`intake.mending`); what stands in it is passed over."""


@rule("RO-06")
def find_column(heading: str) -> Column | None:
    """The column of a heading: API name or Chinese, whatever its blanks, line breaks, width, case and 台/臺."""
    return _BY_NAME.get(folded(heading)) if len(heading) <= _LONGEST_HEADING else None


def nearest_heading(heading: str) -> str | None:
    """The heading that was probably meant, in the language of the one given."""
    near = difflib.get_close_matches(folded(heading[:_LONGEST_HEADING]), _BY_NAME, n=1, cutoff=0.6)
    if not near:
        return None
    column = _BY_NAME[near[0]]
    return column.field if heading.isascii() else column.headings[0]


def missing_columns(present: Iterable[Column], kind: RosterKind) -> list[Column]:
    """The columns that `kind` requires and `present` lacks; a combined cell stands for the columns it fills.

    Where both a combined and its single columns are missing, the single ones are named.
    """
    filled = {field for column in present for field in column.writes}
    return [
        column for column in COLUMNS if kind in column.required and not column.combined and column.field not in filled
    ]
