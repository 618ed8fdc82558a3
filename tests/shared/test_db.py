"""The database: a context ends with its transaction, values do not reach errors, a commit comes before the answer."""

import asyncio
from datetime import timedelta
from typing import Annotated

import asyncpg
import httpx
import pytest
import time_machine
from fastapi import Depends, FastAPI
from sqlalchemy import literal, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from local.databases import Urls, plain
from shared import clock, db
from shared.db import Base, Context, Database, check_clock, context_of, is_away
from shared.statements import Alone
from tests.shared.probe import PLANTED, owner
from tests.support.tokens import bearer, key

OFFICER = bearer("case_officer")
ASK = text(
    "SELECT current_setting('app.sub', true) AS sub, current_setting('app.org_type', true) AS org_type,"
    " current_setting('app.org_code', true) AS org_code, current_setting('app.purpose', true) AS purpose,"
    " pg_backend_pid() AS pid"
)
NOBODY = (None, None, None, None)
LEFT = ("", "", "", "")


async def settings_of(session) -> tuple[str, ...]:
    row = (await session.execute(ASK)).one()
    return (row.sub, row.org_type, row.org_code, row.purpose)


@pytest.fixture
async def single(probe_urls: Urls):
    """A pool of one connection: who comes after another gets the same."""
    database = Database(probe_urls.app, pool_size=1)
    yield database
    await database.close()


async def test_a_context_ends_with_its_transaction(single):
    """On one and the same connection: nothing of the first is left for whoever comes next, however it ended."""
    one, two = Context("a", "county", "63000"), Context("b", "school", "0003")
    pids = set()
    for ends in ("well", "badly", "by savepoint"):
        try:
            async with single.transaction(one) as session:
                assert await settings_of(session) == ("a", "county", "63000", "")
                await session.execute(text("SELECT set_config('app.purpose', 'deliver', true)"))
                if ends == "by savepoint":
                    async with session.begin_nested():
                        await session.execute(text("SELECT set_config('app.sub', 'x', true)"))
                if ends == "badly":
                    raise LookupError
        except LookupError:
            pass
        async with single.engine.connect() as connection:
            row = (await connection.execute(ASK)).one()
            pids.add(row.pid)
            assert (row.sub, row.org_type, row.org_code, row.purpose) in (NOBODY, LEFT)
        async with single.transaction(two) as session:
            assert await settings_of(session) == ("b", "school", "0003", "")
            assert context_of(session) == two
    assert len(pids) == 1


async def test_a_setting_of_the_session_would_leak(single):
    """Negative control: `set_config(…, false)` is found by the next user of the connection."""
    async with single.transaction(Context("a", "county", "63000")) as session:
        await session.execute(text("SELECT set_config('app.org_code', '63000', false)"))
    async with single.engine.connect() as connection:
        assert (await connection.execute(ASK)).one().org_code == "63000"


HOSTILE = Context("o'fficer\"; --$1", "cou''nty", "63'000")


@pytest.mark.parametrize("ends", ["well", "badly", "by cancelling"])
async def test_a_direct_context_ends_with_its_transaction_too(single, ends):
    async def asked() -> None:
        async with single.direct(HOSTILE) as connection:
            row = await connection.fetchrow(ASK.text)
            assert tuple(row)[:4] == ("o'fficer\"; --$1", "cou''nty", "63'000", "")
            if ends == "badly":
                raise LookupError
            if ends == "by cancelling":
                await asyncio.sleep(60)

    task = asyncio.create_task(asked())
    if ends == "by cancelling":
        await asyncio.sleep(0.5)
        task.cancel()
    await asyncio.wait({task})
    if ends == "well":
        await task
    async with single.engine.connect() as connection:
        row = (await connection.execute(ASK)).one()
        assert (row.sub, row.org_type, row.org_code, row.purpose) in (NOBODY, LEFT)
    async with single.transaction(Context("b", "school", "0003")) as session:
        assert await settings_of(session) == ("b", "school", "0003", "")


async def test_a_name_that_could_mean_another_thing_to_a_server_is_refused(single):
    for name in ("a\\", "a\x00"):
        with pytest.raises(ValueError):
            async with single.direct(Context(name, "county", "63000")):
                pass
    async with single.direct(Context("a", "county", "63000")) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_directly_one_writes_only_where_one_says_so_and_all_or_nothing(single):
    insert = "INSERT INTO field_key_probe (key_id, probe) VALUES ($1, 'x')"
    context = Context.system("probe")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with single.direct(context) as connection:
            await connection.execute(insert, "only read")
    with pytest.raises(LookupError):  # noqa: PT012 - it is raised after a write
        async with single.direct(context, writes=True) as connection:
            await connection.execute(insert, "half")
            raise LookupError
    async with single.direct(context, writes=True) as connection:
        await connection.execute(insert, "whole")
    async with single.direct(context) as connection:
        found = await connection.fetch(
            "SELECT key_id FROM field_key_probe WHERE key_id IN ('only read', 'half', 'whole')"
        )
    assert [row["key_id"] for row in found] == ["whole"]


