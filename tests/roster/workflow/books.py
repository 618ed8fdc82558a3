"""What must hold after every act of the workflow machine, read in the service's own books."""

from collections import Counter
from typing import Any

from hypothesis.stateful import invariant

from tests.roster.workflow.desk import Desk
from tests.roster.workflow.model import Batch
from tests.roster.workflow.world import AUDITED, DECISIONS, ENTRIES, OFFICERS, TOLD


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
    def an_entry_is_decided_once_and_never_by_its_maker(self) -> None:
        """One decision for each decided entry, none for others; audited once; the registry told of what it changed."""
        if not self.batches:
            return
        ids = [roster.id for roster in self.rosters]
        decided = self.world.of(DECISIONS, ids)
        if len(decided) == self.decided:
            return
        self.decided = len(decided)
        assert Counter(d["entry_id"] for d in decided) == Counter(
            e["id"] for e in self.world.of(ENTRIES, ids) if e["state"] == "decided"
        )
        makers = {batch.id: batch.submitted_by for batch in self.batches}
        assert all(d["submitted_by"] == makers[d["batch_id"]] != d["decided_by"] for d in decided)
        audited = {row["id"]: row["n"] for row in self.world.ask(AUDITED, [d["entry_id"] for d in decided])}
        assert all(audited[d["entry_id"]] == 1 for d in decided)
        annotated = Counter(row["id"] for row in self.world.ask(TOLD, [d["id"] for d in decided]))
        assert {d["id"]: annotated[d["id"]] for d in decided} == {
            d["id"]: int(d["annotation_action"] != "none") for d in decided
        }

    @invariant()
    def the_first_number_and_day_stay(self) -> None:
        """RO-49: whatever is decided later, a deferment keeps the number and the day of its first decision."""
        for deferment in self._deferments(*self.rosters) if self.batches else ():
            first = (deferment["decision_number"], deferment["issued_on"], deferment["filed_on"])
            assert self.originals.setdefault(deferment["id"], first) == first

    def _check_effects(self, batch: Batch, before: list[dict[str, Any]]) -> None:
        after = self._deferments(batch.roster)
        decisions = {d["student_no"]: d for d in self.world.of(DECISIONS, [batch.roster.id])}
        self._check_registry([decisions[self._student_no(number)] for number in batch.men], before, batch.roster.kind)
        for number in batch.men:
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
                assert (data["decision_number"], data["issued_on"]) == (number, day.isoformat())
                assert (data["decision"]["decision_number"], data["decision"]["issued_on"]) == (
                    own[0],
                    own[1].isoformat(),
                )
                self.reached[f"{kind}: {'its own' if (number, day) == own else 'the first'} number told"] += 1
