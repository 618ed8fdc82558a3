"""Asking the registry about the men on new entries, and judging them again by its answer (RO-18).

IDs are opened in one transaction, the question is asked in none, the answer is stored in another, which also ends
the job: a worker that dies in between leaves the job as it was, and asking again does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints import service as hints
from roster.hints.queries import UNDECIDED, Record, among, read_all
from roster.intake.models import Entry, Roster
from roster.registry.client import Answer, RegistryClient
from shared import clock, jobs, purposes
from shared.db import Context, Database
from shared.law import rule

_KEEP = text(
    "INSERT INTO registry_fact (entry_id, county_code, as_of, known, facts)"
    " SELECT entry_id, county_code, :as_of, known, facts FROM jsonb_to_recordset(CAST(:facts AS jsonb))"
    " AS f (entry_id uuid, county_code text, known boolean, facts jsonb)"
    " ON CONFLICT (entry_id) DO UPDATE SET as_of = excluded.as_of, known = excluded.known, facts = excluded.facts"
    " WHERE registry_fact.as_of <= excluded.as_of"
)


@dataclass(frozen=True, slots=True)
class Lookup:
    """The handler of look-ups."""

    database: Database
    registry: RegistryClient

    @rule("RO-18")
    async def __call__(self, job: jobs.Job) -> None:
        """Ask about the men of one lot. Raises RetryLater while the registry is away: they stay "not checked"."""
        entry_ids = [UUID(entry_id) for entry_id in job.payload["entry_ids"]]
        async with self.database.transaction(Context.system("roster")) as session:
            await purposes.assume(session, "judge", "job", job.id)
            men = await _men(session, entry_ids)
        answer = await self.registry.lookup(sorted({man.national_id for man in men})) if men else None
        async with self.database.transaction(Context.system("roster")) as session:
            if answer is not None:
                await purposes.assume(session, "judge", "job", job.id)
                await _take(session, men, answer)
            await jobs.finish(session, job)


async def _men(session: AsyncSession, entry_ids: Sequence[UUID]) -> Sequence[Record]:
    """Each entry that is not decided yet, with its man's national ID."""
    columns = (Entry.id, Entry.roster_id, Entry.county_code, Entry.national_id)
    query = select(*columns).where(among(Entry.id, entry_ids), Entry.state.in_(UNDECIDED)).order_by(Entry.id)
    return await read_all(session, query)


async def _take(session: AsyncSession, men: Sequence[Record], answer: Answer) -> None:
    """Store the answer, judge by it, and count it as a change of the rosters it concerns."""
    rosters = among(Roster.id, {man.roster_id for man in men})
    await session.execute(select(Roster.id).where(rosters).order_by(Roster.id).with_for_update())
    # Whoever was decided while the registry was being asked was decided without its answer: none is put beside it.
    undecided = {man.id for man in await _men(session, [man.id for man in men])}
    men = [man for man in men if man.id in undecided]
    facts = []
    for man in men:
        found = answer.men[man.national_id]
        facts.append(
            {
                "entry_id": man.id,
                "county_code": man.county_code,
                "known": found is not None,
                "facts": {} if found is None else found.as_json(),
            }
        )
    await session.execute(_KEEP, {"as_of": answer.as_of, "facts": msgspec.json.encode(facts).decode()})
    await session.execute(update(Roster).where(rosters).values(revision=Roster.revision + 1))
    judged = await hints.judge_entries(session, [man.id for man in men], today=clock.today())
    await hints.announce(session, judged.elsewhere)
