"""The body of a submission as OpenAPI tells it: made from the one table of columns."""

from typing import Any

from roster.intake.columns import COLUMNS, Column
from roster.intake.limits import MAX_ROWS
from roster.intake.reading import CSV, JSON, NDJSON
from roster.intake.sheets.book import SHEET_TYPES

_TYPES = {"text": "string", "number": "integer", "flag": "boolean"}
_EXAMPLE = (
    "身分證字號,姓名,出生年月日,戶籍所在縣市鄉鎮市區村,部別,學制,學年制,系科年級,學號,入學日期,預訂畢業日期\r\n"
    "A100000001,王小明,095/01/31,臺北市大安區龍安里,日間部,學士班,4,資訊工程學系三年級,B13902001,113/09/09,117/06\r\n"
)


_LINES = (
    '{"national_id":"A100000001","name":"王小明","birth_date":"095/01/31","county_code":"63000",'
    '"township_code":"63000030","division":"day","level":"bachelor","nominal_years":4,"department":"資訊工程學系",'
    '"class_year":3,"student_no":"B13902001","enrolled_on":"113/09/09","expected_graduation_on":"117/06"}\n'
)
_SHEETS = {
    "type": "string",
    "format": "binary",
    "description": "A workbook without macros and without a password. Every visible sheet that has a row of headings "
    "is read, up to three title lines above it; a fault names its `sheet`. At most 20,000 students, 50 sheets, 256 MiB "
    "unpacked. Numbers are read as their digits, dates as dates, formulas as the results saved with them",
}


def _property(column: Column) -> dict[str, Any]:
    needed = "、".join(sorted(kind.value for kind in column.required))
    text: dict[str, Any] = {"type": "string", "maxLength": column.max_length}
    kinds = [text] if column.written == "text" else [{"type": _TYPES[column.written]}, text]
    if column.written == "number":
        kinds[0] |= {"minimum": 1, "maximum": 8}
    described = "、".join(column.headings) + (f"；required: {needed}" if needed and not column.combined else "")
    return {"description": described, "anyOf": [*kinds, {"type": "null"}]}


def request_body(limit: int) -> dict[str, Any]:
    """The `requestBody` of a post of at most `limit` bytes."""
    row = {
        "type": "object",
        "additionalProperties": False,
        "properties": {column.field: _property(column) for column in COLUMNS},
    }
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}
    return {
        "required": True,
        "content": {
            CSV: {"schema": {"type": "string", "maxLength": limit, "examples": [_EXAMPLE]}},
            NDJSON: {
                "schema": {
                    "type": "string",
                    "maxLength": limit,
                    "description": "One student a line, each an object as in `rows` of the JSON form; UTF-8. A fault's"
                    " `row` is its line, blank ones counted, its `pointer` a place in that line's object",
                    "examples": [_LINES],
                }
            },
            **{media: {"schema": _SHEETS | {"maxLength": limit}} for media in SHEET_TYPES},
            JSON: {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["rows"],
                    "properties": {"rows": rows},
                }
            },
        },
    }
