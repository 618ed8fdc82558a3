"""Several people at work on the same rosters, in any order, against the real service (RO-09, 40 to 49, 57)."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition

from tests.roster.workflow.books import Books
from tests.roster.workflow.desk import preferred, step
from tests.roster.workflow.model import Batch, Man, Roster
from tests.roster.workflow.world import (
    APPROVERS,
    DECISIONS,
    ENTRIES,
    OFFICERS,
    PEOPLE,
    SCHOOL,
)
from tests.support.cases import TOWNSHIP

KINDS = ("application", "extension", "reapplication", "cessation")
MEN, MOST_ROSTERS, MOST_DAYS = 4, 12, 40
WRONG = {"reason_for_correction": "核定有誤。"}
WRITTEN: dict[str, dict[str, Any]] = {
    "approved": {"decision": "approved", "ground": None, "ground_unseen": None, "reason": None},
    "rejected": {
        "decision": "rejected",
        "ground": "not_conscriptable",
        "ground_unseen": True,
        "reason": "經查非屬役男。",
    },
}
# A cessation of a day before a grant's filing blocks; that is another test's subject, so its reason stands ready.
OVERRIDE = {"override_reason": "經查明離校日期無誤。"}

which = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 4))
officers = st.sampled_from(("officer-1", "officer-2", "deputy", "deputy"))
approvers = st.sampled_from(sorted(APPROVERS))
everybody = st.sampled_from(sorted(PEOPLE))
numbers = st.integers(0, MEN - 1)
decisions = st.sampled_from(("approved", "rejected"))
some = st.sets(st.integers(0, MEN - 1), min_size=1)


class Workflow(Books):
    """Each call's answer is foretold by the model; after each, the books must say what the model says."""

    # -- the school --------------------------------------------------------------------------------------------

    @step(
        initialize,
        chosen=some,
        who=officers,
        drafts=st.tuples(*[st.sampled_from(("approved", "approved", "rejected"))] * MEN),
    )
    def begin(self, chosen: set[int], who: str, drafts: tuple[str, ...]) -> None:
        """There is a roster, and it was decided: men without a past have no deferment to extend."""
        self.whole_story(chosen, "application", who, drafts, "approver-1")

    @precondition(lambda self: len(self.rosters) < MOST_ROSTERS)
    @step(chosen=some, kind=st.sampled_from(KINDS), days=st.integers(0, 4))
    def post(self, chosen: set[int], kind: str, days: int) -> None:
        """A roster arrives, perhaps on a later day: one decision's day is not the next one's."""
        self.days = min(self.days + days, MOST_DAYS)
        self.world.set_day(self.days)
        self.serial += 1
        remarks = dict.fromkeys(chosen, f"第{self.serial}冊")
        rows = self._rows(kind, remarks, self._today())
        answer = self.world.post(rows, kind)
        assert answer.status_code == 201, answer.text
        self._arrived(answer.json(), kind, self.serial, remarks, rows)

    @precondition(lambda self: len(self.rosters) < MOST_ROSTERS)
    @step(number=numbers, days=st.integers(0, 4))
    def hand_in(self, number: int, days: int) -> None:
        """RO-71: a township hands in the certificate of a man who holds an induction order; a roster like any other."""
        self.days = min(self.days + days, MOST_DAYS)
        self.world.set_day(self.days)
        self.serial += 1
        remarks = f"第{self.serial}冊"
        body = self._certificate(number, remarks)
        answer = self.world.call("POST", "/certificates", TOWNSHIP, body)
        assert answer.status_code == 201, answer.text
        roster = Roster(
            answer.json()["roster_id"], "application", self.serial, "", {number: Man(remarks)}, self.reached, filed=True
        )
        self.rosters.append(roster)
        self.contents[self.serial] = (body, roster)

    @step(at=which)
    def post_again(self, at: int) -> None:
        """RO-08: the same content never makes a second roster, unless the first was withdrawn."""
        before = preferred(self.rosters, at, lambda roster: roster.state == "withdrawn")
        rows, current = self.contents[before.content]
        if before.filed:
            answer = self.world.call("POST", "/certificates", TOWNSHIP, rows)
            assert (answer.status_code, answer.json()["roster_id"]) == (200, current.id), answer.text
            return
        answer = self.world.post(rows, before.kind)
        if current.state == "withdrawn":
            assert answer.status_code == 201, answer.text
            self.reached["posted again after withdrawal"] += 1
            remarks = {self._number(row): row["remarks"] for row in rows}
            self._arrived(answer.json(), before.kind, before.content, remarks, rows)
        else:
            assert (answer.status_code, answer.headers.get("Idempotent-Replayed")) == (200, "true"), answer.text
            assert [roster["id"] for roster in answer.json()["rosters"]] == [current.id]

    @step(at=which, acts=st.tuples(*[st.sampled_from(("keep", "keep", "change", "leave out", "add"))] * MEN))
    def correct(self, at: int, acts: tuple[str, ...]) -> None:
        """RO-09: a new file for the roster; what is for approval or decided cannot be changed so."""
        roster = preferred(self.rosters, at, lambda r: any(man.state == "on_hold" for man in r.men.values()))
        self.serial += 1
        remarks = {}
        for number, act in enumerate(acts):
            man = roster.men.get(number)
            there = man is not None and man.state != "withdrawn"
            if (there and act == "change") or (not there and act == "add"):
                remarks[number] = f"更正{self.serial}"
            elif there and act != "leave out":
                assert man is not None
                remarks[number] = man.remarks
        if not remarks:
            return
        answer = self.world.put(roster.id, self._rows(roster.kind, remarks, roster.left_on), roster.version)
        if roster.filed:
            assert answer.status_code == 404, answer.text
        elif roster.state == "withdrawn":
            assert answer.status_code == 409, answer.text
        else:
            fits = roster.correct(remarks)
            assert answer.status_code == (200 if fits else 422), answer.text
            self.reached["corrected" if fits else "correction refused"] += 1

    @step(at=which, again=st.booleans())
    def withdraw(self, at: int, again: bool) -> None:
        """RO-09: only until a case officer opened it; then the same content may be posted again (RO-08)."""
        roster = self._roster(at)
        answer = self.world.call("POST", f"/rosters/{roster.id}/withdraw", SCHOOL, seen=roster.version)
        if roster.filed:
            assert answer.status_code == 404, answer.text
            return
        fits = roster.withdraw()
        assert answer.status_code == (200 if fits else 409), answer.text
        self.reached["withdrawn" if fits else "withdrawal refused"] += 1
        if fits and again:
            self.post_again(0)

    # -- the county --------------------------------------------------------------------------------------------

    @step(at=which, who=officers)
    def open(self, at: int, who: str) -> None:
        """The officer takes what was received in hand."""
        self._open(self._roster(at), who)

    def _open(self, roster: Roster, who: str) -> None:
        answer = self.world.call("POST", f"/rosters/{roster.id}/open", OFFICERS[who])
        assert answer.status_code == 200, answer.text
        for man in roster.men.values():
            if man.state == "received":
                roster.move(man, "open", "in_review")
                roster.opened = True

    @step(at=which, nth=numbers, who=everybody, decision=decisions)
    def review(self, at: int, nth: int, who: str, decision: str) -> None:
        """Somebody writes a draft: the officer while it is his, the approver while it is up, the maker never."""
        roster = self._roster(at)
        self._review(roster, self._nth(roster, nth), who, decision)

    def _review(self, roster: Roster, number: int, who: str, decision: str) -> None:
        man = roster.men[number]
        answer = self._patch(roster, number, who, self._written(roster, decision))
        if man.state in ("in_review", "on_hold"):
            assert answer.status_code == (200 if who in OFFICERS else 409), answer.text
            if who in OFFICERS:
                man.officer = decision
        elif man.state == "for_approval" and who in APPROVERS:
            own = who in (self._batch_of(man).submitted_by, self._current(roster)[number]["correction_by"])
            assert answer.status_code == (403 if own else 200), answer.text
            if not own:
                man.approver = decision
        else:
            assert answer.status_code == 409, answer.text

    @staticmethod
    def _written(roster: Roster, decision: str) -> dict[str, Any]:
        return WRITTEN[decision] | (OVERRIDE if roster.kind == "cessation" else {})

    def _review_all(self, roster: Roster, chosen: set[int], who: str, decision: str) -> None:
        """Several at once."""
        ids = self._ids(roster)
        body = {"match": {"entry_ids": [ids[n] for n in sorted(chosen)]}, "set": self._written(roster, decision)}
        seen = self.world.revision(roster.id)
        answer = self.world.call("POST", f"/rosters/{roster.id}/reviews", OFFICERS[who], body, seen)
        assert (answer.status_code, answer.json().get("changed")) == (200, len(chosen)), answer.text
        for number in chosen:
            roster.men[number].officer = decision

    @step(at=which, nth=numbers, who=officers, held=st.booleans())
    def hold(self, at: int, nth: int, who: str, held: bool) -> None:
        """待查明, and back."""
        fitting = "in_review" if held else "on_hold"
        roster = preferred(self.rosters, at, lambda r: any(man.state == fitting for man in r.men.values()))
        number = preferred(sorted(roster.men, reverse=True), nth, lambda n: roster.men[n].state == fitting)
        self._hold(roster, number, who, held)

    def _hold(self, roster: Roster, number: int, who: str, held: bool) -> None:
        man = roster.men[number]
        answer = self._patch(roster, number, who, {"on_hold": held})
        if man.state in ("in_review", "on_hold"):
            assert answer.status_code == 200, answer.text
            if held != (man.state == "on_hold"):
                roster.move(man, *(("hold", "on_hold") if held else ("release", "in_review")))
        else:
            assert answer.status_code == 409, answer.text

    @step(at=which, who=officers, stale=st.sampled_from((False, False, False, True)))
    def submit(self, at: int, who: str, stale: bool) -> None:
        """陳核 of all that is ready; with a revision that is none of now, of nothing (RO-47)."""
        self._submit(self._roster(at), who, stale)

    def _submit(self, roster: Roster, who: str, stale: bool) -> None:
        seen = self.world.revision(roster.id)
        if stale:
            answer = self.world.call("POST", f"/rosters/{roster.id}/batches", OFFICERS[who], {}, seen + 1)
            assert answer.status_code == 412, answer.text
            return
        ready = {n for n, man in roster.men.items() if man.state == "in_review" and man.officer}
        answer = self.world.call("POST", f"/rosters/{roster.id}/batches", OFFICERS[who], {}, seen)
        if not ready or answer.status_code == 422:
            assert (answer.status_code, answer.json()["code"]) == (422, "not_ready"), answer.text
            assert not ready or self._came_to_block(roster, answer.json()), answer.text
            return
        assert answer.status_code == 201, answer.text
        batch = Batch(answer.json()["id"], roster, who, ready)
        if roster.kind == "cessation":
            # Those that a hint blocks since their draft was written stayed behind; which, the books say.
            up = {e["student_no"] for e in self.world.of(ENTRIES, [roster.id]) if e["batch_id"] == batch.id}
            batch.men = {n for n in ready if self._student_no(n) in up}
        for number in batch.men:
            man = roster.men[number]
            roster.move(man, "submit", "for_approval")
            man.batch, man.approver = batch.id, None
        self.batches.append(batch)

    @step(at=which, who=officers, drafts=st.tuples(*[decisions | st.just("on_hold")] * MEN), up=st.booleans())
    def work_through(self, at: int, who: str, drafts: tuple[str, ...], up: bool) -> None:
        """The usual day: an officer opens a roster, writes drafts, sets aside who is unclear, sends the others up."""
        self._work_through(self._roster(at), who, drafts, up)

    def _work_through(self, roster: Roster, who: str, drafts: tuple[str, ...], up: bool) -> None:
        self._open(roster, who)
        for decision in sorted(set(drafts)):
            chosen = {n for n, man in roster.men.items() if man.state == "in_review" and drafts[n] == decision}
            if chosen and decision != "on_hold":
                self._review_all(roster, chosen, who, decision)
            for number in chosen if decision == "on_hold" else ():
                self._hold(roster, number, who, held=True)
        if up:
            self._submit(roster, who, stale=False)

    @precondition(lambda self: len(self.rosters) < MOST_ROSTERS)
    @step(
        chosen=some,
        kind=st.sampled_from(KINDS),
        who=officers,
        drafts=st.tuples(*[st.sampled_from(("approved", "approved", "rejected"))] * MEN),
        decider=st.none() | approvers,
    )
    def whole_story(self, chosen: set[int], kind: str, who: str, drafts: tuple[str, ...], decider: str | None) -> None:
        """A roster that nobody disturbs, so that there are deferments for the next ones to extend and to end."""
        self.post(chosen, kind, 1)
        self._work_through(self.rosters[-1], who, drafts, up=True)
        if decider and self.batches and self.batches[-1].roster is self.rosters[-1]:
            self._decide(self.batches[-1], decider)

    @precondition(lambda self: self.batches)
    @step(at=which, who=officers)
    def recall(self, at: int, who: str) -> None:
        """撤回: any officer, until it is decided."""
        batch = self._batch(at)
        answer = self._act(batch, "recall", OFFICERS[who])
        assert answer.status_code == (200 if batch.state == "for_approval" else 409), answer.text
        if batch.state == "for_approval":
            batch.leave(set(batch.men), "recall")
            batch.state = "recalled"
            self.reached["recalled"] += 1

    @precondition(lambda self: self.batches)
    @step(at=which, who=approvers, one=st.booleans())
    def send_back(self, at: int, who: str, one: bool) -> None:
        """退回, whole or one entry; a batch that loses its last is returned whole."""
        batch = self._batch(at)
        chosen = set(sorted(batch.men)[:1]) if one and batch.men else set(batch.men)
        body: dict[str, Any] = {"reason": "請查明後再陳。"}
        if one and batch.men:
            ids = self._ids(batch.roster)
            body["entry_ids"] = [ids[number] for number in chosen]
        answer = self._act(batch, "return", APPROVERS[who], body)
        assert answer.status_code == (200 if batch.state == "for_approval" else 409), answer.text
        if batch.state == "for_approval":
            batch.leave(chosen, "return")
            batch.state = batch.state if batch.men else "returned"
            self.reached["returned" if not batch.men else "returned in part"] += 1

    @precondition(lambda self: self.batches)
    @step(at=which, who=approvers, own=st.sampled_from((False, False, True)))
    def decide(self, at: int, who: str, own: bool) -> None:
        """核定: once, and by nobody who submitted it (RO-48); what it does to deferments is RO-49."""
        batch = self._batch(at)
        self._decide(batch, batch.submitted_by if own and batch.submitted_by in APPROVERS else who)

    # -- what was decided in error -----------------------------------------------------------------------------

    @step(at=which, nth=numbers, who=officers)
    def reopen(self, at: int, nth: int, who: str) -> None:
        """RO-52: a decision is taken up to be corrected; not while later ones rest on it."""
        roster = preferred(self.rosters, at, lambda r: any(man.state == "decided" for man in r.men.values()))
        number = preferred(sorted(roster.men, reverse=True), nth, lambda n: roster.men[n].state == "decided")
        man = roster.men[number]
        entry = self._current(roster)[number]
        path = f"/entries/{entry['id']}/correction"
        answer = self.world.call("POST", path, OFFICERS[who], WRONG, entry["version"])
        if man.state != "decided":
            assert (answer.status_code, answer.json()["code"]) == (409, "entry_state"), answer.text
        elif answer.status_code == 409:
            assert answer.json()["code"] == "decision_built_upon", answer.text
            assert self._approved_since(roster, number), answer.text
            self.reached["correction refused, built upon"] += 1
        else:
            assert answer.status_code == 200, answer.text
            roster.move(man, "reopen", "in_review")
            man.officer, man.approver, man.batch, man.correcting = man.made[-1], None, None, True

    def _approved_since(self, roster: Roster, number: int) -> bool:
        """Whether anything else was decided on the man after the first decision on this entry."""
        entry = self._current(roster)[number]
        decisions = self.world.of(DECISIONS, [other.id for other in self.rosters])
        his = [d for d in decisions if d["student_no"] == self._student_no(number)]
        first = next(d for d in his if d["entry_id"] == entry["id"])
        return any(d["decided_at"] > first["decided_at"] and d["entry_id"] != entry["id"] for d in his)

    @step(at=which, nth=numbers, who=officers)
    def drop(self, at: int, nth: int, who: str) -> None:
        """The decision was right after all; not once its correction is up."""
        roster = preferred(self.rosters, at, lambda r: any(man.correcting for man in r.men.values()))
        number = preferred(sorted(roster.men, reverse=True), nth, lambda n: roster.men[n].correcting)
        man = roster.men[number]
        entry = self._current(roster)[number]
        path = f"/entries/{entry['id']}/correction/drop"
        answer = self.world.call("POST", path, OFFICERS[who], seen=entry["version"])
        if man.correcting and man.state in ("in_review", "on_hold"):
            assert answer.status_code == 200, answer.text
            roster.move(man, "drop", "decided")
            back = self._current(roster)[number]
            man.officer, man.batch, man.correcting = back["draft"], back["batch_id"], False
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "not_correcting"), answer.text

    @step(at=which, nth=numbers, who=officers, decider=approvers, decision=decisions)
    def put_right(self, at: int, nth: int, who: str, decider: str, decision: str) -> None:
        """A correction that nobody disturbs."""
        roster = preferred(self.rosters, at, lambda r: any(man.state == "decided" for man in r.men.values()))
        number = preferred(sorted(roster.men, reverse=True), nth, lambda n: roster.men[n].state == "decided")
        self.reopen(at, nth, who)
        if roster.men[number].correcting and roster.men[number].state == "in_review":
            self._review(roster, number, who, decision)
            count = len(self.batches)
            self._submit(roster, who, stale=False)
            if len(self.batches) > count:
                self._decide(self.batches[-1], decider)

    def _decide(self, batch: Batch, who: str) -> None:
        before = self._deferments(batch.roster)
        taken_up = {e["correction_by"] for e in self.world.of(ENTRIES, [batch.roster.id]) if e["batch_id"] == batch.id}
        answer = self._act(batch, "decide", APPROVERS[who])
        if batch.state != "for_approval":
            assert answer.status_code == 409, answer.text
        elif batch.submitted_by == who or who in taken_up:
            assert (answer.status_code, answer.json()["code"]) == (403, "four_eyes"), answer.text
            self.reached["own decision refused"] += 1
        elif answer.status_code == 422:
            assert self._came_to_block(batch.roster, answer.json()), answer.text
        else:
            assert answer.status_code == 200, answer.text
            batch.state = "decided"
            corrected = {number for number in batch.men if batch.roster.men[number].correcting}
            for number in batch.men:
                man = batch.roster.men[number]
                batch.roster.move(man, "decide", "decided")
                man.correcting = False
                assert man.decision is not None
                man.made.append(man.decision)
                if number in corrected:
                    self.reached[f"corrected from {man.made[-2]} to {man.made[-1]}"] += 1
            self._check_effects(batch, before, corrected)
