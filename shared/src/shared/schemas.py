"""The JSON scalars and shapes that every service speaks.

Neither lax nor pydantic-`strict`: a whole number is a JSON number and no boolean, a date is ISO or ROC text and
never a number. Request models derive from `In`, answers from `Out`.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict
from pydantic.json_schema import WithJsonSchema

from shared.roc import DateTextCode, DateTextError, parse_date

_DATE_TEXTS: dict[DateTextCode, tuple[str, str]] = {
    "date_format": ("應為日期文字，例如 2026-09-18 或 115/09/18", "A date is needed, such as 2026-09-18 or 115/09/18"),
    "date_impossible": ("沒有這一天", "There is no such day"),
    "roc_year_zero": ("民國紀年自元年起，沒有 0 年", "The ROC calendar has no year 0"),
}


class ContentError(ValueError):
    """What a validator of ours says of a value, in zh-TW and English; shown to the client, so never quote the value.

    The words of any other exception are not passed on: a library's may hold the input.
    """

    def __init__(self, message: str, message_en: str) -> None:
        super().__init__(message_en)
        self.message = message
        self.message_en = message_en


class In(BaseModel):
    """A request body: unknown members are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)


class Out(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


def _local_date(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ContentError(*_DATE_TEXTS["date_format"])
    try:
        return parse_date(value)
    except DateTextError as error:
        raise ContentError(*_DATE_TEXTS[error.code]) from None


def _instant(value: Any) -> Any:
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            # The calendar's first and last day have no UTC everywhere: found out here, not by the database.
            value.astimezone(UTC)
            return value
    except (ValueError, OverflowError):
        pass
    raise ContentError(
        "應為含時區的時刻，例如 2026-09-18T08:00:00+08:00",
        "An instant with its zone is needed, such as 2026-09-18T08:00:00+08:00",
    )


def _clean(value: str) -> str:
    # PostgreSQL stores no NUL, and a lone surrogate is no character: neither may come this far.
    if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ContentError("文字含有 NUL 或不完整的字元", "NUL or half a character stands in the text")
    return value


# Strict for these alone: no bool, no text, no 1.0; a validator of our own would keep bounds out of the OpenAPI.
Int = Annotated[int, Strict()]
Bool = Annotated[bool, Strict()]
LocalDate = Annotated[
    date,
    BeforeValidator(_local_date),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date",
            "maxLength": 20,
            "description": "1912-01-01 to 2910-12-31, or the same in the ROC calendar: 115/09/18",
            "examples": ["2026-09-18"],
        }
    ),
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


def either_way(columns: Sequence[str]) -> dict[str, Any]:
    """For the schema of a list's order: each of its columns, ascending and with `-` in front."""
    return {"enum": [*columns, *(f"-{column}" for column in columns)]}


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
