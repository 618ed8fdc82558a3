"""`roster_submission_2000`: a school's file of 2,000 men through the gateway, against the same rows inserted unchecked.

Ours reads and checks every cell, runs the legal tests on every man, encrypts his ID, splits the file into one roster a
county, writes audit rows, outbox and idempotency key, and commits it all; the peer parses the JSON and inserts it
(`bench.roster` says how it stands). Timed from the first byte sent to the last byte of the answer, on an open
connection. Both post JSON of the same men, new ones each round; the conscription registry knows them, as it would.

Learnt, in the order in which it helped: hints that most men have alike are kept once (a row a man was half of
PostgreSQL's time, ADR 0046); what is the same in all rows goes to the database once; a row is one object from its
reading to its insertion (`msgspec.Struct`) and not four; one lot of 1,000 is judged in a thread while the database
takes the one before. Arrays of columns instead of JSON spare the database a third and cost the service twice that;
smaller lots cost more in planning than they hide. Row-level security makes PostgreSQL expect few rosters: a join of
entries to theirs began at all of them and read every man there is, a third of its time after a dozen rounds; a roster
is looked up for each entry now. What is left is flat: reading 50 ms, judging 35, encrypting and indexing 15, the
insertion 50 of PostgreSQL's 70.

The answers that are compared first: both have the 2,000 men, cell by cell: ours as the school reads them back through
the API, the peer's out of its table.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from bench.men import Student
from bench.peers import postgrest
from bench.place import Place, conditions
from bench.results import Row, against, alone
from bench.roster import COLUMNS, ROWS, Answer, Arena
from bench.rounds import Side, Slice, contest
from bench.servers import NotStartedError

NAME = "roster_submission_2000"
ROUNDS = 9
TARGET = 3.0


class Pairs(Protocol):
    """Both sides of a round, which post the same."""

    def our_answer(self) -> object: ...
    def peer_answer(self) -> object: ...
    def our_slice(self, number: int) -> Slice: ...
    def peer_slice(self, number: int) -> Slice: ...


P = TypeVar("P", bound=Pairs)


def measure(place: Place) -> Iterator[Row]:
    """One row."""
    yield from beside(place, NAME, _Pairs, lambda pairs: {"body_bytes": pairs.size})


def beside(
    place: Place, name: str, pairs_of: Callable[[Arena], P], facts: Callable[[P], dict[str, Any]]
) -> Iterator[Row]:
    """The row of submissions that `pairs_of` posts, beside the peer where it can be had; `facts` are told with it."""
    with Arena.open(place) as arena:
        pairs = pairs_of(arena)
        sides = [Side("ours", pairs.our_answer, pairs.our_slice)]
        if arena.peer is not None:
            sides.append(Side(postgrest.NAME, pairs.peer_answer, pairs.peer_slice))
        measured = contest(sides, place.tell, ROUNDS)
        why = arena.why
    told = {"rows": ROWS, **facts(pairs), **conditions()}
    if why is None:
        yield against(name, "s", "lower", measured, postgrest.NAME, target=TARGET, **told)
    else:
        yield alone(name, "s", "lower", measured, postgrest.NAME, why, **told)


class _Pairs:
    """Both sides of a round post the same men."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._made: dict[int, list[Student]] = {}
        self.size = 0

    def our_answer(self) -> object:
        """The men as the school reads them back."""
        students = self._of(-1)
        _taken(self._arena.ours.post(ours(students))[0])
        self._arena.settle()
        return _men(self._arena.entries())

    def peer_answer(self) -> object:
        """The men in the peer's table."""
        inserted(self._post_to_peer(self._of(-1))[0])
        return _men(self._arena.inserted())

    def our_slice(self, number: int) -> Slice:
        body = ours(self._of(number))
        self.size = len(body)
        answer, taken = self._arena.ours.post(body)
        _taken(answer)
        self._arena.settle()
        return taken

    def peer_slice(self, number: int) -> Slice:
        answer, taken = self._post_to_peer(self._of(number))
        inserted(answer)
        return taken

    def _post_to_peer(self, students: list[Student]) -> tuple[Answer, Slice]:
        assert self._arena.peer is not None
        return self._arena.peer.post(theirs(students))

    def _of(self, number: int) -> list[Student]:
        if number not in self._made:
            students, draftees = self._arena.men.roster(ROWS)
            self._arena.introduce(draftees)
            self._made[number] = students
        return self._made[number]


def ours(students: list[Student]) -> bytes:
    """As our API takes them."""
    return json.dumps({"rows": students}, ensure_ascii=False).encode()


def theirs(students: list[Student]) -> bytes:
    """As PostgREST takes them."""
    return json.dumps(students, ensure_ascii=False).encode()


def _taken(answer: Answer) -> None:
    if answer.status != 201 or answer.json()["row_count"] != ROWS:
        raise NotStartedError(f"the roster was not taken in: {answer.status} {answer.body[:500]!r}")


def inserted(answer: Answer) -> None:
    """Raises when the peer did not take the rows."""
    if answer.status != 201:
        raise NotStartedError(f"PostgREST did not insert: {answer.status} {answer.body[:500]!r}")


def _men(rows: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(str(row[name]) for name in COLUMNS) for row in rows)
