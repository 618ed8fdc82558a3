"""`roster_search_1m`: how much later than bare SQL results come, searched in 1,000,000 entries; a row a search (`of`).

A county officer's four searches of RO-60, each for the first fifty rosters, newest first: everything (`newest`), a
national ID (`national_id`), part of a school's name (`school_name`), the number of a decision (`decision_number`).
Ours is the request through the gateway: token and role checked, context of the tenant set, row-level security, the page
with its counts and cursor, the search sealed. Bare SQL is a prepared statement for that very search, written by hand on
the same tables and indexes, over a connection that is open, by a superuser, to whom no row-level security applies; it
gives the same rosters with the same counts, which are compared first.

The figure: the 95th percentile of ours less that of the bare SQL, `REQUESTS` each a round, one at a time, every request
for something else; the median of the rounds. How the entries came there: `bench.million`. Cores: as in `bench.review`.

Learnt: row-level security makes PostgreSQL expect a fiftieth of the rows there are, so that in one statement it counted
the entries of every roster of the county, for a page of fifty as for one man. Chosen first and counted afterwards, a
page costs what its own rosters do (`roster.results.choosing`).
"""

import asyncio
import http.client
import json
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from bench import million
from bench.place import Place, conditions
from bench.results import Row, within
from bench.review import COUNTY, House
from bench.rounds import Side, Slice, contest
from bench.servers import NotStartedError
from shared import crypto

NAME, UNIT = "roster_search_1m", "ms"
LIMIT = 10.0
REQUESTS = 60
_SQL = "bare SQL"
_SHOWN = ("roster_id", "headcount", "for_approval", "decided", "approved", "rejected")

# The first fifty of the county that are for approval or decided, and what is counted of each.
_FIRST = (
    "SELECT r.id AS roster_id, s.name, r.kind, r.received_on, r.received_at, e.*, d.* FROM roster AS r"
    " LEFT JOIN school AS s ON s.code = r.school_code"
    " CROSS JOIN LATERAL (SELECT count(DISTINCT national_id_index) FILTER"
    "  (WHERE state NOT IN ('withdrawn', 'superseded')) AS headcount,"
    "  count(*) FILTER (WHERE state = 'for_approval') AS for_approval,"
    "  count(*) FILTER (WHERE state = 'decided') AS decided"
    "  FROM entry WHERE roster_id = r.id AND until_version IS NULL) AS e"
    " CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE decision = 'approved') AS approved,"
    "  count(*) FILTER (WHERE decision = 'rejected') AS rejected, max(decided_on) AS last_decided_on"
    "  FROM decision WHERE roster_id = r.id"
    "  AND NOT EXISTS (SELECT 1 FROM decision AS newer WHERE newer.corrects = decision.id)) AS d"
    " WHERE r.county_code = $1 AND e.for_approval + e.decided > 0"
)
_LAST = " ORDER BY r.received_at DESC, r.id DESC LIMIT 50"


@dataclass(frozen=True, slots=True)
class _Search:
    """One kind of search: its member in ours, its condition in SQL, what is asked for."""

    name: str
    condition: str
    wanted: Sequence[str]
    as_parameter: Any = str


def measure(place: Place) -> Iterator[Row]:
    """A row for each search."""
    with House.open(place) as house, asyncio.Runner() as runner:
        connection: asyncpg.Connection = runner.run(asyncpg.connect(house.database, command_timeout=900))
        try:
            house.decide(*house.for_approval(house.roster_id))
            house.forget_jobs()
            ring = crypto.load("", str(house.suite.root / "keys"))
            men = runner.run(million.fill(connection, ring, house.roster_id))
            place.tell(f"{million.ROSTERS * million.MEN_EACH:,} entries are there")
            for search in runner.run(_searches(connection, ring, men)):
                yield _measured(place, _Both(house, runner, connection, search))
        finally:
            runner.run(connection.close())


