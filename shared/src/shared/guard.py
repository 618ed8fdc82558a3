"""The door of every route: a body is read once, whole or not at all, and JSON means one thing only.

`GuardedRoute` refuses bodies over the route's limit (413), a content type the route does not take (415), and JSON
that is not UTF-8, repeats a member name, holds NaN or Infinity, half a surrogate pair or NUL, or nests deeper than
32 (400), before any other code sees it.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from shared.problems import BAD_SYNTAX, TOO_LARGE, UNSUPPORTED_TYPE

DEFAULT_LIMIT = 1_048_576
MAX_DEPTH = 32
LIMIT_KEY = "x-body-limit"
TYPES_KEY = "x-body-types"
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


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


def strict_json(body: bytes) -> Any:
    """The value of a JSON document; raises `JsonError`."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise JsonError("JSON 必須為 UTF-8 編碼", "JSON must be UTF-8.") from None
    depth = deepest = 0
    # A cheap upper bound: brackets inside strings count too, and 32 levels leave room for them.
    for char in body.translate(None, delete=_NOT_BRACKETS):
        if char in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    if deepest > MAX_DEPTH:
        raise JsonError("JSON 巢狀層數過深", "The JSON is nested too deeply.")
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
        # Half a surrogate pair arrives by escape only, and does not encode; NUL neither stores nor prints.
        json.dumps(value, ensure_ascii=False).encode()
    except JsonError:
        raise
    except UnicodeEncodeError:
        raise JsonError("文字含有不完整的字元", "A text holds half a surrogate pair.") from None
    except (ValueError, RecursionError):
        raise JsonError("無法解析的 JSON", "This is not JSON.") from None
    if "\\u0000" in text:
        raise JsonError("文字不得含有 NUL 字元", "NUL must not stand in a text.")
    return value


async def read_limited(request: Request, limit: int) -> bytes:
    """The whole body, at most `limit` bytes; raises 413 as soon as it is known to be longer."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
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
            body = await read_limited(request, limit)
            request._body = body
            if body:
                media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if media not in types:
                    raise UNSUPPORTED_TYPE(
                        detail=f"請以 {'、'.join(types)} 送出。", detail_en=f"Send {' or '.join(types)}."
                    )
                if has_model:
                    try:
                        request._json = strict_json(body)
                    except JsonError as error:
                        raise BAD_SYNTAX(detail=error.reason, detail_en=error.reason_en) from None
            return await handler(request)

        return guarded
