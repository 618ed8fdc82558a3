"""The versions of a roster."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from roster import lists
from roster.review.service.common import roster_out
from roster.versions.models import RosterVersion
from roster.versions.schemas import RosterVersionOut, RosterVersionPage
from shared import cursors
from shared.law import rule
from shared.principals import Principal


@rule("RO-09")
async def list_versions(
    session: AsyncSession, principal: Principal, roster_id: UUID, *, cursor: str | None, limit: int
) -> RosterVersionPage:
    """What the school handed in as this roster, the first time and with each correction. Raises 404."""
    await roster_out(session, principal, roster_id)
    mine = principal.org.type == "school"
    rows = select(*RosterVersion.__table__.c, RosterVersion.version.label("id")).where(
        RosterVersion.roster_id == roster_id
    )
    found, next_cursor = await lists.page(
        session,
        rows.subquery("versions"),
        sort="version",
        sortable=("version",),
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("roster-versions", roster_id),
    )
    items = [
        RosterVersionOut(
            **{name: row[name] for name in RosterVersionOut.model_fields if name != "received_by"},
            received_by=row["received_by"] if mine and row["row_count"] else None,
        )
        for row in found
    ]
    return RosterVersionPage(items=items, next_cursor=next_cursor)
