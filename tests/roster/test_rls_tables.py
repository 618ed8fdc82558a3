"""No table that says whose its rows are stands without its wall, in any service: read off PostgreSQL's catalogue."""

import asyncpg
import pytest

from local.databases import plain
from shared import migrations

pytestmark = pytest.mark.rule("ID-03")

# A column of one of these names says to whom a row belongs.
WHOSE = (
    "school_code", "county_code", "township_code", "org_code", "sub", "recipient", "account_id", "username",
    "national_id", "national_id_index", "email",
)  # fmt: skip
# Tables that name an organisation and are everybody's to read, each with its reason.
REFERENCE = {
    "roster": {
        "school": "the Ministry's list of schools; its county is where the school lies",
        "school_registration": "which schools are registered is public",
        "unrecognised_programme": "what the authority does not recognise is public",
        "calendar_day": "holidays of a county are public",
    },
    "identity": {},
    "notify": {},
}
# Rows of these belong to nobody: work in hand without personal data, what was taken, keys.
OF_THE_SERVICE = {"job", "inbox_event", "field_key_probe", "alembic_version", "signing_key"}
SERVICES = sorted(REFERENCE)

_TABLES = """
SELECT c.relname AS name, c.relrowsecurity AS walled,
       array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
             AND NOT a.attisdropped) AS columns,
       (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
       array(SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
             WHERE has_table_privilege($1, c.oid, privilege)) AS granted
  FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""


async def unwalled(owner: asyncpg.Connection, service: str, app_role: str) -> list[str]:
    """What is wrong with the walls of this database, one line each."""
    told = []
    for table in await owner.fetch(_TABLES, app_role):
        name, whose = table["name"], sorted(set(table["columns"]) & set(WHOSE))
        if whose and not table["walled"] and name not in REFERENCE[service]:
            told.append(f"{name} says whose its rows are ({', '.join(whose)}) and has no row-level security")
        if not whose and not table["walled"] and name not in OF_THE_SERVICE | REFERENCE[service].keys():
            told.append(f"{name} is neither walled nor known as the service's own")
        if table["walled"] and not table["policies"]:
            told.append(f"{name} has row-level security and no policy")
        if "TRUNCATE" in table["granted"]:
            told.append(f"{name} may be emptied by the application, past every policy")
    return told


@pytest.fixture
def urls(request: pytest.FixtureRequest, service: str):
    """A clean database of the service."""
    return request.getfixturevalue(f"{service}_urls")


def _role(url: str) -> str:
    return url.partition("://")[2].partition(":")[0]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_table_that_says_whose_it_is_has_a_wall(service, urls) -> None:
    owner = await asyncpg.connect(plain(urls.owner))
    try:
        assert await unwalled(owner, service, _role(urls.app)) == []
        names = {table["name"] for table in await owner.fetch(_TABLES, _role(urls.app))}
        assert names >= REFERENCE[service].keys(), "an exception that is no longer needed"
    finally:
        await owner.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_the_application_s_role_cannot_pass_them(service, urls) -> None:
    connection = await asyncpg.connect(plain(urls.app))
    try:
        role = await connection.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreaterole,"
            " (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owns,"
            " (SELECT count(*) FROM pg_auth_members WHERE member = r.oid) AS belongs_to"
            " FROM pg_roles r WHERE rolname = current_user"
        )
        assert tuple(role) == (False, False, False, 0, 0)
        # A function that runs as its owner would be a door, but for one that only a trigger can call and that finds
        # nothing on a path of the caller's.
        doors = await connection.fetch(
            "SELECT proname, prorettype::regtype::text AS returns, proconfig AS path,"
            " has_function_privilege(oid, 'EXECUTE') AS callable"
            " FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        )
        kept = [("keep_history", "trigger", ["search_path=pg_catalog, public, pg_temp"], False)]
        assert [tuple(door) for door in doors] == (kept if service == "roster" else [])
        for attempt in ("SET row_security = off", "SET ROLE NONE"):
            await connection.execute(attempt)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("ALTER TABLE audit_entry DISABLE ROW LEVEL SECURITY")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SELECT 1 FROM audit_entry")
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_view_is_a_wall_or_is_not_there(service, urls) -> None:
    """A view reads as its owner, past the policies: each must state its own condition behind a barrier."""
    owner = await asyncpg.connect(plain(urls.owner))
    try:
        views = await owner.fetch(
            "SELECT relname, reloptions FROM pg_class WHERE relkind IN ('v', 'm')"
            " AND relnamespace = 'public'::regnamespace"
        )
    finally:
        await owner.close()
    found = {view["relname"]: view["reloptions"] for view in views}
    assert found == ({"registry_event": ["security_barrier=true"]} if service == "roster" else {})


@pytest.mark.parametrize(
    "statement, told",
    [
        ("CREATE TABLE planted (county_code text)", "planted says whose its rows are (county_code)"),
        ("CREATE TABLE planted (anything text)", "planted is neither walled nor known"),
        (
            "CREATE TABLE planted (sub text); ALTER TABLE planted ENABLE ROW LEVEL SECURITY",
            "planted has row-level security and no policy",
        ),
        ("ALTER TABLE entry DISABLE ROW LEVEL SECURITY", "entry says whose its rows are"),
        ('GRANT TRUNCATE ON job TO "{app}"', "job may be emptied"),
    ],
)
async def test_a_missing_wall_is_found(roster_urls, statement: str, told: str) -> None:
    """The control."""
    owner = await asyncpg.connect(plain(roster_urls.owner))
    try:
        await owner.execute(statement.replace("{app}", _role(roster_urls.app)))
        (found,) = await unwalled(owner, "roster", _role(roster_urls.app))
    finally:
        await owner.close()
    assert found.startswith(told)


@pytest.mark.parametrize(
    "condition",
    [migrations.org("school", "school_code"), migrations.own("school", "school_code"), migrations.purpose("judge")],
)
async def test_a_condition_on_no_context_is_not_true(roster_urls, condition: str) -> None:
    """Whatever a policy compares with, an unset or empty setting matches nothing."""
    app = await asyncpg.connect(plain(roster_urls.app))
    try:
        query = f"SELECT ({condition}) IS TRUE FROM (VALUES ('0003'), (''), (NULL)) AS t (school_code)"
        for setting in (None, ""):
            if setting is not None:
                await app.execute("SELECT set_config('app.org_type', $1, false)", setting)
            assert {row[0] for row in await app.fetch(query)} == {False}
    finally:
        await app.close()


# What roster's walls look up in functions (migration 0012), and how the table is searched there.
LOOKS = [
    ("decided_for_township", "decision", "decision.deferment_id", "uuid"),
    ("filed_by_caller", "entry", "entry.id", "uuid"),
    ("on_roster_of_county", "entry", "entry.national_id_index", "bytea"),
]


@pytest.mark.parametrize("name, table, column, kind", LOOKS)
async def test_what_a_wall_looks_up_is_found_by_an_index(roster_urls, name, table, column, kind) -> None:
    """A look in a function is made for each row, so that without one a list takes the square of its length."""
    owner = await asyncpg.connect(plain(roster_urls.owner))
    try:
        told = await owner.fetchval("SELECT prosrc FROM pg_proc WHERE proname = $1", name)
        await owner.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
        await owner.execute(f"PREPARE looked ({kind}) AS SELECT 1 FROM {table} WHERE {column} = $1")
        plan = [line for (line,) in await owner.fetch("EXPLAIN EXECUTE looked (NULL)")]
    finally:
        await owner.close()
    assert f"FROM public.{table} WHERE {column} = asked" in told
    assert any("Index Cond" in line and "$1" in line for line in plan), plan
