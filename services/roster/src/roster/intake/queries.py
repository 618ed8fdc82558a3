"""What is read of submissions."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.models import HintRow
from roster.hints.queries import Record, read_all
from roster.intake.filing import Filer
from roster.intake.models import Entry, Roster, Submission
from roster.review.states import EntryState

_GONE = (EntryState.WITHDRAWN, EntryState.SUPERSEDED)


async def same_content(
    session: AsyncSession, filer: Filer, sub: str, stated: tuple[str, int, int], digest: bytes
) -> UUID | None:
    """The submission by which this client handed in the same content for the same kind, year and term (RO-08)."""
    kind, academic_year, term = stated
    found: UUID | None = await session.scalar(
        select(Submission.id).where(
            *(getattr(Submission, name) == value for name, value in filer.columns.items() if value is not None),
            Submission.received_by == sub,
            Submission.kind == kind,
            Submission.academic_year == academic_year,
            Submission.term == term,
            Submission.content_digest == digest,
            Submission.withdrawn_at.is_(None),
        )
    )
    return found


async def rosters_of(session: AsyncSession, submission_id: UUID) -> Sequence[Record]:
    """The rosters of a submission by county, each with its headcount and when its men left, if they did."""
    counted = (
        select(
            Entry.roster_id,
            func.count(Entry.national_id_index.distinct()).label("headcount"),
        )
        .join(Roster, Roster.id == Entry.roster_id)
        .where(Roster.submission_id == submission_id, Entry.state.not_in(_GONE))
        .group_by(Entry.roster_id)
        .subquery()
    )
    query = (
        select(Roster.id, Roster.county_code, Roster.received_on, Roster.deadline, counted.c.headcount)
        .outerjoin(counted, counted.c.roster_id == Roster.id)
        .where(Roster.submission_id == submission_id)
        .order_by(Roster.county_code)
    )
    return await read_all(session, query)


async def hint_counts(session: AsyncSession, submission_id: UUID) -> Sequence[Record]:
    """How often each hint stands on the entries of a submission, as far as the caller may see it."""
    query = (
        select(HintRow.rule, HintRow.code, HintRow.severity, func.count().label("count"))
        .join(Entry, Entry.hint_set == HintRow.set_id)
        .join(Roster, Roster.id == Entry.roster_id)
        .where(Roster.submission_id == submission_id, HintRow.visible_to_school)
        .group_by(HintRow.rule, HintRow.code, HintRow.severity)
        .order_by(HintRow.rule, HintRow.code)
    )
    return await read_all(session, query)


async def row_hints(session: AsyncSession, submission_id: UUID, limit: int) -> Sequence[Record]:
    """The first `limit` hints that the school may see, in the order of its file: row_no, body."""
    query = (
        select(Entry.row_no, HintRow.body)
        .join(Entry, Entry.hint_set == HintRow.set_id)
        .join(Roster, Roster.id == Entry.roster_id)
        .where(Roster.submission_id == submission_id, HintRow.visible_to_school)
        .order_by(Entry.row_no, HintRow.position)
        .limit(limit)
    )
    return await read_all(session, query)
