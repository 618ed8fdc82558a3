"""Migrations: in one transaction, one at a time, never backwards, and in nobody's way for long."""

import asyncio
import sys
import textwrap
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from local.databases import Urls, plain
from shared import migrations
from shared.db import is_away
from tests.shared.conftest import Clones

ENV = "from shared.migrations import run_env\n\nrun_env()\n"
STEP = """
    from alembic import op
    from shared.migrations import {helpers}
    revision = "{revision}"
    down_revision = {down!r}
    def upgrade():
        {body}
"""


@pytest.fixture
def house(tmp_path, monkeypatch):
    """`house(2)`: a package with this many of three migrations; the third fails at its end."""
    package = tmp_path / "probe_house"
    versions = package / "migrations" / "versions"
    versions.mkdir(parents=True)
    for folder in (package, package / "migrations"):
        (folder / "__init__.py").touch()
    (package / "migrations" / "env.py").write_text(ENV)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "probe_house"]:
        del sys.modules[name]
    protect = "protect('room', 'SELECT, INSERT', {'own': org('county', 'code')})"
    steps = [
        ("0001_rooms", None, f"op.execute('CREATE TABLE room (code text)'); {protect}"),
        ("0002_doors", "0001_rooms", "op.execute('ALTER TABLE room ADD COLUMN door text')"),
        ("0003_fails", "0002_doors", "op.execute('CREATE TABLE garden (a int)'); op.execute('SELECT 1/0')"),
    ]

    def upto(count: int) -> None:
        for n, (revision, down, body) in enumerate(steps):
            file = versions / f"{revision}.py"
            file.unlink(missing_ok=True)
            if n < count:
                text = STEP.format(helpers="org, protect", revision=revision, down=down, body=body)
                file.write_text(textwrap.dedent(text))

    return upto


async def upgrade(urls: Urls) -> None:
    await asyncio.to_thread(migrations.upgrade, "probe_house", urls.owner)


async def shape(urls: Urls) -> tuple[str | None, list[str]]:
    connection = await asyncpg.connect(plain(urls.owner))
    try:
        rows = await connection.fetch(
            "SELECT table_name || '.' || column_name AS c FROM information_schema.columns"
            " WHERE table_name IN ('room', 'garden') ORDER BY 1"
        )
        return await connection.fetchval("SELECT version_num FROM alembic_version"), [row["c"] for row in rows]
    finally:
        await connection.close()


@pytest.fixture
async def urls(clones: Clones) -> AsyncIterator[Urls]:
    """A database that has never been migrated by the house."""
    async with clones() as made:
        connection = await asyncpg.connect(plain(made.owner))
        await connection.execute("DROP TABLE alembic_version")
        yield made
        await connection.close()


async def test_it_goes_as_far_as_the_code_and_a_second_time_changes_nothing(house, urls):
    house(1)
    await upgrade(urls)
    assert await shape(urls) == ("0001_rooms", ["room.code"])
    house(2)
    await upgrade(urls)
    await upgrade(urls)
    assert await shape(urls) == ("0002_doors", ["room.code", "room.door"])


async def test_what_fails_leaves_everything_as_it_was(house, urls):
    """The migration before it, in the same run, is undone as well."""
    house(1)
    await upgrade(urls)
    house(3)
    with pytest.raises(DBAPIError):
        await upgrade(urls)
    assert await shape(urls) == ("0001_rooms", ["room.code"])


async def test_a_database_newer_than_the_code_is_left_alone(house, urls, capsys):
    house(2)
    await upgrade(urls)
    house(1)
    with pytest.raises(SystemExit) as ended:
        await upgrade(urls)
    assert ended.value.code == migrations.NEWER_DATABASE == 3
    said = capsys.readouterr().err
    assert "0002_doors" in said
    assert "較新的版本" in said
    assert "newer" in said
    assert await shape(urls) == ("0002_doors", ["room.code", "room.door"])


async def test_the_second_of_two_starters_waits_and_finds_nothing_left_to_do(house, urls, monkeypatch):
    """Longer than it would wait for a table in use."""
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    house(1)
    first = await asyncpg.connect(plain(urls.owner))
    await first.execute("SELECT pg_advisory_lock(hashtext('muster.migrations'))")
    second = asyncio.create_task(upgrade(urls))
    await asyncio.sleep(0.6)
    assert not second.done()
    await first.execute("CREATE TABLE alembic_version (version_num text)")
    await first.execute("INSERT INTO alembic_version VALUES ('0001_rooms')")
    await first.close()
    await second
    assert await shape(urls) == ("0001_rooms", [])


async def test_it_does_not_wait_long_for_a_table_in_use(house, urls, monkeypatch):
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    house(1)
    await upgrade(urls)
    house(2)
    reader = await asyncpg.connect(plain(urls.owner))
    await reader.execute("BEGIN; SELECT * FROM room")
    with pytest.raises(DBAPIError) as failed:
        await upgrade(urls)
    assert is_away(failed.value)
    await reader.close()
    assert await shape(urls) == ("0001_rooms", ["room.code"])


async def test_a_table_is_granted_what_is_named_and_shows_each_its_own_rows(house, urls):
    house(1)
    await upgrade(urls)
    app, owner = await asyncpg.connect(plain(urls.app)), await asyncpg.connect(plain(urls.owner))
    await owner.execute("INSERT INTO room VALUES ('63000'), ('65000')")
    assert await app.fetch("SELECT * FROM room") == []
    for org_type, code, seen in (("county", "63000", 1), ("school", "63000", 0), ("county", "68000", 0), ("", "", 0)):
        async with app.transaction():
            await app.execute(
                "SELECT set_config('app.org_type', $1, true), set_config('app.org_code', $2, true)", org_type, code
            )
            assert len(await app.fetch("SELECT * FROM room")) == seen
    for statement in ("INSERT INTO room VALUES ('63000')", "DELETE FROM room", "TRUNCATE room", "DROP TABLE room"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement)
    await app.close()
    await owner.close()


@pytest.mark.parametrize("url", [None, "postgresql+asyncpg://a:b@127.0.0.1:1/c"])
def test_what_stands_in_the_way_is_one_line(monkeypatch, url):
    monkeypatch.delenv("MUSTER_NOTIFY_OWNER_DATABASE_URL", raising=False)
    if url:
        monkeypatch.setenv("MUSTER_NOTIFY_OWNER_DATABASE_URL", url)
    with pytest.raises(SystemExit) as ended:
        migrations.run("notify")
    assert ("try again" if url else "MUSTER_NOTIFY_OWNER_DATABASE_URL is not set") in str(ended.value)
    assert "\n" not in str(ended.value)
