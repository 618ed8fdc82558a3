"""What is said twice, once in Python and once in SQL, says the same."""

import itertools
import uuid

import asyncpg
import pytest
from sqlalchemy import select

from local.databases import plain
from roster.intake.models import Entry
from roster.review import queries
from roster.review.rules import EntryState, is_clean, roster_state
from roster.review.service.common import stored_hints
from shared.db import Context
from tests.support.rosters import men

_HELD = {EntryState.FOR_APPROVAL, EntryState.DECIDED}


@pytest.mark.rule("RO-40", "RO-42")
async def test_a_rosters_state_is_what_its_entries_say(county):
    roster_id, batch = await county.up(2)
    first, second = [uuid.UUID(e["id"]) for e in await county.entries(roster_id)]
    owner = await asyncpg.connect(plain(county.service.urls.owner))
    for states in itertools.combinations_with_replacement(EntryState, 2):
        for entry, state in zip((first, second), states, strict=True):
            await owner.execute(
                "UPDATE entry SET state = $1, batch_id = $2 WHERE id = $3",
                state.value,
                uuid.UUID(batch["id"]) if state in _HELD else None,
                entry,
            )
        told = await county.get(f"/rosters/{roster_id}")
        assert told["state"] == roster_state(states), states
        listed = await county.get(f"/rosters?state={told['state']}")
        assert [r["id"] for r in listed["items"]] == [roster_id]
    await owner.close()


@pytest.mark.rule("RO-56")
async def test_clean_in_sql_is_clean_in_the_rule(county):
    old = {"birth_date": "1992-05-05", "level": "doctoral", "nominal_years": "7"}
    facts = {2: {"overseas_compatriot": True}, 3: {"status": "reservist"}, 4: {"volunteer_training": True}}
    roster_id, entries = await county.opened([*men(1, 4), *men(10, 1, **old)], facts)
    by_rule = {uuid.UUID(e["id"]) for e in entries if is_clean(stored_hints(e["hints"]))}
    async with county.service.database.transaction(Context("o", "county", "63000")) as session:
        found = await session.scalars(select(Entry.id).where(Entry.roster_id == uuid.UUID(roster_id), queries.clean()))
        by_sql = set(found)
    assert by_sql == by_rule
    assert 0 < len(by_rule) < len(entries)
