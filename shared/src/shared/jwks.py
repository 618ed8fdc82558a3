"""Keys that sign and check tokens: reading a JWK set strictly, keeping a fetched one fresh.

SOURCE: RFC 7517 (JWK), RFC 7638 (thumbprint), RFC 7518 3.3/3.4 (RS256, ES256); ../spec/identity.md ID-05.
"""

import asyncio
import base64
import hashlib
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.law import rule

Algorithm = Literal["RS256", "ES256"]
ALGORITHMS: frozenset[str] = frozenset({"RS256", "ES256"})

KID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
SMALLEST_RSA_KEY_BITS = 2048
LARGEST_RSA_KEY_BITS = 8192
MOST_KEYS = 32

# Members that only a private or a symmetric key has (RFC 7518 6.2.2, 6.3.2, 6.4.1).
_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

log = logging.getLogger("shared.jwks")


class JwksError(ValueError):
    """A key or key set that must not be used. The message holds no key material."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key to check signatures with. `alg` is the key's own: a token cannot choose another.

    Two readings of the same key are equal (compared by kid, algorithm and RFC 7638 thumbprint).
    """

    kid: str
    alg: Algorithm
    thumbprint: str
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of identity's. Its text form never shows the key."""

    kid: str
    alg: Algorithm
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = field(compare=False, repr=False)

    @classmethod
    def generate(cls, alg: Algorithm = "RS256", kid: str | None = None) -> "SigningKey":
        """A new key: RSA of 2,048 bits or P-256. Without `kid` it is named by its thumbprint."""
        key = (
            rsa.generate_private_key(public_exponent=65537, key_size=SMALLEST_RSA_KEY_BITS)
            if alg == "RS256"
            else ec.generate_private_key(ec.SECP256R1())
        )
        return cls._of(key, kid)

    @classmethod
    def from_pem(cls, pem: bytes, kid: str | None = None) -> "SigningKey":
        """The key in an unencrypted PEM. Raises JwksError for anything but RSA ≥ 2,048 bits or P-256."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise JwksError("not an unencrypted PEM private key") from error
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise JwksError("neither an RSA nor an elliptic-curve key")
        return cls._of(key, kid)

    @classmethod
    def _of(cls, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str | None) -> "SigningKey":
        public = _check_strength(key.public_key())
        name = thumbprint(public) if kid is None else kid
        if KID.fullmatch(name) is None:
            raise JwksError("kid must be 1 to 128 of A-Z a-z 0-9 _ -")
        return cls(name, _algorithm_of(public), key)

    def pem(self) -> bytes:
        """PKCS 8, unencrypted: the caller keeps it encrypted (shared.crypto)."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def public(self) -> PublicKey:
        """What others check this key's signatures with."""
        public = self.key.public_key()
        return PublicKey(self.kid, self.alg, thumbprint(public), public)

    def public_jwk(self) -> dict[str, str]:
        """The published form: public members only."""
        return {**_required_members(self.key.public_key()), "kid": self.kid, "alg": self.alg, "use": "sig"}


@rule("ID-05")
class KeySet:
    """Keys by `kid`, immutable. Made from a JWK set document or from keys at hand."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[PublicKey] = ()) -> None:
        self._keys: dict[str, PublicKey] = {}
        for key in keys:
            if key.kid in self._keys:
                raise JwksError("two keys under one kid")
            self._keys[key.kid] = key

    @classmethod
    def from_jwks(cls, document: object) -> "KeySet":
        """The signing keys of a JWK set (already parsed JSON).

        Keys of other kinds and uses are passed over, as RFC 7517 5 asks. Raises JwksError when the document
        is no JWK set, names a kid twice, holds a weak key, or gives away secret members: such a set is not
        to be used in part.
        """
        keys = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(keys, list) or len(keys) > MOST_KEYS:
            raise JwksError("not a JWK set of at most 32 keys")
        return cls(key for key in map(_read_jwk, keys) if key is not None)

    def get(self, kid: str) -> PublicKey | None:
        return self._keys.get(kid)

    def __len__(self) -> int:
        return len(self._keys)


def as_jwks(keys: Iterable[SigningKey]) -> dict[str, list[dict[str, str]]]:
    """The JWK set to publish for these signing keys."""
    return {"keys": [key.public_jwk() for key in keys]}


class KeySource(Protocol):
    """Where a Verifier finds keys."""

    @property
    def loaded(self) -> bool:
        """True once there is at least one key."""

    def get(self, kid: str) -> PublicKey | None:
        """The key by this name among those at hand; never waits."""

    async def find(self, kid: str) -> PublicKey | None:
        """As `get`, but may look for a key that is not at hand yet."""


class StaticKeys:
    """A fixed set: identity's own keys, and tests."""

    def __init__(self, keys: KeySet | Mapping[str, Any]) -> None:
        self._keys = keys if isinstance(keys, KeySet) else KeySet.from_jwks(keys)

    @property
    def loaded(self) -> bool:
        return len(self._keys) > 0

    def get(self, kid: str) -> PublicKey | None:
        return self._keys.get(kid)

    async def find(self, kid: str) -> PublicKey | None:
        return self._keys.get(kid)


