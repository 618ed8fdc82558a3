"""Access tokens: compact JWTs, read strictly. The only module that imports python-jose.

python-jose checks the signature and nothing else. Its handling of claims and headers is not trusted: it takes
the last of two equal names, ignores `crit`, lets the token choose among algorithms, and takes a DER public
key for an HMAC secret. So the token is taken apart here, the key is found by `kid` and brings its own
algorithm, and the claims are read by a model that knows every name.

SOURCE: RFC 7515, RFC 7519, RFC 8725 (best practices); ../spec/identity.md ID-03, ID-05, GW-02.
"""

import base64
import binascii
import hashlib
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from jose import jwk, jws
from jose.exceptions import JOSEError
from msgspec import Meta

from shared.jwks import KID, HttpKeys, KeySet, KeySource, PublicKey, SigningKey, StaticKeys, as_jwks
from shared.law import rule

__all__ = [
    "AUDIENCE",
    "LONGEST_TOKEN",
    "ORG_TYPES",
    "ROLES",
    "Claims",
    "HttpKeys",
    "KeySet",
    "KeySource",
    "OrgClaim",
    "OrgType",
    "Role",
    "SigningKey",
    "StaticKeys",
    "TokenError",
    "Verifier",
    "as_jwks",
    "bearer_token",
    "mint",
]

AUDIENCE = "muster"
LONGEST_TOKEN = 8 * 1024  # bytes
CACHED_TOKENS = 10_000

Role = Literal[
    "school",
    "feed",
    "township",
    "case_officer",
    "approver",
    "employer",
    "employer_department",
    "programme_office",
    "authority_finance",
    "personnel_office",
    "teacher",
    "reserve_officer",
    "reserve_commander",
    "education_authority",
    "judicial_authority",
    "registry",
    "rdss_serviceman",
    "admin",
    "auditor",
    "service",
]
ROLES: frozenset[str] = frozenset(get_args(Role))

OrgType = Literal[
    "school",
    "county",
    "township",
    "education_authority",
    "judicial_authority",
    "employer",
    "moi",
    "registry",
    "service",
    "programme_office",
    "authority",
    "reserve_command",
]
ORG_TYPES: frozenset[str] = frozenset(get_args(OrgType))

Reason = Literal[
    "missing",  # no Authorization header
    "scheme",  # not one Bearer credential
    "too_large",
    "malformed",  # not three strict base64url parts
    "bad_json",  # not an object of unique names in UTF-8
    "bad_header",  # other than exactly alg, kid, typ
    "algorithm",  # not the algorithm of the key named
    "unknown_key",
    "bad_signature",
    "bad_claims",  # missing, extra, wrong type or out of bounds
    "wrong_issuer",
    "wrong_audience",
    "not_yet_valid",
    "expired",
    "keys_unavailable",  # this process has no keys yet: not the caller's fault
]


class TokenError(Exception):
    """Why a token is refused, as a code. Neither `reason` nor the text holds any part of the token."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


# Visible ASCII without quotes and backslash: safe in logs, headers and database settings.
_Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[!#-\[\]-~]+\Z")]
# Seconds since 1970; the upper bound is the end of the year 9999, so that no arithmetic on it can overflow.
_Instant = Annotated[int, Meta(ge=0, le=253_402_300_799)]


class OrgClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The organisation its holder acts for: `{"type": "school", "code": "0003"}`."""

    type: OrgType
    code: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+\Z")]


