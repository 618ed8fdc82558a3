"""Pages of a list: how many, from where, and the link to the next (RFC 8288)."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from shared.schemas import Page

P = TypeVar("P", bound=Page[Any])


def link_next(path: str, query: Mapping[str, str], next_cursor: str | None) -> dict[str, str]:
    """The `Link` header that tells the next page; the last page has none."""
    if next_cursor is None:
        return {}
    return {"Link": f'<{path}?{urlencode({**query, "cursor": next_cursor})}>; rel="next"'}


class Paging:
    """Which page of this list is asked for."""

    def __init__(self, request: Request, response: Response, limit: int, cursor: str | None) -> None:
        self.limit = limit
        self.cursor = cursor
        self._request = request
        self._response = response

    def linked(self, page: P) -> P:
        """`page`, whose next one the answer links to, with the same filters and order."""
        self._response.headers.update(self.link(page.next_cursor))
        return page

    def link(self, next_cursor: str | None) -> dict[str, str]:
        """The header that links to the next page, with the same filters and order."""
        return link_next(self._request.scope["path"], self._request.query_params, next_cursor)


async def _asked(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 50,
    cursor: Annotated[
        str | None,
        Query(
            max_length=2_000,
            description="`next_cursor` of the page before.",
            # Told, not enforced by FastAPI: what is no cursor of this list is 400, whatever it looks like.
            json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"},
        ),
    ] = None,
) -> Paging:
    return Paging(request, response, limit, cursor)


Pages = Annotated[Paging, Depends(_asked)]
