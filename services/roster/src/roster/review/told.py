"""What the registry was told of men so far: selects over the deferments' history, for the preview (RO-53)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, case, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from roster.deferments.models import Deferment, DefermentChange
from roster.deferments.rules import AnnotationAction
from roster.intake.models import Entry
from roster.review.models import DecisionRecord


async def annotations(session: AsyncSession, indexes: Sequence[bytes]) -> dict[bytes, RowMapping]:
    """What the registry was told of each man last, or will be before anything that is decided now.

    Named as the registry names it. Of those changes only that the caller's county decided itself.
    """
    columns: list[Any] = [
        Deferment.national_id_index,
        DecisionRecord.county_code,
        Deferment.school_code,
        func.coalesce(DefermentChange.decision_number, Deferment.decision_number).label("decision_number"),
        func.coalesce(DefermentChange.issued_on, Deferment.issued_on).label("issued_on"),
        Deferment.deferred_from.label("deferment_from"),
        DefermentChange.until_after.label("deferment_until"),
        DefermentChange.summary,
        DefermentChange.revoked_on,
        case(
            (
                DefermentChange.revoked_on.is_not(None),
                func.coalesce(DefermentChange.ended_reason, Entry.cessation_reason),
            )
        ).label("revoked_for"),
        DefermentChange.liable_for_induction,
    ]
    query = (
        select(*columns)
        .ext(distinct_on(Deferment.national_id_index))
        .join(DefermentChange, DefermentChange.deferment_id == Deferment.id)
        .join(DecisionRecord, DecisionRecord.id == DefermentChange.decision_id)
        .join(Entry, Entry.id == DecisionRecord.entry_id)
        .where(Deferment.national_id_index.in_(indexes), DefermentChange.annotation_action != AnnotationAction.NONE)
        .order_by(Deferment.national_id_index, DefermentChange.at.desc(), DefermentChange.deferment_version.desc())
    )
    return {row["national_id_index"]: row for row in (await session.execute(query)).mappings()}


async def newest_versions(session: AsyncSession, deferment_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The newest change of each deferment that the caller's county made."""
    query = (
        select(DefermentChange.deferment_id, func.max(DefermentChange.deferment_version).label("version"))
        .where(DefermentChange.deferment_id.in_(deferment_ids))
        .group_by(DefermentChange.deferment_id)
    )
    return {row.deferment_id: row.version for row in await session.execute(query)}
