"""What PostgreSQL itself lets each organisation, nobody, and each purpose see and write: asked in plain SQL.

Every statement here runs as the application role, past all code of the service.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from local.databases import plain
from tests.contracts.walls import roster as fixtures
from tests.support import rosters
from tests.support.rosters import NTU, OTHER_SCHOOL, County, men
from tests.support.services import Service, running

pytestmark = [pytest.mark.xdist_group("rls"), pytest.mark.rule("ID-03")]

SCHOOL, COUNTY, TOWNSHIP = "school_code", "county_code", "township_code"
# Table → the kinds of organisation that have rows of their own in it, by this column.
TENANT: Mapping[str, tuple[str, ...]] = {
    "submission": (SCHOOL,),
    "roster": (SCHOOL, COUNTY),
    "roster_version": (SCHOOL, COUNTY),
    "history": (SCHOOL, COUNTY),
    "entry": (SCHOOL, COUNTY),
    "hint": (SCHOOL, COUNTY),
    "registry_fact": (COUNTY,),
    "batch": (COUNTY,),
    "batch_entry": (COUNTY,),
    "county_setting": (COUNTY,),
    "decision": (SCHOOL, COUNTY),
    "deferment": (SCHOOL, COUNTY),
    "refusal_service": (SCHOOL, COUNTY, TOWNSHIP),
    "review_request": (SCHOOL, COUNTY, TOWNSHIP),
    "deferment_change": (COUNTY,),
    "case_file": (COUNTY,),
    "school_contact": (SCHOOL,),
    "term": (SCHOOL,),
}
# What an organisation sees beyond its own, by the specification: the condition under which (RO-40, RO-43, RO-36).
BEYOND: Mapping[tuple[str, str], str] = {
    ("deferment", "county"): "national_id_index IN (SELECT national_id_index FROM entry WHERE county_code = $1)",
    ("history", "county"): "table_name = 'deferment' AND row_id IN (SELECT id FROM deferment WHERE national_id_index IN"
    " (SELECT national_id_index FROM entry WHERE county_code = $1))",
    # A township hands refusals over to the men of its households (RO-75), and is told of each decision (RO-51).
    ("decision", "township"): "township_code = $1",
    ("entry", "township"): "township_code = $1 AND (state = 'decided' OR corrects IS NOT NULL)",
    ("deferment", "township"): "id IN (SELECT deferment_id FROM decision WHERE township_code = $1)",
    ("school_contact", "county"): "true",
    ("school_contact", "moi"): "true",
}
# Tables of what others than schools filed: theirs are the rows that name them (RO-70 to RO-72).
FILED = {"submission", "roster", "entry", "case_file"}
# Of its households a township receives what was decided (RO-51), and of men after vacation training their file.
_HOUSEHOLD = "township_code = $1 AND {}"
BEYOND = {
    **BEYOND,
    ("case_file", "township"): _HOUSEHOLD.format(
        "filer_type = 'county' AND entry_id IN (SELECT id FROM entry WHERE state = 'decided')"
    ),
    ("decision", "education_authority"): "entry_id IN (SELECT id FROM entry WHERE filer_type = 'education_authority'"
    " AND filer_code = $1)",
}
NATIONAL = "school_code = '*'"
SEVERAL = {SCHOOL: {"0003", "0025"}, COUNTY: {"63000", "65000"}, TOWNSHIP: {"63000030", "65000010"}}
OWNERS = {"school": SCHOOL, "county": COUNTY, "township": TOWNSHIP}
CALLERS = [
    ("school", "0003"),
    ("school", "0025"),
    ("school", "0099"),
    ("county", "63000"),
    ("county", "65000"),
    ("county", "64000"),
    ("township", "63000030"),
    ("township", "63000010"),
    ("education_authority", "moe"),
    ("education_authority", "63000"),
    ("employer", "12345675"),
    ("moi", "moi"),
    ("service", "roster"),
    ("none", "none"),
    ("", ""),
    # Types and codes that would show everything to a careless comparison.
    ("school", "%"),
    ("county", ""),
    ("school", "63000"),
    ("county", "0003"),
    ("school", "*"),
]


@dataclass
class Rows:
    """The database as its owner and as the application role see it."""

    service: Service
    owner: asyncpg.Connection
    app: asyncpg.Connection

    @asynccontextmanager
    async def seen_by(self, org_type: str, org_code: str, purpose: str = "", sub: str = "x") -> AsyncIterator[None]:
        """A transaction of the application role in this context, undone at the end."""
        transaction = self.app.transaction()
        await transaction.start()
        try:
            await self.app.execute(
                "SELECT set_config('app.sub', $1, true), set_config('app.org_type', $2, true),"
                " set_config('app.org_code', $3, true), set_config('app.purpose', $4, true)",
                sub,
                org_type,
                org_code,
                purpose,
            )
            yield
        finally:
            await transaction.rollback()

    async def all(self, connection: asyncpg.Connection, table: str, where: str = "true", *values: str) -> set[str]:
        """Whole rows as text."""
        return {row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} t WHERE {where}", *values)}


@pytest.fixture(scope="module")
async def rows(template, tmp_path_factory) -> AsyncIterator[Rows]:
    """A database with rows of several schools and counties in every table."""
    async with template("roster").copy() as urls:
        with pytest.MonkeyPatch.context() as patch:
            rosters.set_today(patch, tmp_path_factory.mktemp("rls"))
            async with running("roster", urls) as service:
                await fixtures.furnish(service)
                await _more(County(service))
                owner, app = await asyncpg.connect(plain(urls.owner)), await asyncpg.connect(plain(urls.app))
                await owner.execute(
                    "INSERT INTO registry_fact SELECT id, county_code, now(), true, '{}' FROM entry"
                    " WHERE county_code = '65000'"
                )
                yield Rows(service, owner, app)
                await owner.close()
                await app.close()


async def _more(county: County) -> None:
    """Contacts, a term of the other school's, and a man of Taipei's whom New Taipei is to decide on as well."""
    contact = {"name": "王美玲", "phone": "02-3366-2032", "email": "military@ntu.example.test"}
    for code, who in (("0003", NTU), ("0025", OTHER_SCHOOL)):
        assert (await county.call("PUT", f"/schools/{code}/contact", who, contact)).status_code == 200
    term = {"registration_deadline": "2026-09-14"}
    assert (await county.call("PUT", "/terms/115/1", OTHER_SCHOOL, term)).status_code == 200
    await county.post(men(70, 1, county_code="65000", township_code="65000010"), who=OTHER_SCHOOL)
    # Too old, which the school may know.
    await county.post(men(95, 1, birth_date="1992-05-05", level="doctoral", nominal_years="7"))


def _own(table: str, org_type: str) -> str:
    column = OWNERS.get(org_type)
    own = f"{column} = $1" if column in TENANT[table] else "$1::text IS NULL"
    if org_type == "school" and table in ("hint", "history"):
        own += " AND visible_to_school"
    if table in FILED:
        own += f" OR (filer_type = '{org_type}' AND filer_code = $1)"
    beyond = BEYOND.get((table, org_type), "false")
    return f"({own}) OR ({beyond}) OR ({NATIONAL if table == 'term' else 'false'})"


@pytest.mark.parametrize("table", TENANT)
async def test_the_rows_are_of_several_organisations(rows: Rows, table: str) -> None:
    """The control: where all rows belong to one, nothing below proves anything."""
    for column in TENANT[table]:
        codes = {row[0] for row in await rows.owner.fetch(f"SELECT DISTINCT {column} FROM {table}")}
        assert codes >= SEVERAL[column], codes


@pytest.mark.parametrize("org_type, org_code", CALLERS)
@pytest.mark.parametrize("table", TENANT)
async def test_each_sees_its_own_rows_and_no_other(rows: Rows, table: str, org_type: str, org_code: str) -> None:
    expected = await rows.all(rows.owner, table, _own(table, org_type), org_code)
    async with rows.seen_by(org_type, org_code):
        assert await rows.all(rows.app, table) == expected
    everything = await rows.all(rows.owner, table)
    assert expected < everything or (table, org_type) in BEYOND, "somebody sees every row"


@pytest.mark.parametrize("table", TENANT)
async def test_without_any_context_nothing(rows: Rows, table: str) -> None:
    assert await rows.app.fetchval("SELECT current_setting('app.org_type', true)") in (None, "")
    where = f"NOT ({NATIONAL})" if table == "term" else "true"
    assert await rows.all(rows.app, table, where) == set()


async def test_a_school_sees_no_hint_that_may_reveal_a_conviction(rows: Rows) -> None:
    hidden = await rows.owner.fetchval("SELECT count(*) FROM hint WHERE school_code = '0003' AND NOT visible_to_school")
    assert hidden
    async with rows.seen_by("school", "0003"):
        assert await rows.app.fetchval("SELECT count(*) FROM hint WHERE NOT visible_to_school") == 0
        assert await rows.app.fetchval("SELECT count(*) FROM hint")


# Writing. (organisation, another of its kind, the column that says whose)
PAIRS = [("school", "0025", "0003", SCHOOL), ("county", "65000", "63000", COUNTY)]
REFUSED = "row-level security|permission denied|never rewritten"


@pytest.mark.parametrize("org_type, mine, theirs, column", PAIRS)
@pytest.mark.parametrize("table", TENANT)
async def test_another_s_rows_are_not_changed(rows, table, org_type, mine, theirs, column) -> None:
    if column not in await _columns(rows, table):
        column = COUNTY if column == SCHOOL else SCHOOL
        theirs = "63000" if column == COUNTY else "0003"
    async with rows.seen_by(org_type, mine):
        beyond = "" if table != "deferment" else " AND national_id_index NOT IN (SELECT national_id_index FROM entry)"
        for statement in (
            f"UPDATE {table} SET {column} = {column} WHERE {column} = $1{beyond}",
            f"DELETE FROM {table} WHERE {column} = $1",
        ):
            assert await _touched(rows, statement, theirs) == 0


async def _columns(rows: Rows, table: str) -> set[str]:
    found = await rows.owner.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0", table
    )
    return {row[0] for row in found}


async def _touched(rows: Rows, statement: str, *values: str) -> int:
    """How many rows; none when the role may not do this to the table at all."""
    try:
        async with rows.app.transaction():
            return int((await rows.app.execute(statement, *values)).rpartition(" ")[2])
    except asyncpg.InsufficientPrivilegeError:
        return 0


# Hints have a test of their own below.
MOVABLE = [
    (table, *pair) for table, columns in TENANT.items() for pair in PAIRS if pair[3] in columns and table != "hint"
]


@pytest.mark.parametrize("table, org_type, mine, theirs, column", MOVABLE)
async def test_one_s_own_rows_are_not_made_another_s(rows, table, org_type, mine, theirs, column) -> None:
    async with rows.seen_by(org_type, mine):
        move = f"UPDATE {table} SET {column} = $2 WHERE {column} = $1"
        if org_type == "school" and table in ("decision", "deferment"):
            # A school reads these only.
            assert await _touched(rows, move, mine, theirs) == 0
            return
        with pytest.raises(asyncpg.PostgresError, match=REFUSED):
            await rows.app.execute(move, mine, theirs)


@pytest.mark.parametrize("table, org_type, mine, theirs, column", MOVABLE)
async def test_no_row_is_made_in_another_s_name(rows, table, org_type, mine, theirs, column) -> None:
    made = f"jsonb_populate_record(NULL::{table}, to_jsonb(t) || jsonb_build_object('{column}', $2::text))"
    copy = f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT ({made}).* FROM {table} t WHERE {column} = $1 LIMIT 1"
    async with rows.seen_by(org_type, mine):
        assert await rows.app.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", mine)
        with pytest.raises(asyncpg.PostgresError, match=REFUSED):
            await rows.app.execute(copy, mine, theirs)


async def test_a_county_extends_what_another_granted_and_makes_nothing_in_its_name(rows: Rows) -> None:
    """RO-50: the deferment of a man on its own roster may be changed, but not whose it is."""
    man = "national_id_index IN (SELECT national_id_index FROM entry) AND county_code = '63000'"
    async with rows.seen_by("county", "65000"):
        assert await _touched(rows, f"UPDATE deferment SET deferred_until = deferred_until WHERE {man}") == 1
        for column, code in ((COUNTY, "65000"), (SCHOOL, "0025")):
            with pytest.raises(asyncpg.PostgresError, match="never rewritten"):
                async with rows.app.transaction():
                    await rows.app.execute(f"UPDATE deferment SET {column} = $1 WHERE {man}", code)
        made = "jsonb_populate_record(NULL::deferment, to_jsonb(t) || jsonb_build_object('id', gen_random_uuid()))"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await rows.app.execute(f"INSERT INTO deferment SELECT ({made}).* FROM deferment t WHERE {man}")
    async with rows.seen_by("county", "64000"):
        assert await _touched(rows, "UPDATE deferment SET deferred_until = deferred_until") == 0


FILED_BY = "filer_type = 'township' AND filer_code = '63000030'"


async def test_who_filed_writes_nothing_but_the_taking_back(rows: Rows) -> None:
    """RO-70: a township makes rows in its own name, takes back what is unopened, and changes nothing of the review."""
    township = rows.seen_by("township", "63000030")
    async with township:
        # Its own, unopened: withdrawn, and nothing else.
        mine = await rows.app.fetchval(f"SELECT count(*) FROM entry WHERE {FILED_BY} AND state = 'received'")
        assert mine
        for state in ("decided", "in_review"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                async with rows.app.transaction():
                    await rows.app.execute(
                        f"UPDATE entry SET state = '{state}' WHERE {FILED_BY} AND state = 'received'"
                    )
        # What was decided of its households it reads.
        assert await rows.app.fetchval("SELECT count(*) FROM entry WHERE state = 'decided'")
        assert await _touched(rows, "UPDATE entry SET remarks = 'x' WHERE state = 'decided'") == 0
        assert await _touched(rows, "UPDATE decision SET reason = 'x'") == 0
        # Another township's name, or the county's, it cannot take.
        for change in ("'filer_code', '63000010'", "'filer_type', 'county', 'filer_code', '63000'"):
            named = f"jsonb_build_object('id', gen_random_uuid(), {change})"
            made = f"jsonb_populate_record(NULL::entry, to_jsonb(t) || {named})"
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                async with rows.app.transaction():
                    await rows.app.execute(
                        f"INSERT INTO entry SELECT ({made}).* FROM entry t WHERE {FILED_BY} AND state = 'received'"
                    )


async def test_only_the_household_s_township_confirms_an_annotation(rows: Rows) -> None:
    """RO-72: of a decided list, once; nothing else of the file."""
    confirm = "UPDATE case_file SET annotated_at = now(), annotated_by = 'x' WHERE case_kind = 'vacation_training'"
    for org_type, org_code in (("township", "63000010"), ("county", "63000"), ("education_authority", "moe")):
        async with rows.seen_by(org_type, org_code):
            assert await _touched(rows, confirm) == 0
    async with rows.seen_by("township", "63000030"):
        # The man of the list that is not decided yet is not the township's to see.
        assert await _touched(rows, confirm) == 1
        with pytest.raises(asyncpg.CheckViolationError, match="confirmed once"):
            async with rows.app.transaction():
                await rows.app.execute(confirm)
        assert await _touched(rows, "UPDATE case_file SET days_in_camp = 31") == 0


# Purposes: which tables each opens to a worker, who has no organisation's rows, and which of these it may change.
PURPOSES: Mapping[str, tuple[set[str], set[str]]] = {
    "judge": (
        {"submission", "roster", "entry", "hint", "registry_fact", "decision", "deferment", "case_file"},
        {"roster", "entry", "registry_fact"},
    ),
    "deliver": ({"roster", "entry", "decision", "deferment", "deferment_change"}, set()),
    "transfer": ({"submission", "roster", "entry"}, {"roster", "entry"}),
    "": (set(), set()),
    "log_in": (set(), set()),
    "oversee": (set(), set()),
    "judge,deliver": (set(), set()),
    "%": (set(), set()),
}


@pytest.mark.parametrize("purpose", PURPOSES)
async def test_a_purpose_opens_what_its_policies_say(rows: Rows, purpose: str) -> None:
    sees, changes = set(), set()
    for table, (column, *_) in TENANT.items():
        where = f"WHERE NOT ({NATIONAL})" if table == "term" else ""
        async with rows.seen_by("service", "roster", purpose):
            if await rows.app.fetchval(f"SELECT count(*) FROM {table} {where}"):
                sees.add(table)
            if await _touched(rows, f"UPDATE {table} SET {column} = {column}"):
                changes.add(table)
            assert not await _touched(rows, f"DELETE FROM {table}")
    assert (sees, changes) == PURPOSES[purpose]


MADE = {"judge": {"roster", "entry", "hint"}, "transfer": {"roster", "entry", "roster_version", "case_file"}}
INSERTS = [
    (purpose, table, table in MADE.get(purpose, set()))
    for purpose in ("judge", "deliver", "transfer")
    for table in (
        "submission",
        "roster",
        "roster_version",
        "history",
        "entry",
        "hint",
        "batch",
        "decision",
        "deferment",
        "deferment_change",
        "county_setting",
        "case_file",
    )
]


@pytest.mark.parametrize("purpose, table, allowed", INSERTS)
async def test_a_purpose_adds_rows_only_where_its_policy_does(rows, purpose, table, allowed) -> None:
    row = await rows.owner.fetchval(f"SELECT to_jsonb(t)::text FROM {table} t LIMIT 1")
    copy = f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_record(NULL::{table}, $1::jsonb)"
    # A copy passes the wall only to stumble over its own key.
    expected = asyncpg.UniqueViolationError if allowed else asyncpg.InsufficientPrivilegeError
    async with rows.seen_by("service", "roster", purpose):
        with pytest.raises(expected):
            await rows.app.execute(copy, row)


@pytest.mark.parametrize("org_type, org_code", [("school", "0003"), ("county", "63000")])
async def test_who_sees_hints_writes_none(rows: Rows, org_type: str, org_code: str) -> None:
    """They are the legal tests' alone: a row planted under a set's name would stay there in the place of theirs."""
    column = OWNERS[org_type]
    copy = f"INSERT INTO hint SELECT * FROM hint WHERE {column} = $1 AND visible_to_school LIMIT 1"
    async with rows.seen_by(org_type, org_code):
        assert await rows.app.fetchval(f"SELECT count(*) FROM hint WHERE {column} = $1 AND visible_to_school", org_code)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await rows.app.execute(copy, org_code)


@pytest.mark.parametrize(
    "org_type, org_code, expected",
    [
        ("county", "63000", {"63000"}),
        ("county", "65000", {"65000"}),
        ("county", "64000", set()),
        ("school", "0003", set()),
        ("service", "roster", set()),
        ("", "", set()),
        ("moi", "moi", {"63000", "65000"}),
    ],
)
async def test_the_calls_to_the_registry_are_the_county_s(rows, org_type, org_code, expected) -> None:
    async with rows.seen_by(org_type, org_code):
        seen = {row[0] for row in await rows.app.fetch("SELECT DISTINCT county_code FROM registry_event")}
        assert seen == expected
        others = "UPDATE registry_event SET state = 'ready' WHERE county_code <> $1"
        assert bool(await _touched(rows, others, org_code)) == (org_type == "moi")


async def test_what_a_caller_sent_under_a_key_is_his(rows: Rows) -> None:
    kept = await rows.owner.fetchval("SELECT count(*) FROM idempotency_key WHERE sub = 'officer-1'")
    assert kept
    for sub, count in (("officer-1", kept), ("officer-2", 0), ("", 0), ("%", 0)):
        async with rows.seen_by("county", "63000", sub=sub):
            assert await rows.app.fetchval("SELECT count(*) FROM idempotency_key") == count


async def test_what_was_done_is_read_by_the_organisation_that_did_it(rows: Rows) -> None:
    for org_type, org_code in (("county", "63000"), ("county", "65000"), ("school", "0003"), ("none", "none")):
        async with rows.seen_by(org_type, org_code):
            found = await rows.app.fetch("SELECT DISTINCT org_type, org_code FROM audit_entry")
        assert {tuple(row) for row in found} <= {(org_type, org_code)}
        assert bool(found) == (org_type != "none")


# What a wall looks up in a function (migration 0012): who asks and for what, and the table of the caller's own by which
# he would be let through were it believed.
LOOKS = [
    ("township", "99999999", "deferment", "decision AS SELECT id AS deferment_id, '99999999' AS township_code"),
    (
        "education_authority", "99", "decision",
        "entry AS SELECT entry_id AS id, 'education_authority' AS filer_type, '99' AS filer_code",
    ),
    (
        "county", "99999", "deferment",
        "entry AS SELECT national_id_index, 'received' AS state, '99999' AS county_code",
    ),
]  # fmt: skip


@pytest.mark.parametrize("org_type, org_code, table, own", LOOKS)
async def test_no_table_of_the_caller_s_own_stands_in_the_way_of_a_wall(rows, org_type, org_code, table, own) -> None:
    role, database = (await rows.app.fetchrow("SELECT current_user, current_database()")).values()
    await rows.owner.execute(f'GRANT TEMPORARY ON DATABASE "{database}" TO "{role}"')
    try:
        async with rows.seen_by("", "", "judge"):
            await rows.app.execute(f"CREATE TEMPORARY TABLE all_of_them AS SELECT * FROM {table}")
            assert await rows.app.fetchval("SELECT count(*) FROM all_of_them") > 0
            await rows.app.execute(f"CREATE TEMPORARY TABLE {own} FROM all_of_them")
            await rows.app.execute(
                "SELECT set_config('app.org_type', $1, true), set_config('app.org_code', $2, true),"
                " set_config('app.purpose', '', true)",
                org_type,
                org_code,
            )
            assert await rows.all(rows.app, f"public.{table}") == set()
    finally:
        await rows.owner.execute(f'REVOKE TEMPORARY ON DATABASE "{database}" FROM "{role}"')
