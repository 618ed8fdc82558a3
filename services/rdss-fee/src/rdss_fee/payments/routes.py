"""Routes of posting files, payments, and of money in suspense (FE-32 to FE-35, FE-42)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from rdss_fee.deps import Finance, Reader, Watchers
from rdss_fee.payments.rules import Why
from rdss_fee.payments.schemas import (
    FILE_SORTS,
    PAYMENT_SORTS,
    SUSPENSE_SORTS,
    AssignmentIn,
    AssignmentOut,
    BankFileOut,
    BankFilePage,
    LayoutName,
    PaymentOut,
    PaymentPage,
    SuspenseDetail,
    SuspensePage,
)
from rdss_fee.payments.service import assign, read_payments, suspense
from rdss_fee.payments.service import upload as uploads
from rdss_fee.schemas import EmployerCode, MonthIn, file_name, month_of
from shared.guard import LIMIT_KEY, TYPES_KEY, GuardedRoute
from shared.idempotency import Once, idempotency_key
from shared.pages import Pages
from shared.problems import FOUR_EYES
from shared.refusals import refuses
from shared.schemas import LocalDate, either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["payments"])

_FILE_NAME: Final = file_name(190, "[A-Za-z0-9]{1,8}")
LARGEST_FILE: Final = 16 * 1_048_576
MEDIA_TYPES: Final = ("text/plain", "text/csv", "application/octet-stream")
_BODY: dict[str, Any] = {
    "required": True,
    "description": "The file's bytes as the bank gave it; UTF-8 or Big5.",
    "content": {
        media: {"schema": {"type": "string", "format": "binary", "maxLength": LARGEST_FILE}} for media in MEDIA_TYPES
    },
}
_LARGEST: Final = 9_007_199_254_740_991
PaymentId = Annotated[int, Path(ge=1, le=_LARGEST)]
# A file that is read takes ten times its size, for a second or two.
_IN_HAND = asyncio.Semaphore(2)


async def _uploaded(
    request: Request,
    _caller: Finance,
    _key: Annotated[str, Depends(idempotency_key)],
    layout: Annotated[LayoutName, Query(description="How the bank writes it")],
    complete_through: Annotated[
        LocalDate | None,
        Query(
            description="The last value date of which the bank has told everything; otherwise the day before the"
            " newest posting"
        ),
    ] = None,
    count: Annotated[
        int | None, Query(ge=0, le=99_999_999, description="Control total: how many postings; with `total`")
    ] = None,
    total: Annotated[
        int | None, Query(ge=-_LARGEST, le=_LARGEST, description="Control total: their sum, reversals subtracted")
    ] = None,
    name: Annotated[
        str | None,
        Query(max_length=200, pattern=_FILE_NAME, description="What the file is called", examples=["20261005.txt"]),
    ] = None,
) -> AsyncIterator[uploads.Uploaded]:
    """The file, read; it is in hand until the request's transaction has ended."""
    async with _IN_HAND:
        yield await uploads.read_upload(
            layout,
            await request.body(),
            name=name or "",
            complete_through=complete_through,
            count=count,
            total=total,
        )


# Stands before the session and `Once` in a route's parameters: dependencies are resolved in that order.
Uploaded = Annotated[uploads.Uploaded, Depends(_uploaded, scope="function")]


@router.post(
    "/bank-files",
    operation_id="take_bank_file",
    response_model=BankFileOut,
    status_code=201,
    responses={
        200: {"model": BankFileOut, "description": "The same file was taken before (`Idempotent-Replayed: true`)"}
    },
    openapi_extra={TYPES_KEY: MEDIA_TYPES, LIMIT_KEY: LARGEST_FILE, "requestBody": _BODY},
)
async def take_bank_file(uploaded: Uploaded, once: Once, session: Session, _caller: Finance) -> Response:
    """Take a posting file of the bank's whole, or refuse it whole, naming every fault by line and field.

    A payment belongs to whose number it bears; what belongs to nobody is kept in suspense. What was told before
    changes nothing.
    """
    return await once.run(lambda: uploads.upload(session, uploaded))


