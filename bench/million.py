"""A million entries, written past the service: copies of what came and was decided through the gateway.

10,000 rosters of 100 men, a fifth of them one county's, of 160 schools, three years' worth; 100,000 men, each on ten
rosters, their IDs encrypted under the suite's key and found by their blind index as the service's own are. Nine rosters
in ten are decided, each under a number of its own; the others are under review.
"""

import random

import asyncpg

from bench.tables import listed
from local.demo.people import national_id
from shared import crypto

ROSTERS, MEN_EACH, MEN = 10_000, 100, 100_000
_SCHOOLS = 160
_COUNTIES = ("63000", "65000", "66000", "67000", "64000")

_SCHOOL = (
    "INSERT INTO school SELECT copied.* FROM (SELECT school FROM school LIMIT 1) AS one, generate_series(0, $1) AS n,"
    " jsonb_populate_record(one.school, jsonb_build_object('code', 'Z' || lpad(n::text, 3, '0'),"
    " 'name', '私立第' || lpad(n::text, 3, '0') || '科技大學')) AS copied"
)

# What of a copy differs from the row copied, by table. `r` is a row of the rosters to be made.
_ROSTER = {
    "submission": {
        "id": "r.submission", "school_code": "r.school", "received_at": "r.at",
        "content_digest": "decode(md5(r.n::text), 'hex')",
    },
    "roster": {
        "id": "r.roster", "submission_id": "r.submission", "school_code": "r.school", "county_code": "r.county",
        "received_on": "r.at::date", "received_at": "r.at", "opened_at": "r.at + interval '1 day'",
    },
    "batch": {
        "id": "r.batch", "roster_id": "r.roster", "school_code": "r.school", "county_code": "r.county",
        "proposed_number": "r.number", "submitted_at": "r.at + interval '2 days'",
        "closed_at": "r.at + interval '3 days'",
    },
}  # fmt: skip
_ENTRY = {
    "id": "gen_random_uuid()", "roster_id": "r.roster", "school_code": "r.school", "county_code": "r.county",
    "row_no": "m.place + 1", "national_id": "m.sealed", "national_id_index": "m.index",
    "state": "CASE WHEN r.decided THEN 'decided' ELSE 'in_review' END",
    "batch_id": "CASE WHEN r.decided THEN r.batch END",
    "filed_on": "r.at::date",
}  # fmt: skip
_DECISION = {
    "id": "gen_random_uuid()", "entry_id": "e.id", "batch_id": "r.batch", "roster_id": "r.roster",
    "school_code": "r.school", "county_code": "r.county", "decision_number": "r.number",
    "decided_on": "(r.at + interval '3 days')::date", "decided_at": "r.at + interval '3 days'",
}  # fmt: skip


async def fill(connection: asyncpg.Connection, ring: crypto.KeyRing, roster_id: str) -> list[str]:
    """Multiply a decided roster; the IDs of the men. `connection` is a superuser's."""
    rng = random.Random("million")  # noqa: S311 - made-up men, no secrets
    ids: set[str] = set()
    while len(ids) < MEN:
        ids.add(national_id(rng))
    men = sorted(ids)
    rng.shuffle(men)
    async with connection.transaction():
        # No trigger looks up foreign keys, nor keeps history of what is only now made.
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "CREATE TEMPORARY TABLE man (n integer, place integer, sealed bytea, index bytea) ON COMMIT DROP"
        )
        await connection.copy_records_to_table(
            "man",
            records=(
                (n, n % MEN_EACH, ring.encrypt(man.encode(), "entry.national_id"), ring.blind_index(man))
                for n, man in enumerate(men)
            ),
        )
        await connection.execute(_planned())
        await connection.execute("CREATE INDEX ON man (n)")
        await connection.execute("ANALYZE man")
        await connection.execute(_SCHOOL, _SCHOOLS - 1)
        for table, given in _ROSTER.items():
            await _copy(connection, table, given, f"planned AS r, {_template(table, roster_id)}")
        block = f"r.n % {MEN // MEN_EACH} * {MEN_EACH}"
        men_of = f"planned AS r JOIN man AS m ON m.n >= {block} AND m.n < {block} + {MEN_EACH}"
        await _copy(connection, "entry", _ENTRY, f"{men_of}, {_template('entry', roster_id)}")
        decided = (
            f"planned AS r JOIN entry AS e ON e.roster_id = r.roster AND r.decided, {_template('decision', roster_id)}"
        )
        await _copy(connection, "decision", _DECISION, decided)
    await connection.execute("VACUUM ANALYZE")
    return men


def _planned() -> str:
    counties = ", ".join(f"'{county}'" for county in _COUNTIES)
    return (
        "CREATE TEMPORARY TABLE planned ON COMMIT DROP AS SELECT n, gen_random_uuid() AS roster,"  # noqa: S608
        " gen_random_uuid() AS submission, gen_random_uuid() AS batch, n % 10 > 0 AS decided,"
        f" (ARRAY[{counties}])[1 + (n / 10) % {len(_COUNTIES)}] AS county,"
        f" 'Z' || lpad((n * 7 % {_SCHOOLS})::text, 3, '0') AS school,"
        f" '府兵徵字第' || (1150000000 + n) || '號' AS number,"
        f" now() - make_interval(mins => n * 150) AS at FROM generate_series(0, {ROSTERS - 1}) AS n"
    )


def _template(table: str, roster_id: str) -> str:
    column = "roster_id" if table in ("batch", "entry", "decision") else "id"
    which = f"'{roster_id}'"
    if table == "submission":
        which = f"(SELECT submission_id FROM roster WHERE id = {which})"  # noqa: S608
    return f"(SELECT * FROM {table} WHERE {column} = {which} LIMIT 1) AS source"  # noqa: S608


async def _copy(connection: asyncpg.Connection, table: str, given: dict[str, str], source: str) -> None:
    names, told = await listed(connection, table, given)
    statement = f"INSERT INTO {table} ({names}) SELECT {told} FROM {source}"  # noqa: S608
    await connection.execute(statement)
