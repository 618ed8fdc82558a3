"""`roster_page_50`, `roster_entry_read`, `roster_review_one`: the three requests of which a review is made.

- `roster_page_50`: one page of 50 men as the review screen shows them (what the school stated, hints, latest deferment,
  the registry's answer, the officer's draft; IDs decrypted) against PostgREST's page of the same 50 as plain rows.
- `roster_entry_read`: one such man against PostgREST's single row.
- `roster_review_one`: PATCH of an officer's remarks (version compared, draft checked against the hints, entry and
  roster counted up, history kept, audit row written, the man as he now is answered) against one UPDATE by PostgREST.
  Its path is fixed here (`bench.review`), so it calls a function that makes that UPDATE by the ID and version in the
  body; each connection has a man of its own on both sides, on a roster of its own, as officers do: those who write on
  one roster wait for each other (all eight on one: 0.25 of the peer's, where these made 0.36).

`bench.review` says how both stand. The answers that are compared first: the members that both have, of the same men.

Learnt: SQLAlchemy's asyncio session costs 0.45 ms of processor a statement and 0.75 ms a transaction, asyncpg itself
0.06 and 0.15 (docs/adr/0066). Asking each connection whether it still stands took three round trips of eight. FastAPI
hands a dependency that is a plain function to a thread: two of them cost a page a tenth. The standard library's way of
logging a line took as long as structlog's own. What is left of one entry's time is Python: a seventh FastAPI's parsing
of parameters, a tenth the log; a quarter was the transaction. Writing the JSON of a page took PostgreSQL 3 ms, in good
part the walls of the six tables beside each man; with eight backends on one core it is half as much again. Rows as they
stand, made JSON by this process (msgspec), cost it what they spare PostgreSQL. Neither core is full then: eight pages
at a time come out of PostgreSQL together and wait for Python, and go back together (one connection alone reaches two
thirds of the rate of eight). Walls that call `current_setting` for each row instead of once a statement halve an
entry's time in PostgreSQL (0.53 becomes 0.62), and make every row of a large list dearer. A statement over walled
tables is dear to begin: PostgreSQL sets up every branch of each wall, asked or not. One man's 249 InitPlans took 0.51
ms of PostgreSQL; 54 are left since looks that concern few stand in functions and a wall asks for the caller's code
once: 0.25, as much as views that know the county's wall alone (a man of a page still takes 36 µs, a third of it his
columns, a quarter the registry's answer). Under load each of these is three times as much. One entry in one round trip
instead of three (`Database.alone`) took a fifth of the service's time. A remark's statement takes half of PostgreSQL's
share, of that a third the two rows of history that triggers keep; it gives the entry as JSON, which spares a reading.
Where the machine under this one takes processors away (steal), the sum of all work decides and not the fullest core.
FastAPI's parsing of parameters is a tenth of a page; leaving out those that were not sent would hang on how it nests
routes.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from bench.load import WrongAnswerError
from bench.peers import postgrest
from bench.peers.cache import UnavailableError
from bench.place import Place, conditions
from bench.results import Row, against, alone
from bench.review import CONNECTIONS, ROUNDS, ROWS, UNIT, Door, House, shown
from bench.rounds import Side, contest
from bench.servers import NotStartedError

PAGE = 50


class Talk(Protocol):
    """What one side is asked, over and over; and what it answers, in a form that both share."""

    def first(self, number: int) -> bytes:
        """The first request on connection `number`."""

    def following(self, number: int, head: bytes, body: bytes) -> bytes:
        """The next one; raises WrongAnswerError."""


def page(place: Place) -> Iterator[Row]:
    """One page of 50 entries."""
    with House.open(place) as house:
        target = f"entry?roster_id=eq.{house.roster_id}&order=row_no,id&limit={PAGE}"
        path = f"/roster/v1/rosters/{house.roster_id}/entries?limit={PAGE}"
        yield from _measured(
            house, "roster_page_50", 0.6, target,
            lambda: _Get(path, house.token), lambda: _Get(path, house.token),
            lambda door: [shown(one) for one in _rows(_asked(door, _Get(path, house.token)))],
        )  # fmt: skip


def entry(place: Place) -> Iterator[Row]:
    """One entry."""
    with House.open(place) as house:
        one = house.entries[0]["id"]
        path = f"/roster/v1/entries/{one}"
        yield from _measured(
            house, "roster_entry_read", 0.7, f"entry?id=eq.{one}",
            lambda: _Get(path, house.token), lambda: _Get(path, house.token),
            lambda door: [shown(found) for found in _rows(_asked(door, _Get(path, house.token)))],
        )  # fmt: skip


def review(place: Place) -> Iterator[Row]:
    """One change of an entry."""
    with House.open(place) as house:
        men = [(one["id"], one["version"]) for one in house.of_each_roster(CONNECTIONS)]
        ours, theirs = _Versions(men), _Versions(men)
        yield from _measured(
            house, "roster_review_one", 0.5, "rpc/review",
            lambda: _Patch(ours, house.token), lambda: _Call(theirs, house.token),
            None,
        )  # fmt: skip


def _measured(
    house: House,
    name: str,
    target: float,
    upstream: str,
    ours: Callable[[], Talk],
    theirs: Callable[[], Talk],
    answer: Callable[[Door], object] | None,
) -> Iterator[Row]:
    facts = {"rows": ROWS, "connections": CONNECTIONS, **conditions()}
    sides = [Side("ours", lambda: _answered(house.ours, ours, answer), lambda _: house.ours.drive(ours()))]
    try:
        with house.peer({name: upstream}) as doors:
            door = doors[name]
            sides.append(Side(postgrest.NAME, lambda: _answered(door, theirs, answer), lambda _: door.drive(theirs())))
            measured = contest(sides, house.place.tell, ROUNDS)
    except (UnavailableError, NotStartedError) as error:
        measured = contest(sides[:1], house.place.tell, ROUNDS)
        yield alone(name, UNIT, "higher", measured, postgrest.NAME, str(error), **facts)
        return
    yield against(name, UNIT, "higher", measured, postgrest.NAME, target=target, **facts)


def _answered(door: Door, talk: Callable[[], Talk], answer: Callable[[Door], object] | None) -> object:
    """What a side says once: the men as read, or that a change was made."""
    return answer(door) if answer is not None else bool(_asked(door, talk()))


def _asked(door: Door, talk: Talk) -> bytes:
    """The body of one answer."""
    return door.ask(talk.first(0), lambda head, body: talk.following(0, head, body))


def _rows(body: bytes) -> list[dict[str, Any]]:
    told = json.loads(body)
    rows: list[dict[str, Any]] = told if isinstance(told, list) else told.get("items", [told])
    return rows


class _Get:
    """The same GET again and again; every answer must be as long as the first."""

    def __init__(self, path: str, token: str) -> None:
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._length: int | None = None

    def first(self, number: int) -> bytes:
        return self._request

    def following(self, number: int, head: bytes, body: bytes) -> bytes:
        self._length = self._length or len(body)
        if not head.startswith(b"HTTP/1.1 200 ") or len(body) != self._length:
            raise WrongAnswerError(f"{head[:100]!r} {body[:300]!r}")
        return self._request


class _Versions:
    """The version of each connection's own man, kept from slice to slice."""

    def __init__(self, men: Sequence[tuple[str, int]]) -> None:
        self.men = list(men)


