"""From the body of an announcement to rows: a JSON array, or NDJSON with an object a line."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from rdss_fee.periods.schemas import MOST_AT_ONCE, PeriodIn
from shared import validation
from shared.guard import JsonError, strict_json
from shared.problems import BAD_SYNTAX, INVALID_CONTENT, Fault, ProblemError

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read: the period it announces, or what is wrong with it. `number` counts from 1, in NDJSON as
    every editor shows lines; `place` is where its members' pointers begin.
    """

    number: int
    item: PeriodIn | None
    faults: tuple[Fault, ...] = ()
    place: str = ""


def read(media_type: str, body: bytes) -> list[Row]:
    """The rows of an announcement. Raises 400 for what cannot be read as a whole, 422 for none or too many."""
    rows = list(_lines(body) if media_type == NDJSON else _array(body))
    if not 1 <= len(rows) <= MOST_AT_ONCE:
        raise _count(too_many=bool(rows))
    return rows


def _array(body: bytes) -> Iterator[Row]:
    try:
        value = strict_json(body)
    except JsonError as error:
        raise BAD_SYNTAX(detail=f"{error.reason}。", detail_en=error.reason_en) from None
    if not isinstance(value, list):
        raise INVALID_CONTENT(errors=[Fault("list_type", "應為陣列", "An array is needed", pointer="")])
    if len(value) > MOST_AT_ONCE:
        raise _count(too_many=True)
    for at, item in enumerate(value):
        yield _row(at + 1, item, f"/{at}")


def _lines(body: bytes) -> Iterator[Row]:
    count = 0
    for at, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n")):
        if not line.strip():
            continue
        count += 1
        if count > MOST_AT_ONCE:
            raise _count(too_many=True)
        try:
            value = strict_json(line)
        except JsonError as error:
            yield Row(at + 1, None, (Fault("json_syntax", error.reason, error.reason_en, row=at + 1, pointer=""),))
        else:
            yield _row(at + 1, value, "")


def _row(number: int, value: Any, place: str) -> Row:
    try:
        return Row(number, PeriodIn.model_validate(value), place=place)
    except ValidationError as error:
        found: list[Any] = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        told = validation.problem(RequestValidationError(found)).errors
        placed = (replace(fault, row=number, pointer=f"{place}{fault.pointer or ''}"[:500]) for fault in told)
        return Row(number, None, tuple(placed), place)


def _count(*, too_many: bool) -> ProblemError:
    code, message, message_en = (
        ("too_long", f"一次最多 {MOST_AT_ONCE:,} 筆，請分次送出", f"At most {MOST_AT_ONCE:,} at once: send it in parts")
        if too_many
        else ("too_short", "至少須有一筆", "There has to be one at least")
    )
    return INVALID_CONTENT(errors=[Fault(code, message, message_en, pointer="")])
