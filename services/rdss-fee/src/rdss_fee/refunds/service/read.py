"""Claims, their papers, and what can be claimed, as their reader may see them (FE-38)."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from rdss_fee.ledger.service import refundable as refundable_to
from rdss_fee.months import Month
from rdss_fee.papers import refund_forms
from rdss_fee.reference.models import Employer
from rdss_fee.refunds import queries
from rdss_fee.refunds.models import ClaimPaper, RefundClaim
from rdss_fee.refunds.rules import CLOSED, ClaimState, PaperKind, missing
from rdss_fee.refunds.schemas import (
    CLAIM_SORTS,
    REFUNDABLE_SORTS,
    ClaimDetail,
    ClaimOut,
    ClaimPage,
    PaperOut,
    RefundableOut,
    RefundablePage,
)
from rdss_fee.tenancy import own
from shared import audit, crypto, cursors, lists
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND

_CONTENT = "claim_paper.content"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which claims: of a month's round, in a state, of an employer."""

    round: Month | None = None
    state: ClaimState | None = None
    employer_code: str | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper's bytes and the name they were kept under."""

    name: str
    added_on: date
    content: bytes


@rule("FE-38")
async def list_claims(
    session: AsyncSession, caller: Principal, asked: Asked, *, sort: str, cursor: str | None, limit: int
) -> ClaimPage:
    """The employer's own claims, or everybody's for the offices, by default the newest first."""
    rows = queries.claims(*own(caller, RefundClaim.employer_code))
    where: list[Any] = []
    if asked.round is not None:
        where.append(rows.c.round == asked.round.first)
    if asked.state is not None:
        where.append(rows.c.state == asked.state)
    if asked.employer_code is not None:
        where.append(rows.c.employer_code == asked.employer_code)
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=CLAIM_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("refund_claims", str(asked.round), asked.state, asked.employer_code),
        where=tuple(where),
        nullable=("round", "posted_on", "received_on"),
    )
    return ClaimPage(items=[ClaimOut(**_shown(row)) for row in found], next_cursor=next_cursor)


async def _claim(session: AsyncSession, caller: Principal, claim_id: UUID) -> RowMapping:
    """A claim that the caller may see; raises 404."""
    rows = queries.claims(*own(caller, RefundClaim.employer_code))
    row = (await session.execute(select(rows).where(rows.c.id == claim_id))).mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return row


async def get_claim(session: AsyncSession, caller: Principal, claim_id: UUID) -> ClaimDetail:
    """One claim with its papers; raises 404."""
    row = await _claim(session, caller, claim_id)
    papers = (
        await session.scalars(
            select(ClaimPaper).where(ClaimPaper.claim_id == claim_id).order_by(ClaimPaper.added_at, ClaimPaper.id)
        )
    ).all()
    there = await refundable_to(session, row["employer_code"])
    ended = row["state"] in (*CLOSED, ClaimState.PAID)
    return ClaimDetail(
        **_shown(row),
        papers=[PaperOut.model_validate(paper) for paper in papers],
        papers_missing=list(missing(PaperKind(paper.kind) for paper in papers)),
        refundable=there,
        covered=None if ended else row["amount"] <= there,
    )


async def told_on_paper(session: AsyncSession, caller: Principal, claim_id: UUID) -> refund_forms.Claim:
    """What the forms of a claim say; raises 404."""
    row = await _claim(session, caller, claim_id)
    told = ("employer_code", "employer_name", "letter_no", "amount", "entered_on")
    return refund_forms.Claim(**{name: row[name] for name in told})


async def get_paper(session: AsyncSession, caller: Principal, claim_id: UUID, paper_id: UUID) -> Paper:
    """The bytes of a paper, opened; who fetches it is kept on record. Raises 404."""
    await _claim(session, caller, claim_id)
    paper: ClaimPaper | None = await session.scalar(
        select(ClaimPaper)
        .where(ClaimPaper.id == paper_id, ClaimPaper.claim_id == claim_id)
        .options(undefer(ClaimPaper.content))
    )
    if paper is None:
        raise NOT_FOUND()
    await audit.record(session, "refund_claim.paper_read", "refund_claim", claim_id, {"paper_id": str(paper_id)})
    return Paper(paper.name, paper.added_at.date(), crypto.ring().decrypt(paper.content, _CONTENT))


@rule("FE-12", "FE-38")
async def list_refundable(
    session: AsyncSession, caller: Principal, *, employer_code: str | None, sort: str, cursor: str | None, limit: int
) -> RefundablePage:
    """What each employer can claim, from the ledger alone: an employer its own, the offices everybody's."""
    mine = own(caller, Employer.code)
    rows = queries.refundable(*mine)
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=REFUNDABLE_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("refundable", employer_code),
        where=() if employer_code is None else (rows.c.employer_code == employer_code,),
    )
    return RefundablePage(items=[RefundableOut(**_named(RefundableOut, row)) for row in found], next_cursor=next_cursor)


def _shown(row: RowMapping) -> dict[str, Any]:
    return _named(ClaimOut, row)


def _named(kind: Any, row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in kind.model_fields if name in row}
