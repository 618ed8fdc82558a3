"""Audit rows: who, what, when; nobody changes them. Purposes leave one each."""

import contextlib

import asyncpg
import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from local.databases import plain
from shared import audit, purposes
from shared.db import Context
from tests.shared.probe import owner

OFFICER = Context("officer", "county", "63000")
COUNT = text("SELECT count(*) FROM audit_entry")


async def rows(probe):
    return await owner(probe.urls, "SELECT * FROM audit_entry ORDER BY id")


async def test_a_row_says_who_did_what_to_which_thing(probe):
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        async with probe.database.transaction(OFFICER) as session:
            await audit.record(session, "roster.opened", "roster", 7, {"state": "open"})
            more = [audit.row(session, "entry.approved", "entry", n) for n in (1, 2)]
            await audit.record_many(session, more)
            await audit.record_many(session, [])
    first, second, third = await rows(probe)
    assert (first["sub"], first["org_type"], first["org_code"]) == ("officer", "county", "63000")
    assert (first["action"], first["entity"], first["entity_id"]) == ("roster.opened", "roster", "7")
    assert (first["data"], first["request_id"]) == ('{"state": "open"}', "r-1")
    assert {(row["action"], row["entity_id"], row["data"]) for row in (second, third)} == {
        ("entry.approved", "1", "{}"),
        ("entry.approved", "2", "{}"),
    }
    assert first["at"].tzinfo is not None
    assert first["at"] <= second["at"]


async def test_a_row_is_there_when_the_act_is(probe):
    with contextlib.suppress(ZeroDivisionError):
        async with probe.database.transaction(OFFICER) as session:
            await audit.record(session, "roster.opened", "roster", 7)
            raise ZeroDivisionError
    assert await rows(probe) == []


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"]
)
@pytest.mark.parametrize("role", ["owner", "app"])
@pytest.mark.parametrize("filled", [True, False])
async def test_nobody_changes_a_row(probe, statement, role, filled):
    """Not the application, not the owner of the table; not even where there is no row to change."""
    if filled:
        async with probe.database.transaction(OFFICER) as session:
            await audit.record(session, "roster.opened", "roster", 7)
    connection = await asyncpg.connect(plain(getattr(probe.urls, role)))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()
    assert len(await rows(probe)) == filled


async def test_without_the_trigger_its_owner_could(probe):
    """Negative control."""
    async with probe.database.transaction(OFFICER) as session:
        await audit.record(session, "roster.opened", "roster", 7)
    await owner(
        probe.urls,
        "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only",
        "UPDATE audit_entry SET action = 'x'",
        "ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_append_only",
    )
    assert [row["action"] for row in await rows(probe)] == ["x"]


async def test_an_organisation_reads_its_own_rows(probe):
    for context in (OFFICER, Context("other", "county", "65000"), Context("other", "school", "63000")):
        async with probe.database.transaction(context) as session:
            await audit.record(session, "x", "y", 1)
            assert await session.scalar(COUNT) == 1
    async with probe.database.engine.connect() as connection:
        assert (await connection.execute(COUNT)).scalar() == 0
    assert len(await rows(probe)) == 3


async def test_a_row_cannot_be_given_an_older_number(probe):
    async with probe.database.transaction(OFFICER) as session:
        with pytest.raises(DBAPIError):
            await session.execute(
                text(
                    "INSERT INTO audit_entry (id, sub, org_type, org_code, action, entity, entity_id, data)"
                    " VALUES (1, '', '', '', '', '', '', '{}')"
                )
            )


async def test_a_purpose_is_set_dropped_and_told_of(probe):
    now = text("SELECT current_setting('app.purpose', true)")
    async with probe.database.transaction(Context.system("notify")) as session:
        await purposes.assume(session, "deliver", "message", 5)
        assert await session.scalar(now) == "deliver"
        await purposes.drop(session)
        assert await session.scalar(now) == ""
        await purposes.assume(session, "compose", "message", 6)
    async with probe.database.transaction(Context.system("notify")) as session:
        assert await session.scalar(now) == ""
    assert [(row["action"], row["sub"], row["entity_id"]) for row in await rows(probe)] == [
        ("purpose.deliver", "service:notify", "5"),
        ("purpose.compose", "service:notify", "6"),
    ]
