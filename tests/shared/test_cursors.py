"""Cursors say nothing and open nowhere else."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import crypto, cursors
from shared.cursors import BAD_CURSOR, bound_to, seal, unseal
from shared.problems import ProblemError
from tests.shared.probe import PLANTED
from tests.support.services import FIELD_KEYS

HERE = bound_to("county", "63000", "rosters", None, "open")


def refused(cursor: str, bound: str = HERE) -> None:
    with pytest.raises(ProblemError) as error:
        unseal(cursor, bound)
    assert error.value.type is BAD_CURSOR


texts = st.text(st.characters(codec="utf-8"), max_size=20)
json_values = st.dictionaries(texts, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts, max_size=4)


@settings(max_examples=50)
@given(json_values, texts)
def test_what_was_sealed_opens_where_it_was_made(position, name):
    assert unseal(seal(position, bound_to(name)), bound_to(name)) == position


@pytest.mark.parametrize(
    "elsewhere",
    [
        bound_to("county", "65000", "rosters", None, "open"),
        bound_to("county", "63000", "rosters", None, "closed"),
        bound_to("county", "63000", "rosters", "None", "open"),
        bound_to("county", "63000", "rosters", "", "open"),
        bound_to("county", "63000", "rosters", None),
        bound_to("county", "63000", "rosters", None, "open", None),
        bound_to("county", "63000rosters", None, "open"),
        bound_to('county","63000', "rosters", None, "open"),
        "",
    ],
)
def test_carried_to_another_list_it_is_refused(elsewhere):
    refused(seal({"id": 1}, HERE), elsewhere)


def test_changed_anywhere_it_is_refused():
    cursor = seal({"id": 1, "at": "2026-09-18"}, HERE)
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for n in range(len(raw)):
        changed = raw[:n] + bytes([raw[n] ^ 1]) + raw[n + 1 :]
        refused(base64.urlsafe_b64encode(changed).decode())
    for n in range(len(cursor)):
        refused(cursor[:n])


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "AAAA", "A" * 16, "A" * 1_999, "=", "====", "王", "a b", "\x00", "../..", "A" * 37 + "é", "null"],
)
def test_what_is_no_cursor_is_refused(cursor):
    refused(cursor)


def test_a_cursor_of_other_keys_is_refused():
    cursor = seal({"id": 1}, HERE)
    document = json.loads(FIELD_KEYS)
    document["index"] = base64.b64encode(b"x" * 32).decode()
    crypto.install(crypto.KeyRing.parse(json.dumps(document)))
    try:
        refused(cursor)
    finally:
        crypto.install(crypto.KeyRing.parse(FIELD_KEYS))
    assert unseal(cursor, HERE) == {"id": 1}


def test_a_cursor_says_nothing_and_is_never_the_same():
    one, two = (seal({"id": PLANTED}, HERE) for _ in range(2))
    assert one != two
    assert PLANTED not in one
    assert PLANTED.encode() not in base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))
    assert len(one) < 200
    assert cursors.unseal(one, HERE) == cursors.unseal(two, HERE)
