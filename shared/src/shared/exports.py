"""A list in another form than JSON pages: all its rows in a form chosen by `Accept` (RO-61).

The rows are those of the very pages that JSON would show, one after the other out of one snapshot of the database, so
a report cannot hold other rows than the search it was asked from.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, Generic
from urllib.parse import quote
from weakref import WeakValueDictionary

from fastapi import Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Receive, Scope, Send

from shared import clock
from shared.csv_out import BOM
from shared.db import Context
from shared.law import rule
from shared.lists import REPORT_TOO_LARGE
from shared.pages import Pages, Paging
from shared.papers.forms import BOUND, Form
from shared.papers.making import FONT_MISSING, REPORT_NOT_MADE, Rows, make
from shared.papers.report import Fetch, Report, T, frame
from shared.principals import Principal
from shared.problems import NOT_ACCEPTABLE
from shared.schemas import Page
from shared.sessions import Session, database_of
from shared.turns import turn

LARGEST = 10_000
"""Rows of a report that is made while its reader waits (contract.md, "Shapes"); more is a report job's."""
# As many as a page can hold: each costs the database a look at the whole list.
_AT_A_TIME = 1_000
# Each holds a connection until its reader has it all: the others wait here, so that pages go on being answered.
_AT_ONCE = asyncio.Semaphore(4)
# As many of these places one organisation may hold. Not one: a reader who stalls would keep all his colleagues waiting.
_OF_ONE = 2
# An organisation's own places (type, code), for as long as somebody of it holds one or waits.
_OWN: WeakValueDictionary[tuple[str, str], asyncio.Semaphore] = WeakValueDictionary()
# Seconds to wait for one's turn.
_TURN = 5
# Of a report as text, for the document: 10,000 rows of 100,000 characters.
_LONGEST = 1_000_000_000
# Seconds that a reader may take for one part; the snapshot and its connection are not kept for one who stalls.
_PATIENCE = 30
# Seconds for a whole report.
_WHOLE = 120
# Bytes sent at a time of a file that was made whole.
_PART = 262_144
# SOURCE: RFC 9110 12.4.2.
_WEIGHT = re.compile(r"(?P<whole>0(?=\.|$)|1(?=\.0{0,3}$|$))(?:\.(?P<rest>[0-9]{0,3}))?")


def chosen(accept: str, offered: Sequence[Form] = tuple(Form)) -> Form | None:
    """The form that an `Accept` header asks for (RFC 9110 12.5.1); None when it takes none of those offered.

    Of equal weights the first that is offered wins. What cannot be read as a media range counts for nothing.
    """
    weights = [_weighed(part) for part in accept.split(",") if part.strip()]
    if not weights:
        return offered[0]
    best: tuple[int, Form] | None = None
    for form in offered:
        kind = form.partition("/")[0]
        matching = [
            (specific, weight)
            for media, weight in weights
            for specific, name in ((2, form.value), (1, f"{kind}/*"), (0, "*/*"))
            if media == name
        ]
        # The closest range decides, not the heaviest: `text/csv;q=0, */*` takes no CSV.
        weight = max(matching)[1] if matching else 0
        if weight > 0 and (best is None or weight > best[0]):
            best = (weight, form)
    return None if best is None else best[1]


def _weighed(part: str) -> tuple[str, int]:
    """A media range and its weight in thousandths; 0 for a weight that is none."""
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            found = _WEIGHT.fullmatch(value.strip())
            return media, int(found["whole"] + (found["rest"] or "").ljust(3, "0")) if found else 0
    return media, 1_000


def _form_of(*offered: Form) -> Callable[[Request, Response], Awaitable[Form]]:
    """The dependency that chooses among the forms that a route offers."""

    async def wanted(request: Request, response: Response) -> Form:
        # Whoever keeps the answer must know that another header would have had another.
        response.headers["Vary"] = "Accept"
        form = chosen(",".join(request.headers.getlist("accept")), offered)
        if form is None:
            raise NOT_ACCEPTABLE(
                detail=f"此資料可以下列格式提供：{'、'.join(offered)}。",
                detail_en=f"This can be had as {', '.join(offered)}.",
            )
        return form

    return wanted


Wanted = Annotated[Form, Depends(_form_of(*Form))]
"""For a list that may also be had whole."""
JsonOrPdf = Annotated[Form, Depends(_form_of(Form.JSON, Form.PDF))]
"""For one thing that may also be had on paper."""

PAPER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "As JSON, or on paper (`Accept: application/pdf`)",
        "content": {Form.PDF.value: {"schema": {"type": "string", "format": "binary", "maxLength": _LONGEST}}},
    }
}
"""For a route's `responses`: the forms of such a thing."""
PAPER_REFUSED = (NOT_ACCEPTABLE, REPORT_NOT_MADE, FONT_MISSING)

FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page as JSON; in another form (`Accept`: CSV, NDJSON, XLSX, ODS, PDF) all rows, at most"
        " 10,000, whatever `limit` and `cursor` say",
        "content": {
            Form.NDJSON.value: {
                "schema": {
                    "type": "string",
                    "maxLength": _LONGEST,
                    "description": "One JSON object a line, each an element of `items`",
                }
            },
            Form.CSV.value: {
                "schema": {
                    "type": "string",
                    "maxLength": _LONGEST,
                    "description": "UTF-8 with a byte order mark, CRLF, Chinese headings; a cell that would be a"
                    " formula has an apostrophe in front (docs/adr/0054)",
                }
            },
            **{form.value: {"schema": {"type": "string", "format": "binary", "maxLength": _LONGEST}} for form in BOUND},
        },
    }
}
"""For a route's `responses`: the forms of its answer."""

