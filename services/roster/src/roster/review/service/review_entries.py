"""Writing the review: one entry (RO-41, 42, 44), or every entry of one roster or several that matches (RO-56)."""

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.service import judge_entries
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
from roster.review.models import Batch
from roster.review.rules import (
    CASE_OFFICER,
    EDITORS,
    EntryState,
    Refusal,
    blocking_codes,
    check_draft,
    may_decide,
)
from roster.review.schemas import EntryOut, EntryPatch, Refused
from roster.review.service import common, read
from roster.review.states import TRANSITIONS, EntryAction
from shared import audit, clock, preconditions
from shared.law import rule
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault

_FINDINGS = ("certificate_on", "enrolment_recognised")


@rule("RO-41", "RO-44", "RO-47", "RO-57")
async def patch_entry(
    session: AsyncSession, reviewer: Principal, entry_id: UUID, seen: int, patch: EntryPatch
) -> EntryOut:
    """Change what is written of one entry; the officer's draft and the approver's are kept apart.

    Raises 404, 412 when somebody changed it since, 409 when its state does not let this role write, 422 naming every
    reason why the draft cannot stand.
    """
    roster = await common.lock_roster_of(session, reviewer, entry_id)
    row = await _locked(session, entry_id)
    preconditions.require(seen, row["version"])
    sent = patch.model_fields_set
    changes = patch.changes()
    officer = CASE_OFFICER in reviewer.roles and EDITORS.get(EntryState(row["state"])) == CASE_OFFICER
    if not officer:
        await _approver_may(session, reviewer, row, sent)
    values: dict[str, Any] = {"version": row["version"] + 1}
    if changes:
        values |= await _draft_values(session, roster, row, changes, officer)
    if "on_hold" in sent and patch.on_hold is not None:
        values["state"] = _held(EntryState(row["state"]), patch.on_hold)
    values |= {name: getattr(patch, name) for name in _FINDINGS if name in sent}
    await session.execute(update(Entry).where(Entry.id == entry_id).values(**values))
    roster.revision += 1
    await session.flush()
    await audit.record(
        session,
        "entry.reviewed",
        "entry",
        entry_id,
        patch.model_dump(mode="json", exclude_unset=True) | {"as": "officer" if officer else "approver"},
    )
    if sent & set(_FINDINGS):
        await judge_entries(session, [entry_id], today=clock.today())
    return await read.get_entry(session, reviewer, entry_id)


async def _locked(session: AsyncSession, entry_id: UUID) -> RowMapping:
    found = await session.execute(queries.entries(Entry.id == entry_id).with_for_update())
    row: RowMapping = found.mappings().one()
    return row


async def _approver_may(session: AsyncSession, reviewer: Principal, row: RowMapping, sent: set[str]) -> None:
    """Let an approver write while the entry is up: not his own submission, and not unseen by who decides.

    The batch counts the change as its own, so that a decision states the drafts it saw (RO-47).
    """
    editor = EDITORS.get(EntryState(row["state"]))
    if editor is None or editor not in reviewer.roles or sent & {"on_hold", *_FINDINGS}:
        raise common.ENTRY_NOT_YOURS_NOW(
            detail=f"此筆資料為「{row['state']}」狀態，您的角色目前不得變更所送欄位。",
            detail_en=f"The entry is {row['state']}: your role may not change these fields now.",
            state=row["state"],
        )
    counted = update(Batch).where(Batch.id == row["batch_id"]).values(version=Batch.version + 1)
    submitted_by = await session.scalar(counted.returning(Batch.submitted_by))
    if not may_decide((str(submitted_by), row["correction_by"]), reviewer.sub):
        raise common.FOUR_EYES()


async def _draft_values(
    session: AsyncSession, roster: Roster, row: RowMapping, changes: dict[str, Any], officer: bool
) -> dict[str, Any]:
    before = row["officer_draft"] if officer else drafts.current(row["officer_draft"], row["approver_draft"])
    hints = common.stored_hints((await queries.hints(session, [row]))[row["id"]])
    merged = drafts.merge(before, changes, blocking_codes(hints))
    refusals = check_draft(
        drafts.read(merged),
        hints,
        limits=common.limits_of(row, clock.today()),
        open_to=common.open_grounds(roster),
    )
    if refusals:
        raise common.DRAFT_REFUSED(errors=common.faults(refusals))
    return {"officer_draft" if officer else "approver_draft": merged}


def _held(state: EntryState, wanted: bool) -> EntryState:
    if wanted == (state is EntryState.ON_HOLD):
        return state
    return TRANSITIONS[state, EntryAction.HOLD if wanted else EntryAction.RELEASE].to


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
    today, open_to = clock.today(), common.open_grounds(roster)
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
