"""From a JSON document `{"rows": [{…}, …]}` to rows of named values; strict, because a second meaning is a wrong man.

Refused as syntax: anything but UTF-8, NUL, repeated names, NaN and Infinity, deep nesting. What stands in a cell is
judged later, with all other cells. Half surrogates reach the cells, where they are control characters.
"""

import json
import re
from typing import Any, NoReturn

from roster.intake.charset import may_be_private, refuse_nul
from roster.intake.csv_reader import too_many_rows
from roster.intake.faults import FaultList, IntakeRejected, one_fault, shown_heading
from roster.intake.limits import MAX_COLUMNS, MAX_ROWS
from shared.law import rule
from shared.problems import MAX_LISTED, Fault

JsonRow = tuple[int, dict[str, Any]]
# Room for an object or a list in some cells, each of which is told as the faulty cell it is.
_MAX_CONTAINERS = 4 * MAX_ROWS
_MAX_VALUES = MAX_ROWS * MAX_COLUMNS
# A string, or what is left of the document after one that never ends.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
# From the document's first character: more opened, with nothing closed, than the parser follows.
_DEEP = re.compile(rb"[^\[\]{}]*+(?:[\[{][^\[\]{}]*+){1000}")
_UTF_8_NAMES = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class Repeated(dict[str, Any]):
    """An object that repeats a name, the first one told; the reader of rows says where it stands."""

    name: str = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = Repeated(found)
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            repeated.name = name
            break
        seen.add(name)
    return repeated


def _constant(_name: str) -> NoReturn:
    raise ValueError("not a JSON number")


def _syntax(code: str, message: str, message_en: str, line: int | None) -> IntakeRejected:
    return one_fault("syntax", Fault(code, message, message_en, row=line, pointer=""))


def decoded(data: bytes, declared: str | None) -> str:
    """The text of a JSON file: UTF-8 with or without a mark, no NUL. Raises `IntakeRejected` of kind type or syntax."""
    refused = one_fault(
        "type",
        Fault(
            "charset_unsupported",
            "JSON 必須為 UTF-8 編碼，請轉碼後重新送出。",
            "JSON must be UTF-8: convert the document and send it again.",
            pointer="",
        ),
    )
    if declared is not None and declared.strip().strip('"').lower() not in _UTF_8_NAMES:
        raise refused
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refused from None
    refuse_nul(data)
    return text


@rule("RO-06")
def read_json(data: bytes, declared: str | None) -> tuple[list[JsonRow], bool]:
    """The rows, numbered from 1, and whether private-use characters may be among them.

    Raises `IntakeRejected` of kind type, size, syntax or content.
    """
    text = decoded(data, declared)
    _refuse_too_much(data)
    return _rows(load(text)), may_hold_private(text)


def may_hold_private(text: str) -> bool:
    """False if no private-use character stands in a JSON text, not even escaped."""
    return "\\u" in text or may_be_private(text)


