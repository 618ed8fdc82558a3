"""Which headers pass through the gateway, each way. Pure functions.

Towards the services only listed headers pass: nobody can know every name that some library takes for an identity
(X-User, X-Forwarded-For, X-Original-URL …), so the list is of what the services read. Towards the client all
pass but the hop-by-hop ones.

SOURCE: RFC 9110 7.6.1 (hop-by-hop), W3C Trace Context 1; ../spec/identity.md GW-02, GW-05, GW-08.
"""

import re
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.limits import Framing, bad_header
from shared.law import rule

# Of these several may stand in one request: they are lists (RFC 9110 5.3). Of all others one.
_LISTS = frozenset({
    b"accept", b"accept-encoding", b"accept-language", b"cache-control", b"if-match", b"if-none-match", b"prefer",
})  # fmt: skip
_PASSED = _LISTS | {
    b"authorization",
    b"content-digest",
    b"content-disposition",
    b"content-encoding",
    b"content-language",
    b"content-type",
    b"idempotency-key",
    b"if-modified-since",
    b"if-range",
    b"if-unmodified-since",
    b"last-event-id",
    b"range",
    b"user-agent",
}

_HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
})  # fmt: skip
# The gateway's own server sets these; a second Date or Server would be noise.
_OURS = frozenset({b"date", b"server", b"x-request-id", b"x-powered-by"})

_UUID = re.compile(rb"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_TRACESTATE_MEMBER = r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_TRACESTATE = re.compile(rf"{_TRACESTATE_MEMBER}(?:[ \t]*,[ \t]*{_TRACESTATE_MEMBER}){{0,31}}".encode())
_LONGEST_TRACESTATE = 512


@dataclass(frozen=True, slots=True)
class Trace:
    """What ties the log lines of one request together: its id, and its place in a W3C trace."""

    request_id: str
    traceparent: str
    tracestate: str | None


@rule("GW-05")
def trace_of(headers: Iterable[tuple[bytes, bytes]]) -> Trace:
    """The trace context passed on, or a new one where the caller's is missing, malformed or repeated.

    A request id is taken over only in the form of a UUID: free text could carry personal data into every log.
    """
    ids, parents, states = [], [], []
    for name, value in headers:
        if name == b"x-request-id":
            ids.append(value)
        elif name == b"traceparent":
            parents.append(value)
        elif name == b"tracestate":
            states.append(value)
    if len(ids) == 1 and _UUID.fullmatch(ids[0]):
        request_id = ids[0].decode("ascii")
    else:
        request_id = str(uuid.uuid4())
    span = secrets.token_hex(8)
    parent = _TRACEPARENT.fullmatch(parents[0]) if len(parents) == 1 else None
    if parent is None:
        return Trace(request_id, f"00-{secrets.token_hex(16)}-{span}-00", None)
    trace_id, flags = parent.group(1).decode("ascii"), parent.group(2).decode("ascii")
    state = b",".join(states)
    passed = len(state) <= _LONGEST_TRACESTATE and _TRACESTATE.fullmatch(state)
    return Trace(request_id, f"00-{trace_id}-{span}-{flags}", state.decode("ascii") if passed else None)


@rule("GW-02", "GW-08")
def to_upstream(headers: Iterable[tuple[bytes, bytes]], framing: Framing, trace: Trace) -> list[tuple[str, str]]:
    """What the service is sent: the listed headers, the body's length, and the trace.

    Authorization stays, for the service checks the token itself. Raises 400 for a header that stands twice and
    may not, or is not UTF-8.
    """
    passed: list[tuple[str, str]] = []
    seen: set[bytes] = set()
    for name, value in headers:
        if name not in _PASSED:
            continue
        if name in seen and name not in _LISTS:
            raise bad_header()
        seen.add(name)
        try:
            passed.append((name.decode("ascii"), value.decode("utf-8")))
        except UnicodeDecodeError as error:
            raise bad_header() from error
    if framing.length:
        passed.append(("content-length", str(framing.length)))
    passed.append(("x-request-id", trace.request_id))
    passed.append(("traceparent", trace.traceparent))
    if trace.tracestate is not None:
        passed.append(("tracestate", trace.tracestate))
    return passed


@rule("GW-08")
def to_client(headers: Iterable[tuple[bytes, bytes]], trace: Trace) -> list[tuple[bytes, bytes]]:
    """What the client is sent of a service's answer: all but hop-by-hop headers and those that Connection names."""
    raw = [(name.lower(), value) for name, value in headers]
    named = {option.strip().lower() for name, value in raw if name == b"connection" for option in value.split(b",")}
    closed = _HOP_BY_HOP | _OURS | named
    passed = [(name, value) for name, value in raw if name not in closed]
    passed.append((b"x-request-id", trace.request_id.encode("ascii")))
    return passed
