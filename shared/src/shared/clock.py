"""The one clock. Nothing else in the suite asks the system for the time.

`today` is the day of the law: Asia/Taipei's date, moved in local mode by the whole number of days in the file
that ``MUSTER_CLOCK_FILE`` names. `now` is the instant of the machine: tokens, leases and retries live by it,
and nothing ever moves it.
"""

import os
import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

TAIPEI: Final = ZoneInfo("Asia/Taipei")

_VARIABLE: Final = "MUSTER_CLOCK_FILE"
_OFFSET: Final = re.compile(rb"\s*([+-]?[0-9]{1,6})\s*")
# A hundred years either way: farther than any deferment, near enough to keep every date within `date`.
_MOST_DAYS: Final = 36_525
_LONGEST_FILE: Final = 64

_Stamp = tuple[str, int, int, int]
_read: tuple[_Stamp, timedelta] | None = None


class ClockError(RuntimeError):
    """The clock file cannot be used, or stands where none may stand."""


def now() -> datetime:
    """The present instant, aware, in UTC; never moved by the clock file."""
    return datetime.now(UTC)


def today() -> date:
    """Today's date in Taipei, moved by the clock file's days. Raises ClockError for a malformed file."""
    day = datetime.now(TAIPEI).date()
    path = os.environ.get(_VARIABLE)
    return day if not path else day + _offset(path)


def check_environment(environment: str) -> None:
    """Call at start. Raises ClockError when a clock file is set outside local mode, or is malformed in it."""
    path = os.environ.get(_VARIABLE)
    if not path:
        return
    if environment != "local":
        raise ClockError(f"{_VARIABLE} is set, but the clock may only be moved in local mode, not in {environment!r}")
    _offset(path)


def _offset(path: str) -> timedelta:
    """The file's days; zero while there is no file. Re-read only when the file changes: one stat a call."""
    global _read
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return timedelta(0)
    except OSError as error:
        raise ClockError(f"{path}: the clock file cannot be read: {error.strerror}") from error
    stamp = (path, status.st_mtime_ns, status.st_size, status.st_ino)
    known = _read
    if known is not None and known[0] == stamp:
        return known[1]
    try:
        with open(path, "rb") as file:
            content = file.read(_LONGEST_FILE)
    except OSError as error:
        raise ClockError(f"{path}: the clock file cannot be read: {error.strerror}") from error
    found = _OFFSET.fullmatch(content)
    days = int(found[1]) if found else 0
    if not found or abs(days) > _MOST_DAYS:
        raise ClockError(f"{path}: the clock file must hold one whole number of days, at most {_MOST_DAYS} either way")
    offset = timedelta(days=days)
    _read = (stamp, offset)
    return offset
