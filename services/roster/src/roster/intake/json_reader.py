"""From a JSON document `{"rows": [{…}, …]}` to rows of named values; strict, because a second meaning is a wrong man.

Refused as syntax: anything but UTF-8, NUL, repeated names, NaN and Infinity, deep nesting. What stands in a cell is
judged later, with all other cells. Half surrogates reach the cells, where they are control characters.
"""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from roster.intake.charset import private_use_note, refuse_nul
from roster.intake.faults import FaultList, IntakeRejected, Note, one_fault, shown_heading
from shared.law import rule
from shared.problems import MAX_LISTED, Fault

JsonRow = tuple[int, dict[str, Any]]
_UTF_8_NAMES = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class _Repeated(dict[str, Any]):
    """An object that repeats names; the reader of rows says where it stands."""

    names: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    repeated = _Repeated(found)
    repeated.names = tuple(sorted({name for name in names if names.count(name) > 1}))
    return repeated


def _constant(_name: str) -> NoReturn:
    raise ValueError("not a JSON number")


def _syntax(code: str, message: str, message_en: str) -> IntakeRejected:
    return one_fault("syntax", Fault(code, message, message_en, pointer=""))


def _decoded(data: bytes, declared: str | None) -> str:
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
def read_json(data: bytes, declared: str | None) -> tuple[list[JsonRow], tuple[Note, ...]]:
    """The rows, numbered from 1, and notes. Raises `IntakeRejected` of kind type, syntax or content."""
    text = _decoded(data, declared)
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError:
        raise _syntax("json_too_deep", "JSON 巢狀層數過深。", "The JSON is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise _syntax(
            "json_syntax",
            f"JSON 格式錯誤（第 {error.lineno} 行第 {error.colno} 字），請更正後重新送出。",
            f"This is not JSON (line {error.lineno}, character {error.colno}). Correct it and send it again.",
        ) from None
    except ValueError:
        raise _syntax(
            "json_number",
            "JSON 含有 NaN、Infinity 或過長的數字，請更正。",
            "The JSON holds NaN, Infinity or a number that is too long.",
        ) from None
    return list(_rows(document)), private_use_note(text)


def _rows(document: object) -> Iterator[JsonRow]:
    if isinstance(document, _Repeated):
        raise _repeated([_repeated_fault(document, None, "")])
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
    faults = FaultList()
    for name in document:
        if name != "rows":
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
    rows: list[JsonRow] = []
    for index, row in enumerate(document["rows"]):
        pointer = f"/rows/{index}"
        if isinstance(row, _Repeated):
            repeated.append(_repeated_fault(row, index + 1, pointer))
        elif isinstance(row, dict):
            rows.append((index + 1, row))
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
        raise _repeated(repeated)
    faults.raise_if_any()
    yield from rows


def _repeated_fault(found: _Repeated, row: int | None, pointer: str) -> Fault:
    return Fault(
        "json_repeated_name",
        "同一物件內有重複的欄位名稱，請保留其一。",
        "An object repeats a name: keep one of the two.",
        row=row,
        column=shown_heading(found.names[0]),
        pointer=pointer,
    )


def _repeated(faults: list[Fault]) -> IntakeRejected:
    return IntakeRejected(
        "syntax",
        faults[0].code,
        faults[0].message,
        faults[0].message_en,
        tuple(faults[:MAX_LISTED]),
        len(faults),
    )


def pointer_to(row: int, name: str) -> str:
    """The JSON pointer (RFC 6901) of a cell; `row` counts from 1."""
    return f"/rows/{row - 1}/" + name.replace("~", "~0").replace("/", "~1")
