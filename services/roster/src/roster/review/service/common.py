"""What the use cases of the review share: locking in one order, deriving answers, recording changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.hint import Severity
from roster.hints.limits import age_limit, last_day_of
from roster.hints.model import SchoolKind
from roster.hints.service import judge_entries
from roster.intake.models import Entry, Roster
from roster.intake.rules import CERTIFICATES, CONSCRIPTION_AGES, CaseKind, Division, RosterKind
from roster.review import queries
from roster.review.models import Batch
from roster.review.rules import Ground, Limits, Refusal, StoredHint, grounds_open
from roster.review.schemas import BatchOut, RosterOut
from shared import clock
from shared.places import COUNTIES
from shared.principals import Principal
from shared.problems import NOT_FOUND, Fault, ProblemError, ProblemType

ENTRY_NOT_YOURS_NOW = ProblemType(
    "entry_state", 409, "此筆資料目前的狀態不允許此作業", "The entry's state does not allow this now"
)
BATCH_CLOSED = ProblemType("batch_closed", 409, "此陳核案已結案，無法再變更", "This batch is closed already")
NOT_READY = ProblemType("not_ready", 422, "有資料尚不能陳核或核定", "Some entries are not ready")
DRAFT_REFUSED = ProblemType("draft_refused", 422, "審查內容不符規定", "The draft cannot stand")


# The columns of a selected row by name.
Cells = Mapping[Any, Any]


async def lock_roster(session: AsyncSession, principal: Principal, roster_id: UUID) -> Roster:
    """The roster, held to the end of the transaction; 404 for another county's.

    Every change of a roster takes this lock first, then batches, then entries: one order, so no deadlock.
    """
    mine = select(Roster).where(Roster.id == roster_id, *own(principal))
    roster = await session.scalar(mine.with_for_update())
    if roster is None:
        raise NOT_FOUND()
    return roster


async def lock_roster_of(session: AsyncSession, principal: Principal, entry_id: UUID) -> Roster:
    """The roster of an entry, held; 404 for another county's entry."""
    roster_id = await session.scalar(select(Entry.roster_id).where(Entry.id == entry_id, *own_entries(principal)))
    if roster_id is None:
        raise NOT_FOUND()
    return await lock_roster(session, principal, roster_id)


def stored_hints(bodies: list[dict[str, Any]]) -> list[StoredHint]:
    """What deciding needs to know of stored hints."""
    return [StoredHint(body["code"], Severity(body["severity"])) for body in bodies]


def asked_until(kind: str, row: Cells) -> date | None:
    """The end that the roster asks for, by its kind; None for a cessation."""
    if kind == RosterKind.CESSATION:
        return None
    found: date | None = row["extended_until" if kind == RosterKind.EXTENSION else "expected_graduation_on"]
    return found


def limits_of(row: Cells, today: date) -> Limits | None:
    """The days that his age sets to an entry's deferment (RO-26); None for a cessation."""
    if row["last_day"] is None:
        return None
    birth_date: date = row["birth_date"]
    any_school = age_limit(SchoolKind.UNIVERSITY, None, Division.DAY, today).years
    return Limits(
        last_day=row["last_day"],
        any_school=last_day_of(birth_date, any_school),
        service_age=last_day_of(birth_date, CONSCRIPTION_AGES.on(today).value[1]),
    )


def open_grounds(case_kind: str | None) -> frozenset[Ground]:
    """The grounds on which an entry of a roster may be rejected, by the roster's `case_kind` (RO-57, RO-70)."""
    return grounds_open(None if case_kind is None else CaseKind(case_kind))


def faults(refusals: tuple[Refusal, ...] | list[Refusal], row_no: int | None = None) -> list[Fault]:
    """Refusals of a draft as faults of a problem; `row_no` names the entry among many."""
    return [Fault(r.code, r.message, r.message_en, row=row_no, column=r.field) for r in refusals]


def batch_closed(state: str) -> ProblemError:
    """The refusal of an act on a batch that was recalled, returned or decided meanwhile."""
    return BATCH_CLOSED(detail=f"此陳核案已為「{state}」狀態。", detail_en=f"The batch is {state}.", state=state)


