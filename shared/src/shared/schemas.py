"""The JSON scalars and shapes that every service speaks.

Neither lax nor pydantic-`strict`: a whole number is a JSON number and no boolean, a date is ISO or ROC text and
never a number. Request models derive from `In`, answers from `Out`.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict
from pydantic.json_schema import WithJsonSchema

from shared.roc import DateTextError, parse_date


class In(BaseModel):
    """A request body: unknown members are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)


class Out(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


def _bool(value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError("true or false is needed")
    return value


def _local_date(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("a date as text is needed, such as 2026-09-18 or 115/09/18")
    try:
        return parse_date(value)
    except DateTextError as error:
        raise ValueError(f"not a date ({error.code})") from None


def _instant(value: Any) -> Any:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("an instant with its zone is needed, such as 2026-09-18T08:00:00+08:00")
    return value


def _clean(value: str) -> str:
    # PostgreSQL stores no NUL, and a lone surrogate is no character: neither may come this far.
    if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("a control character or half a character stands in the text")
    return value


# Strict for this one alone: no bool, no text, no 1.0; a validator of our own would keep bounds out of the OpenAPI.
Int = Annotated[int, Strict()]
Bool = Annotated[bool, BeforeValidator(_bool)]
LocalDate = Annotated[
    date,
    BeforeValidator(_local_date),
    WithJsonSchema({"type": "string", "format": "date", "maxLength": 20, "examples": ["2026-09-18"]}),
]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(lambda v: v.astimezone(UTC).isoformat().replace("+00:00", "Z"), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40}),
]
Text = Annotated[str, AfterValidator(_clean), Field(max_length=2_000)]
Line = Annotated[str, AfterValidator(_clean), Field(min_length=1, max_length=200)]
# One mailbox, ASCII, no display name, nothing that could end a header line. Whether it exists, the mail will tell.
Email = Annotated[
    str,
    Field(
        min_length=3, max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
    ),
]
Code = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z_.\-]+$")]

T = TypeVar("T")


class Page(Out, Generic[T]):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[T] = Field(max_length=1_000)
    next_cursor: str | None = Field(default=None, max_length=2_000)


class Label(Out):
    """A code with what people read for it."""

    code: str = Field(max_length=60)
    label: str = Field(max_length=200, description="zh-TW")
    label_en: str = Field(max_length=200)
