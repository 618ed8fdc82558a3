"""One database and two roles a service: made once, kept apart, the app role without any power."""

import base64

import asyncpg
import pytest

from local.databases import drop, plain, prepare, scram_verifier
from local.errors import StartError

SERVICES = ["roster", "notify"]


@pytest.fixture
async def made(admin_url: str, request):
    """Two services under a prefix of this test's own."""
    prefix = f"t{abs(hash(request.node.name)) % 10**9}"
    secrets: dict[str, str] = {}
    urls = await prepare(admin_url, SERVICES, prefix, secrets)
    yield prefix, secrets, urls
    await drop(admin_url, SERVICES, prefix)


async def _refused(url: str, statement: str) -> str:
    connection = await asyncpg.connect(plain(url))
    try:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await connection.execute(statement)
    finally:
        await connection.close()
    return str(caught.value)


async def test_a_second_call_changes_nothing(admin_url: str, made) -> None:
    prefix, secrets, urls = made
    before = dict(secrets)
    again = await prepare(admin_url, SERVICES, prefix, secrets)
    assert secrets == before
    assert [u.created for u in urls.values()] == [True, True]
    assert [u.created for u in again.values()] == [False, False]
    assert [(u.app, u.owner) for u in again.values()] == [(u.app, u.owner) for u in urls.values()]


async def test_the_roles_have_no_power_beyond_their_own_database(admin_url: str, made) -> None:
    prefix, _secrets, urls = made
    connection = await asyncpg.connect(plain(admin_url))
    try:
        rows = await connection.fetch(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolcanlogin "
            "FROM pg_roles WHERE starts_with(rolname, $1)",
            prefix,
        )
        owner = await connection.fetchval(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1", f"{prefix}_roster"
        )
    finally:
        await connection.close()
    assert len(rows) == 4
    for row in rows:
        assert tuple(row)[1:] == (False, False, False, False, False, True), row["rolname"]
    assert owner == f"{prefix}_roster_owner"
    assert urls["roster"].app.startswith("postgresql+asyncpg://")


@pytest.mark.parametrize("statement", ["CREATE TABLE x ()", "CREATE TEMP TABLE x ()", "CREATE SCHEMA x"])
async def test_the_app_role_may_make_nothing(made, statement: str) -> None:
    assert "permission denied" in await _refused(made[2]["roster"].app, statement)


async def test_the_app_role_reads_only_what_a_migration_grants(made) -> None:
    urls = made[2]["roster"]
    owner = await asyncpg.connect(plain(urls.owner))
    try:
        await owner.execute("CREATE TABLE man (name text); INSERT INTO man VALUES ('王大明')")
        assert "permission denied" in await _refused(urls.app, "SELECT * FROM man")
        await owner.execute(f"GRANT SELECT ON man TO {urls.app.split('//')[1].split(':')[0]}")
    finally:
        await owner.close()
    app = await asyncpg.connect(plain(urls.app))
    try:
        assert await app.fetchval("SELECT name FROM man") == "王大明"
    finally:
        await app.close()


@pytest.mark.parametrize("role", ["app", "owner"])
async def test_no_role_enters_a_sibling_database(made, role: str) -> None:
    prefix, _secrets, urls = made
    url = f"{plain(getattr(urls['roster'], role)).rpartition('/')[0]}/{prefix}_notify"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(url)


async def test_an_administrator_without_superuser_suffices(admin_url: str, made) -> None:
    prefix = f"{made[0]}x"
    boss = await asyncpg.connect(plain(admin_url))
    try:
        await boss.execute(f"CREATE ROLE {prefix}_admin LOGIN CREATEDB CREATEROLE PASSWORD 'x'")
        url = f"postgresql://{prefix}_admin:x@{plain(admin_url).partition('@')[2]}"
        secrets: dict[str, str] = {}
        for created in (True, False):
            urls = await prepare(url, ["roster"], prefix, secrets, adopt=False)
            assert urls["roster"].created is created
        assert "permission denied" in await _refused(urls["roster"].app, "CREATE TABLE x ()")
        await drop(url, ["roster"], prefix)
        await boss.execute(f"DROP ROLE {prefix}_admin")
    finally:
        await boss.close()


async def test_an_administrator_who_may_not_is_told_what_is_missing(admin_url: str, made) -> None:
    _prefix, _secrets, urls = made
    with pytest.raises(StartError, match="CREATEDB"):
        await prepare(urls["roster"].owner, ["callup"], f"{made[0]}y", {})


async def test_a_start_killed_before_the_grants_is_finished_by_the_next(admin_url: str, made) -> None:
    prefix, secrets, _urls = made
    boss = await asyncpg.connect(plain(admin_url))
    try:
        await boss.execute(f"DROP DATABASE {prefix}_roster WITH (FORCE)")
        await boss.execute(f"CREATE DATABASE {prefix}_roster OWNER {prefix}_roster_owner TEMPLATE template0")
    finally:
        await boss.close()
    urls = await prepare(admin_url, SERVICES, prefix, secrets)
    assert urls["roster"].created
    assert not urls["notify"].created
    assert "permission denied" in await _refused(urls["roster"].app, "CREATE TEMP TABLE x ()")


async def test_another_checkouts_roles_are_not_taken_over(admin_url: str, made) -> None:
    prefix, secrets, urls = made
    with pytest.raises(StartError) as caught:
        await prepare(admin_url, SERVICES, prefix, {}, adopt=False)
    assert "MUSTER_DB_PREFIX" in caught.value.message
    connection = await asyncpg.connect(plain(urls["roster"].app))
    await connection.close()
    # In the embedded server the roles can only be our own: lost passwords are made anew.
    fresh: dict[str, str] = {}
    again = await prepare(admin_url, SERVICES, prefix, fresh)
    assert fresh.keys() == secrets.keys()
    assert fresh != secrets
    connection = await asyncpg.connect(plain(again["roster"].app))
    await connection.close()


@pytest.mark.parametrize("name", ["", "Röster", "a b", 'x"; DROP DATABASE y; --', "1st", "x" * 50])
async def test_a_name_that_is_no_identifier_is_refused(admin_url: str, name: str) -> None:
    with pytest.raises(StartError):
        await prepare(admin_url, [name], "muster", {})


async def test_a_server_that_does_not_answer_is_a_start_error() -> None:
    with pytest.raises(StartError, match="DATABASE_URL") as caught:
        await prepare("postgresql://admin:hush@127.0.0.1:1/postgres", SERVICES, "muster", {})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("password", ["pencil", "p:@/ 密碼"])
async def test_our_verifier_is_the_one_postgresql_makes(admin_url: str, made, password: str) -> None:
    role = f"{made[0]}_scram"
    boss = await asyncpg.connect(plain(admin_url))
    try:
        await boss.execute(f"CREATE ROLE {role} PASSWORD '{password}'")
        theirs = await boss.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", role)
        await boss.execute(f"DROP ROLE {role}")
    finally:
        await boss.close()
    count, _, salt = theirs.split("$")[1].partition(":")
    assert scram_verifier(password, base64.b64decode(salt), int(count)) == theirs
    assert scram_verifier(password + "x", base64.b64decode(salt), int(count)) != theirs
