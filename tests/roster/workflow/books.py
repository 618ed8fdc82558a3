"""What must hold after every act of the workflow machine, read in the service's own books."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hypothesis.stateful import invariant

from tests.roster.workflow.desk import Desk
from tests.roster.workflow.model import Batch
from tests.roster.workflow.world import AUDITED, DECISIONS, ENTRIES, OFFICERS, TOLD


@dataclass
class Told:
    """A deferment as the naive telling has it."""

    made: datetime
    filed_on: date
    until: date
    ended: str | None = None
    # Granted by a certificate, its roster not yet decided (RO-71).
    awaits: bool = False


def _since(chain: list[dict[str, Any]]) -> datetime:
    """Since when the decisions of an entry have been approving it without a break."""
    since: datetime = chain[-1]["decided_at"]
    for decision in reversed(chain):
        if decision["decision"] != "approved":
            break
        since = decision["decided_at"]
    return since


def _carry_out(his: list[Told], decision: dict[str, Any], chain: list[dict[str, Any]]) -> None:
    """What the one school's approval does to the man's deferments (RO-49)."""
    running = [one for one in his if one.ended is None]
    if decision["kind"] == "cessation":
        for one in running:
            if one.filed_on <= decision["left_on"]:
                one.ended = "on_leave"
        return
    if decision["kind"] == "extension":
        newest = max(his, key=lambda one: one.made, default=None)
        ours = running[0] if running else newest if newest and newest.ended == "on_leave" else None
        if ours is not None:
            ours.until, ours.ended = max(ours.until, decision["deferment_until"]), None
            return
    ahead = next((one for one in reversed(running) if one.awaits), None)
    if decision["kind"] == "application" and not decision["filed"] and ahead is not None:
        ahead.until, ahead.awaits = max(ahead.until, decision["deferment_until"]), False
        return
    for one in running:
        one.ended = "superseded"
    made = next(d["decided_at"] for d in chain if d["decision"] == "approved")
    his.append(Told(made, decision["filed_on"], decision["deferment_until"], awaits=decision["filed"]))


class Books(Desk):
    """The invariants, and what a decision does."""

    @invariant()
    def the_books_say_what_the_model_says(self) -> None:
        """States, versions and drafts of every entry; a roster's state is what its entries say."""
        if not self.rosters:
            return
        entries = self.world.of(ENTRIES, [roster.id for roster in self.rosters])
        for roster in self.rosters:
            its = [entry for entry in entries if entry["roster_id"] == roster.id]
            now = {self._of(e): e for e in its}
            told = {n: (e["state"], e["draft"], e["batch_id"], e["remarks"]) for n, e in now.items()}
            assert told == {n: (m.state, m.officer, m.batch, m.remarks) for n, m in roster.men.items()}
            assert Counter(e["state"] for e in its if e not in now.values()) == Counter(roster.gone)
            # What nobody touched is not asked for again.
            if self.shown.get(roster.id) != its:
                self.shown[roster.id] = its
                shown = self.world.call("GET", f"/rosters/{roster.id}", OFFICERS["officer-1"]).json()
                assert (shown["state"], shown["version"]) == (roster.state, roster.version)

    @invariant()
    def the_decisions_of_an_entry_are_a_chain_and_none_is_its_maker_s(self) -> None:
        """One decision that stands for each entry that was ever decided; none is gone or changed, each is audited, and
        the registry told of what it changed (RO-48, RO-52)."""
        if not self.batches:
            return
        ids = [roster.id for roster in self.rosters]
        decided = self.world.of(DECISIONS, ids)
        if len(decided) == self.decided:
            return
        self.decided = len(decided)
        assert {d["id"]: d for d in decided}.items() >= self.made.items()
        self.made = {d["id"]: d for d in decided}
        corrected = {d["corrects"]: d["entry_id"] for d in decided if d["corrects"]}
        assert all(self.made[former]["entry_id"] == entry for former, entry in corrected.items())
        assert Counter(d["entry_id"] for d in decided if d["id"] not in corrected) == Counter(
            e["id"] for e in self.world.of(ENTRIES, ids) if e["state"] == "decided" or e["correction_by"]
        )
        makers = {batch.id: batch.submitted_by for batch in self.batches}
        assert all(d["submitted_by"] == makers[d["batch_id"]] != d["decided_by"] for d in decided)
        assert all(d["correction_by"] != d["decided_by"] for d in decided)
        audited = {row["id"]: row["n"] for row in self.world.ask(AUDITED, [d["entry_id"] for d in decided])}
        assert audited == Counter(d["entry_id"] for d in decided)
        self._check_books(decided)
        annotated = Counter(row["id"] for row in self.world.ask(TOLD, [d["id"] for d in decided]))
        assert {d["id"]: annotated[d["id"]] for d in decided} == {
            d["id"]: int(d["annotation_action"] != "none") for d in decided
        }

    @invariant()
    def the_first_number_and_day_stay(self) -> None:
        """RO-49: whatever is decided later, a deferment keeps the number and the day of its first decision; only that
        one's own correction gives it another (RO-52)."""
        given = {
            (d["deferment_id"], d["decision_number"], d["issued_on"])
            for d in self.made.values()
            if d["corrects"] and d["decision"] == "approved" and d["kind"] != "cessation"
        }
        for deferment in self._deferments(*self.rosters) if self.batches else ():
            first = (deferment["decision_number"], deferment["issued_on"], deferment["filed_on"])
            original = self.originals.setdefault(deferment["id"], first)
            assert original == first or (original[2] == first[2] and (deferment["id"], *first[:2]) in given)

    def _check_books(self, decided: list[dict[str, Any]]) -> None:
        """RO-52: the deferments are what the decisions that stand say, told once more and naively."""
        chains: dict[str, list[dict[str, Any]]] = {}
        for decision in decided:
            chains.setdefault(decision["entry_id"], []).append(decision)
        standing = [(_since(chain), chain[-1]) for chain in chains.values() if chain[-1]["decision"] == "approved"]
        expected: dict[str, list[Told]] = {}
        for _, decision in sorted(standing, key=lambda pair: pair[0]):
            _carry_out(expected.setdefault(decision["student_no"], []), decision, chains[decision["entry_id"]])
        found: dict[str, list[Any]] = {man: [] for man in expected}
        for deferment in self._deferments(*self.rosters):
            if deferment["ended_reason"] == "granted_in_error":
                assert deferment["deferred_until"] == deferment["revoked_on"] == deferment["deferred_from"]
                continue
            until = None if deferment["revoked_on"] else deferment["deferred_until"]
            found.setdefault(deferment["student_no"], []).append((until, deferment["ended_reason"]))
        told = {man: [(None if one.ended else one.until, one.ended) for one in his] for man, his in expected.items()}
        assert {man: sorted(map(str, his)) for man, his in found.items() if his} == {
            man: sorted(map(str, his)) for man, his in told.items() if his
        }

    def _check_effects(self, batch: Batch, before: list[dict[str, Any]], corrected: set[int]) -> None:
        after = self._deferments(batch.roster)
        decisions = {d["student_no"]: d for d in self.world.of(DECISIONS, [batch.roster.id])}
        self._check_registry([decisions[self._student_no(number)] for number in batch.men], before, batch.roster.kind)
        for number in batch.men - corrected:
            name = self._student_no(number)
            had = {d["id"]: d for d in before if d["student_no"] == name}
            has = {d["id"]: d for d in after if d["student_no"] == name}
            decision = decisions[name]
            assert decision["decision"] == batch.roster.men[number].decision
            if decision["decision"] == "rejected":
                assert (has, decision["annotation_action"]) == (had, "none")
                self.reached["rejected"] += 1
                continue
            running = [d for d in had.values() if d["revoked_on"] is None]
            self.reached[f"{batch.roster.kind}: {decision['annotation_action']}"] += 1
            if batch.roster.kind == "extension" and running:
                assert (has.keys(), decision["annotation_action"]) == (had.keys(), "modify")
            elif batch.roster.kind == "cessation":
                ended = [d for d in running if d["filed_on"].isoformat() <= batch.roster.left_on]
                assert has.keys() == had.keys()
                assert all(has[d["id"]]["revoked_on"].isoformat() == batch.roster.left_on for d in ended)
                assert decision["annotation_action"] == ("modify" if ended else "none")
            elif self._confirms(batch, running):
                assert (has.keys(), decision["annotation_action"]) == (had.keys(), "modify")
            elif batch.roster.kind != "extension":
                (new,) = (d for d in has.values() if d["id"] not in had)
                assert (new["decision_number"], new["issued_on"]) == (
                    decision["decision_number"],
                    decision["issued_on"],
                )
                assert all(has[d["id"]]["ended_reason"] == "superseded" for d in running)

    def _confirms(self, batch: Batch, running: list[dict[str, Any]]) -> bool:
        """RO-71: a school's application finds a deferment that a certificate granted ahead of it."""
        ahead = [d for d in running if d["awaits_roster"] and d["deferred_until"].isoformat() >= self._today()]
        return batch.roster.kind == "application" and not batch.roster.filed and bool(ahead)

    def _check_registry(self, decisions: list[dict[str, Any]], before: list[dict[str, Any]], kind: str) -> None:
        """RO-50: whatever is decided of a deferment later, the registry keeps its first number and day."""
        first = {d["id"]: (d["decision_number"], d["issued_on"]) for d in before}
        told = self.world.annotated()
        assert told.keys() == {d["id"] for d in decisions if d["annotation_action"] != "none"}
        for decision in decisions:
            if decision["id"] in told:
                data = told[decision["id"]]
                own = (decision["decision_number"], decision["issued_on"])
                number, day = first.get(decision["deferment_id"], own)
                if decision["corrects"]:
                    number, day = data["decision_number"], date.fromisoformat(data["issued_on"])
                assert (data["decision_number"], data["issued_on"]) == (number, day.isoformat())
                assert (data["decision"]["decision_number"], data["decision"]["issued_on"]) == (
                    own[0],
                    own[1].isoformat(),
                )
                self.reached[f"{kind}: {'its own' if (number, day) == own else 'the first'} number told"] += 1
