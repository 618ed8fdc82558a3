"""A machine of people who tell of three men's periods in any order, and a model that keeps plain copies of each day.

The model knows nothing of versions, instants or locks: days served are sets of numbers, and what was known on a day is
a copy made when the day ended. What the service says as of any day has to be the model's copy.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.rdss_fee.desk import period, put
from tests.rdss_fee.support import DEPARTMENT_A, EMPLOYER_A, EMPLOYER_B, OFFICE, TODAY, A, B, Fee

FIRST = date(2026, 9, 1)
# Days are numbers from `FIRST`; a period without an end lasts beyond all of them.
LAST = 60
MEN = 3
_numbers = count(1)
Days = tuple[int, int | None]
days = st.integers(0, 30)
# What becomes of a report: it goes on waiting, or is answered, before or after the office corrects the period.
THEN = st.sampled_from(["wait", "confirm", "refuse", "outdate"])
lengths = st.one_of(st.none(), st.integers(1, 20))


def told(day: int | None) -> str | None:
    """A number as the service has it."""
    return None if day is None else (FIRST + timedelta(days=day)).isoformat()


def served(span: Days) -> set[int]:
    """The days of a period."""
    return set(range(span[0], LAST if span[1] is None else span[1]))


@dataclass
class Man:
    """What is known of a man: his id, his stage's end, his periods by id with their employer."""

    number: int
    id: str | None = None
    stage_end: int | None = None
    degree: str = "master"
    version: int = 0
    periods: dict[str, tuple[str, Days]] = field(default_factory=dict)

    def clear(self, span: Days, but: str | None = None) -> bool:
        """Whether nobody else has a day of it."""
        return all(served(span).isdisjoint(served(other)) for key, (_, other) in self.periods.items() if key != but)


