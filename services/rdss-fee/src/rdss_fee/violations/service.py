"""Violations as their reader may see them, and annulling one (FE-39)."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.event_types import VIOLATION_ANNULLED, ViolationAnnulledData
from rdss_fee.tenancy import own
from rdss_fee.violations import queries
from rdss_fee.violations.models import Violation
from rdss_fee.violations.rules import COUNT_LABEL
from rdss_fee.violations.schemas import (
    SORTS,
    AnnulmentIn,
    EvidenceOut,
    FeeItems,
    ViolationDetail,
    ViolationOut,
    ViolationPage,
)
from shared import audit, clock, cursors, events, lists
from shared.idempotency import Reply
from shared.law import rule
from shared.preconditions import etag
from shared.principals import Principal
from shared.problems import NOT_FOUND, ProblemType

ANNULLED = ProblemType("violation_annulled", 409, "此違規事證已註銷", "The violation was annulled already")


@rule("FE-39")
async def list_violations(
    session: AsyncSession,
    caller: Principal,
    *,
    employer_code: str | None,
    year: int | None,
    annulled: bool | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> ViolationPage:
    """The employer's own violations, or everybody's for the offices, by default the newest first."""
    rows = queries.violations(*own(caller, Violation.employer_code))
    where: list[Any] = []
    if employer_code is not None:
        where.append(rows.c.employer_code == employer_code)
    if year is not None:
        where.append(rows.c.year == year)
    if annulled is not None:
        where.append(rows.c.annulled_on.is_not(None) if annulled else rows.c.annulled_on.is_(None))
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("violations", employer_code, year, annulled),
        where=tuple(where),
    )
    shown = [ViolationOut(**one) for one in await _shown(session, found)]
    return ViolationPage(items=shown, next_cursor=next_cursor)


async def get_violation(session: AsyncSession, caller: Principal, violation_id: UUID) -> ViolationDetail:
    """One violation with its evidence; raises 404."""
    rows = queries.violations(*own(caller, Violation.employer_code))
    found = (await session.execute(select(rows).where(rows.c.id == violation_id))).mappings().all()
    if not found:
        raise NOT_FOUND()
    (values,) = await _shown(session, found)
    evidence = await session.scalar(select(Violation.evidence).where(Violation.id == violation_id))
    return ViolationDetail(**values, evidence=EvidenceOut.model_validate(evidence))


@rule("FE-39")
async def annul_violation(session: AsyncSession, finance: Principal, violation_id: UUID, body: AnnulmentIn) -> Reply:
    """Annul, once, what is not attributable to the employer; it stays with its evidence. Raises 404; 409."""
    violation = await session.get(Violation, violation_id, with_for_update=True)
    if violation is None:
        raise NOT_FOUND()
    if violation.annulled_at is not None:
        raise ANNULLED()
    violation.annulled_by, violation.annulled_at, violation.annulled_on = finance.sub, clock.now(), clock.today()
    violation.annul_reason = body.reason
    violation.version += 1
    await session.flush()
    await audit.record(session, "violation.annulled", "violation", violation_id, {"reason": body.reason})
    shown = await get_violation(session, finance, violation_id)
    data = ViolationAnnulledData(
        employer_code=shown.employer_code,
        employer_name=shown.employer_name[:200],
        violation_id=violation_id,
        notice_id=violation.notice_id,
        month=violation.month,
        reference_on=violation.reference_on,
        reason=body.reason,
        annulled_on=clock.today(),
    )
    await events.publish(session, VIOLATION_ANNULLED, violation_id, data)
    return Reply(shown, 200, etag(shown.version))


async def _shown(session: AsyncSession, rows: Iterable[RowMapping]) -> list[dict[str, Any]]:
    rows = list(rows)
    counts = await queries.counts(session, ((row["employer_code"], row["year"]) for row in rows)) if rows else {}
    label, label_en = COUNT_LABEL
    return [
        {name: row[name] for name in ViolationOut.model_fields if name in row}
        | {
            "fee_items_this_year": FeeItems(
                year=row["year"],
                count=counts.get((row["employer_code"], row["year"]), 0),
                label=label,
                label_en=label_en,
            ),
        }
        for row in rows
    ]
