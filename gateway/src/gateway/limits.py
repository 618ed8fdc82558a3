"""What a request may look like before anything else is asked of it: framing, sizes, path. Pure functions.

The HTTP parser (h11) has already refused malformed messages; what it tolerates and another parser might read
differently is refused here, so that gateway and service never disagree about where a request ends or what it asks
for.

SOURCE: RFC 9112 6 (framing), RFC 3986 6.2.2 and RFC 9110 4.2.4 (paths); ../spec/identity.md GW-04, GW-08.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from shared.law import rule
from shared.problems import BAD_SYNTAX, TOO_LARGE, ProblemError, ProblemType

KB = 1024
LONGEST_TARGET = 8 * KB  # bytes of path and query
LARGEST_HEADERS = 16 * KB  # bytes of all names and values
MOST_HEADERS = 100

URI_TOO_LONG = ProblemType("uri_too_long", 414, "網址過長", "The address is too long")
HEADERS_TOO_LARGE = ProblemType("headers_too_large", 431, "請求標頭過大", "The request headers are too large")
BAD_FRAMING = ProblemType("bad_framing", 400, "請求長度標示不明確", "The length of the request is ambiguous")
BAD_PATH = ProblemType("bad_path", 400, "網址路徑格式錯誤", "The path of the address is malformed")
REQUEST_TIMEOUT = ProblemType("request_timeout", 408, "請求內容傳送逾時", "The request body came too slowly")

_CLOSE = {"Connection": "close"}
_LENGTH = re.compile(rb"[0-9]{1,15}")
# What is left after decoding once: RFC 3986's unreserved characters and four harmless others. Neither a percent
# sign (decoded twice somewhere?) nor ; \ or a control character.
_PATH = re.compile(r"(?:/[A-Za-z0-9._~@:,-]*)+", re.ASCII)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})?")

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Framing:
    """How the request's body is delimited: `length` bytes, or chunked with an unknown number (None)."""

    length: int | None

    @property
    def empty(self) -> bool:
        return self.length == 0


@rule("GW-04")
def check_sizes(raw_path: bytes, query: bytes, headers: Headers) -> None:
    """Raises 414 or 431."""
    if len(raw_path) + len(query) > LONGEST_TARGET:
        raise URI_TOO_LONG(headers=_CLOSE)
    count = size = 0
    for name, value in headers:
        count += 1
        size += len(name) + len(value)
    if count > MOST_HEADERS or size > LARGEST_HEADERS:
        raise HEADERS_TOO_LARGE(headers=_CLOSE)


@rule("GW-08")
def framing(headers: Headers, http_version: str) -> Framing:
    """How long the body is. Raises 400 when the headers allow two answers.

    Transfer-Encoding beside Content-Length, any coding but exactly `chunked`, Transfer-Encoding in HTTP/1.0, and
    Content-Length twice are refused, though RFC 9112 would let some of them be repaired.
    """
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if codings:
        if lengths or codings != [b"chunked"] or http_version != "1.1":
            raise BAD_FRAMING(headers=_CLOSE)
        return Framing(None)
    if not lengths:
        return Framing(0)
    if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
        raise BAD_FRAMING(headers=_CLOSE)
    return Framing(int(lengths[0]))


@rule("GW-08")
def public_path(raw_path: bytes) -> str:
    """The path, percent-decoded once. What it returns is what policy judges and what the service is sent.

    Raises 400 for anything a second reader could take for another path: dot segments, empty segments, encoded
    slashes, percent signs, NUL, semicolons, backslashes, characters outside ASCII, absolute-form and `*` targets.
    A trailing slash stays (and finds no row).
    """
    try:
        path = _ESCAPE.sub(_decode, raw_path).decode("ascii")
    except UnicodeDecodeError as error:
        raise BAD_PATH() from error
    if _PATH.fullmatch(path) is None:
        raise BAD_PATH()
    segments = path.split("/")[1:]
    if "." in segments or ".." in segments or "" in segments[:-1]:
        raise BAD_PATH()
    return path


def _decode(escape: re.Match[bytes]) -> bytes:
    digits = escape.group(1)
    # A slash that was encoded is data to one reader and a separator to another; half an escape is nothing.
    if digits is None or digits.upper() == b"2F":
        raise BAD_PATH()
    return bytes((int(digits, 16),))


def too_large(limit: int) -> ProblemError:
    """The 413 for a body over `limit` bytes."""
    return TOO_LARGE(
        detail=f"本作業的請求內容上限為 {limit:,} 位元組。",
        detail_en=f"This operation takes a body of at most {limit:,} bytes.",
        headers=_CLOSE,
    )


@rule("GW-04")
def check_body(length: int | None, limit: int) -> None:
    """Raises 413 when the declared length is over `limit`; an undeclared one is counted while it passes."""
    if length is not None and length > limit:
        raise too_large(limit)


def bad_header() -> ProblemError:
    """The 400 for a header that stands twice where it may stand once, or is not UTF-8."""
    return BAD_SYNTAX(
        detail="請求標頭重複或不是 UTF-8 編碼。",
        detail_en="A request header is repeated or is not UTF-8.",
    )
