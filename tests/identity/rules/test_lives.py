"""How long tokens, sessions and keys live (ID-04, ID-05)."""

from datetime import UTC, datetime, timedelta

import pytest

from identity.tokens.key_store import REREAD_SECONDS
from identity.tokens.rules import (
    ACCESS_LIFE,
    PUBLISHED_AHEAD,
    VERIFIES_FOR,
    may_sign,
    refresh_until,
    refreshing,
    session_is_live,
    stage,
)

NOW = datetime(2026, 9, 18, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.mark.rule("ID-04")
@pytest.mark.parametrize(
    ("used_at", "expires_at", "live", "told"),
    [
        (None, NOW + SECOND, True, "rotate"),
        (None, NOW, True, "over"),
        (None, NOW + SECOND, False, "over"),
        (NOW, NOW + HOUR, True, "reused"),  # even in the same instant: a retry cannot be told from a theft
        (NOW - HOUR, NOW + HOUR, True, "reused"),
        (NOW - HOUR, NOW - SECOND, False, "reused"),
    ],
)
def test_refreshing(used_at, expires_at, live, told):
    assert refreshing(used_at, expires_at, live, NOW) == told


@pytest.mark.rule("ID-04")
@pytest.mark.parametrize(
    ("session_left", "token_left"),
    [(12 * HOUR, 2 * HOUR), (2 * HOUR, 2 * HOUR), (HOUR, HOUR)],
)
def test_a_refresh_token_never_outlives_its_session(session_left, token_left):
    assert refresh_until(NOW + session_left, NOW) == NOW + token_left


@pytest.mark.rule("ID-01", "ID-04")
@pytest.mark.parametrize(
    ("started", "ends", "ended", "since", "live"),
    [
        (-HOUR, HOUR, None, -2 * HOUR, True),
        (-HOUR, HOUR, None, -HOUR, True),  # opened by the password change itself
        (-HOUR, HOUR, None, -HOUR + SECOND, False),  # the password was changed later
        (-HOUR, timedelta(0), None, -2 * HOUR, False),
        (-HOUR, SECOND, None, -2 * HOUR, True),
        (-HOUR, HOUR, -SECOND, -2 * HOUR, False),
    ],
)
def test_session_is_live(started, ends, ended, since, live):
    assert session_is_live(NOW + started, NOW + ends, ended and NOW + ended, NOW + since, NOW) is live


@pytest.mark.rule("ID-05")
@pytest.mark.parametrize(
    ("active_from", "retired_at", "told"),
    [
        (None, None, "standby"),
        (NOW - HOUR, None, "active"),
        (NOW - HOUR, NOW, "retired"),
        (NOW - HOUR, NOW - VERIFIES_FOR + SECOND, "retired"),
        (NOW - HOUR, NOW - VERIFIES_FOR, "gone"),
    ],
)
def test_stage(active_from, retired_at, told):
    assert stage(active_from, retired_at, NOW) == told


@pytest.mark.rule("ID-05")
def test_a_key_signs_only_when_everybody_has_read_it():
    assert not may_sign(NOW - PUBLISHED_AHEAD + SECOND, NOW)
    assert may_sign(NOW - PUBLISHED_AHEAD, NOW)


@pytest.mark.rule("ID-05")
def test_a_retired_key_is_published_until_its_last_token_has_expired():
    assert ACCESS_LIFE + timedelta(seconds=REREAD_SECONDS) < VERIFIES_FOR