async def judge_again(session: AsyncSession, rows: Iterable[Cells]) -> bool:
    """Bring hints up to today: what was judged on an earlier day may read otherwise now (ages, other rosters).

    True: the rows must be read again.
    """
    today = clock.today()
    stale = judged_before(rows, today)
    if stale:
        await judge_entries(session, stale, today=today)
    return bool(stale)


def judged_before(rows: Iterable[Cells], today: date) -> list[UUID]:
    """The entries that were not judged on `today`."""
    return [
        row["id"]
        for row in rows
        if row["judged_at"] is None or row["judged_at"].astimezone(clock.TAIPEI).date() != today
    ]


async def roster_out(session: AsyncSession, principal: Principal, roster_id: UUID) -> RosterOut:
    """One roster as it stands now; raises 404."""
    found = await session.execute(
        select(queries.rosters(clock.today(), principal.org.type, Roster.id == roster_id, *own(principal)))
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return as_roster(principal, row)


@dataclass(frozen=True, slots=True)
class Head:
    """What a page of a roster's entries needs of the roster."""

    id: UUID
    version: int
    proposed_number: str | None


async def require_roster(session: AsyncSession, principal: Principal, roster_id: UUID) -> Head:
    """Raises 404 for a roster that is not the organisation's; counts nothing, so that each page may ask it."""
    columns = (Roster.id, Roster.version, Roster.proposed_number)
    row = (await session.execute(select(*columns).where(Roster.id == roster_id, *own(principal)))).one_or_none()
    if row is None:
        raise NOT_FOUND()
    return Head(row.id, row.version, row.proposed_number)


def own(principal: Principal) -> tuple[Any, ...]:
    """The organisation's own rosters: the first filter, with row-level security behind it."""
    column = Roster.school_code if principal.org.type == "school" else Roster.county_code
    return (column == principal.org.code,)


def own_entries(principal: Principal) -> tuple[Any, ...]:
    """The organisation's own entries."""
    column = Entry.school_code if principal.org.type == "school" else Entry.county_code
    return (column == principal.org.code,)


def own_batches(principal: Principal) -> tuple[Any, ...]:
    """The county's own batches."""
    return (Batch.county_code == principal.org.code,)


def as_roster(principal: Principal, row: Cells) -> RosterOut:
    """A row of `queries.rosters` as JSON; the proposed number is the county's business."""
    deadline = queries.deadline_of(row)
    late = 0 if deadline is None else max((row["received_on"] - deadline).days, 0)
    county = principal.org.type == "county"
    named = {name: row[name] for name in RosterOut.model_fields if name in row}
    return RosterOut(
        **named
        | {
            "school_code": row["school_code"] or None,
            "urgent": row["case_kind"] in CERTIFICATES,
            "deadline": deadline,
            "days_late": late,
            "county_name": COUNTIES[row["county_code"]].name,
            "counts": queries.counts_of(row),
            "proposed_number": row["proposed_number"] if county else None,
            # What the review and the registry do to a roster is counted too, and would tell a school of a filing
            # elsewhere (RO-27): for a school only its own versions count.
            "revision": row["revision"] if county else row["version"],
        }
    )


async def makers(session: AsyncSession, batch: Batch) -> set[str]:
    """Who submitted a batch, and who took up the corrections in it: none of them decides it (RO-48, RO-52)."""
    taken_up = select(Entry.correction_by).where(Entry.batch_id == batch.id, Entry.correction_by.is_not(None))
    return {batch.submitted_by, *(str(sub) for sub in await session.scalars(taken_up.distinct()))}


async def batch_out(session: AsyncSession, principal: Principal, batch_id: UUID) -> BatchOut:
    """One batch as it stands now; raises 404."""
    found = await session.execute(select(queries.batches(Batch.id == batch_id, *own_batches(principal))))
    row = found.mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return BatchOut(**{name: row[name] for name in BatchOut.model_fields})