class Periods(RuleBasedStateMachine):
    """The rules; `fee` and `loop` are given by the test."""

    fee: ClassVar[Fee]
    loop: ClassVar[asyncio.AbstractEventLoop]
    # Over all examples: what came of the acts.
    reached: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.men = [Man(next(_numbers) + 1_000) for _ in range(MEN)]
        self.today = 0
        self.versions: dict[str, int] = {}
        # A report that waits: its event, the version it was made of, the days it would have.
        self.waiting: dict[str, tuple[str, int, Days]] = {}
        self.withdrawn: list[str] = []
        # Day → the men as they were known when it ended.
        self.past: dict[int, list[Man]] = {}
        self.looked_at: dict[int, int] = {}
        self.fee.on(TODAY)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have the test's loop do it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def post(self, path: str, who: Mapping[str, str], body: Any = None, seen: int | None = None) -> Any:
        """A POST, of a version if there is one."""
        more = {} if seen is None else {"if_match": f'"{seen}"'}
        return self.run(self.fee.post(path, who, body, **more))

    def _all(self) -> list[tuple[Man, str]]:
        return [(man, key) for man in self.men for key in man.periods]

    def _pick(self, at: int, of: list[tuple[Man, str]]) -> tuple[Man, str]:
        return of[at % len(of)]

    def _changed(self, man: Man, key: str, span: Days) -> None:
        man.periods[key] = (man.periods[key][0], span)
        man.version += 1
        self.versions[key] += 1

    @rule(who=st.integers(0, MEN - 1), employer=st.sampled_from([A, B]), begin=days, length=lengths)
    def announce(self, who: int, employer: str, begin: int, length: int | None) -> None:
        man, span = self.men[who], (begin, None if length is None else begin + length)
        row = period(
            man.number, degree=man.degree, employer_code=employer, begins_on=told(begin), begun_by="reported",
            stage_begins_on=told(0), **({"ends_before": told(span[1]), "ended_by": "suspended"} if length else {}),
        )  # fmt: skip
        answer = self.post("/service-periods", OFFICE, [row])
        assert answer.status_code == (201 if man.clear(span) else 422), answer.text
        self.reached[f"announced {answer.status_code}"] += 1
        if answer.status_code == 201:
            (item,) = answer.json()["items"]
            assert item["registered"] is (man.id is None)
            man.id = item["serviceman_id"]
            man.version += 1
            man.periods[item["period_id"]] = (employer, span)
            self.versions[item["period_id"]] = 1

    @precondition(lambda self: self._all())
    @rule(at=st.integers(0, 9), begin=days, length=lengths, stale=st.integers(0, 3).map(lambda n: n == 0))
    def correct(self, at: int, begin: int, length: int | None, stale: bool) -> None:
        # Those of which a report waits before others: it is outdated then.
        man, key = self._pick(at, sorted(self._all(), key=lambda one: one[1] not in self.waiting)[:2])
        self._correct(man, key, (begin, None if length is None else begin + length), stale=stale)

    def _correct(self, man: Man, key: str, span: Days, *, stale: bool) -> None:
        body = {"begins_on": told(span[0]), "begun_by": "reported"}
        if span[1] is not None:
            body |= {"ends_before": told(span[1]), "ended_by": "suspended"}
        seen = self.versions[key] + stale
        answer = self.run(put(self.fee, f"/service-periods/{key}", body, seen))
        expected = 412 if stale else 200 if man.clear(span, key) else 422
        assert answer.status_code == expected, answer.text
        self.reached[f"corrected {expected}"] += 1
        if expected == 200 and span != man.periods[key][1]:
            self._changed(man, key, span)

    @precondition(lambda self: self._all())
    @rule(at=st.integers(0, 9))
    def withdraw(self, at: int) -> None:
        man, key = self._pick(at, self._all())
        answer = self.post(f"/service-periods/{key}/withdrawal", OFFICE, {"reason": "未報到"}, self.versions[key])
        assert answer.status_code == 200, answer.text
        self.reached["withdrawn"] += 1
        del man.periods[key]
        man.version += 1
        self.withdrawn.append(key)

    @precondition(lambda self: self.withdrawn)
    @rule(at=st.integers(0, 9))
    def touch_a_withdrawn_one(self, at: int) -> None:
        key = self.withdrawn[at % len(self.withdrawn)]
        body = {"begins_on": told(1), "begun_by": "reported"}
        answer = self.run(put(self.fee, f"/service-periods/{key}", body, self.versions[key]))
        assert (answer.status_code, answer.json()["code"]) == (409, "period_withdrawn")

    @precondition(lambda self: self._all())
    @rule(
        at=st.integers(0, 9),
        department=st.integers(0, 2).map(bool),
        end=st.booleans(),
        day=days,
        then=st.sampled_from([None, True, False]),
    )
    def report(self, at: int, department: bool, end: bool, day: int, then: str) -> None:
        # The department's own men before others, for what it enters goes the longer way.
        man, key = self._pick(at, sorted(self._all(), key=lambda one: one[0].periods[one[1]][0] != A)[:2])
        employer, before = man.periods[key]
        # An end on the first day, or the day after it, up to later than any other period.
        day = before[0] + day if end else day
        who = (DEPARTMENT_A if department else EMPLOYER_A) if employer == A else EMPLOYER_B
        span: Days = (before[0], day) if end else (day, before[1])
        body = {"ends_before": told(day), "ended_by": "suspended"} if end else {"begins_on": told(day)}
        answer = self.post(f"/service-periods/{key}/reports", who, body, self.versions[key])
        waits = department and employer == A
        if key in self.waiting:
            expected = 409
        elif span == before:
            # A period of the same end by the same kind.
            expected = 409
        elif not served(span) or not (waits or man.clear(span, key)):
            expected = 422
        else:
            expected = 201
        assert answer.status_code == expected, answer.text
        self.reached[f"reported {expected}{' and waits' if waits and expected == 201 else ''}"] += 1
        if expected == 201 and waits:
            self.waiting[key] = (answer.json()["id"], self.versions[key], span)
            if then == "outdate" and served((before[0] + 1, before[1])):
                self._correct(man, key, (before[0] + 1, before[1]), stale=False)
            if then != "wait":
                self._answer(key, then != "refuse")
        elif expected == 201:
            self._changed(man, key, span)

    @precondition(lambda self: self.waiting)
    @rule(at=st.integers(0, 9), yes=st.booleans())
    def answer(self, at: int, yes: bool) -> None:
        self._answer(sorted(self.waiting)[at % len(self.waiting)], yes)

    def _answer(self, key: str, yes: bool) -> None:
        event, version, span = self.waiting[key]
        man = next((man for man in self.men if key in man.periods), None)
        if not yes:
            refused = self.post(f"/service-events/{event}/refusal", EMPLOYER_A, {"reason": "日期有誤"})
            assert refused.status_code == 200, refused.text
            self.reached["refused"] += 1
            del self.waiting[key]
            return
        confirmed = self.post(f"/service-events/{event}/confirmation", EMPLOYER_A)
        self.reached[f"confirmed {confirmed.json().get('code', 200)}"] += 1
        if man is None:
            assert (confirmed.status_code, confirmed.json()["code"]) == (409, "period_withdrawn")
        elif version != self.versions[key]:
            assert (confirmed.status_code, confirmed.json()["code"]) == (409, "report_outdated")
        elif not man.clear(span, key):
            assert confirmed.status_code == 422, confirmed.text
        else:
            assert confirmed.status_code == 200, confirmed.text
            del self.waiting[key]
            self._changed(man, key, span)

    @precondition(lambda self: any(man.id for man in self.men))
    @rule(
        at=st.integers(0, 9),
        end=st.one_of(st.none(), st.integers(0, 40)),
        degree=st.sampled_from(["master", "doctoral"]),
    )
    def facts(self, at: int, end: int | None, degree: str) -> None:
        known = [man for man in self.men if man.id]
        man = known[at % len(known)]
        body = {
            "name": "陳建宏", "degree": degree, "cohort": 2026, "stage_begins_on": told(0),
            "stage_ends_before": told(end),
        }  # fmt: skip
        answer = self.run(put(self.fee, f"/servicemen/{man.id}/facts", body, man.version))
        assert answer.status_code == (422 if end == 0 else 200), answer.text
        if end != 0 and (end, degree) != (man.stage_end, man.degree):
            self.reached["facts"] += 1
            man.stage_end, man.degree = end, degree
            man.version += 1

    @rule(on=st.integers(1, 3))
    def days_pass(self, on: int) -> None:
        for day in range(self.today, self.today + on):
            self.past[day] = deepcopy(self.men)
        self.today += on
        self.fee.on(TODAY + timedelta(days=self.today))

    @rule(back=st.integers(0, 10), at=st.integers(0, MEN - 1))
    def look_back(self, back: int, at: int) -> None:
        day = max(0, self.today - back)
        self._agrees((self.past[day] if day < self.today else self.men)[at], self.men[at].id, day)

    @invariant()
    def who_was_told_of_is_as_the_model_says(self) -> None:
        for man in self.men:
            if man.version != self.looked_at.get(man.number):
                self._agrees(man, man.id, self.today)
                self.looked_at[man.number] = man.version

    def teardown(self) -> None:
        for day, men in self.past.items():
            for then, now in zip(men, self.men, strict=True):
                self._agrees(then, now.id, day, everybody=day == self.today - 1)
        for man in self.men:
            self._agrees(man, man.id, self.today)

    def _agrees(self, then: Man, man_id: str | None, day: int, *, everybody: bool = True) -> None:
        """What the office, A and B are told of a man as of a day is what the model has of it."""
        if man_id is None:
            return
        query = {"as_of": (TODAY + timedelta(days=day)).isoformat()}
        for who, seen in ((OFFICE, {A, B}), (EMPLOYER_A, {A}), (EMPLOYER_B, {B}))[: 3 if everybody else 1]:
            answer = self.run(self.fee.get(f"/servicemen/{man_id}", who, params=query))
            expected = {
                (key, employer, told(span[0]), told(span[1]))
                for key, (employer, span) in then.periods.items()
                if employer in seen
            }
            if then.id is None or (len(seen) == 1 and not expected):
                assert answer.status_code == 404, answer.text
                continue
            said = answer.json()
            found = {(p["id"], p["employer_code"], p["begins_on"], p["ends_before"]) for p in said["periods"]}
            assert found == expected
            assert (said["stage_ends_before"], said["degree"]) == (told(then.stage_end), then.degree)
