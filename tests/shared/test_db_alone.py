"""One select that is a transaction of its own: its context stands before anything is looked at, and ends with it."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import Integer, Text, bindparam, column, func, select, table, text

from shared import db
from shared.db import Context, Database
from shared.migrations import org, own, purpose
from shared.statements import Alone
from tests.shared.probe import owner

TAIPEI, NEW_TAIPEI = Context("a", "county", "63000"), Context("b", "county", "65000")
SCHOOL = Context("c", "school", "0003")
WALLED = table("walled", column("id", Integer), column("county_code", Text))
SEEN = Alone(select(WALLED.c.id).where(WALLED.c.id <= bindparam("upto", type_=Integer)))
SETTINGS = ("sub", "org_type", "org_code", "purpose")
STATED = Alone(select(*(func.current_setting(f"app.{name}").label(name) for name in SETTINGS)))


@pytest.fixture
async def single(probe_urls):
    """A pool of one connection, and a table of two counties' rows behind a wall."""
    await owner(probe_urls, "CREATE TABLE walled (id integer PRIMARY KEY, county_code text)")
    await owner(probe_urls, "INSERT INTO walled SELECT n, CASE n % 2 WHEN 0 THEN '63000' ELSE '65000' END"
                            " FROM generate_series(1, 2000) n")  # fmt: skip
    await owner(probe_urls, "ALTER TABLE walled ENABLE ROW LEVEL SECURITY")
    await owner(probe_urls, "GRANT SELECT ON walled TO PUBLIC")
    await owner(probe_urls, "ANALYZE walled")
    database = Database(probe_urls.app, pool_size=1)
    yield database
    await database.close()


async def seen(database: Database, context: Context, upto: int = 4, asked: Alone = SEEN) -> list[int]:
    return sorted(row["id"] for row in await database.alone(context, asked, upto=upto))


# However a wall asks for the caller: in one subquery, in two of which one is nobody's row, in the condition itself.
WALLS = [
    own("county", "county_code"),
    org("county", "county_code"),
    "current_setting('app.org_type', true) = 'county' AND county_code = current_setting('app.org_code', true)",
    f"{purpose('judge')} OR {org('county', 'county_code')}",
]


@pytest.mark.parametrize("wall", WALLS)
async def test_the_context_stands_before_a_wall_is_asked(single, probe_urls, wall):
    await owner(probe_urls, f"CREATE POLICY own ON walled USING ({wall})")
    for _ in range(3):
        assert await seen(single, TAIPEI) == [2, 4]
        assert await seen(single, NEW_TAIPEI) == [1, 3]
        assert await seen(single, SCHOOL) == []
        # Of few and of all: whatever way PostgreSQL takes.
        assert len(await seen(single, TAIPEI, 2000)) == 1000


async def test_control_where_the_context_comes_later_nothing_is_seen(single, probe_urls):
    await owner(probe_urls, f"CREATE POLICY own ON walled USING ({WALLS[0]})")
    late = Alone(select(WALLED.c.id).where(WALLED.c.id <= bindparam("upto", type_=Integer)))
    stated, _, asked = late._whole.text.removeprefix("SELECT told.* FROM ").partition(" CROSS JOIN LATERAL ")
    asked = asked.replace("WHERE stated.sub IS NOT NULL ", "")
    later = stated.replace("(SELECT", "(SELECT told.id,", 1)
    late._whole.text = f"SELECT told.* FROM {asked} CROSS JOIN LATERAL {later}"
    assert await seen(single, TAIPEI, asked=late) == []
    await owner(probe_urls, "CREATE POLICY all_may ON walled USING (true)")
    assert await seen(single, TAIPEI, asked=late) == [1, 2, 3, 4]


async def test_nothing_of_it_is_left_on_the_connection(single):
    hostile = Context("o'fficer\"; --$1", "cou''nty", "63'000\\")
    (row,) = await single.alone(hostile, STATED)
    assert tuple(row) == (hostile.sub, hostile.org_type, hostile.org_code, "")
    async with single.engine.connect() as connection:
        for name in SETTINGS:
            assert not (await connection.execute(text(f"SELECT current_setting('app.{name}', true)"))).scalar_one()


async def test_what_takes_longer_than_its_patience_is_cut_off(single, monkeypatch):
    monkeypatch.setattr(db, "PATIENCE_SECONDS", 0.5)
    slow = Alone(select(func.pg_sleep(bindparam("upto", type_=Integer)).cast(Text).label("id")))
    with pytest.raises(TimeoutError):
        await single.alone(TAIPEI, slow, upto=20)
    monkeypatch.undo()
    (row,) = await single.alone(SCHOOL, STATED)
    assert row["sub"] == "c"


PLAN_MODE = select(func.current_setting("plan_cache_mode").label("mode"))


async def test_what_is_compiled_once_is_planned_once_and_sessions_plan_as_ever(single):
    """And none of them leaves it to whoever comes after on the connection."""
    for _ in range(2):
        async with single.transaction(TAIPEI) as session:
            assert await session.scalar(PLAN_MODE) == "auto"
        (row,) = await single.alone(TAIPEI, Alone(PLAN_MODE))
        assert row["mode"] == "force_generic_plan"
        async with single.reading(TAIPEI) as session:
            assert await session.scalar(PLAN_MODE) == "auto"
        for writes in (False, True):
            async with single.direct(TAIPEI, writes=writes) as connection:
                assert await connection.fetchval("SHOW plan_cache_mode") == "force_generic_plan"


@pytest.mark.parametrize("ends", ["badly", "by cancelling"])
async def test_whoever_comes_after_one_that_did_not_end_finds_a_sound_connection(single, ends):
    failing = Alone(select((func.length(func.pg_sleep(bindparam("upto", type_=Integer)).cast(Text)) / 0).label("id")))
    task = asyncio.create_task(single.alone(TAIPEI, failing, upto=0 if ends == "badly" else 60))
    if ends == "by cancelling":
        await asyncio.sleep(0.5)
        task.cancel()
    with pytest.raises(asyncpg.DivisionByZeroError if ends == "badly" else asyncio.CancelledError):
        await task
    (row,) = await single.alone(SCHOOL, STATED)
    assert (row["sub"], row["org_code"]) == ("c", "0003")


async def test_values_are_given_by_name(single):
    with pytest.raises(TypeError, match="parameters are"):
        await single.alone(TAIPEI, SEEN)
    with pytest.raises(TypeError, match="parameters are"):
        await single.alone(TAIPEI, SEEN, upto=1, more=2)
