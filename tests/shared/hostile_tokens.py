"""Tokens nobody should accept, each with the reason it must be refused for."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from jose import jwk

from shared.tokens import LONGEST_TOKEN, SigningKey, mint

ISSUER = "https://muster.example/identity"
NOW = 1_800_000_000
KEY = SigningKey.generate("RS256", kid="r1")
OTHER = SigningKey.generate("RS256", kid="r1")
CURVE = SigningKey.generate("ES256", kid="e1")
STRANGER = SigningKey.generate("ES256", kid="nobody")


def claims(**changed: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "iss": ISSUER,
        "aud": "muster",
        "sub": "7a9d0c1e-0000-4000-8000-000000000001",
        "roles": ["case_officer", "approver"],
        "org": {"type": "county", "code": "63000"},
        "scope": "",
        "acr": "pwd",
        "jti": "t-1",
        "iat": NOW - 10,
        "nbf": NOW - 10,
        "exp": NOW + 600,
    }
    return {name: value for name, value in {**plain, **changed}.items() if value is not ...}


def b64(data: bytes | str) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def signed(
    payload: bytes | str | None = None, header: str | dict[str, Any] | None = None, key: SigningKey = KEY
) -> str:
    """Any header text over any payload bytes, truly signed: what only the strict reading can refuse."""
    head = header if isinstance(header, str) else json.dumps(header or {"alg": key.alg, "kid": key.kid, "typ": "JWT"})
    body = payload if payload is not None else json.dumps(claims())
    text = f"{b64(head)}.{b64(body)}"
    return f"{text}.{b64(jwk.construct(key.key, key.alg).sign(text.encode()))}"


def with_claims(**changed: Any) -> str:
    return signed(json.dumps(claims(**changed)))


def headed(**changed: Any) -> str:
    header = {"alg": "RS256", "kid": "r1", "typ": "JWT", **changed}
    return signed(header={name: value for name, value in header.items() if value is not ...})


def hmac_with_public_key(encoding: serialization.Encoding) -> str:
    """The classic confusion: the public key, which everyone has, used as a shared secret."""
    secret = KEY.public().key.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    head, body = b64('{"alg":"HS256","kid":"r1","typ":"JWT"}'), b64(json.dumps(claims()))
    return f"{head}.{body}.{b64(hmac.new(secret, f'{head}.{body}'.encode(), hashlib.sha256).digest())}"


GOOD = mint(claims(), KEY)
HEAD, BODY, SIGNATURE = GOOD.split(".")
NONE = b64('{"alg":"none","kid":"r1","typ":"JWT"}')
UTF_16 = b64('{"alg":"RS256","kid":"r1","typ":"JWT"}'.encode("utf-16-le"))
DUPLICATED = json.dumps(claims())[:-1] + ', "roles": ["admin"]}'
NESTED = json.dumps(claims())[:-1] + ', "x": ' + "[" * 2000 + "]" * 2000 + "}"


def replace_last(text: str) -> str:
    """The same bytes in a second spelling: the unused low bits of the last character changed."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(text) % 4 in (2, 3)
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


