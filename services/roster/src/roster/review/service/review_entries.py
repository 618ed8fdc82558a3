"""Writing the review of every entry of one roster or several that matches (RO-56)."""

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.models import Entry, Roster
from roster.review import drafts, queries
from roster.review.bulk_schemas import (
    MOST_AT_ONCE,
    AcrossResult,
    BulkItem,
    BulkResult,
    BulkReview,
    Match,
    MatchAcross,
    ReviewAcross,
    ReviewedRoster,
)
from roster.review.rules import (
    EntryState,
    Refusal,
    blocking_codes,
    check_draft,
)
from roster.review.schemas import Refused
from roster.review.service import common
from shared import audit, clock, preconditions
from shared.law import rule
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault


@rule("RO-56")
async def review_many(
    session: AsyncSession, officer: Principal, roster_id: UUID, seen: int, review: BulkReview
) -> BulkResult:
    """Write one draft for every entry in review that matches; each gets its own result, a refused one is left alone.

    `seen` is the roster's revision. Raises 404, 412; 404 too when an entry named is not of this roster.
    """
    roster = await common.lock_roster(session, officer, roster_id)
    preconditions.require(seen, roster.revision)
    items = await _write(session, roster, await _matching(session, roster_id, review.match), review.set.changes())
    return BulkResult(revision=roster.revision, items=items, **_sums(items))


@rule("RO-56", "RO-47")
async def review_across(session: AsyncSession, officer: Principal, review: ReviewAcross) -> AcrossResult:
    """`review_many` for several rosters: one that somebody changed since it was seen is left alone and told so.

    Raises 404 when a roster named is not the county's, 422 when more than `MOST_AT_ONCE` entries match.
    """
    seen = {one.roster_id: one.revision for one in review.rosters}
    # In one order everywhere, so that two such calls wait for each other and do not lock each other out.
    rosters = [await common.lock_roster(session, officer, roster_id) for roster_id in sorted(seen)]
    unchanged = [roster for roster in rosters if roster.revision == seen[roster.id]]
    rows = {roster.id: await _matching(session, roster.id, review.match) for roster in unchanged}
    if sum(map(len, rows.values())) > MOST_AT_ONCE:
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    "too_many_entries",
                    f"符合條件之資料超過 {MOST_AT_ONCE:,} 筆，請減少名冊。",
                    f"More than {MOST_AT_ONCE:,} entries match: name fewer rosters.",
                    pointer="/rosters",
                )
            ]
        )
    changes = review.set.changes()
    by_roster: dict[UUID, ReviewedRoster] = {}
    for roster in rosters:
        if roster.id not in rows:
            by_roster[roster.id] = _told(roster, "changed_since", [])
            continue
        items = await _write(session, roster, rows[roster.id], changes)
        by_roster[roster.id] = _told(roster, "reviewed", items)
    told = [by_roster[one.roster_id] for one in review.rosters]
    return AcrossResult(
        changed=sum(one.changed for one in told), refused=sum(one.refused for one in told), rosters=told
    )


def _told(roster: Roster, outcome: Literal["reviewed", "changed_since"], items: list[BulkItem]) -> ReviewedRoster:
    return ReviewedRoster(roster_id=roster.id, outcome=outcome, revision=roster.revision, items=items, **_sums(items))


def _sums(items: list[BulkItem]) -> dict[str, int]:
    changed = sum(item.outcome == "changed" for item in items)
    return {"changed": changed, "refused": len(items) - changed}


async def _write(
    session: AsyncSession, roster: Roster, rows: list[RowMapping], changes: dict[str, Any]
) -> list[BulkItem]:
    """The same draft for entries of a roster that is held; what became of each, in their order."""
    hints = await queries.hints(session, rows)
    today, open_to = clock.today(), common.open_grounds(roster.case_kind)
    items: list[BulkItem] = []
    updates: list[dict[str, Any]] = []
    audits: list[dict[str, Any]] = []
    for row in rows:
        of_entry = common.stored_hints(hints[row["id"]])
        merged = drafts.merge(row["officer_draft"], changes, blocking_codes(of_entry))
        refusals: tuple[Refusal, ...] = check_draft(
            drafts.read(merged), of_entry, limits=common.limits_of(row, today), open_to=open_to
        )
        if row["state"] != EntryState.IN_REVIEW:
            refusals = (_NOT_IN_REVIEW,)
        version = row["version"] if refusals else row["version"] + 1
        items.append(
            BulkItem(
                entry_id=row["id"],
                row_no=row["row_no"],
                outcome="refused" if refusals else "changed",
                version=version,
                refusals=[
                    Refused(code=r.code, field=r.field, message=r.message, message_en=r.message_en) for r in refusals
                ],
            )
        )
        if not refusals:
            updates.append({"entry": row["id"], "draft": merged})
            audits.append(audit.row(session, "entry.reviewed", "entry", row["id"], {**changes, "as": "officer"}))
    if updates:
        statement = (
            update(Entry.__table__)  # type: ignore[arg-type]
            .where(Entry.__table__.c.id == bindparam("entry"))
            .values(officer_draft=bindparam("draft"), version=Entry.__table__.c.version + 1)
        )
        await session.execute(statement, updates)
        roster.revision += 1
        await session.flush()
        await audit.record_many(session, audits)
    return items


_NOT_IN_REVIEW = Refusal(
    "not_in_review", "state", "非審查中之資料不得變更。", "Only entries in review can be changed so."
)


async def _matching(session: AsyncSession, roster_id: UUID, match: MatchAcross) -> list[RowMapping]:
    wanted = [Entry.roster_id == roster_id]
    named = match.entry_ids if isinstance(match, Match) else None
    if named is not None:
        wanted.append(Entry.id.in_(named))
    else:
        wanted.append(Entry.state == EntryState.IN_REVIEW)
        wanted.append(queries.clean() if match.clean else queries.with_hint(match.hint or "", "county"))
    columns = (
        Entry.id,
        Entry.row_no,
        Entry.state,
        Entry.version,
        Entry.officer_draft,
        Entry.birth_date,
        Entry.last_day,
        Entry.hint_set,
    )
    found = await session.execute(select(*columns).where(*wanted).order_by(Entry.row_no).with_for_update())
    rows = list(found.mappings())
    if named is not None and len(rows) != len(set(named)):
        raise NOT_FOUND()
    return rows