async def test_a_direct_connection_cut_is_an_outage_and_the_next_is_fresh(single):
    context = Context("a", "county", "63000")
    with pytest.raises((ConnectionError, asyncpg.PostgresError)) as cut:
        async with single.direct(context) as connection:
            await connection.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_away(cut.value), cut.value
    async with single.direct(context) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_whoever_asks_for_the_pulse_meanwhile_gets_his_own_answer(single):
    """A look that another began while this caller woke is not this caller's: it has not beaten yet."""

    async def asks() -> None:
        for _ in range(30):
            await single.ping()

    await asyncio.gather(*(asks() for _ in range(8)))


async def test_without_context_a_protected_table_gives_no_row(single, probe_urls):
    await owner(probe_urls, "INSERT INTO idempotency_key VALUES ('', '', '', '', 200, '{}', '')")
    async with single.engine.connect() as connection:
        assert (await connection.execute(text("SELECT 1 FROM idempotency_key"))).all() == []


async def test_values_stand_in_no_error(single):
    """Neither SQLAlchemy's parameters; and what PostgreSQL itself quotes, no handler repeats (tests of `app`)."""
    async with single.transaction(Context.system("notify")) as session:
        with pytest.raises(DBAPIError) as failed:
            await session.execute(text("SELECT CAST(:v AS integer), CAST(:w AS text)"), {"v": "1", "w": PLANTED})
    assert PLANTED not in str(failed.value)
    assert "hidden" in str(failed.value)


async def test_a_value_that_does_not_fit_is_our_mistake_and_no_outage(single):
    async with single.transaction(Context.system("notify")) as session:
        with pytest.raises(DBAPIError) as failed:
            await session.execute(text("SELECT CAST(:v AS integer)"), {"v": 2**40})
    assert not is_away(failed.value)


async def test_a_statement_that_takes_too_long_is_ended_and_may_be_tried_again(single, monkeypatch):
    async with single.transaction(Context.system("notify")) as session:
        assert (await session.execute(text("SHOW statement_timeout"))).scalar() == "30s"
        assert (await session.execute(text("SHOW idle_in_transaction_session_timeout"))).scalar() == "1min"
        await session.execute(text("SET LOCAL statement_timeout = '30ms'"))
        with pytest.raises(DBAPIError) as failed:
            await session.execute(text("SELECT pg_sleep(2)"))
    assert is_away(failed.value)


async def test_a_connection_cut_is_an_outage_and_the_next_is_fresh(single):
    with pytest.raises(DBAPIError) as failed:
        async with single.transaction(Context.system("notify")) as session:
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert is_away(failed.value)
    async with single.transaction(Context.system("notify")) as session:
        assert await session.scalar(text("SELECT 1")) == 1


async def test_nobody_there_is_an_outage():
    nowhere = Database("postgresql+asyncpg://a:b@127.0.0.1:1/c")
    with pytest.raises(OSError) as failed:
        async with nowhere.transaction(Context.system("notify")):
            pytest.fail("connected")
    assert is_away(failed.value)
    await nowhere.close()


@pytest.mark.parametrize("error", [ValueError("x"), FileNotFoundError("x"), PermissionError("x"), KeyError("x")])
def test_other_errors_are_no_outage(error):
    assert not is_away(error)


async def test_a_commit_that_fails_is_no_success(probe):
    """The answer leaves after the commit: the constraint is deferred, so the handler itself saw nothing wrong."""
    first = await probe.http.post("/probe/v1/things", json={"what": "a", "twin": "t"}, headers={**OFFICER, **key()})
    second = await probe.http.post("/probe/v1/things", json={"what": "b", "twin": "t"}, headers={**OFFICER, **key()})
    assert (first.status_code, second.status_code) == (201, 500)
    assert await probe.effects() == ["a"]


async def test_with_the_frameworks_own_scope_it_would_be_a_success(probe_urls):
    """Negative control: why `scope="function"` is written at every session (design, house rule 1)."""
    database = Database(probe_urls.app)
    app = FastAPI()

    async def late():
        async with database.transaction(Context.system("notify")) as session:
            yield session

    @app.post("/late", status_code=201)
    async def post(session: Annotated[AsyncSession, Depends(late)]) -> None:
        await session.execute(text("INSERT INTO effect (what, twin) VALUES ('a', 't'), ('b', 't')"))

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.post("/late")).status_code == 201
    assert await owner(probe_urls, "SELECT 1 FROM effect") == []
    await database.close()


async def test_the_application_role_is_nobody_special(probe):
    async with probe.database.transaction(Context.system("notify")) as session:
        row = (
            await session.execute(
                text(
                    "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication,"
                    " (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owns"
                    " FROM pg_roles r WHERE rolname = current_user"
                )
            )
        ).one()
        assert tuple(row) == (False, False, False, False, False, 0)


def test_each_service_has_tables_of_its_own():
    """Two services may both have an `account`, and one process hold both."""

    def base(module: str) -> type[Base]:
        return type("Tables", (Base,), {"__module__": module, "__abstract__": True})

    of_one, of_two, again = base("one.models"), base("two.models"), base("one.other")
    assert of_one.metadata is again.metadata
    assert of_one.metadata is not of_two.metadata
    assert of_one.metadata.naming_convention["ck"] == db.NAMING["ck"]


