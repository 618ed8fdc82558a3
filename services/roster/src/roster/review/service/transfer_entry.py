"""Handing an entry to the county of the man's household (RO-29: the remedy for a wrong county)."""

from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.service import announce, judge_entries
from roster.intake.models import Entry, Roster
from roster.registry.service import queue_lookups
from roster.review import queries
from roster.review.rules import TRANSITIONS, EntryAction, EntryState
from roster.review.schemas import TransferEntry, Transferred
from roster.review.service import common
from shared import audit, clock, preconditions, purposes
from shared.auth import Principal
from shared.law import rule
from shared.places import COUNTIES, TOWNSHIPS
from shared.problems import INVALID_CONTENT, Fault


@rule("RO-29")
async def transfer_entry(
    session: AsyncSession, officer: Principal, entry_id: UUID, seen: int, body: TransferEntry
) -> Transferred:
    """Move an entry in review or on hold to the roster of the right county; the day of arrival is kept.

    Here it ends `superseded`; there it begins `received`, on the roster of the same submission, which is made if that
    county had none. Raises 404, 412, 409 for another state, 422 for a place that is none or is this county.
    """
    roster = await common.lock_roster_of(session, officer, entry_id)
    found = await session.execute(queries.entries(Entry.id == entry_id).with_for_update())
    row = found.mappings().one()
    preconditions.require(seen, row["version"])
    step = TRANSITIONS.get((EntryState(row["state"]), EntryAction.SUPERSEDE))
    if step is None or row["state"] == EntryState.RECEIVED:
        raise common.ENTRY_NOT_YOURS_NOW(
            detail="僅審查中或待查明之資料得移轉。",
            detail_en="Only an entry in review or on hold can be handed on.",
            state=row["state"],
        )
    _check_place(body, roster.county_code)
    await session.execute(
        update(Entry).where(Entry.id == entry_id).values(state=step.to.value, version=row["version"] + 1)
    )
    roster.revision += 1
    await session.flush()
    await purposes.assume(session, "transfer", "entry", entry_id)
    there = await _roster_there(session, roster, body.county_code)
    new_id = uuid4()
    kept = {name: value for name, value in row.items() if name not in ("judged_at", "changed_at")}
    await session.execute(
        insert(Entry.__table__).values(  # type: ignore[arg-type]
            kept
            | {
                "id": new_id,
                "roster_id": there,
                "county_code": body.county_code,
                "township_code": body.township_code,
                "state": EntryState.RECEIVED.value,
                "version": 1,
                "officer_draft": {},
                "approver_draft": None,
                "certificate_on": None,
                "enrolment_recognised": None,
            }
        )
    )
    await purposes.drop(session)
    await queue_lookups(session, {body.county_code: [new_id]})
    judged = await judge_entries(session, [new_id], today=clock.today())
    await announce(session, judged.elsewhere)
    await audit.record(
        session,
        "entry.transferred",
        "entry",
        entry_id,
        common.told({"to_county": body.county_code, "new_entry": str(new_id), "reason": body.reason}),
    )
    received: date = roster.received_on
    return Transferred(entry_id=entry_id, new_entry_id=new_id, new_county_code=body.county_code, received_on=received)


def _check_place(body: TransferEntry, here: str) -> None:
    town = TOWNSHIPS.get(body.township_code)
    if body.county_code not in COUNTIES or body.county_code == here:
        raise INVALID_CONTENT(
            errors=[
                Fault("county_unknown", "須為其他縣市之代碼", "Another county's code is needed", pointer="/county_code")
            ]
        )
    if town is None or town.county_code != body.county_code:
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    "township_unknown",
                    "鄉鎮市區不在該縣市內",
                    "The township does not lie in that county",
                    pointer="/township_code",
                )
            ]
        )


async def _roster_there(session: AsyncSession, roster: Roster, county_code: str) -> UUID:
    found = await session.scalar(
        select(Roster.id)
        .where(Roster.submission_id == roster.submission_id, Roster.county_code == county_code)
        .with_for_update()
    )
    if found is not None:
        await session.execute(update(Roster).where(Roster.id == found).values(revision=Roster.revision + 1))
        return found
    new_id = uuid4()
    await session.execute(
        insert(Roster).values(
            id=new_id,
            submission_id=roster.submission_id,
            school_code=roster.school_code,
            county_code=county_code,
            kind=roster.kind,
            academic_year=roster.academic_year,
            term=roster.term,
            version=1,
            revision=1,
            received_on=roster.received_on,
            received_at=roster.received_at,
            deadline=roster.deadline,
        )
    )
    return new_id
