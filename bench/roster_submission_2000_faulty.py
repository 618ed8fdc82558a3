"""`roster_submission_2000_faulty`: the same file with 40 faulty rows, refused with all 40 named, against the same peer.

Eight kinds of faults, spread over the file; PostgREST inserts the 2,000 rows as they are. The same stage and the same
clock as `roster_submission_2000` (`bench.roster`).

The answers that are compared first: which rows are not as the school's clean file has them. Ours names row, field and
code of each in its 422 (checked again in every round); the peer's are found by comparing its table with the file.
"""

from collections.abc import Iterator

from bench.men import Flaw, Student, spoil
from bench.place import Place
from bench.results import Row
from bench.roster import COLUMNS, ROWS, Answer, Arena
from bench.roster_submission_2000 import beside, inserted, ours, theirs
from bench.rounds import Slice
from bench.servers import NotStartedError

NAME = "roster_submission_2000_faulty"
FAULTY = 40


def measure(place: Place) -> Iterator[Row]:
    """One row."""
    yield from beside(place, NAME, _Pairs, lambda _pairs: {"faulty": FAULTY})


class _Pairs:
    """Both sides of a round post the same spoiled file."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._made: dict[int, tuple[list[Student], list[Student], list[Flaw]]] = {}

    def our_answer(self) -> object:
        """The rows that the refusal names."""
        _, spoiled, flaws = self._of(-1)
        answer, _ = self._arena.ours.post(ours(spoiled))
        _named(answer, flaws)
        return sorted(fault["row"] for fault in answer.json()["errors"])

    def peer_answer(self) -> object:
        """The rows of its table that the clean file does not have."""
        clean, _, _ = self._of(-1)
        self.peer_slice(-1)
        stored = self._arena.inserted()
        return [
            number
            for number, (student, row) in enumerate(zip(clean, stored, strict=True), 1)
            if [str(student[name]) for name in COLUMNS] != [row[name] for name in COLUMNS]
        ]

    def our_slice(self, number: int) -> Slice:
        _, spoiled, flaws = self._of(number)
        answer, taken = self._arena.ours.post(ours(spoiled))
        _named(answer, flaws)
        return taken

    def peer_slice(self, number: int) -> Slice:
        assert self._arena.peer is not None
        answer, taken = self._arena.peer.post(theirs(self._of(number)[1]))
        inserted(answer)
        return taken

    def _of(self, number: int) -> tuple[list[Student], list[Student], list[Flaw]]:
        if number not in self._made:
            clean, _ = self._arena.men.roster(ROWS)
            self._made[number] = (clean, *spoil(clean, FAULTY))
        return self._made[number]


def _named(answer: Answer, flaws: list[Flaw]) -> None:
    """Exactly these faults, or the refusal was not worth its time."""
    told = answer.json() if answer.status == 422 else {}
    named = [(fault["row"], fault["column"], fault["code"]) for fault in told.get("errors", [])]
    if named != flaws or told["error_count"] != len(flaws):
        raise NotStartedError(f"faults were not named as planted: {answer.status} {answer.body[:500]!r}")
