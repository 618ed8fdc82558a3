"""Routes of the ledger: balances, postings, verification (FE-36)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from rdss_fee.deps import Watchers
from rdss_fee.ledger import service
from rdss_fee.ledger.schemas import (
    EMPLOYER_SORTS,
    POSTING_SORTS,
    BalancesOut,
    EmployerBalancesPage,
    PostingPage,
    VerificationOut,
)
from rdss_fee.ledger.verification import verify
from rdss_fee.schemas import EmployerCode
from shared import clock
from shared.guard import GuardedRoute
from shared.pages import Pages
from shared.schemas import LocalDate, either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1/ledger", route_class=GuardedRoute, tags=["ledger"])

AsOf = Annotated[LocalDate | None, Query(description="At the end of this day; today unless given")]


@router.get("/balances", operation_id="get_balances")
async def get_balances(session: Session, _caller: Watchers, as_of: AsOf = None) -> BalancesOut:
    """The balance of every account, from the postings alone; together they are nought."""
    return await service.balances(session, as_of or clock.today())


@router.get("/balances/employers", operation_id="list_employer_balances")
async def list_employer_balances(
    session: Session,
    _caller: Watchers,
    pages: Pages,
    as_of: AsOf = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(EMPLOYER_SORTS))] = "employer_code",
) -> EmployerBalancesPage:
    """What each employer owes, may claim and has to give back."""
    page = await service.employer_balances(
        session, as_of=as_of or clock.today(), sort=sort, cursor=pages.cursor, limit=pages.limit
    )
    return pages.linked(page)


@router.get("/postings", operation_id="list_postings")
async def list_postings(
    session: Session,
    _caller: Watchers,
    pages: Pages,
    notice: UUID | None = None,
    employer: EmployerCode | None = None,
    payment: Annotated[int | None, Query(ge=1, le=9_007_199_254_740_991)] = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(POSTING_SORTS))] = "-id",
) -> PostingPage:
    """The movements of the ledger; none was ever changed."""
    page = await service.list_postings(
        session,
        notice_id=notice,
        employer=employer,
        payment=payment,
        sort=sort,
        cursor=pages.cursor,
        limit=pages.limit,
    )
    return pages.linked(page)


@router.get("/verification", operation_id="verify_ledger")
async def verify_ledger(session: Session, _caller: Watchers) -> VerificationOut:
    """Everything the ledger says, recomputed from its postings; findings are what does not add up."""
    return await verify(session)