class HttpKeys:
    """Keys published by identity, fetched through `fetch` (the body of the JWK set, by any HTTP client).

    - A `kid` that is not at hand makes at most one fetch per `spacing` seconds, however many tokens name one,
      and all who wait share it.
    - `keep_fresh()` fetches every `max_age` seconds, so that a key taken out of the set stops working.
    - A fetch is given up after `patience` seconds.
    - When identity does not answer, or answers nonsense, the keys at hand stay in force.
    One instance belongs to one event loop.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[bytes]],
        *,
        spacing: float = 5.0,
        max_age: float = 300.0,
        patience: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._spacing = spacing
        self._max_age = max_age
        self._patience = patience
        self._clock = clock
        self._keys = KeySet()
        self._tried_at: float | None = None
        self._fetched_at: float | None = None
        self._lock = asyncio.Lock()

    @property
    def loaded(self) -> bool:
        return len(self._keys) > 0

    @property
    def age(self) -> float | None:
        """Seconds since the last good fetch; None before the first."""
        return None if self._fetched_at is None else self._clock() - self._fetched_at

    def get(self, kid: str) -> PublicKey | None:
        return self._keys.get(kid)

    async def find(self, kid: str) -> PublicKey | None:
        known = self._keys.get(kid)
        if known is not None:
            return known
        async with self._lock:
            # Whoever held the lock before may have fetched it for us.
            if self._keys.get(kid) is None and not self._tried_lately():
                await self._load()
        return self._keys.get(kid)

    async def refresh(self) -> bool:
        """Fetch now. False, with the old keys kept, when that gave nothing usable."""
        async with self._lock:
            return await self._load()

    async def keep_fresh(self) -> None:
        """Run for the life of the process: fetch, wait `max_age`, fetch again.

        After a failure the wait is `spacing`, or a quarter of a second while there is no key at all.
        """
        while True:
            if await self.refresh():
                await asyncio.sleep(self._max_age)
            else:
                await asyncio.sleep(self._spacing if self.loaded else min(self._spacing, 0.25))

    def _tried_lately(self) -> bool:
        return self._tried_at is not None and self._clock() - self._tried_at < self._spacing

    async def _load(self) -> bool:
        self._tried_at = self._clock()
        try:
            async with asyncio.timeout(self._patience):
                document = await self._fetch()
            fetched = KeySet.from_jwks(json.loads(document))
        # Whatever the client raises (no connection, time-out, status, bad JSON), the old keys stay in force.
        except Exception as error:
            log.warning("keys not refreshed: %s", type(error).__name__)
            return False
        if len(fetched) == 0:
            log.warning("keys not refreshed: the set holds no signing key")
            return False
        self._keys = fetched
        self._fetched_at = self._clock()
        return True


def thumbprint(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    """SHA-256 thumbprint of RFC 7638, base64url without padding (43 characters)."""
    canonical = json.dumps(_required_members(key), separators=(",", ":"), sort_keys=True)
    return _encode(hashlib.sha256(canonical.encode()).digest())


def _required_members(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> dict[str, str]:
    if isinstance(key, rsa.RSAPublicKey):
        rsa_numbers = key.public_numbers()
        return {"e": _encode_int(rsa_numbers.e), "kty": "RSA", "n": _encode_int(rsa_numbers.n)}
    ec_numbers = key.public_numbers()
    x, y = (_encode_int(number, 32) for number in (ec_numbers.x, ec_numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _read_jwk(jwk: object) -> PublicKey | None:
    if not isinstance(jwk, Mapping):
        raise JwksError("a key that is not an object")
    members = cast("Mapping[str, object]", jwk)
    if not _SECRET_MEMBERS.isdisjoint(members):
        raise JwksError("the set gives away secret key members")
    if members.get("use", "sig") != "sig" or members.get("alg") not in ALGORITHMS:
        return None
    kid = members.get("kid")
    if not isinstance(kid, str) or KID.fullmatch(kid) is None:
        raise JwksError("a signing key without a proper kid")
    try:
        key = _read_public(members)
    except (ValueError, TypeError, KeyError) as error:
        raise JwksError("a signing key that cannot be read") from error
    if _algorithm_of(key) != members["alg"]:
        raise JwksError("a key whose type does not fit its algorithm")
    return PublicKey(kid, _algorithm_of(key), thumbprint(key), key)


def _read_public(members: Mapping[str, object]) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    if members["kty"] == "RSA":
        return _check_strength(rsa.RSAPublicNumbers(_int(members["e"]), _int(members["n"])).public_key())
    if members["kty"] == "EC" and members["crv"] == "P-256":
        curve = ec.SECP256R1()
        return ec.EllipticCurvePublicNumbers(_int(members["x"]), _int(members["y"]), curve).public_key()
    raise JwksError("neither RSA nor P-256")


def _check_strength(
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    if isinstance(key, rsa.RSAPublicKey):
        if not SMALLEST_RSA_KEY_BITS <= key.key_size <= LARGEST_RSA_KEY_BITS:
            raise JwksError("an RSA key shorter than 2,048 or longer than 8,192 bits")
    elif not isinstance(key.curve, ec.SECP256R1):
        raise JwksError("an elliptic curve other than P-256")
    return key


def _algorithm_of(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> Algorithm:
    return "RS256" if isinstance(key, rsa.RSAPublicKey) else "ES256"


def _int(member: object) -> int:
    if not isinstance(member, str):
        raise JwksError("a number that is not text")
    padded = member + "=" * (-len(member) % 4)
    return int.from_bytes(base64.b64decode(padded, altchars=b"-_", validate=True), "big")


def _encode_int(number: int, length: int | None = None) -> str:
    return _encode(number.to_bytes(length or (number.bit_length() + 7) // 8, "big"))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
