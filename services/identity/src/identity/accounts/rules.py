"""What a password must be, and when guessing ends.

SOURCE: ../spec/identity.md ID-01; 資通安全責任等級分級辦法附表十（資通系統防護基準）: after five failures an account
takes no log-in for at least fifteen minutes, and a preset password is changed at the first log-in.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.law import rule

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 128

FAILURES_BEFORE_LOCK = 5
FIRST_LOCK = timedelta(minutes=15)
LONGEST_LOCK = timedelta(hours=4)
FAILURES_FORGOTTEN_AFTER = timedelta(hours=24)


class HolderReason(StrEnum):
    """Why an account bears a name from some time on."""

    CREATED = "created"
    CORRECTED = "corrected"
    HANDED_OVER = "handed_over"


@dataclass(frozen=True, slots=True)
class Weakness:
    """What is wrong with a new password: a stable code and what to tell in zh-TW and English."""

    code: str
    text: str
    text_en: str


TOO_SHORT = Weakness(
    "password_too_short",
    f"密碼至少須 {SHORTEST_PASSWORD} 個字元",
    f"A password has at least {SHORTEST_PASSWORD} characters",
)
TOO_LONG = Weakness(
    "password_too_long",
    f"密碼不得超過 {LONGEST_PASSWORD} 個字元",
    f"A password has at most {LONGEST_PASSWORD} characters",
)
TOO_PLAIN = Weakness(
    "password_too_plain", "密碼不得僅重複少數字元", "A password is more than the same few characters repeated"
)
HOLDS_USERNAME = Weakness("password_holds_username", "密碼不得包含帳號", "A password does not contain the user name")
UNCHANGED = Weakness("password_unchanged", "新密碼不得與原密碼相同", "The new password differs from the old one")

_FEWEST_DIFFERENT = 5


@rule("ID-01")
def weaknesses(new: str, username: str, old: str) -> list[Weakness]:
    """Everything that is wrong with `new` as the next password of `username`; empty when it will do."""
    found = []
    if len(new) < SHORTEST_PASSWORD:
        found.append(TOO_SHORT)
    if len(new) > LONGEST_PASSWORD:
        found.append(TOO_LONG)
    if len(set(new)) < _FEWEST_DIFFERENT:
        found.append(TOO_PLAIN)
    if username.casefold() in new.casefold():
        found.append(HOLDS_USERNAME)
    if new == old:
        found.append(UNCHANGED)
    return found


@rule("ID-01")
def lock_after(failures: int) -> timedelta | None:
    """How long a name takes no log-in after that many failures in a row: 15 minutes from the fifth on, then doubled
    each time up to four hours; None before."""
    over = failures - FAILURES_BEFORE_LOCK
    if over < 0:
        return None
    return min(FIRST_LOCK * (1 << min(over, 10)), LONGEST_LOCK)


@rule("ID-01")
def failures_now(failures: int, last_failed_at: datetime, now: datetime) -> int:
    """How many of the failures still count: none when the last was a day ago."""
    return 0 if now - last_failed_at >= FAILURES_FORGOTTEN_AFTER else failures
