"""Encryption of personal data in columns, and the blind index by which it is found again.

AES-256-GCM-SIV (RFC 8452: a repeated nonce reveals only that two values are equal), with the key's id in front and
`table.column` as associated data, so that a value copied into another column does not open. Look-up by value uses
HMAC-SHA-256 over the value under a key of its own, cut to 16 bytes.
"""

import base64
import functools
import hashlib
import hmac
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from sqlalchemy import Dialect, LargeBinary, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeDecorator

NONCE = 12
TAG = 16
INDEX_BYTES = 16
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class FieldKeyError(RuntimeError):
    """The key ring is missing, malformed, or does not open what is stored."""


@dataclass(frozen=True)
class KeyRing:
    """The keys of encrypted columns: `active` encrypts, every key of `keys` opens, `index` finds."""

    active: str
    # Kept out of repr(): a ring must not tell its keys to a log or a failing test.
    keys: dict[str, bytes] = field(repr=False)
    index: bytes = field(repr=False)
    _ciphers: dict[str, AESGCMSIV] = field(default_factory=dict, repr=False, compare=False)

    @functools.cached_property
    def _keyed(self) -> hmac.HMAC:
        return hmac.new(self.index, digestmod=hashlib.sha256)

    def __post_init__(self) -> None:
        if self.active not in self.keys:
            raise FieldKeyError("The active field key is not among the keys.")
        if not all(_KEY_ID.fullmatch(key_id) for key_id in self.keys):
            raise FieldKeyError("A field key's id is 1 to 40 of A-Z, a-z, 0-9, '_', '.', '-'.")
        if any(len(k) != 32 for k in (*self.keys.values(), self.index)):
            raise FieldKeyError("Field keys must be 32 bytes, base64-encoded.")
        for key_id, key in self.keys.items():
            self._ciphers[key_id] = AESGCMSIV(key)

    @classmethod
    def parse(cls, document: str) -> "KeyRing":
        """From `{"active", "keys": {id: base64}, "index": base64}`; raises `FieldKeyError` without echoing it."""
        try:
            raw = json.loads(document)
            return cls(
                active=raw["active"],
                keys={k: base64.b64decode(v, validate=True) for k, v in raw["keys"].items()},
                index=base64.b64decode(raw["index"], validate=True),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FieldKeyError("The field keys are not the JSON document that docs/operations.md describes.") from None

    def encrypt(self, value: bytes, context: str) -> bytes:
        """`value` sealed for `context` (`table.column`)."""
        key_id = self.active.encode()
        nonce = os.urandom(NONCE)
        sealed = self._ciphers[self.active].encrypt(nonce, value, context.encode())
        return bytes([len(key_id)]) + key_id + nonce + sealed

    def decrypt(self, sealed: bytes, context: str) -> bytes:
        """The value sealed for `context`; raises `FieldKeyError` when no key opens it there."""
        cut = 1 + (sealed[0] if sealed else 0)
        if len(sealed) < cut + NONCE + TAG:
            raise FieldKeyError(f"A stored value of {context} is cut short.")
        cipher = self._ciphers.get(sealed[1:cut].decode("ascii", "replace"))
        if cipher is None:
            raise FieldKeyError("A stored value was sealed with a field key that is not in the ring.")
        try:
            return cipher.decrypt(sealed[cut : cut + NONCE], sealed[cut + NONCE :], context.encode())
        except InvalidTag:
            raise FieldKeyError(f"A stored value of {context} does not open with its key.") from None

    def blind_index(self, value: str, domain: str = "national_id") -> bytes:
        """16 bytes by which `value` is found; equal values of one domain give equal bytes."""
        # A copy of what has taken in the key already costs half of what beginning anew does.
        keyed = self._keyed.copy()
        keyed.update(f"{domain}\x00{value}".encode())
        return keyed.digest()[:INDEX_BYTES]

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for another purpose, bound to this ring's index key (one HMAC step, as in HKDF-Expand)."""
        return hmac.digest(self.index, f"derive\x00{purpose}\x01".encode(), hashlib.sha256)


_installed: list[KeyRing] = []


def install(ring: KeyRing) -> None:
    """Make `ring` this process's key ring; done once, before the first query."""
    _installed[:] = [ring]


def ring() -> KeyRing:
    """This process's key ring; raises `FieldKeyError` before `install`."""
    if not _installed:
        raise FieldKeyError("No field keys: set MUSTER_FIELD_KEYS or MUSTER_FIELD_KEYS_DIR.")
    return _installed[0]


def load(document: str, directory: str) -> KeyRing:
    """The ring from the settings `field_keys` (JSON) or `field_keys_dir` (a folder with `field.json`)."""
    if document:
        return KeyRing.parse(document)
    path = Path(directory) / "field.json"
    if not directory or not path.is_file():
        raise FieldKeyError(
            "No field keys: set MUSTER_FIELD_KEYS, or MUSTER_FIELD_KEYS_DIR to a folder with field.json."
        )
    try:
        document = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FieldKeyError(f"{path} cannot be read ({type(error).__name__}).") from None
    return KeyRing.parse(document)


class Encrypted(TypeDecorator[str]):
    """A text column that is sealed at rest; `context` is its `table.column`."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, context: str) -> None:
        super().__init__()
        self.context = context

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Seal on the way in."""
        return None if value is None else ring().encrypt(value.encode(), self.context)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """Open on the way out."""
        return None if value is None else ring().decrypt(value, self.context).decode()


_PROBE = b"muster field key probe"
# The index key's row; no key's id has a colon.
_INDEX = ":index"


async def check_keys(session: AsyncSession) -> None:
    """Refuse to go on with a ring that cannot open, or cannot find, what this database holds.

    Every key that ever encrypted here has left a probe in `field_key_probe`; each must open. The index key has left
    what it makes of a fixed text; under another one, people stored here would no longer be found. The active key and
    the index key leave their own. Raises `FieldKeyError`.
    """
    keys = ring()
    probes = {_INDEX: keys.blind_index(_PROBE.decode(), "probe")}
    for key_id, probe in (await session.execute(text("SELECT key_id, probe FROM field_key_probe"))).all():
        if key_id != _INDEX:
            keys.decrypt(probe, "field_key_probe.probe")
        elif not hmac.compare_digest(probe, probes[_INDEX]):
            raise FieldKeyError("The index key is not the one under which this database was filled.")
    probes[keys.active] = keys.encrypt(_PROBE, "field_key_probe.probe")
    await session.execute(
        text("INSERT INTO field_key_probe (key_id, probe) VALUES (:id, :probe) ON CONFLICT DO NOTHING"),
        [{"id": key_id, "probe": probe} for key_id, probe in probes.items()],
    )
