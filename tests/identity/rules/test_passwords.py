"""What a password must be, and when guessing ends (ID-01)."""

from datetime import UTC, datetime, timedelta

import pytest

from identity.accounts.rules import failures_now, lock_after, weaknesses

NOW = datetime(2026, 9, 18, 1, 0, tzinfo=UTC)


@pytest.mark.rule("ID-01")
@pytest.mark.parametrize(
    ("new", "codes"),
    [
        ("abcdefghijk", {"password_too_short"}),  # 11, the last one too short
        ("abcdefghijkl", set()),  # 12, the first one long enough
        ("役男緩徵名冊審查很重要喔", set()),  # 12 characters, whatever their bytes
        ("x" * 123 + "abcde", set()),  # 128
        ("x" * 124 + "abcde", {"password_too_long"}),  # 129
        ("", {"password_too_short", "password_too_plain"}),
        ("aaaaaaaaaaaaaaaa", {"password_too_plain"}),
        ("abcdabcdabcdabcd", {"password_too_plain"}),  # four different characters
        ("my-Taipei.Chen-2026", {"password_holds_username"}),  # the user name in another case
        ("the-old-password", {"password_unchanged"}),
    ],
)
def test_weaknesses(new, codes):
    assert {w.code for w in weaknesses(new, "taipei.chen", "the-old-password")} == codes


@pytest.mark.rule("ID-01")
def test_every_weakness_is_told_at_once_in_two_languages():
    found = weaknesses("chen", "chen", "chen")
    assert {w.code for w in found} == {
        "password_too_short",
        "password_too_plain",
        "password_holds_username",
        "password_unchanged",
    }
    assert all(w.text and w.text_en.isascii() for w in found)


@pytest.mark.rule("ID-01")
@pytest.mark.parametrize(
    ("failures", "minutes"),
    # 附表十: five failures, at least fifteen minutes; each further failure doubles it, four hours at most.
    [(1, None), (4, None), (5, 15), (6, 30), (7, 60), (8, 120), (9, 240), (10, 240), (1_000_000, 240)],
)
def test_lock_after(failures, minutes):
    assert lock_after(failures) == (None if minutes is None else timedelta(minutes=minutes))


@pytest.mark.rule("ID-01")
@pytest.mark.parametrize(
    ("ago", "count"),
    [
        (timedelta(0), 7),
        (timedelta(hours=24) - timedelta(seconds=1), 7),
        (timedelta(hours=24), 0),
        (timedelta(days=3), 0),
    ],
)
def test_failures_are_forgotten_after_a_day(ago, count):
    assert failures_now(7, NOW - ago, NOW) == count
