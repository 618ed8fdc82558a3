"""Pages of a list: how many, from where, and the link to the next."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel

from shared.schemas import Page


class Paging(BaseModel):
    """Which page is asked for."""

    limit: int
    cursor: str | None


def paging(
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 50,
    cursor: Annotated[str | None, Query(max_length=2_000, description="`next_cursor` of the page before.")] = None,
) -> Paging:
    """From the query."""
    return Paging(limit=limit, cursor=cursor)


Pages = Annotated[Paging, Depends(paging)]


def link(request: Request, response: Response, page: Page[Any]) -> None:
    """Tell the next page in a `Link` header as well (RFC 8288)."""
    if page.next_cursor is not None:
        query = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
        query.append(("cursor", page.next_cursor))
        response.headers["Link"] = f'<{request.scope["path"]}?{urlencode(query)}>; rel="next"'
