"""Hostile tokens, each refused for its own reason; and what python-jose alone would have let pass."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from jose import jws, jwt

from shared.jwks import KeySet, StaticKeys, as_jwks
from shared.tokens import ROLES, SigningKey, TokenError, Verifier, bearer_token, mint
from tests.shared.hostile_tokens import (
    CURVE,
    GOOD,
    HEAD,
    HOSTILE,
    ISSUER,
    KEY,
    NOW,
    OTHER,
    b64,
    claims,
    hmac_with_public_key,
    signed,
)


def verifier(**given_: Any) -> Verifier:
    keys = given_.pop("keys", StaticKeys(as_jwks([KEY, CURVE])))
    return Verifier(keys, ISSUER, now=given_.pop("now", lambda: NOW), **given_)


@pytest.mark.rule("GW-02")
@pytest.mark.parametrize("token, reason", [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_tokens_are_refused_for_their_own_reason(token: str, reason: str) -> None:
    with pytest.raises(TokenError) as refused:
        verifier().verify(token)
    assert refused.value.reason == reason
    assert token[:40] not in str(refused.value) or token == ""


@pytest.mark.rule("GW-02", "ID-03")
@pytest.mark.parametrize("key", [KEY, CURVE], ids=["RS256", "ES256"])
def test_a_good_token_is_read(key: SigningKey) -> None:
    read = verifier().verify(mint(claims(scope="a b"), key))
    assert read.sub == claims()["sub"]
    assert sorted(read.roles) == ["approver", "case_officer"]
    assert [read.acr, read.org.type, read.org.code] == ["pwd", "county", "63000"]
    assert sorted(read.scopes) == ["a", "b"]
    assert (read.exp, read.client_id) == (NOW + 600, None)


@pytest.mark.rule("ID-03")
@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_role_passes(role: str) -> None:
    machine = mint(claims(roles=[role], acr="client", client_id="sis-1"), KEY)
    assert verifier().verify(machine).roles == {role}


def test_the_last_second_and_the_first() -> None:
    token = mint(claims(nbf=NOW, iat=NOW, exp=NOW + 1), KEY)
    assert verifier(now=lambda: NOW + 0.999).verify(token)
    assert verifier(now=lambda: NOW).verify(token)
    for moment, reason in ((NOW + 1, "expired"), (NOW - 0.001, "not_yet_valid")):
        with pytest.raises(TokenError, match=reason):
            verifier(now=lambda moment=moment: moment).verify(token)
    assert verifier(now=lambda: NOW + 2, leeway=2).verify(token)


def naive(token: str, key: Any, algorithms: Any) -> dict[str, Any]:
    """As tutorials have it."""
    return dict(jwt.decode(token, key, algorithms=algorithms, audience="muster", issuer=ISSUER))


@pytest.mark.rule("GW-02")
@pytest.mark.parametrize("name", ["crit", "roles twice", "a claim too many", "exp a string", "jku"])
def test_what_python_jose_alone_accepts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: these are in the table above because the library lets them pass."""
    token = next(case[1] for case in HOSTILE if case[0] == name)
    monkeypatch.setattr("jose.jwt.timegm", lambda _t: NOW)
    accepted = naive(token, KEY.public_jwk(), ["RS256"])
    assert accepted["sub"] == claims()["sub"]
    if name == "roles twice":
        assert accepted["roles"] == ["admin"]


def test_python_jose_alone_takes_a_public_key_for_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """HMAC under the DER public key passes when the algorithm is left to the token."""
    monkeypatch.setattr("jose.jwt.timegm", lambda _t: NOW)
    public = KEY.public().key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    token = hmac_with_public_key(serialization.Encoding.DER)
    assert naive(token, public, ["RS256", "HS256"])["sub"] == claims()["sub"]


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: ".".join(map(b64, (b, b, b)))))
def test_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises(TokenError):
        verifier().verify(text)


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_no_single_character_can_be_changed(at: int, character: str) -> None:
    changed = GOOD[:at] + character + GOOD[at + 1 :]
    if changed != GOOD:
        with pytest.raises(TokenError):
            verifier().verify(changed)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(claims())), json_values)
