"""Pages of a list: how many, from where, and the link to the next (RFC 8288)."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from shared.schemas import Page

P = TypeVar("P", bound=Page[Any])


def link_next(response: Response, path: str, query: Mapping[str, str], page: Page[Any]) -> None:
    """Tell the page after `page` in a `Link` header; the last page has none."""
    if page.next_cursor is not None:
        asked = urlencode({**query, "cursor": page.next_cursor})
        response.headers["Link"] = f'<{path}?{asked}>; rel="next"'


class Paging:
    """Which page of this list is asked for, by the query."""

    def __init__(
        self,
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
    ) -> None:
        self.limit = limit
        self.cursor = cursor
        self._request = request
        self._response = response

    def linked(self, page: P) -> P:
        """`page`, whose next one the answer links to, with the same filters and order."""
        link_next(self._response, self._request.scope["path"], self._request.query_params, page)
        return page


Pages = Annotated[Paging, Depends()]