HOSTILE = [
    # Shape
    ("empty", "", "malformed"),
    ("one part", "abc", "malformed"),
    ("two parts", f"{HEAD}.{BODY}", "malformed"),
    ("four parts", f"{GOOD}.{SIGNATURE}", "malformed"),
    ("five parts (JWE)", f"{GOOD}.{SIGNATURE}.{SIGNATURE}", "malformed"),
    ("no signature", f"{HEAD}.{BODY}.", "malformed"),
    ("no header", f".{BODY}.{SIGNATURE}", "malformed"),
    ("leading space", f" {GOOD}", "malformed"),
    ("trailing newline", f"{GOOD}\n", "malformed"),
    ("space inside", f"{HEAD}. {BODY}.{SIGNATURE}", "malformed"),
    ("padding", f"{HEAD}.{BODY}=.{SIGNATURE}", "malformed"),
    ("standard alphabet", f"{HEAD}.{BODY}.{SIGNATURE[:-4]}+/+/", "malformed"),
    ("impossible length", f"{HEAD}.A.{SIGNATURE}", "malformed"),
    ("second spelling", f"{HEAD}.{BODY}.{replace_last(SIGNATURE)}", "malformed"),
    ("not ASCII", GOOD[:-1] + "ａ", "malformed"),
    ("NUL", GOOD + "\0", "malformed"),
    ("JSON serialisation", json.dumps({"payload": BODY, "signatures": [{"protected": HEAD, "signature": SIGNATURE}]}),
     "malformed"),
    ("huge", "a" * (LONGEST_TOKEN + 1), "too_large"),
    ("huge but signed", with_claims(scope="x" * LONGEST_TOKEN), "too_large"),
    # Header
    ("alg none", f"{NONE}.{BODY}.{SIGNATURE}", "algorithm"),
    ("alg none, unsigned", f"{NONE}.{BODY}.", "malformed"),
    ("alg None", headed(alg="None"), "algorithm"),
    ("HS256 with the public key (PEM)", hmac_with_public_key(serialization.Encoding.PEM), "algorithm"),
    ("HS256 with the public key (DER)", hmac_with_public_key(serialization.Encoding.DER), "algorithm"),
    ("another RSA algorithm", headed(alg="RS512"), "algorithm"),
    ("another key's algorithm", headed(alg="ES256"), "algorithm"),
    ("RSA key under a curve's kid", headed(kid="e1"), "algorithm"),
    ("alg in lower case", headed(alg="rs256"), "algorithm"),
    ("alg a list", headed(alg=["RS256"]), "bad_header"),
    ("no alg", headed(alg=...), "bad_header"),
    ("no typ", headed(typ=...), "bad_header"),
    ("another typ", headed(typ="at+jwt"), "bad_header"),
    ("no kid", headed(kid=...), "bad_header"),
    ("kid null", headed(kid=None), "bad_header"),
    ("kid a number", headed(kid=1), "bad_header"),
    ("kid empty", headed(kid=""), "bad_header"),
    ("kid a path", headed(kid="../../dev/null"), "bad_header"),
    ("kid an address", headed(kid="https://evil.example/jwks"), "bad_header"),
    ("kid with SQL", headed(kid="r1' OR '1'='1"), "bad_header"),
    ("kid with NUL", headed(kid="r1\0"), "bad_header"),
    ("kid with newline", headed(kid="r1\n"), "bad_header"),
    ("kid too long", headed(kid="r" * 129), "bad_header"),
    ("kid of a full-width digit", headed(kid="r１"), "bad_header"),
    ("kid nobody has", mint(claims(), STRANGER), "unknown_key"),
    ("crit", headed(crit=["exp"]), "bad_header"),
    ("jku", headed(jku="https://evil.example/jwks"), "bad_header"),
    ("jwk inside", headed(jwk=STRANGER.public_jwk()), "bad_header"),
    ("x5u", headed(x5u="https://evil.example/cert"), "bad_header"),
    ("b64 false", headed(b64=False), "bad_header"),
    ("cty JWT (nested)", headed(cty="JWT"), "bad_header"),
    ("zip", headed(zip="DEF"), "bad_header"),
    ("alg twice", signed(header='{"alg":"HS256","kid":"r1","typ":"JWT","alg":"RS256"}'), "bad_json"),
    ("header an array", signed(header='["alg","kid","typ"]'), "bad_json"),
    ("header not JSON", signed(header="alg=RS256"), "bad_json"),
    ("header in UTF-16", f"{UTF_16}.{BODY}.{SIGNATURE}",
     "bad_json"),
    ("header with a byte-order mark", signed(header='\ufeff{"alg":"RS256","kid":"r1","typ":"JWT"}'), "bad_json"),
    ("two headers", signed(header='{"alg":"RS256","kid":"r1","typ":"JWT"}{"alg":"none"}'), "bad_json"),
    # Signature
    ("another key under our kid", mint(claims(), OTHER), "bad_signature"),
    ("another body", f"{HEAD}.{b64(json.dumps(claims(roles=['admin'])))}.{SIGNATURE}", "bad_signature"),
    ("one bit", f"{HEAD}.{BODY}.{'A' if SIGNATURE[0] != 'A' else 'B'}{SIGNATURE[1:]}", "bad_signature"),
    ("half a signature", f"{HEAD}.{BODY}.{SIGNATURE[:172]}", "bad_signature"),
    ("empty r and s", f"{signed(key=CURVE).rsplit('.', 1)[0]}.{b64(bytes(64))}", "bad_signature"),
    ("curve signature in DER", f"{signed(key=CURVE).rsplit('.', 1)[0]}.{b64(b'0' * 70)}", "bad_signature"),
    # Payload, truly signed
    ("payload not JSON", signed("hello"), "bad_json"),
    ("payload a string", signed('"hello"'), "bad_json"),
    ("payload null", signed("null"), "bad_json"),
    ("payload bad UTF-8", signed(json.dumps(claims()).encode().replace(b"t-1", b"t-\xff")), "bad_json"),
    ("roles twice", signed(DUPLICATED), "bad_json"),
    ("name twice deep inside", signed(json.dumps(claims()).replace('"code"', '"type": "moi", "code"')), "bad_json"),
    ("NaN", signed(json.dumps(claims()).replace(str(NOW + 600), "NaN")), "bad_json"),
    ("Infinity", signed(json.dumps(claims()).replace(str(NOW + 600), "Infinity")), "bad_json"),
    ("nested 2,000 deep", signed(NESTED), "bad_json"),
    ("a nested token", signed(GOOD), "bad_json"),
    ("number of 5,000 digits", signed(json.dumps(claims()).replace(str(NOW + 600), "9" * 5000)), "bad_json"),
    # Claims, truly signed
    ("exp a string", with_claims(exp=str(NOW + 600)), "bad_claims"),
    ("exp a float", with_claims(exp=NOW + 600.5), "bad_claims"),
    ("exp a whole float", with_claims(exp=float(NOW + 600)), "bad_claims"),
    ("exp true", with_claims(exp=True), "bad_claims"),
    ("exp negative", with_claims(exp=-1), "bad_claims"),
    ("exp 1e400 (infinite)", signed(json.dumps(claims()).replace(str(NOW + 600), "1e400")), "bad_claims"),
    ("exp past the year 9999", with_claims(exp=253_402_300_800), "bad_claims"),
    ("exp null", with_claims(exp=None), "bad_claims"),
    ("exp a list", with_claims(exp=[NOW + 600]), "bad_claims"),
    ("no exp", with_claims(exp=...), "bad_claims"),
    ("no nbf", with_claims(nbf=...), "bad_claims"),
    ("no iat", with_claims(iat=...), "bad_claims"),
    ("exp before nbf", with_claims(nbf=NOW, exp=NOW - 1), "bad_claims"),
    ("iat a bool", with_claims(iat=False), "bad_claims"),
    ("aud a list", with_claims(aud=["muster"]), "bad_claims"),
    ("sub a number", with_claims(sub=1), "bad_claims"),
    ("sub empty", with_claims(sub=""), "bad_claims"),
    ("sub with newline", with_claims(sub="a\nb"), "bad_claims"),
    ("sub with half a surrogate", with_claims(sub="\ud800"), "bad_claims"),
    ("roles empty", with_claims(roles=[]), "bad_claims"),
    ("roles a string", with_claims(roles="admin"), "bad_claims"),
    ("roles unknown", with_claims(roles=["root"]), "bad_claims"),
    ("roles in capitals", with_claims(roles=["ADMIN"]), "bad_claims"),
    ("roles with null", with_claims(roles=["admin", None]), "bad_claims"),
    ("one role twice", with_claims(roles=["admin", "admin"]), "bad_claims"),
    ("no org", with_claims(org=...), "bad_claims"),
    ("org a string", with_claims(org="county:63000"), "bad_claims"),
    ("org unknown", with_claims(org={"type": "galaxy", "code": "1"}), "bad_claims"),
    ("org with more", with_claims(org={"type": "county", "code": "63000", "also": "1"}), "bad_claims"),
    ("org without code", with_claims(org={"type": "county"}), "bad_claims"),
    ("org code with quote", with_claims(org={"type": "county", "code": "6'"}), "bad_claims"),
    ("org code a number", with_claims(org={"type": "county", "code": 63000}), "bad_claims"),
    ("scope a list", with_claims(scope=["a"]), "bad_claims"),
    ("scope with two spaces", with_claims(scope="a  b"), "bad_claims"),
    ("acr unknown", with_claims(acr="cert"), "bad_claims"),
    ("no jti", with_claims(jti=...), "bad_claims"),
    ("client without client_id", with_claims(acr="client"), "bad_claims"),
    ("person with client_id", with_claims(client_id="sis"), "bad_claims"),
    ("client_id null", with_claims(client_id=None), "bad_claims"),
    ("a claim too many", with_claims(admin=True), "bad_claims"),
    # Claims that are well formed and not for us, or not now
    ("another issuer", with_claims(iss="https://evil.example/identity"), "wrong_issuer"),
    ("issuer with a slash", with_claims(iss=ISSUER + "/"), "wrong_issuer"),
    ("another audience", with_claims(aud="mustered"), "wrong_audience"),
    ("expired this second", with_claims(exp=NOW), "expired"),
    ("expired long ago", with_claims(iat=1, nbf=1, exp=2), "expired"),
    ("not yet valid", with_claims(nbf=NOW + 1), "not_yet_valid"),
    ("made in the future", with_claims(iat=NOW + 1), "not_yet_valid"),
]  # fmt: skip