def test_no_signed_value_raises_anything_else(name: str, value: Any) -> None:
    token = signed(json.dumps(claims(**{name: value})), key=CURVE)
    try:
        read = verifier().verify(token)
    except TokenError:
        return
    assert isinstance(read.sub, str)


class Counting(StaticKeys):
    """Keys that can be changed, and count how often they are asked."""

    def __init__(self, *keys: SigningKey) -> None:
        super().__init__(as_jwks(keys))

    def change(self, *keys: SigningKey) -> None:
        self._keys = KeySet.from_jwks(as_jwks(keys))


def test_a_remembered_token_is_not_checked_again_but_its_time_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [float(NOW)]
    checks: list[str] = []
    real = jws.verify

    def counted(token: str, *rest: Any) -> bytes:
        checks.append(token)
        return bytes(real(token, *rest))

    monkeypatch.setattr("shared.tokens.jws.verify", counted)
    checking = verifier(now=lambda: clock[0])
    token = mint(claims(nbf=NOW, iat=NOW), KEY)
    first = checking.verify(token)
    assert checking.verify(token) is first
    assert len(checks) == 1
    for moment, reason in ((NOW + 600.0, "expired"), (NOW - 1.0, "not_yet_valid")):
        clock[0] = moment
        with pytest.raises(TokenError, match=reason):
            checking.verify(token)
    clock[0] = float(NOW)
    checking.verify(token)
    assert len(checks) == 3, "a token whose time is over is forgotten"


def test_a_remembered_token_ends_with_its_key() -> None:
    keys = Counting(KEY, CURVE)
    checking = verifier(keys=keys)
    token = mint(claims(), KEY)
    checking.verify(token)
    keys.change(CURVE)
    with pytest.raises(TokenError, match="unknown_key"):
        checking.verify(token)
    keys.change(OTHER)
    with pytest.raises(TokenError, match="bad_signature"):
        checking.verify(token)


def test_the_cache_is_bounded_and_drops_the_least_used() -> None:
    checking = verifier(cache_size=3)
    tokens = [mint(claims(jti=f"t-{n}"), CURVE) for n in range(4)]
    for token in tokens[:3]:
        checking.verify(token)
    checking.verify(tokens[0])
    checking.verify(tokens[3])
    kept = {read.jti for _key, read in checking._passed.values()}
    assert kept == {"t-0", "t-2", "t-3"}
    assert not any(token.encode() in repr(checking._passed).encode() for token in tokens)


def test_mint_makes_nothing_that_no_verifier_reads() -> None:
    for wrong in (claims(exp="1"), claims(roles=["root"]), claims(extra=1), claims(sub=...)):
        with pytest.raises(TokenError, match="bad_claims"):
            mint(wrong, KEY)
    assert json.loads(base64.urlsafe_b64decode(HEAD + "==")) == {"alg": "RS256", "kid": "r1", "typ": "JWT"}


@pytest.mark.parametrize("value", ["Bearer abc.def", "bearer abc.def", "BEARER abc.def"])
def test_the_authorization_header(value: str) -> None:
    assert bearer_token([value]) == "abc.def"
    assert bearer_token(["Bearer a-b_c~d+e/f="]) == "a-b_c~d+e/f="


@pytest.mark.parametrize(
    "values, reason",
    [
        ([], "missing"),
        ([""], "scheme"),
        (["Bearer"], "scheme"),
        (["Bearer "], "scheme"),
        (["Bearer  abc"], "scheme"),
        (["Bearer abc def"], "scheme"),
        (["Bearer abc, Bearer def"], "scheme"),
        (["Basic abc"], "scheme"),
        (["Bearer abc", "Bearer abc"], "scheme"),
        (["Bearer\tabc"], "scheme"),
        (["Bearer abc\n"], "scheme"),
    ],
)
def test_other_authorization_headers(values: list[str], reason: str) -> None:
    with pytest.raises(TokenError, match=reason):
        bearer_token(values)
