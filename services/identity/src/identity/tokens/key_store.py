"""The signing keys: two live at any time, one that signs and one, published already, that will.

Private halves are sealed with the field keys. Each process keeps the keys in memory and reads them again every
half minute, so that minting never waits; `rotate` moves every key one stage on.
"""

import asyncio
import time
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from identity.tokens.models import StoredKey
from identity.tokens.rules import PUBLISHED_AHEAD, VERIFIES_FOR, KeyStage, may_sign, stage
from shared import audit, clock, logs
from shared.db import Context, Database
from shared.jwks import PublicKey
from shared.law import rule
from shared.tokens import KeySet, SigningKey

log = logs.get(__name__)

REREAD_SECONDS = 30.0
SPACING_SECONDS = 5.0

_CONTEXT = Context.system("identity")
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('signing_key', 0))")


class KeyStore:
    """The keys of this process: a `KeySource` for its verifier, the signer for its minter, the published set."""

    def __init__(self) -> None:
        self._keys = KeySet()
        self._signer: SigningKey | None = None
        self._published: dict[str, Any] = {"keys": []}
        self._read_at = 0.0
        self._lock = asyncio.Lock()
        self._database: Database | None = None

    @property
    def loaded(self) -> bool:
        """Whether there is a key to sign with."""
        return self._signer is not None

    @property
    def signer(self) -> SigningKey:
        """The key that signs now."""
        assert self._signer is not None, "the key store was not opened"
        return self._signer

    @property
    def published(self) -> dict[str, Any]:
        """The JWK set: every key whose tokens may still be good, and the next one."""
        return self._published

    def get(self, kid: str) -> PublicKey | None:
        """The key by this name among those at hand."""
        return self._keys.get(kid)

    async def find(self, kid: str) -> PublicKey | None:
        """As `get`, but reads the table again, at most every five seconds, for a key another process made."""
        if self._keys.get(kid) is None and time.monotonic() - self._read_at >= SPACING_SECONDS:
            await self.read()
        return self._keys.get(kid)

    async def open(self, database: Database) -> None:
        """Make the first two keys if there are none, and read them all."""
        self._database = database
        await ensure_keys(database)
        await self.read()

    async def read(self) -> None:
        """Read the keys again; what cannot be read leaves the keys at hand in force."""
        assert self._database is not None, "the key store was not opened"
        async with self._lock:
            self._read_at = time.monotonic()
            async with self._database.transaction(_CONTEXT) as session:
                rows = list(await session.scalars(select(StoredKey).order_by(StoredKey.created_at)))
            now = clock.now()
            live = [row for row in rows if _stage(row, now) is not KeyStage.GONE]
            self._published = {"keys": [row.public_jwk for row in live]}
            self._keys = KeySet.from_jwks(self._published)
            for row in live:
                # Reading a private key takes a while: only when it is another one.
                new = self._signer is None or self._signer.kid != row.kid
                if _stage(row, now) is KeyStage.ACTIVE and new and row.private_pem is not None:
                    self._signer = SigningKey.from_pem(row.private_pem.encode(), row.kid)

    async def keep_fresh(self) -> None:
        """Read every half minute, for the life of the process."""
        while True:
            await asyncio.sleep(REREAD_SECONDS)
            try:
                await self.read()
            except Exception as error:
                log.warning("keys_not_read", error=type(error).__name__)


class TooSoon(Exception):
    """The next key has not been published for long enough to sign; `ready_at` is when it will have been."""

    def __init__(self, ready_at: datetime) -> None:
        super().__init__("the standby key was published too recently")
        self.ready_at = ready_at


async def ensure_keys(database: Database) -> None:
    """Make an active and a standby key if there are none; safe to run from several processes at once."""
    async with database.transaction(_CONTEXT) as session:
        if await session.scalar(select(StoredKey.kid).limit(1)) is not None:
            return
    made = [await asyncio.to_thread(SigningKey.generate) for _ in range(2)]
    async with database.transaction(_CONTEXT) as session:
        await session.execute(_ONE_AT_A_TIME)
        if await session.scalar(select(StoredKey.kid).limit(1)) is not None:
            return
        now = clock.now()
        session.add_all([_stored(made[0], now, active_from=now), _stored(made[1], now)])
        await session.flush()
        await audit.record(session, "signing_key.created", "signing_key", made[0].kid)


@rule("ID-05")
async def rotate(database: Database) -> tuple[str, str]:
    """The standby key signs from now on, the active one only verifies, and a new one is published as standby.

    The kids of the new active and the new standby key. Raises `TooSoon` while the standby key is fresh. What every
    other service needs to check the next token it has held for ten minutes at least: no request fails.
    """
    fresh = await asyncio.to_thread(SigningKey.generate)
    async with database.transaction(_CONTEXT) as session:
        await session.execute(_ONE_AT_A_TIME)
        now = clock.now()
        rows = {_stage(row, now): row for row in await session.scalars(select(StoredKey))}
        active, standby = rows[KeyStage.ACTIVE], rows[KeyStage.STANDBY]
        if not may_sign(standby.created_at, now):
            raise TooSoon(standby.created_at + PUBLISHED_AHEAD)
        active.retired_at, active.private_pem = now, None
        await session.flush()
        standby.active_from = now
        await session.flush()
        session.add(_stored(fresh, now))
        await session.flush()
        await _forget_gone(session, now)
        await audit.record(session, "signing_key.rotated", "signing_key", standby.kid, {"retired": active.kid})
        return standby.kid, fresh.kid


async def _forget_gone(session: AsyncSession, now: datetime) -> None:
    await session.execute(delete(StoredKey).where(StoredKey.retired_at < now - VERIFIES_FOR))


def _stage(row: StoredKey, now: datetime) -> KeyStage:
    return stage(row.active_from, row.retired_at, now)


def _stored(key: SigningKey, now: datetime, active_from: datetime | None = None) -> StoredKey:
    return StoredKey(
        kid=key.kid,
        public_jwk=key.public_jwk(),
        private_pem=key.pem().decode(),
        created_at=now,
        active_from=active_from,
    )
