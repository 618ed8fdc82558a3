"""What the workflow machine expects: a second, naive telling of roster.md's "Review workflow".

It shares no code with the service: states are plain words, and the few sentences that say who moves what stand here as
the specification has them.
"""

from collections import Counter
from dataclasses import dataclass, field

PENDING = ("received", "in_review", "on_hold", "for_approval")
FINAL = ("for_approval", "decided")


@dataclass
class Man:
    """One man on a roster: his row as the school last stated it, and where his review stands."""

    remarks: str
    state: str = "received"
    officer: str | None = None
    approver: str | None = None
    batch: str | None = None
    # RO-52: its decision is being corrected; `made` are those that were, the first one first.
    correcting: bool = False
    made: list[str] = field(default_factory=list)

    @property
    def decision(self) -> str | None:
        """The draft that counts: the approver's where he wrote one (RO-44)."""
        return self.approver or self.officer


@dataclass
class Roster:
    """A roster as its school and its county know it."""

    id: str
    kind: str
    content: int
    left_on: str
    men: dict[int, Man]
    # How often a state was left by an act: "received: open".
    moves: Counter[str]
    opened: bool = False
    version: int = 1
    # A township handed in a certificate (RO-71): no school can correct or withdraw it.
    filed: bool = False
    gone: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Pending while any entry is; else decided; withdrawn if none was decided."""
        states = [man.state for man in self.men.values()]
        if any(state in PENDING for state in states):
            return "pending"
        return "decided" if "decided" in states else "withdrawn"

    def move(self, man: Man, act: str, to: str) -> None:
        """An act leads a man's entry to another state."""
        self.moves[f"{man.state}: {act}"] += 1
        man.state = to

    def correct(self, remarks: dict[int, str]) -> bool:
        """RO-09: take the school's new file, man → his row; False where what is up or decided would change."""
        stated = {number: man for number, man in self.men.items() if man.state != "withdrawn"}
        changed = {n for n, man in stated.items() if n in remarks and remarks[n] != man.remarks}
        dropped = set(stated) - set(remarks)
        added = set(remarks) - set(stated)
        if any(stated[n].state in FINAL or stated[n].correcting for n in changed | dropped):
            return False
        if not changed | dropped | added:
            return True
        self.version += 1
        for number in dropped:
            self.move(self.men[number], "withdraw", "withdrawn")
        for number in changed:
            self.move(self.men[number], "supersede", "superseded")
            self.gone.append("superseded")
        for number in changed | added:
            if number in self.men and number in added:
                self.gone.append("withdrawn")
            self.men[number] = Man(remarks[number])
        return True

    def withdraw(self) -> bool:
        """RO-09: until a case officer opens it, and once."""
        if self.opened or self.state == "withdrawn":
            return False
        for man in self.men.values():
            if man.state != "withdrawn":
                self.move(man, "withdraw", "withdrawn")
        return True


@dataclass
class Batch:
    """One 陳核."""

    id: str
    roster: Roster
    submitted_by: str
    men: set[int]
    state: str = "for_approval"

    def leave(self, numbers: set[int], act: str) -> None:
        """Entries come back into review: the officer's own draft counts again (RO-45)."""
        for number in numbers:
            man = self.roster.men[number]
            self.roster.move(man, act, "in_review")
            man.batch, man.approver = None, None
        self.men -= numbers