@rule("ID-03")
class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a token of ours says, every name known. `iat`, `nbf`, `exp` are whole seconds of real time.

    `client_id` is there for machines (`acr` "client") and for them only.
    """

    iss: Annotated[str, Meta(min_length=1, max_length=255)]
    aud: Annotated[str, Meta(min_length=1, max_length=64)]
    sub: _Name
    roles: Annotated[frozenset[Role], Meta(min_length=1, max_length=20)]
    org: OrgClaim
    scope: Annotated[str, Meta(max_length=1024, pattern=r"^([!#-\[\]-~]+( [!#-\[\]-~]+)*)?\Z")]
    acr: Literal["pwd", "client"]
    jti: _Name
    iat: _Instant
    nbf: _Instant
    exp: _Instant
    client_id: _Name | None = None

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.scope.split())


class Verifier:
    """Checks access tokens; remembers those that passed until they expire (least recently used go first).

    A remembered token is still refused once its time is over or its key has left the key source. It is
    remembered by its SHA-256: the token itself is not kept in memory. `now` is real time: the offset of local
    mode never moves a token's life. One instance belongs to one event loop.
    """

    def __init__(
        self,
        keys: KeySource,
        issuer: str,
        audience: str = AUDIENCE,
        leeway: int = 0,
        *,
        cache_size: int = CACHED_TOKENS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._cache_size = cache_size
        self._now = now
        self._passed: OrderedDict[bytes, tuple[PublicKey, Claims]] = OrderedDict()

    @rule("GW-02")
    def verify(self, token: str) -> Claims:
        """The claims of a good token; never waits. Raises TokenError.

        A key this process has not fetched yet gives "unknown_key": `verify_async` looks for it.
        """
        raw = _bytes(token)
        digest = hashlib.sha256(raw).digest()
        remembered = self._passed.get(digest)
        if remembered is not None:
            return self._again(digest, *remembered)
        taken = _take_apart(raw)
        key = self.keys.get(taken.kid)
        if key is None:
            raise TokenError("unknown_key" if self.keys.loaded else "keys_unavailable")
        return self._first(digest, token, taken, key)

    async def verify_async(self, token: str) -> Claims:
        """As `verify`, but a key not at hand is looked for first (see HttpKeys.find)."""
        try:
            return self.verify(token)
        except TokenError as error:
            if error.reason not in ("unknown_key", "keys_unavailable"):
                raise
            await self.keys.find(_take_apart(_bytes(token)).kid)
        return self.verify(token)

    def _again(self, digest: bytes, key: PublicKey, claims: Claims) -> Claims:
        try:
            self._check_time(claims)
            if self.keys.get(key.kid) != key:
                raise TokenError("unknown_key")
        except TokenError:
            self._passed.pop(digest, None)
            raise
        self._passed.move_to_end(digest)
        return claims

    def _first(self, digest: bytes, token: str, taken: "_Taken", key: PublicKey) -> Claims:
        if taken.alg != key.alg:
            raise TokenError("algorithm")
        try:
            payload = jws.verify(token, jwk.construct(key.key, key.alg), [key.alg])
        except JOSEError as error:
            raise TokenError("bad_signature") from error
        claims = _read_claims(_json_object(payload))
        if claims.iss != self._issuer:
            raise TokenError("wrong_issuer")
        if claims.aud != self._audience:
            raise TokenError("wrong_audience")
        self._check_time(claims)
        if self._cache_size:
            self._passed[digest] = (key, claims)
            while len(self._passed) > self._cache_size:
                self._passed.popitem(last=False)
        return claims

    def _check_time(self, claims: Claims) -> None:
        now = self._now()
        if now >= claims.exp + self._leeway:
            raise TokenError("expired")
        if now < claims.nbf - self._leeway or now < claims.iat - self._leeway:
            raise TokenError("not_yet_valid")


def mint(claims: Mapping[str, Any], key: SigningKey) -> str:
    """A signed token with exactly these claims. Raises TokenError for what no Verifier would read."""
    _read_claims(dict(claims))
    payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
    signer = jwk.construct(key.key, key.alg)
    token = cast(str, jws.sign(payload, signer, headers={"kid": key.kid}, algorithm=key.alg))
    if len(token) > LONGEST_TOKEN:
        raise TokenError("too_large")
    return token


def bearer_token(authorization: Iterable[str]) -> str:
    """The token in a request's Authorization header values (RFC 6750 2.1; the scheme's case does not matter).

    Raises TokenError: "missing" without the header, "scheme" for another scheme, two headers, no one token.
    """
    values = list(authorization)
    if not values:
        raise TokenError("missing")
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer" or _TOKEN.fullmatch(token) is None:
        raise TokenError("scheme")
    return token


_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+", re.ASCII)
_PART = re.compile(rb"[A-Za-z0-9_-]+")
_HEADER_NAMES = frozenset({"alg", "kid", "typ"})


@dataclass(frozen=True, slots=True)
class _Taken:
    """An unverified token's header, already known to be well formed."""

    alg: str
    kid: str


def _bytes(token: str) -> bytes:
    if len(token) > LONGEST_TOKEN:
        raise TokenError("too_large")
    try:
        return token.encode("ascii")
    except UnicodeEncodeError as error:
        raise TokenError("malformed") from error


def _take_apart(raw: bytes) -> _Taken:
    parts = raw.split(b".")
    if len(parts) != 3:
        raise TokenError("malformed")
    header_part, _payload, _signature = (_decode_part(part) for part in parts)
    header = _json_object(header_part)
    if header.keys() != _HEADER_NAMES or header["typ"] != "JWT":
        raise TokenError("bad_header")
    alg, kid = header["alg"], header["kid"]
    if not isinstance(alg, str) or not isinstance(kid, str) or KID.fullmatch(kid) is None:
        raise TokenError("bad_header")
    return _Taken(alg, kid)


def _decode_part(part: bytes) -> bytes:
    """Base64url without padding, in its one canonical form: no second text for the same bytes."""
    if _PART.fullmatch(part) is None:
        raise TokenError("malformed")
    try:
        decoded = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error as error:
        raise TokenError("malformed") from error
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != part:
        raise TokenError("malformed")
    return decoded


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        # Decoded here, because json.loads guesses UTF-16 and UTF-32 from bytes.
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise TokenError("bad_json") from error
    if not isinstance(value, dict):
        raise TokenError("bad_json")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name twice")
    return made


def _no_constant(name: str) -> float:
    raise ValueError("NaN and Infinity are not JSON")


def _read_claims(raw: dict[str, Any]) -> Claims:
    try:
        claims = msgspec.convert(raw, Claims, strict=True)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise TokenError("bad_claims") from error
    # A list that names a role twice, or a null where the name should be left out, is nothing identity makes.
    plain = len(raw["roles"]) == len(claims.roles) and raw.get("client_id", "") is not None
    machine = (claims.acr == "client") == (claims.client_id is not None)
    if not plain or not machine or claims.exp <= claims.nbf:
        raise TokenError("bad_claims")
    return claims
