"""The JSON scalars: neither lax nor strict; what is refused is named, never quoted."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from shared.schemas import Bool, Code, ContentError, Email, In, Instant, Int, Line, LocalDate, Out, Page, Text
from tests.shared.probe import PLANTED

DAY = date(2026, 9, 18)
AT = datetime(2026, 9, 18, tzinfo=UTC)

GOOD: list[tuple[Any, Any, Any]] = [
    (Int, 0, 0),
    (Int, -5, -5),
    (Bool, True, True),
    (LocalDate, "2026-09-18", DAY),
    (LocalDate, "115/09/18", DAY),
    (LocalDate, "115.9.18", DAY),
    (LocalDate, "1150918", DAY),
    (LocalDate, "１１５／０９／１８", DAY),
    (LocalDate, "民國115年9月18日", DAY),
    (LocalDate, DAY, DAY),
    (Instant, "2026-09-18T08:00:00+08:00", AT),
    (Instant, "2026-09-18T00:00:00Z", AT),
    (Instant, "2026-09-18T00:00:00.000001Z", AT.replace(microsecond=1)),
    (Instant, AT, AT),
    (Text, "", ""),
    (Text, "堃喆峯𡘙" * 500, "堃喆峯𡘙" * 500),
    (Line, " 王 ", " 王 "),
    (Email, "a.b+c@x.example", "a.b+c@x.example"),
    (Code, "63000-a_b.c", "63000-a_b.c"),
]
BAD: list[tuple[Any, Any]] = [
    *((Int, v) for v in (True, "1", 1.0, 1.5, None, [1], float("nan"))),
    *((Bool, v) for v in (0, 1, "true", "on", None)),
    *(
        (LocalDate, v)
        for v in (
            86400, 86400.0, True, None, "", "86400", "2026-02-30", "2026-13-01", "000/01/01", "2026-9", "115/02/30",
            "2026-09-18T00:00:00", AT, "x" * 10_000, PLANTED, "９９９９９９９９９", "²026-09-18",
        )
    ),
    *(
        (Instant, v)
        for v in (
            0, 1.5, True, None, "", "2026-09-18", "2026-09-18T08:00:00", "2026-02-30T00:00:00Z", PLANTED,
            "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "x" * 10_000, AT.replace(tzinfo=None), DAY,
            "２０２６-09-18T00:00:00Z",
        )
    ),
    *((Text, v) for v in (1, None, "a\x00", "\ud800", "\udfff", "x" * 2_001)),
    *((Line, v) for v in ("", "x" * 201, "\x00")),
    *((Email, v) for v in ("", "a@b", "a@b.c\n", "a@b.c\r\nBcc: x@y.z", "王@b.c", "a b@c.d", "<a@b.c>")),
    (Email, "a" * 65 + "@b.c"),
    *((Code, v) for v in ("", "a b", "a\n", "王", "a/b", "x" * 41)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "read"), GOOD)
def test_what_is_read_and_as_what(kind, given, read):
    found = TypeAdapter(kind).validate_python(given)
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(("kind", "given"), BAD, ids=lambda v: repr(v)[:40])
def test_what_is_refused(kind, given):
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(given)
    for error in refused.value.errors():
        said = (error.get("ctx") or {}).get("error")
        # Only our own words may reach a client, and they quote nothing.
        assert said is None or (isinstance(said, ContentError) and said.message)
        assert PLANTED not in str(said)


class Everything(In):
    """One of each."""

    number: Int = Field(default=0, ge=0, le=9)
    day: LocalDate = DAY
    at: Instant = AT


def test_bodies_take_no_other_member_and_do_not_change():
    with pytest.raises(ValidationError):
        Everything.model_validate({"numbr": 1})
    whole = Everything.model_validate({"number": 1})
    with pytest.raises(ValidationError):
        whole.number = 2  # type: ignore[misc]


def test_what_goes_out_reads_the_same_when_it_comes_in_again():
    sent = Everything(at=datetime.fromisoformat("2026-09-18T08:00:00+08:00")).model_dump_json()
    assert '"2026-09-18T00:00:00Z"' in sent
    assert '"2026-09-18"' in sent
    assert Everything.model_validate_json(sent) == Everything()


def test_the_document_tells_types_and_bounds():
    properties = Everything.model_json_schema()["properties"]
    assert properties["number"] == {
        "default": 0, "maximum": 9, "minimum": 0, "title": "Number", "type": "integer"
    }  # fmt: skip
    assert (properties["day"]["format"], properties["at"]["format"]) == ("date", "date-time")


class Item(Out):
    """Read off a row's attributes."""

    what: str


def test_a_page_has_items_and_the_next_cursor():
    class Row:
        what = "x"

    page = Page[Item](items=[Item.model_validate(Row())])
    assert page.model_dump() == {"items": [{"what": "x"}], "next_cursor": None}
