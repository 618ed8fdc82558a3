"""Keyset cursors that say nothing and cannot be carried elsewhere.

A cursor is sealed (AES-GCM-SIV under a key derived for this use) and bound to the caller's organisation and to the
filter and order it was made under: opened under anything else it is refused, never misread.
"""

import base64
import os
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from shared import crypto
from shared.problems import ProblemType

BAD_CURSOR = ProblemType(
    "cursor_invalid",
    400,
    "分頁游標無效或與查詢條件不符，請從第一頁重新查詢",
    "That cursor does not belong to this list",
)
_NONCE = 12


def bound_to(*parts: object) -> str:
    """What a cursor is bound to: organisation, list, filters, order. None is not the text "None"."""
    return msgspec.json.encode([None if p is None else str(p) for p in parts]).decode()


def seal(position: Mapping[str, Any], bound: str) -> str:
    """A cursor for `position` (JSON values), at most a few hundred characters."""
    nonce = os.urandom(_NONCE)
    cipher = AESGCMSIV(crypto.ring().derive("cursor"))
    sealed = cipher.encrypt(nonce, msgspec.json.encode(dict(position)), bound.encode())
    return base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()


def unseal(cursor: str, bound: str) -> dict[str, Any]:
    """The position in `cursor`; raises `BAD_CURSOR` (400) for anything not sealed for `bound`."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        cipher = AESGCMSIV(crypto.ring().derive("cursor"))
        position: dict[str, Any] = msgspec.json.decode(cipher.decrypt(raw[:_NONCE], raw[_NONCE:], bound.encode()))
    except (ValueError, InvalidTag):
        raise BAD_CURSOR() from None
    return position
