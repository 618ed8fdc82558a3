"""The door of every route: a body is read once, whole or not at all, and JSON means one thing only.

`GuardedRoute` refuses bodies over the route's limit (413), a content type the route does not take (415), and JSON
that is not UTF-8, repeats a member name, holds NaN, Infinity or a number that becomes it, half a surrogate pair or
NUL, or nests deeper than 32 (400), before any other code sees it. Nor does NUL come in by the address.
"""

import json
import math
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from shared.problems import BAD_SYNTAX, TOO_LARGE, UNSUPPORTED_TYPE

DEFAULT_LIMIT = 1_048_576
MAX_DEPTH = 32
LIMIT_KEY = "x-body-limit"
TYPES_KEY = "x-body-types"
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


class JsonError(ValueError):
    """JSON that means nothing or more than one thing; `reason` is bilingual and quotes nothing."""

    def __init__(self, reason: str, reason_en: str) -> None:
        super().__init__(reason_en)
        self.reason = reason
        self.reason_en = reason_en


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("同一物件內有重複的欄位名稱", "An object repeats a member name.")
    return found


def _constant(_name: str) -> Any:
    raise JsonError("數值不得為 NaN 或 Infinity", "NaN and Infinity are not JSON numbers.")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JsonError("數值過大", "A number is too large.")
    return value


def strict_json(body: bytes) -> Any:
    """The value of a JSON document; raises `JsonError`."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise JsonError("JSON 必須為 UTF-8 編碼", "JSON must be UTF-8.") from None
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float)
    except JsonError:
        raise
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise JsonError("無法解析的 JSON", "This is not JSON.") from None
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [item for inner in level for item in _items(inner) if isinstance(item, dict | list)]
    if level:
        raise _too_deep()
    # NUL and half a surrogate pair arrive by escape only.
    if "\\u" in text:
        for found in _texts(value):
            if bad := _NO_TEXT.search(found):
                if bad[0] == "\x00":
                    raise JsonError("文字不得含有 NUL 字元", "NUL must not stand in a text.")
                raise JsonError("文字含有不完整的字元", "A text holds half a surrogate pair.")
    return value


def _items(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        # Of an object: its names, then its values.
        yield from (text for item in value for text in _texts(item))
        if isinstance(value, dict):
            yield from (text for item in value.values() for text in _texts(item))


def _too_deep() -> JsonError:
    return JsonError("JSON 巢狀層數過深", "The JSON is nested too deeply.")


async def read_limited(request: Request, limit: int) -> bytes:
    """The whole body, at most `limit` bytes; raises 413 as soon as it is known to be longer."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def too_large(limit: int) -> Exception:
    """The 413 that names the limit."""
    return TOO_LARGE(
        detail=f"請求內容上限為 {limit:,} 位元組，請分次送出。",
        detail_en=f"A body may hold at most {limit:,} bytes: send it in parts.",
        headers={"Connection": "close"},
    )


class GuardedRoute(APIRoute):
    """An `APIRoute` that reads its body once, under limits; see the module."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handler = super().get_route_handler()
        extra = self.openapi_extra or {}
        limit = int(extra.get(LIMIT_KEY, DEFAULT_LIMIT))
        # A route without a body model (a school's file) reads the bytes itself.
        has_model = self.body_field is not None
        types: tuple[str, ...] = tuple(extra.get(TYPES_KEY, ("application/json",)))

        async def guarded(request: Request) -> Response:
            if "\x00" in request.scope["path"] or b"%00" in request.scope["query_string"]:
                # PostgreSQL stores no NUL and refuses to compare with one.
                raise BAD_SYNTAX(detail="網址不得含有 NUL 字元。", detail_en="NUL must not stand in an address.")
            body = await read_limited(request, limit)
            request._body = body
            if body:
                _check_type(request, types, json_only=has_model)
                if has_model:
                    try:
                        request._json = strict_json(body)
                    except JsonError as error:
                        raise BAD_SYNTAX(detail=f"{error.reason}。", detail_en=error.reason_en) from None
            return await handler(request)

        return guarded


def _check_type(request: Request, types: tuple[str, ...], *, json_only: bool) -> None:
    """Raise 415 for another media type or a compressed body, and for JSON in another character set than UTF-8."""
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    if media.strip().lower() not in types:
        raise UNSUPPORTED_TYPE(detail=f"請以 {'、'.join(types)} 送出。", detail_en=f"Send {' or '.join(types)}.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UNSUPPORTED_TYPE(detail="請勿壓縮請求內容。", detail_en="Send the body uncompressed.")
    if json_only:
        require_utf8(parameters)


def require_utf8(parameters: str) -> None:
    """Raise 415 where the parameters of a `Content-Type`, what follows its first semicolon, name another character
    set.
    """
    said = [one.strip().lower().partition("=") for one in parameters.split(";")]
    if any(name == "charset" and value.strip('"') != "utf-8" for name, _, value in said):
        raise UNSUPPORTED_TYPE(detail="JSON 必須為 UTF-8 編碼。", detail_en="JSON must be UTF-8.")
