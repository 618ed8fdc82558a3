"""What browsers are told: which pages may call (CORS), and what they must not do with an answer. Pure functions.

Tokens travel in `Authorization`, never in a cookie, so no answer allows credentials. An origin that is not listed gets
the answer of any other client, without a word that would let its page read it.

SOURCE: WHATWG Fetch 3.2 (CORS protocol); RFC 6454; RFC 6797; ../spec/identity.md GW-06.
"""

import re
from collections.abc import Collection, Iterable

from shared.law import rule

Head = list[tuple[bytes, bytes]]

# TLS, or a page on the developer's own machine.
_ORIGIN = re.compile(
    r"https://[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?(?::[1-9][0-9]{0,4})?"
    r"|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[1-9][0-9]{0,4})?"
)
_MAY_SEND = b"authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, x-request-id"
_MAY_READ = (
    b"content-disposition, etag, idempotent-replayed, link, location, ratelimit, retry-after, www-authenticate,"
    b" x-request-id"
)
_REMEMBERED = b"600"  # seconds a browser may keep a preflight's answer

# Data, not pages: nothing in an answer may run, be framed, be guessed to be something else, or name where it was read.
_GUARDS: Head = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    # Browsers heed it over TLS only.
    (b"strict-transport-security", b"max-age=31536000"),
]


@rule("GW-06")
def read_origins(text: str) -> frozenset[bytes]:
    """The origins of a comma-separated list; raises ValueError for one that is none.

    An origin is `https://host[:port]` in lower case, or `http://localhost[:port]` and the like; neither `*` nor `null`.
    """
    listed = [part.strip() for part in text.split(",") if part.strip()]
    for origin in listed:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError("an origin is https://host or https://host:port, without a path")
    return frozenset(origin.encode("ascii") for origin in listed)


@rule("GW-06")
def origin_of(headers: Iterable[tuple[bytes, bytes]], allowed: Collection[bytes]) -> bytes | None:
    """The listed origin whose page sent the request; None for every other caller."""
    if not allowed:
        return None
    sent = [value for name, value in headers if name == b"origin"]
    return sent[0] if len(sent) == 1 and sent[0] in allowed else None


@rule("GW-06")
def asked_method(method: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The method that a preflight asks for; None when the request is no preflight."""
    if method != "OPTIONS":
        return None
    asked = [value for name, value in headers if name == b"access-control-request-method"]
    return asked[0].decode("latin-1") if len(asked) == 1 else None


@rule("GW-06")
def preflight(method: str) -> Head:
    """What a preflight for an open route is answered to a listed origin, beside the headers of every answer."""
    return [
        (b"access-control-allow-methods", method.encode("ascii")),
        (b"access-control-allow-headers", _MAY_SEND),
        (b"access-control-max-age", _REMEMBERED),
    ]


@rule("GW-06")
def guarded(head: Head, sent: Iterable[tuple[bytes, bytes]], allowed: Collection[bytes]) -> Head:
    """An answer's head with what browsers must know added; what it says itself already stays.

    `sent` are the headers of the request, `allowed` the listed origins. Where there are any, caches must tell callers
    apart.
    """
    said = {name for name, _ in head}
    head = [*head, *(pair for pair in _GUARDS if pair[0] not in said)]
    if allowed:
        head.append((b"vary", b"origin"))
    origin = origin_of(sent, allowed)
    if origin is not None:
        head += [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _MAY_READ)]
    return head