async def _searches(connection: asyncpg.Connection, ring: crypto.KeyRing, men: Sequence[str]) -> list[_Search]:
    numbers = await connection.fetch("SELECT DISTINCT decision_number FROM decision WHERE county_code = $1", COUNTY)
    schools = await connection.fetch("SELECT DISTINCT substr(name, 4, 3) FROM school WHERE code LIKE 'Z%'")
    of_man = "SELECT roster_id FROM entry WHERE national_id_index = $2 AND county_code = $1"
    of_number = "SELECT roster_id FROM decision WHERE county_code = $1 AND decision_number = $2"
    return [
        _Search("newest", "", ("",)),
        _Search("national_id", f" AND r.id IN ({of_man})", men, ring.blind_index),
        _Search("school_name", " AND strpos(s.name, $2) > 0", [found for (found,) in schools]),
        _Search("decision_number", f" AND r.id IN ({of_number})", [found for (found,) in numbers]),
    ]


def _measured(place: Place, both: "_Both") -> Row:
    place.tell(both.search.name)
    sides = [Side("ours", both.our_answer, both.our_slice), Side(_SQL, both.sql_answer, both.sql_slice)]
    measured = contest(sides, place.tell)
    pairs = zip(measured.figures("ours").values, measured.figures(_SQL).values, strict=True)
    added = [one - other for one, other in pairs]
    facts: Mapping[str, Any] = {
        "of": both.search.name,
        "added_to": _SQL,
        "ours_p95": measured.figures("ours").median,
        "sql_p95": measured.figures(_SQL).median,
        "rounds": measured.rounds,
        "spread": [min(added), max(added)],
        "requests": REQUESTS,
        "entries": million.ROSTERS * million.MEN_EACH,
    }
    return within(NAME, UNIT, statistics.median(added), LIMIT, **facts, **conditions())


class _Both:
    """One search on both sides."""

    def __init__(self, house: House, runner: asyncio.Runner, connection: asyncpg.Connection, search: _Search) -> None:
        self.search = search
        self._house = house
        self._runner = runner
        self._statement = runner.run(connection.prepare(_FIRST + search.condition + _LAST))
        self._headers = {"Authorization": f"Bearer {house.token}", "Content-Type": "application/json"}

    def our_answer(self) -> object:
        """The rosters and their counts, for a few searches."""
        with self._connected() as gateway:
            return [self._shown(json.loads(self._ask(gateway, one))["items"]) for one in self._chosen(-1)[:5]]

    def sql_answer(self) -> object:
        """The same."""
        return [self._shown(self._runner.run(self._select(one))) for one in self._chosen(-1)[:5]]

    def our_slice(self, number: int) -> Slice:
        taken = []
        with self._connected() as gateway:
            for one in self._chosen(number):
                began = time.perf_counter()
                self._ask(gateway, one)
                taken.append((time.perf_counter() - began) * 1_000)
        return _slice(taken)

    def sql_slice(self, number: int) -> Slice:
        return _slice(self._runner.run(self._selected(number)))

    def _chosen(self, number: int) -> list[str]:
        rng = random.Random(f"{self.search.name} {number}")  # noqa: S311 - which to look for, no secret
        return [rng.choice(self.search.wanted) for _ in range(REQUESTS)]

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        """A connection that is open already, for one slice: one that lies idle is closed by the gateway."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._house.ours.port, timeout=60)) as gateway:
            gateway.connect()
            yield gateway

    def _ask(self, gateway: http.client.HTTPConnection, wanted: str) -> bytes:
        if wanted:
            body = json.dumps({self.search.name: wanted}).encode()
            gateway.request("POST", "/roster/v1/result-searches", body, self._headers)
        else:
            gateway.request("GET", "/roster/v1/results", headers=self._headers)
        answer = gateway.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise NotStartedError(f"{self.search.name}: {answer.status} {said[:300]!r}")
        return said

    async def _select(self, wanted: str) -> list[Any]:
        arguments = (COUNTY, self.search.as_parameter(wanted)) if wanted else (COUNTY,)
        found: list[Any] = await self._statement.fetch(*arguments)
        return found

    async def _selected(self, number: int) -> list[float]:
        taken = []
        for one in self._chosen(number):
            began = time.perf_counter()
            await self._select(one)
            taken.append((time.perf_counter() - began) * 1_000)
        return taken

    def _shown(self, rows: Sequence[Any]) -> list[list[str]]:
        return [[str(row[name]) for name in _SHOWN] for row in rows]


def _slice(taken: Sequence[float]) -> Slice:
    """The 95th percentile of milliseconds."""
    return Slice(statistics.quantiles(taken, n=20)[-1], sum(taken) / 1_000)