REFUSED = (NOT_ACCEPTABLE, REPORT_TOO_LARGE, REPORT_NOT_MADE, FONT_MISSING)
"""What a route that offers them may refuse with."""


def disposition(name: str, ascii_name: str, day: str, form: Form) -> str:
    """A `Content-Disposition` under which the file is kept, in both scripts (RFC 6266, RFC 8187)."""
    kept_as = quote(f"{name}_{day}.{form.extension}", safe="")
    return f"attachment; filename=\"{ascii_name}-{day}.{form.extension}\"; filename*=UTF-8''{kept_as}"


def _turn(context: Context) -> AbstractAsyncContextManager[None]:
    own = _OWN.setdefault((context.org_type, context.org_code), asyncio.Semaphore(_OF_ONE))
    # First its own: so in the line for those of all there are never more than two of one organisation.
    return turn(own, _AT_ONCE, seconds=_TURN)


class Printed(Response):
    """One document as PDF, made (`make`) when the request's transaction has ended, so that nobody's connection is held
    while a child sets it. Raises what `make` raises before anything is sent.
    """

    def __init__(self, caller: Principal, name: str, ascii_name: str, make: Callable[[], Awaitable[bytes]]) -> None:
        self._context = Context.of(caller)
        self._make = make
        kept_as = disposition(name, ascii_name, f"{clock.today():%Y%m%d}", Form.PDF)
        heads = {"Content-Type": Form.PDF.value, "Content-Disposition": kept_as, "Vary": "Accept"}
        super().__init__(headers={**heads, "Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        async with asyncio.timeout(_WHOLE), _turn(self._context):
            made = await self._make()
        self.headers["content-length"] = str(len(made))
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": made, "more_body": False})


@rule("RO-61")
class Export(Response, Generic[T]):
    """All rows of a list, streamed out of a read-only transaction of its own in the caller's tenant.

    Raises what `fetch` raises before anything is sent. What fails later breaks the connection, so that nobody takes
    half a report for a whole one.
    """

    def __init__(self, request: Request, caller: Principal, form: Form, report: Report[T], fetch: Fetch[T]) -> None:
        self._database = database_of(request)
        self._context = Context.of(caller)
        self._form = form
        self._font_dir: str = request.app.state.settings.font_dir
        self._report = report
        self._fetch = fetch
        super().__init__(headers=self._heads())
        # Its length is known when it has been sent.
        del self.headers["content-length"]

    def _heads(self) -> dict[str, str]:
        if self._form is Form.NDJSON:
            return {"Content-Type": Form.NDJSON.value, "Vary": "Accept"}
        day = f"{clock.today():%Y%m%d}"
        return {
            "Content-Type": self._form.content_type,
            "Content-Disposition": disposition(self._report.name, self._report.ascii_name, day, self._form),
            "Vary": "Accept",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        async with asyncio.timeout(_WHOLE), _turn(self._context):
            if self._form in BOUND:
                await self._bound(send)
                return
            async with self._database.reading(self._context) as session:
                pages = self._pages(session)
                first = await anext(pages)
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                head = BOM + self._report.sheet.headings() if self._form is Form.CSV else b""
                await self._part(send, head + self._written(first))
                async for page in pages:
                    await self._part(send, self._written(page))
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _bound(self, send: Send) -> None:
        """The file, made whole before anything is sent; nobody's connection is held while a child makes it."""
        async with self._database.reading(self._context) as session:
            document, values = await frame(self._report, self._form, session)
            rows = Rows(values)
            async for page in self._pages(session):
                rows.add(page)
        made = await make(self._form, document, rows, self._font_dir)
        self.headers["content-length"] = str(len(made))
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        for start in range(0, len(made), _PART):
            await self._part(send, made[start : start + _PART])
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pages(self, session: AsyncSession) -> AsyncIterator[list[T]]:
        cursor: str | None = None
        most: int | None = LARGEST
        while True:
            page = await self._fetch(session, cursor=cursor, limit=_AT_A_TIME, most=most)
            yield page.items
            cursor, most = page.next_cursor, None
            if cursor is None:
                return

    def _written(self, items: list[T]) -> bytes:
        if self._form is Form.CSV:
            return self._report.sheet.rows(items)
        return b"".join(item.model_dump_json().encode() + b"\n" for item in items)

    async def _part(self, send: Send, part: bytes) -> None:
        async with asyncio.timeout(_PATIENCE):
            await send({"type": "http.response.body", "body": part, "more_body": True})


class Listed:
    """A list in the form that its reader asked for: a page as JSON, or all of it in another."""

    def __init__(self, request: Request, session: AsyncSession, pages: Paging, form: Form) -> None:
        self._request = request
        self._session = session
        self._pages = pages
        self._form = form

    @property
    def as_table(self) -> bool:
        """Whether it is read by people, as a file: not one object a row."""
        return self._form not in (Form.JSON, Form.NDJSON)

    async def answer(self, caller: Principal, report: Report[T], fetch: Fetch[T]) -> Page[T] | Response:
        """What `fetch` finds; raises what it raises."""
        if self._form is not Form.JSON:
            return Export(self._request, caller, self._form, report, fetch)
        return self._pages.linked(
            await fetch(self._session, cursor=self._pages.cursor, limit=self._pages.limit, most=None)
        )


async def _listed(request: Request, session: Session, pages: Pages, form: Wanted) -> Listed:
    return Listed(request, session, pages, form)


Listing = Annotated[Listed, Depends(_listed)]
"""For a route whose list may be had in all forms (`FORMS`, `REFUSED`)."""
