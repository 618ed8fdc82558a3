"""The bodies of an announcement as OpenAPI tells them: a JSON array, or an object a line."""

from typing import Any

from rdss_fee.periods.reading import JSON, NDJSON
from rdss_fee.periods.schemas import MOST_AT_ONCE, PeriodIn
from shared.guard import DEFAULT_LIMIT

_LINE = (
    '{"national_id":"A100000001","name":"王大明","degree":"master","cohort":2026,"stage_begins_on":"2026-09-28",'
    '"employer_code":"12345675","begins_on":"2026-09-28","begun_by":"reported"}\n'
)
_ANSWER = '{"row":1,"outcome":"announced","registered":true,"errors":[]}\n'


def announcement() -> dict[str, Any]:
    """The `requestBody`."""
    schema = PeriodIn.model_json_schema()
    item = _whole(schema, schema.pop("$defs", {}))
    return {
        "required": True,
        "content": {
            JSON: {"schema": {"type": "array", "minItems": 1, "maxItems": MOST_AT_ONCE, "items": item}},
            NDJSON: {
                "schema": {
                    "type": "string",
                    "maxLength": DEFAULT_LIMIT,
                    "description": "One period a line, each an object as in the JSON form; UTF-8; at most"
                    f" {MOST_AT_ONCE:,}",
                    "examples": [_LINE],
                }
            },
        },
    }


def announced_lines() -> dict[int | str, dict[str, Any]]:
    """The answer to NDJSON: one result for each line that is not blank."""
    return {
        200: {
            "description": "Of NDJSON: what became of each line, in a line each",
            "content": {
                NDJSON: {"schema": {"type": "string", "maxLength": 100 * DEFAULT_LIMIT, "examples": [_ANSWER]}}
            },
        }
    }


def _whole(part: Any, named: dict[str, Any]) -> Any:
    """A schema with what it names written out, for it stands outside the document's own components."""
    if isinstance(part, list):
        return [_whole(item, named) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        told = _whole(named[part["$ref"].rpartition("/")[2]], named)
        return {**told, **{name: value for name, value in part.items() if name != "$ref"}}
    return {name: _whole(value, named) for name, value in part.items()}