class _Patch:
    """Remarks for the connection's own man, each with the version that the answer before it told."""

    def __init__(self, versions: _Versions, token: str) -> None:
        self._versions = versions
        self._token = token
        self._count = 0

    def first(self, number: int) -> bytes:
        return self._request(number)

    def following(self, number: int, head: bytes, body: bytes) -> bytes:
        told = _rows(body)
        if not head.startswith(b"HTTP/1.1 200 ") or len(told) != 1:
            raise WrongAnswerError(f"{head[:100]!r} {body[:300]!r}")
        self._versions.men[number] = (self._versions.men[number][0], told[0]["version"])
        return self._request(number)

    def _request(self, number: int) -> bytes:
        man, version = self._versions.men[number]
        self._count += 1
        remarks = f"第{self._count}次電洽學校承辦人，待補證明"
        return self._written(man, version, remarks)

    def _written(self, man: str, version: int, remarks: str) -> bytes:
        return self._said("PATCH", f"/roster/v1/entries/{man}", {"review_remarks": remarks}, version)

    def _said(self, method: str, path: str, content: Any, version: int) -> bytes:
        body = json.dumps(content, ensure_ascii=False).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f'If-Match: "{version}"\r\nIdempotency-Key: {uuid.uuid4()}\r\n'
            f"Content-Length: {len(body)}\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        )
        return head.encode() + body


class _Call(_Patch):
    """The same at the peer's door, by a path that the gateway lets an officer POST to."""

    def _written(self, man: str, version: int, remarks: str) -> bytes:
        body = {"id": man, "version": version, "review_remarks": remarks}
        return self._said("POST", f"/roster/v1/rosters/{man}/reviews", body, version)
