"""How long tokens, sessions and keys live.

SOURCE: ../spec/identity.md ID-04 (ten minutes; a refresh token is used once), ID-05 (several keys at once).
"""

from datetime import datetime, timedelta
from enum import StrEnum

from shared.law import rule

ACCESS_LIFE = timedelta(minutes=10)
SESSION_LIFE = timedelta(hours=12)
IDLE_LIFE = timedelta(hours=2)
SESSIONS_KEPT_FOR = timedelta(days=30)

# Others re-read the keys every five minutes, and at once when a token names one they do not know.
PUBLISHED_AHEAD = timedelta(minutes=10)
# The last token of a retired key: signed by a process that re-reads its keys every 30 seconds, good for ten minutes.
VERIFIES_FOR = timedelta(minutes=15)


class EndReason(StrEnum):
    """Why a session ended before its time."""

    LOGGED_OUT = "logged_out"
    REFRESH_REUSE = "refresh_reuse"


class Refreshing(StrEnum):
    """What becomes of a refresh token that is shown."""

    ROTATE = "rotate"
    REUSED = "reused"
    OVER = "over"


class KeyStage(StrEnum):
    """What a signing key is for, now."""

    STANDBY = "standby"
    ACTIVE = "active"
    RETIRED = "retired"
    GONE = "gone"


@rule("ID-04")
def refreshing(used_at: datetime | None, expires_at: datetime, session_live: bool, now: datetime) -> Refreshing:
    """A token used before is a theft by someone, whenever and by whomever it is shown again: the session ends."""
    if used_at is not None:
        return Refreshing.REUSED
    return Refreshing.ROTATE if session_live and now < expires_at else Refreshing.OVER


@rule("ID-04")
def refresh_until(session_ends_at: datetime, now: datetime) -> datetime:
    """A refresh token lives for two idle hours, and never longer than its session."""
    return min(now + IDLE_LIFE, session_ends_at)


@rule("ID-04")
def session_is_live(
    started_at: datetime, ends_at: datetime, ended_at: datetime | None, sessions_since: datetime, now: datetime
) -> bool:
    """A session lives until it is ended, its twelve hours are over, or its account ends all sessions before a time."""
    return ended_at is None and started_at >= sessions_since and now < ends_at


@rule("ID-05")
def stage(active_from: datetime | None, retired_at: datetime | None, now: datetime) -> KeyStage:
    """A key is published before it signs, then signs, then only verifies, then is gone."""
    if active_from is None:
        return KeyStage.STANDBY
    if retired_at is None:
        return KeyStage.ACTIVE
    return KeyStage.RETIRED if now < retired_at + VERIFIES_FOR else KeyStage.GONE


@rule("ID-05")
def may_sign(published_at: datetime, now: datetime) -> bool:
    """A standby key signs only once everybody has had the time to read it."""
    return now >= published_at + PUBLISHED_AHEAD
