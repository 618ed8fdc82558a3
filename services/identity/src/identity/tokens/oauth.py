"""The form of RFC 6749: read strictly, refused in its words.

A refusal is a problem document that also carries `error`, under `application/json` as RFC 6749 5.2 asks, so that
OAuth libraries and our own clients both understand it.
"""

import base64
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from shared import refusals
from shared.problems import ProblemError, ProblemType

FORM = "application/x-www-form-urlencoded"
INVALID_REQUEST = ProblemType("invalid_request", 400, "權杖請求格式錯誤", "The token request cannot be read")
UNSUPPORTED_GRANT = ProblemType(
    "unsupported_grant_type", 400, "不支援的授權類型", "Only client_credentials and refresh_token are granted"
)
INVALID_SCOPE = ProblemType("invalid_scope", 400, "不得要求 scope", "No scope can be asked for")

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_LONGEST_VALUE = 1_000
# Base64 of two such values and their colon, as plain ASCII.
_LONGEST_BASIC = 2_700
_NAMES = frozenset({"grant_type", "client_id", "client_secret", "refresh_token", "scope"})


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request whose parameters are there once each and known."""

    grant_type: str
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)


def read_form(body: bytes, authorization: list[str]) -> TokenRequest:
    """The request in `body` and HTTP Basic credentials (RFC 6749 2.3.1). Raises what `refused` makes."""
    values: dict[str, str] = {}
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=20
        )
    except ValueError:
        raise refused(INVALID_REQUEST) from None
    for name, value in pairs:
        # RFC 6749 3.2: no parameter twice; unknown ones are passed over, empty ones count as left out.
        if name in values or len(value) > _LONGEST_VALUE or "\x00" in value:
            raise refused(INVALID_REQUEST)
        values[name] = value
    known = {name: value for name, value in values.items() if name in _NAMES and value}
    if known.pop("scope", ""):
        raise refused(INVALID_SCOPE)
    if "grant_type" not in known:
        raise refused(INVALID_REQUEST)
    if authorization:
        if "client_secret" in known or len(authorization) > 1:
            raise refused(INVALID_REQUEST)
        client_id, secret = _basic(authorization[0])
        if known.setdefault("client_id", client_id) != client_id:
            raise refused(INVALID_REQUEST)
        known["client_secret"] = secret
    return TokenRequest(**known)


def refused(kind: ProblemType) -> ProblemError:
    """The refusal of kind `kind` in RFC 6749's form."""
    headers = {"Content-Type": "application/json", **NO_STORE}
    if kind.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="muster", charset="UTF-8"'
    return kind(headers=headers, error=kind.code)


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _LONGEST_BASIC:
        raise refused(INVALID_REQUEST)
    try:
        plain = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
        client_id, colon, secret = plain.partition(":")
        # RFC 6749 2.3.1: both are form-encoded before Basic joins them, so they are looked at after decoding.
        values = [unquote_plus(value, errors="strict") for value in (client_id, secret)]
    except ValueError:
        # Neither base64 nor ASCII nor UTF-8, before decoding or after.
        raise refused(INVALID_REQUEST) from None
    if not colon or any(len(value) > _LONGEST_VALUE or "\x00" in value for value in values):
        raise refused(INVALID_REQUEST)
    return values[0], values[1]


def describe_refusals(*more: ProblemType) -> dict[int | str, dict[str, Any]]:
    """The refusals in RFC 6749's form as OpenAPI tells them: those of the form itself, and `more`."""
    found: dict[int | str, dict[str, Any]] = {}
    for status, told in refusals.responses((INVALID_REQUEST, UNSUPPORTED_GRANT, INVALID_SCOPE, *more)).items():
        schema = refusals.schema(sorted(refusals.codes(told)))
        error = {"type": "string", "maxLength": 60, "description": "the `code`, in RFC 6749's member"}
        schema["allOf"].append({"type": "object", "required": ["error"], "properties": {"error": error}})
        found[int(status)] = told | {"content": {"application/json": {"schema": schema}}}
    return found


def describe() -> dict[str, Any]:
    """The form as OpenAPI tells it."""
    text = {"type": "string", "maxLength": _LONGEST_VALUE}
    properties = dict.fromkeys(("client_id", "client_secret", "refresh_token"), text)
    grants = {"type": "string", "enum": ["client_credentials", "refresh_token"]}
    schema = {"type": "object", "required": ["grant_type"], "properties": {"grant_type": grants, **properties}}
    return {"required": True, "content": {FORM: {"schema": schema}}}
