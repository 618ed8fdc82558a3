"""Handing an entry to the county of the man's household (RO-29: the remedy for a wrong county)."""

from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from roster.cases.models import CaseFile
from roster.hints.service import announce, judge_entries
from roster.intake.models import Entry, Roster, Submission
from roster.registry.service import queue_lookups
from roster.review import queries
from roster.review.rules import TRANSITIONS, EntryAction, EntryState
from roster.review.schemas import TransferEntry, Transferred
from roster.review.service import common
from roster.versions import queries as versions
from roster.versions.models import RosterVersion
from shared import audit, clock, preconditions, purposes
from shared.law import rule
from shared.places import COUNTIES, TOWNSHIPS
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault


@rule("RO-29")
async def transfer_entry(
    session: AsyncSession, officer: Principal, entry_id: UUID, seen: int, body: TransferEntry
) -> Transferred:
    """Move an entry in review or on hold to the roster of the right county; the day of arrival is kept.

    Here it ends `superseded`; there it begins `received`, on the roster of the same submission, which is made if that
    county had none. Raises 404, 412, 409 for another state, 422 for a place that is none or is this county.
    """
    roster, known = await _lock_both(session, officer, entry_id, body.county_code)
    found = await session.execute(queries.entries(Entry.id == entry_id).with_for_update())
    row = found.mappings().one()
    preconditions.require(seen, row["version"])
    step = TRANSITIONS.get((EntryState(row["state"]), EntryAction.TRANSFER))
    if step is None or row["corrects"] is not None:
        raise common.ENTRY_NOT_YOURS_NOW(
            detail="僅審查中或待查明、且未在更正處分之資料得移轉。",
            detail_en="Only an entry in review or on hold, whose decision is not being corrected, can be handed on.",
            state=row["state"],
        )
    _check_place(body, roster.county_code)
    await session.execute(
        update(Entry).where(Entry.id == entry_id).values(state=step.to.value, version=row["version"] + 1)
    )
    roster.revision += 1
    await session.flush()
    await purposes.assume(session, "transfer", "entry", entry_id)
    there = await _roster_there(session, roster, body.county_code, known)
    new_id = uuid4()
    kept = {name: value for name, value in row.items() if name not in ("judged_at", "hint_set", "changed_at")}
    await session.execute(
        insert(Entry.__table__).values(  # type: ignore[arg-type]
            kept
            | {
                "id": new_id,
                "roster_id": there.id,
                "from_version": there.version,
                "until_version": None,
                "county_code": body.county_code,
                "township_code": body.township_code,
                "village": body.village,
                "state": EntryState.RECEIVED.value,
                "version": 1,
                "officer_draft": {},
                "approver_draft": None,
                # Of a case the certificate is the township's word, not this county's finding.
                "certificate_on": row["certificate_on"] if row["filer_type"] else None,
                "enrolment_recognised": None,
            }
        )
    )
    await _hand_on_file(session, row["id"], new_id, body)
    await purposes.drop(session)
    await queue_lookups(session, {body.county_code: [new_id]})
    judged = await judge_entries(session, [new_id], today=clock.today())
    await announce(session, judged.elsewhere)
    await audit.record(
        session,
        "entry.transferred",
        "entry",
        entry_id,
        {"to_county": body.county_code, "new_entry": str(new_id), "reason": body.reason},
    )
    received: date = roster.received_on
    return Transferred(entry_id=entry_id, new_entry_id=new_id, new_county_code=body.county_code, received_on=received)


async def _hand_on_file(session: AsyncSession, old: UUID, new: UUID, body: TransferEntry) -> None:
    """What was filed beside a man goes with him (RO-70)."""
    found = await session.execute(select(*CaseFile.__table__.c).where(CaseFile.entry_id == old))
    file = found.mappings().one_or_none()
    if file is not None:
        there = {"entry_id": new, "county_code": body.county_code, "township_code": body.township_code}
        await session.execute(insert(CaseFile.__table__).values(dict(file) | there))  # type: ignore[arg-type]


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


async def _lock_both(
    session: AsyncSession, officer: Principal, entry_id: UUID, county_code: str
) -> tuple[Roster, UUID | None]:
    """Hold this county's roster and, if there is one, the other county's of the same submission.

    In the order of their ids: two counties that hand each other a man at once wait, and do not lock each other out.
    """
    query = select(Roster).join(Entry, Entry.roster_id == Roster.id)
    here = await session.scalar(query.where(Entry.id == entry_id, *common.own_entries(officer)))
    if here is None:
        raise NOT_FOUND()
    await purposes.assume(session, "transfer", "entry", entry_id)
    pair = await session.scalars(
        select(Roster)
        .where(Roster.submission_id == here.submission_id, Roster.county_code.in_((here.county_code, county_code)))
        .order_by(Roster.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    there = next((r.id for r in pair if r.county_code == county_code), None)
    await purposes.drop(session)
    return here, there


async def _roster_there(session: AsyncSession, roster: Roster, county_code: str, known: UUID | None) -> Row[UUID, int]:
    if known is None:
        # Another county may be making it for a man of its own at this moment: then it is found, not made.
        made = await session.scalar(
            insert(Roster)
            .values(
                id=uuid4(),
                submission_id=roster.submission_id,
                school_code=roster.school_code,
                filer_type=roster.filer_type,
                filer_code=roster.filer_code,
                filer_name=roster.filer_name,
                case_kind=roster.case_kind,
                county_code=county_code,
                kind=roster.kind,
                academic_year=roster.academic_year,
                term=roster.term,
                version=1,
                revision=1,
                received_on=roster.received_on,
                received_at=roster.received_at,
                deadline=roster.deadline,
                deadline_chain=roster.deadline_chain,
            )
            .on_conflict_do_nothing(constraint="uq_roster_submission_id")
            .returning(Roster.id)
        )
        if made is not None:
            await _first_version(session, roster, county_code, made)
    same = (Roster.submission_id == roster.submission_id, Roster.county_code == county_code)
    counted = update(Roster).where(*same).values(revision=Roster.revision + 1).returning(Roster.id, Roster.version)
    return (await session.execute(counted)).one()


async def _first_version(session: AsyncSession, roster: Roster, county_code: str, made: UUID) -> None:
    """A roster that a transfer makes begins empty: none of its men was on it when its school sent the file."""
    charset = await session.scalar(select(Submission.charset).where(Submission.id == roster.submission_id))
    await session.execute(
        insert(RosterVersion).values(
            roster_id=made,
            version=1,
            school_code=roster.school_code,
            county_code=county_code,
            received_by=versions.made_by_county(roster.county_code),
            row_count=0,
            charset=charset,
            notes=[],
            kept=0,
            changed=0,
            added=0,
            dropped=0,
        )
    )