def load(text: str, line: int | None = None) -> object:
    """The value of a JSON text, objects that repeat a name marked as such; `line`: it is that line of a file.

    Raises `IntakeRejected` of kind syntax.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError:
        raise _syntax("json_too_deep", "JSON 巢狀層數過深。", "The JSON is nested too deeply.", line) from None
    except json.JSONDecodeError as error:
        row = error.lineno if line is None else line
        raise _syntax(
            "json_syntax",
            f"JSON 格式錯誤（第 {row} 行第 {error.colno} 字），請更正後重新送出。",
            f"This is not JSON (line {row}, character {error.colno}). Correct it and send it again.",
            line,
        ) from None
    except ValueError:
        raise _syntax(
            "json_number",
            "JSON 含有 NaN、Infinity 或過長的數字，請更正。",
            "The JSON holds NaN, Infinity or a number that is too long.",
            line,
        ) from None


def _refuse_too_much(data: bytes) -> None:
    """Raise when the document would fill the memory: read, a value takes up to a hundred times its bytes.

    What marks stand in strings does not count, and what begins too deep is left to the parser, which soon gives up.
    """
    if not _is_too_much(data):
        return
    marks = _STRING.sub(b"", data)
    if not _is_too_much(marks) or _DEEP.match(marks):
        return
    raise one_fault(
        "size",
        Fault(
            "too_many_rows",
            f"JSON 的值過多；一次最多 {MAX_ROWS:,} 列、每列 {MAX_COLUMNS} 欄，請分次送出。",
            f"The JSON holds too many values. One file may hold at most {MAX_ROWS:,} rows of {MAX_COLUMNS} members: "
            "send it in parts.",
            pointer="",
        ),
    )


def _is_too_much(data: bytes) -> bool:
    return data.count(b"}") + data.count(b"]") > _MAX_CONTAINERS or data.count(b",") > _MAX_VALUES


def _rows(document: object) -> list[JsonRow]:
    if isinstance(document, Repeated):
        raise _repeated([repeated_fault(document, None, "")], 1)
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise one_fault(
            "content",
            Fault(
                "json_shape",
                '最外層須為物件，且含名為 rows 的陣列：{"rows": [{…}]}。',
                'The document must be an object with an array named rows: {"rows": [{…}]}.',
                pointer="",
            ),
        )
    if len(document["rows"]) > MAX_ROWS:
        raise too_many_rows()
    faults = FaultList()
    for name in document:
        if name == "rows":
            continue
        if faults.full:
            faults.total += 1
        else:
            faults.add(
                0,
                Fault(
                    "member_unknown",
                    "最外層只能有 rows；名冊種類、學年度、學期請以網址參數指定。",
                    "Only rows may stand here; kind, academic_year and term are query parameters.",
                    column=shown_heading(name),
                    pointer="",
                ),
            )
    repeated: list[Fault] = []
    repeating = 0
    rows: list[JsonRow] = []
    for index, row in enumerate(document["rows"]):
        pointer = f"/rows/{index}"
        if isinstance(row, Repeated):
            repeating += 1
            if len(repeated) < MAX_LISTED:
                repeated.append(repeated_fault(row, index + 1, pointer))
        elif isinstance(row, dict):
            rows.append((index + 1, row))
        elif faults.full:
            faults.total += 1
        else:
            faults.add(
                0,
                Fault(
                    "json_type",
                    "每一列須為物件（欄位名稱與值）。",
                    "Each row must be an object of names and values.",
                    row=index + 1,
                    pointer=pointer,
                ),
            )
    if repeated:
        raise _repeated(repeated, repeating)
    faults.raise_if_any()
    return rows


def too_many_members(row: int, pointer: str) -> IntakeRejected:
    """The refusal of an object with more than `MAX_COLUMNS` members."""
    return one_fault(
        "size",
        Fault(
            "too_many_columns",
            f"第 {row} 列超過 {MAX_COLUMNS} 欄，請刪除多餘的欄位。",
            f"Row {row} has more than {MAX_COLUMNS} members: delete those that are not needed.",
            row=row,
            pointer=pointer,
        ),
    )


def repeated_fault(found: Repeated, row: int | None, pointer: str) -> Fault:
    """What is wrong with an object that repeats a name."""
    return Fault(
        "json_repeated_name",
        "同一物件內有重複的欄位名稱，請保留其一。",
        "An object repeats a name: keep one of the two.",
        row=row,
        column=shown_heading(found.name),
        pointer=pointer,
    )


def _repeated(faults: list[Fault], total: int) -> IntakeRejected:
    return IntakeRejected(
        "syntax",
        faults[0].code,
        faults[0].message,
        faults[0].message_en,
        tuple(faults),
        total,
    )


def pointer_to(row: int, name: str | None) -> str:
    """The JSON pointer (RFC 6901) of a cell, or of its row; `row` counts from 1."""
    return f"/rows/{row - 1}" + member(name)


def member(name: str | None) -> str:
    """The JSON pointer of an object's member in the object itself."""
    return "" if name is None else "/" + name.replace("~", "~0").replace("/", "~1")