@router.get("/bank-files", operation_id="list_bank_files")
async def list_bank_files(
    session: Session,
    _caller: Watchers,
    pages: Pages,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(FILE_SORTS))] = "-taken_at",
) -> BankFilePage:
    """The files that were taken, the newest first."""
    return pages.linked(await uploads.list_files(session, sort=sort, cursor=pages.cursor, limit=pages.limit))


@router.get("/bank-files/{file_id}", operation_id="get_bank_file")
async def get_bank_file(file_id: UUID, session: Session, _caller: Watchers) -> BankFileOut:
    """One file: its totals, how many of its postings were fresh, and where they went."""
    return await uploads.get_file(session, file_id)


@router.get("/payments", operation_id="list_payments")
async def list_payments(
    session: Session,
    caller: Reader,
    pages: Pages,
    notice: Annotated[UUID | None, Query(description="Payments to this notice")] = None,
    month: Annotated[MonthIn | None, Query(description="Payments of this billed month")] = None,
    employer: EmployerCode | None = None,
    posted_from: Annotated[LocalDate | None, Query(description="Posted on this day or later")] = None,
    posted_to: Annotated[LocalDate | None, Query(description="Posted on this day or before")] = None,
    overpaid: Annotated[
        bool,
        Query(
            description="Those alone that were more than due when they came; `/suspense/{payment_id}` suggests what for"
        ),
    ] = False,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(PAYMENT_SORTS))] = "-posted_on",
) -> PaymentPage:
    """Payments with their status; an employer's own show the day after they were posted."""
    page = await read_payments.list_payments(
        session,
        caller,
        notice_id=notice,
        month=None if month is None else month_of(month),
        employer=employer,
        posted_from=posted_from,
        posted_to=posted_to,
        overpaid=overpaid,
        sort=sort,
        cursor=pages.cursor,
        limit=pages.limit,
    )
    return pages.linked(page)


@router.get("/payments/{payment_id}", operation_id="get_payment")
async def get_payment(payment_id: PaymentId, session: Session, caller: Reader) -> PaymentOut:
    """One payment: what of it pays its notice, and what was more than due."""
    return await read_payments.get_payment(session, caller, payment_id)


@router.get("/suspense", operation_id="list_suspense")
async def list_suspense(
    session: Session,
    _caller: Watchers,
    pages: Pages,
    why: Why | None = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(SUSPENSE_SORTS))] = "posted_on",
) -> SuspensePage:
    """Money that is nobody's yet, with the open notices it may have been meant for."""
    page = await suspense.list_suspense(session, why=why, sort=sort, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(page)


@router.get("/suspense/{payment_id}", operation_id="get_suspense")
async def get_suspense(payment_id: PaymentId, session: Session, caller: Watchers) -> SuspenseDetail:
    """A payment in suspense, or one that was more than due: what it may have been meant for, what was done about it."""
    return await suspense.get_suspense(session, caller, payment_id)


@router.post(
    "/suspense/{payment_id}/assignments",
    operation_id="propose_assignment",
    response_model=AssignmentOut,
    status_code=201,
    openapi_extra=refuses(assign.NOTHING_OPEN, assign.PROPOSED_ALREADY),
)
async def propose_assignment(
    payment_id: PaymentId, body: AssignmentIn, once: Once, session: Session, caller: Finance
) -> Response:
    """Propose what is to become of money in suspense; a second person confirms it."""
    return await once.run(lambda: assign.propose(session, caller, payment_id, body), status=201)


@router.post(
    "/suspense-assignments/{assignment_id}/confirmation",
    operation_id="confirm_assignment",
    response_model=AssignmentOut,
    openapi_extra=refuses(assign.NOTHING_OPEN, assign.DECIDED, FOUR_EYES),
)
async def confirm_assignment(assignment_id: UUID, once: Once, session: Session, caller: Finance) -> Response:
    """Confirm what another person proposed, and book it."""
    return await once.run(lambda: assign.confirm(session, caller, assignment_id))


@router.post(
    "/suspense-assignments/{assignment_id}/refusal",
    operation_id="refuse_assignment",
    response_model=AssignmentOut,
    openapi_extra=refuses(assign.DECIDED, FOUR_EYES),
)
async def refuse_assignment(assignment_id: UUID, once: Once, session: Session, caller: Finance) -> Response:
    """Refuse what another person proposed; nothing is booked."""
    return await once.run(lambda: assign.refuse(session, caller, assignment_id))
