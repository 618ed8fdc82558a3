"""Key sets are read strictly; fetched ones stay fresh, and stay when identity does not answer."""

import asyncio
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from shared.jwks import HttpKeys, JwksError, KeySet, SigningKey, as_jwks, thumbprint
from shared.tokens import TokenError, Verifier, mint
from tests.shared.hostile_tokens import ISSUER, b64, claims

ONE, TWO = SigningKey.generate("RS256"), SigningKey.generate("ES256")


def test_keys_survive_pem_and_publishing() -> None:
    for key in (ONE, TWO):
        again = SigningKey.from_pem(key.pem(), key.kid)
        assert again == key
        assert KeySet.from_jwks(as_jwks([again])).get(key.kid) == key.public()
        assert key.kid == thumbprint(key.public().key)
        assert {"d", "p", "q"}.isdisjoint(key.public_jwk())
        assert "PRIVATE" not in repr(key)


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    """RFC 7638 3.1, the example."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n"
        "3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd"
        "AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur"
        "-kEgU8awapJzKnqDKgw"
    )
    jwk = {"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    found = KeySet.from_jwks({"keys": [jwk]}).get("2011-04-29")
    assert found is not None
    assert found.thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def small_rsa() -> dict[str, Any]:
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key().public_numbers()
    return {**ONE.public_jwk(), "n": b64(numbers.n.to_bytes(128, "big"))}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": {}},
        {"keys": [1]},
        {"keys": [ONE.public_jwk()] * 33},
        {"keys": [ONE.public_jwk(), ONE.public_jwk()]},
        {"keys": [{**ONE.public_jwk(), "d": "AQAB"}]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "s"}]},
        {"keys": [{**ONE.public_jwk(), "kid": "../x"}]},
        {"keys": [{k: v for k, v in ONE.public_jwk().items() if k != "kid"}]},
        {"keys": [{**ONE.public_jwk(), "alg": "ES256"}]},
        {"keys": [{**TWO.public_jwk(), "alg": "RS256"}]},
        {"keys": [{**TWO.public_jwk(), "crv": "P-384"}]},
        {"keys": [{**TWO.public_jwk(), "y": TWO.public_jwk()["x"]}]},
        {"keys": [{**ONE.public_jwk(), "e": "Ag"}]},
        {"keys": [{**ONE.public_jwk(), "n": 5}]},
        {"keys": [{**ONE.public_jwk(), "n": "not base64!"}]},
        {"keys": [small_rsa()]},
    ],
)
def test_key_sets_that_are_not_used(document: Any) -> None:
    with pytest.raises(JwksError):
        KeySet.from_jwks(document)


def test_keys_for_other_uses_are_passed_over() -> None:
    others = [
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "alg": "EdDSA", "kid": "o"},
        {**ONE.public_jwk(), "use": "enc", "kid": "enc"},
        {k: v for k, v in ONE.public_jwk().items() if k != "alg"},
    ]
    keys = KeySet.from_jwks({"keys": [*others, TWO.public_jwk()]})
    assert len(keys) == 1
    assert keys.get(TWO.kid)
    assert keys.get("enc") is None


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=1024),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["RSA 1024", "P-384", "Ed25519"],
)
def test_weak_or_foreign_signing_keys_are_refused(key: Any) -> None:
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    with pytest.raises(JwksError):
        SigningKey.from_pem(pem)
    with pytest.raises(JwksError):
        SigningKey.from_pem(b"-----BEGIN nothing")


class Identity:
    """What publishes keys: its set can change, and it can fail."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.fetches = 0
        self.failure: Exception | None = None
        self.body: bytes | None = None
        self.delay = 0.0

    async def __call__(self) -> bytes:
        self.fetches += 1
        await asyncio.sleep(self.delay)
        if self.failure is not None:
            raise self.failure
        return self.body if self.body is not None else json.dumps(as_jwks(self.keys)).encode()


def token(key: SigningKey) -> str:
    now = int(time.time())
    return mint(claims(iat=now, nbf=now, exp=now + 60), key)


@pytest.mark.rule("ID-05")
async def test_rotation_without_an_outage() -> None:
    identity, clock = Identity(ONE), [0.0]
    keys = HttpKeys(identity, clock=lambda: clock[0])
    verifier = Verifier(keys, ISSUER)
    with pytest.raises(TokenError, match="keys_unavailable"):
        verifier.verify(token(ONE))
    assert (await verifier.verify_async(token(ONE))).iss == ISSUER
    identity.keys = [ONE, TWO]
    clock[0] = 5.0
    assert await verifier.verify_async(token(TWO))
    assert verifier.verify(token(ONE))
    identity.keys = [TWO]
    assert await keys.refresh()
    with pytest.raises(TokenError, match="unknown_key"):
        verifier.verify(token(ONE))
    assert identity.fetches == 3


async def test_unknown_keys_fetch_at_most_once_in_five_seconds() -> None:
    identity, clock = Identity(ONE), [0.0]
    identity.delay = 0.01
    keys = HttpKeys(identity, clock=lambda: clock[0])
    verifier = Verifier(keys, ISSUER)

    async def refused() -> str:
        try:
            await verifier.verify_async(mint(claims(), SigningKey.generate("ES256")))
        except TokenError as error:
            return error.reason
        return "passed"

    assert set(await asyncio.gather(*(refused() for _ in range(20)))) == {"unknown_key"}
    assert identity.fetches == 1
    clock[0] = 4.9
    await refused()
    assert identity.fetches == 1
    clock[0] = 5.0
    await refused()
    assert identity.fetches == 2


@pytest.mark.parametrize(
    "failure, body",
    [
        (ConnectionError(), None),
        (TimeoutError(), None),
        (None, b"<html>"),
        (None, b'{"keys": []}'),
        (None, b'{"keys": [{"d": "x"}]}'),
        (None, b"\xff"),
    ],
)
async def test_old_keys_stay_when_identity_fails(failure: Exception | None, body: bytes | None) -> None:
    identity = Identity(ONE)
    keys = HttpKeys(identity)
    assert await keys.refresh()
    identity.failure, identity.body = failure, body
    assert not await keys.refresh()
    assert Verifier(keys, ISSUER).verify(token(ONE))
    assert keys.age is not None


async def test_a_slow_identity_is_given_up() -> None:
    identity = Identity(ONE)
    identity.delay = 5
    keys = HttpKeys(identity, patience=0.05)
    async with asyncio.timeout(identity.delay - 1):
        assert not await keys.refresh()
    assert not keys.loaded
    assert keys.age is None


async def test_keys_are_kept_fresh() -> None:
    identity = Identity(ONE)
    identity.failure = ConnectionError()
    keys = HttpKeys(identity, spacing=0.01, max_age=0.05)
    task = asyncio.create_task(keys.keep_fresh())
    try:
        await asyncio.sleep(0.05)
        identity.failure = None
        await asyncio.sleep(0.1)
        assert keys.get(ONE.kid)
        identity.keys = [TWO]
        await asyncio.sleep(0.15)
        assert keys.get(TWO.kid)
        assert keys.get(ONE.kid) is None
    finally:
        task.cancel()