@pytest.mark.parametrize("minutes", [60, -60, 2, -2, 0])
async def test_a_clock_that_is_not_the_databases_stops_the_start(single, said, minutes):
    async with single.transaction(Context.system("notify")) as session:
        with time_machine.travel(clock.now() + timedelta(minutes=minutes), tick=True):
            if minutes:
                with pytest.raises(clock.ClockError, match="set them right"):
                    await check_clock(session)
            else:
                await check_clock(session)
    assert [line["event"] for line in said()] == ["clock_differs_from_database"] * bool(minutes)


async def test_a_start_waits_for_its_database(probe_urls, monkeypatch):
    """Away at first, there soon: the work is done once. Away for too long: the error. Another error: at once."""
    database = Database(probe_urls.app)
    system = Context.system("notify")
    tries: list[Exception | None] = [ConnectionRefusedError(), TimeoutError(), None]
    left = list(tries)
    monkeypatch.setattr("shared.db.START_PATIENCE_SECONDS", 5)

    async def work(session):
        await session.execute(text("INSERT INTO effect (what) VALUES ('started')"))
        if error := left.pop(0):
            raise error

    await database.when_reachable(system, work)
    assert len(await owner(probe_urls, "SELECT 1 FROM effect")) == 1
    monkeypatch.setattr("shared.db.START_PATIENCE_SECONDS", 0)
    left = [ConnectionRefusedError()]
    with pytest.raises(ConnectionRefusedError):
        await database.when_reachable(system, work)
    left = [ValueError("not a matter of time")]
    with pytest.raises(ValueError, match="not a matter"):
        await database.when_reachable(system, work)
    await database.close()


async def _broken(urls) -> None:
    """The server ends every connection of the application, as a restart does."""
    ending = await asyncpg.connect(plain(urls.app))
    await ending.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
        " AND pid <> pg_backend_pid()"
    )
    await ending.close()


async def test_a_connection_that_broke_while_it_lay_unused_is_replaced(probe_urls, monkeypatch):
    database = Database(probe_urls.app)
    system = Context.system("notify")
    async with database.transaction(system) as session:
        await session.execute(text("SELECT 1"))
    await _broken(probe_urls)
    monkeypatch.setattr("shared.db._TRUSTED_SECONDS", 0.0)
    async with database.transaction(system) as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1
    await database.close()


async def _asked(database: Database, how: str) -> int:
    system = Context.system("notify")
    if how == "alone":
        (row,) = await database.alone(system, Alone(select(literal(1).label("n"))))
        return int(row["n"])
    if how == "directly":
        async with database.direct(system) as connection:
            return int(await connection.fetchval("SELECT 1"))
    async with database.transaction(system) as session:
        return int((await session.execute(text("SELECT 1"))).scalar_one())


@pytest.mark.parametrize("how", ["in a session", "directly", "alone"])
async def test_one_that_broke_just_now_is_told_as_a_database_that_is_away(probe_urls, monkeypatch, how):
    """It is not asked first; whoever meets it is told to come again, and finds a new one then."""
    database = Database(probe_urls.app)
    await _asked(database, how)
    monkeypatch.setattr("shared.db._TRUSTED_SECONDS", 60.0)
    await _broken(probe_urls)
    # The loop has seen it go, too.
    await asyncio.sleep(0.1)
    with pytest.raises(Exception) as away:
        await _asked(database, how)
    assert db.is_away(away.value), away.value
    assert await _asked(database, how) == 1
    await database.close()


async def test_a_plan_that_a_migration_overtook_is_told_as_away_and_is_made_anew(single, probe_urls):
    system = Context.system("notify")
    await owner(probe_urls, "CREATE VIEW overtaken AS SELECT 1 AS n")
    await owner(probe_urls, "GRANT SELECT ON overtaken TO PUBLIC")

    async def asked() -> tuple[int, ...]:
        async with single.direct(system) as connection:
            return tuple(await connection.fetchrow("SELECT * FROM overtaken"))

    assert await asked() == (1,)
    await owner(probe_urls, "CREATE OR REPLACE VIEW overtaken AS SELECT 1 AS n, 2 AS m")
    with pytest.raises(asyncpg.InvalidCachedStatementError) as overtaken:
        await asked()
    assert db.is_away(overtaken.value)
    assert await asked() == (1, 2)


async def test_directly_one_sees_one_moment_if_one_only_reads(single, probe_urls):
    await owner(probe_urls, "INSERT INTO field_key_probe VALUES ('a', 'x')")
    count = "SELECT count(*) FROM field_key_probe"
    for writes, told in ((False, 0), (True, 1)):
        async with single.direct(Context.system("probe"), writes=writes) as connection:
            before = await connection.fetchval(count)
            await owner(probe_urls, f"INSERT INTO field_key_probe VALUES ('later {writes}', 'x')")
            assert await connection.fetchval(count) - before == told
