"""Passwords and secrets: hashed, compared, made up.

Argon2id with the costs of RFC 9106's second recommendation (64 MiB, three passes, four lanes). Hashing is done in
threads, a few at a time: it neither stops the event loop nor fills the memory when many log in at once.
"""

import asyncio
import os
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import argon2
from argon2.exceptions import VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from shared.problems import UNAVAILABLE
from shared.settings import SettingsError

Cost = Literal["full", "low"]
T = TypeVar("T")

_VARIABLE = "MUSTER_ARGON2_COST"
_LOW = argon2.Parameters(argon2.Type.ID, 19, 16, 32, time_cost=1, memory_cost=8, parallelism=1)
_PARAMETERS = {"full": RFC_9106_LOW_MEMORY, "low": _LOW}
# Without 0, O, 1, l and I, which people misread when a password is handed out on paper.
_LEGIBLE = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_INITIAL_LENGTH = 20


def cost_for(env: str) -> Cost:
    """The cost that `MUSTER_ARGON2_COST` names, `full` by default.

    Raises `SettingsError` for an unknown one, and for `low` anywhere but in local mode.
    """
    named = os.environ.get(_VARIABLE, "full")
    if named == "full":
        return "full"
    if named == "low" and env == "local":
        return "low"
    raise SettingsError(f"{_VARIABLE} must be full; low is for local mode only.")


@dataclass(frozen=True, slots=True)
class InitialPassword:
    """A password to hand out, and its hash to store."""

    plain: str = field(repr=False)
    hash: str = field(repr=False)


class Hasher:
    """Hashes and checks passwords off the event loop, at most one per processor at a time.

    `decoy` is the hash of a password nobody has: checking against it costs what a real check costs. With more than
    `queue` callers waiting, `hash` and `verify` raise `UNAVAILABLE` (503) instead of letting the line grow.
    """

    def __init__(self, cost: Cost = "full", *, queue: int = 64) -> None:
        self._argon2 = argon2.PasswordHasher.from_parameters(_PARAMETERS[cost])
        self._slots = asyncio.Semaphore(os.cpu_count() or 1)
        self._queue = queue
        self._waiting = 0
        self.decoy = self._argon2.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        """The Argon2id hash to store."""
        return await self._in_turn(lambda: self._argon2.hash(_bytes(password)))

    async def initial(self) -> InitialPassword:
        """A password to hand out."""
        plain = initial_password()
        return InitialPassword(plain, await self.hash(plain))

    async def verify(self, stored: str, password: str) -> bool:
        """Whether `password` is the one behind `stored`."""
        return await self._in_turn(lambda: self._matches(stored, password))

    def outdated(self, stored: str) -> bool:
        """Whether `stored` was made with other costs than today's."""
        return self._argon2.check_needs_rehash(stored)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._argon2.verify(stored, _bytes(password))
        except VerifyMismatchError:
            return False

    async def _in_turn(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._queue:
            raise UNAVAILABLE(headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _bytes(password: str) -> bytes:
    # Keyboards differ in how they compose accents; the same password must give the same bytes.
    return unicodedata.normalize("NFC", password).encode()


def initial_password() -> str:
    """A password to hand out: 20 legible characters, about 116 bits."""
    return "".join(secrets.choice(_LEGIBLE) for _ in range(_INITIAL_LENGTH))
