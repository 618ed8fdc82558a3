"""What the workflow machine knows while it runs, and how it finds things in the service's books."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import wraps
from typing import Any, ClassVar, TypeVar

from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.roster.intake_corpus.files import Student, cessation, extension, student
from tests.roster.workflow.model import Batch, Man, Roster
from tests.roster.workflow.world import DEFERMENTS, ENTRIES, FIRST_MEN, PEOPLE, World
from tests.support.cases import SCHOOL_PAPER, certificate, man
from tests.support.rosters import TODAY

T = TypeVar("T")


def preferred(things: Sequence[T], at: int, test: Callable[[T], bool]) -> T:
    """The `at`-th, those that meet `test` before the others, each newest first: most acts are about the former."""
    newest = list(reversed(things))
    ordered = [thing for thing in newest if test(thing)] + [thing for thing in newest if not test(thing)]
    return ordered[at % len(ordered)]


# The names of all that `step` marked.
ACTS: set[str] = set()


def step(marker: Callable[..., Any] = rule, /, **drawn: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A rule whose runs are counted, those by Hypothesis and not those by other rules."""

    def mark(act: Callable[..., None]) -> Callable[..., None]:
        ACTS.add(act.__name__)

        @wraps(act)
        def taken(self: "Desk", *given: Any, **named: Any) -> None:
            self.ran[act.__name__] += not self.acting
            outer, self.acting = self.acting, True
            try:
                act(self, *given, **named)
            finally:
                self.acting = outer

        marked: Callable[..., None] = marker(**drawn)(taken)
        return marked

    return mark


class Desk(RuleBasedStateMachine):
    """The model's rosters and batches of one example; no rules."""

    world: ClassVar[World]
    # Over all examples: what came of the acts, and how often each rule ran.
    reached: ClassVar[Counter[str]] = Counter()
    ran: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.acting = False
        self.first = next(FIRST_MEN)
        self.rosters: list[Roster] = []
        self.batches: list[Batch] = []
        self.contents: dict[int, tuple[Any, Roster]] = {}
        self.days = 0
        self.originals: dict[str, tuple[Any, ...]] = {}
        self.shown: dict[str, list[dict[str, Any]]] = {}
        self.decided = 0
        self.made: dict[str, dict[str, Any]] = {}
        self.serial = 0
        self.world.set_day(0)

    def _arrived(self, told: Any, kind: str, content: int, remarks: dict[int, str], rows: list[Student]) -> None:
        men = {number: Man(text) for number, text in remarks.items()}
        roster = Roster(told["rosters"][0]["id"], kind, content, rows[0].get("left_on", ""), men, self.reached)
        self.rosters.append(roster)
        self.contents[content] = (rows, roster)

    def _certificate(self, number: int, remarks: str) -> dict[str, Any]:
        paper = {**SCHOOL_PAPER, "student_no": self._student_no(number)}
        return certificate(
            self.first + number,
            student=man(self.first + number, birth_date="2006-03-04"),
            certificate=paper,
            remarks=remarks,
        )

    def _rows(self, kind: str, remarks: dict[int, str], left_on: str) -> list[Student]:
        rows = []
        for number, text in sorted(remarks.items()):
            changes = {"birth_date": "2006-03-04", "remarks": text}
            man = self.first + number
            if kind == "extension":
                rows.append(extension(man, **changes))
            elif kind == "cessation":
                rows.append(cessation(man, left_on=left_on, **changes))
            else:
                rows.append(student(man, **changes))
        return rows

    def _today(self) -> str:
        return (TODAY + timedelta(days=self.days)).isoformat()

    def _student_no(self, number: int) -> str:
        return f"B{self.first + number:08d}"

    def _number(self, row: Student) -> int:
        return int(row["student_no"][1:]) - self.first

    def _of(self, entry: dict[str, Any]) -> int:
        return int(entry["student_no"][1:]) - self.first

    def _roster(self, at: int) -> Roster:
        return preferred(self.rosters, at, lambda roster: roster.state == "pending")

    @staticmethod
    def _nth(roster: Roster, nth: int) -> int:
        return sorted(roster.men)[nth % len(roster.men)]

    def _batch(self, at: int) -> Batch:
        return preferred(self.batches, at, lambda batch: batch.state == "for_approval")

    def _batch_of(self, man: Man) -> Batch:
        return next(batch for batch in self.batches if batch.id == man.batch)

    def _deferments(self, *rosters: Roster) -> list[dict[str, Any]]:
        return self.world.of(DEFERMENTS, [roster.id for roster in rosters])

    def _current(self, roster: Roster) -> dict[int, dict[str, Any]]:
        entries = self.world.of(ENTRIES, [roster.id])
        return {self._of(e): e for e in entries}

    def _ids(self, roster: Roster) -> dict[int, str]:
        return {number: entry["id"] for number, entry in self._current(roster).items()}

    def _patch(self, roster: Roster, number: int, who: str, body: Any) -> Any:
        entry = self._current(roster)[number]
        return self.world.call("PATCH", f"/entries/{entry['id']}", PEOPLE[who], body, entry["version"])

    def _act(self, batch: Batch, act: str, who: dict[str, str], body: Any = None) -> Any:
        seen = self.world.version(batch.id)
        return self.world.call("POST", f"/batches/{batch.id}/{act}", who, body, seen)

    @staticmethod
    def _came_to_block(roster: Roster, problem: Any) -> bool:
        """What may have come since a draft was written: a cessation's day lies before the filing of a deferment that
        was granted since, and later decisions rest on one that is being corrected."""
        told = {error["code"] for error in problem["errors"]}
        may = {"override_reason_missing"} if roster.kind == "cessation" else set()
        if any(man.correcting for man in roster.men.values()):
            may.add("decision_built_upon")
        return bool(problem["code"] == "not_ready" and told and told <= may | {"decision_missing"} and told & may)
