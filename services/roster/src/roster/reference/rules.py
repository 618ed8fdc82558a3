"""Reading the Ministry of Education's list of schools (大專校院名錄), and what kind of school a name tells.

SOURCE: Ministry of Education, Department of Statistics, dataset u1_new: UTF-8 CSV with the columns 代碼, 學校名稱,
公/私立, 縣市名稱 (with the ministry's own county prefix, `[33]臺北市`), 地址, 電話, 網址, 體系別.
"""

import csv
import io
import re
from dataclasses import dataclass

from roster.hints.model import SchoolKind
from shared.places import COUNTIES, County
from shared.problems import Fault

COLUMNS = ("代碼", "學校名稱", "公/私立", "縣市名稱", "地址", "電話", "網址", "體系別")
MAX_SCHOOLS = 20_000
_PREFIX = re.compile(r"^\[[^\]]*\]")
_COUNTIES: dict[str, County] = {county.name: county for county in COUNTIES.values()}
_CODE = re.compile(r"[0-9A-Z]{4,6}", re.ASCII)

# The first ending or part that a name has decides; 進修 stands before the rest since such schools are attached to
# others and carry their names too (國立…大學附設進修學院).
_KINDS: tuple[tuple[re.Pattern[str], SchoolKind], ...] = (
    (re.compile("進修學院|進修專科"), SchoolKind.CONTINUING_COLLEGE),
    (re.compile("進修學校"), SchoolKind.CONTINUING_SCHOOL),
    (re.compile("專科學校$|專科學校附"), SchoolKind.JUNIOR_COLLEGE),
    (re.compile("高級中學|高級中等學校|高中|高級.*職業學校|高職|工商$|家商$"), SchoolKind.SENIOR_HIGH),
    (re.compile("大學"), SchoolKind.UNIVERSITY),
    (re.compile("學院"), SchoolKind.COLLEGE),
)


@dataclass(frozen=True, slots=True)
class ListedSchool:
    """One line of the Ministry's list."""

    code: str
    name: str
    school_kind: SchoolKind
    ownership: str
    county_code: str
    address: str
    phone: str
    website: str
    system: str


class BadSchoolList(ValueError):
    """The file is not such a list; `faults` name every line and column to mend."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


def kind_of(name: str) -> SchoolKind:
    """The kind of school that `name` tells; `OTHER` when it tells none. An administrator may set another."""
    return next((kind for pattern, kind in _KINDS if pattern.search(name)), SchoolKind.OTHER)


def read_school_list(text: str) -> list[ListedSchool]:
    """The schools of a list in the Ministry's format; raises `BadSchoolList` naming every fault."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise BadSchoolList(
                [
                    Fault("column_missing", f"缺少欄位「{n}」", f"The column {n} is missing", row=1, column=n)
                    for n in missing
                ]
            )
        found: dict[str, ListedSchool] = {}
        faults: list[Fault] = []
        for number, row in enumerate(reader, 1):
            line = reader.line_num
            if number > MAX_SCHOOLS:
                raise BadSchoolList([_fault("too_many_rows", "列數過多", "Too many rows", line, "代碼")])
            school, wrong = _read(row, line)
            faults += wrong
            if school is not None:
                if school.code in found:
                    faults.append(_fault("duplicate_code", "代碼重複", "This code stands twice", line, "代碼"))
                found[school.code] = school
    except csv.Error:
        raise BadSchoolList(
            [_fault("bad_csv", "不是有效的 CSV", "This is not a valid CSV file", reader.line_num or 1, "代碼")]
        ) from None
    if not found and not faults:
        faults.append(_fault("empty", "檔案沒有任何學校", "The file holds no school", 2, "代碼"))
    if faults:
        raise BadSchoolList(faults)
    return list(found.values())


def _fault(code: str, message: str, message_en: str, line: int, column: str) -> Fault:
    return Fault(code, message, message_en, row=line, column=column)


def _read(row: dict[str, str], line: int) -> tuple[ListedSchool | None, list[Fault]]:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    faults: list[Fault] = []
    if not _CODE.fullmatch(cells["代碼"]):
        faults.append(_fault("school_code", "代碼應為 4 至 6 位英數字", "A code has 4 to 6 digits", line, "代碼"))
    if not 1 <= len(cells["學校名稱"]) <= 100 or "\x00" in cells["學校名稱"]:
        faults.append(_fault("school_name", "校名空白或過長", "The name is empty or too long", line, "學校名稱"))
    county = _COUNTIES.get(_PREFIX.sub("", cells["縣市名稱"]).replace("台", "臺"))
    if county is None:
        faults.append(_fault("county_unknown", "不認得的縣市", "Unknown county or city", line, "縣市名稱"))
    faults += [
        _fault("text_too_long", "文字過長或含不允許的字元", "Too long a text", line, name)
        for name in ("公/私立", "地址", "電話", "網址", "體系別")
        if len(cells[name]) > 300 or "\x00" in cells[name]
    ]
    if faults or county is None:
        return None, faults
    return (
        ListedSchool(
            code=cells["代碼"],
            name=cells["學校名稱"],
            school_kind=kind_of(cells["學校名稱"]),
            ownership=cells["公/私立"],
            county_code=county.code,
            address=_PREFIX.sub("", cells["地址"]),
            phone=cells["電話"],
            website=cells["網址"],
            system=_PREFIX.sub("", cells["體系別"]),
        ),
        [],
    )
