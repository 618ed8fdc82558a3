"""A machine of everybody at once: offices and employers tell of men, months are billed, banks pay, claims are moved.

Each example has the tables to itself. After each act all accounts and notices are what the model has.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping
from datetime import date, timedelta
from itertools import count
from typing import Any, ClassVar

import asyncpg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rdss_fee.accounts.numbers import Account
from rdss_fee.billing.dates import due_on
from rdss_fee.billing.jobs import COMPUTE
from rdss_fee.billing.service.compute_run import ComputeRun
from rdss_fee.months import Month
from shared import jobs
from shared.calendar import WorkingCalendar
from tests.rdss_fee.bank import Paid, file_of, post_file
from tests.rdss_fee.bank_model import Asked, Bank, Came
from tests.rdss_fee.desk import period, put
from tests.rdss_fee.support import EMPLOYER_A, EMPLOYER_B, FINANCE, FINANCE_2, OFFICE, SCHEME, A, B, Fee
from tests.rdss_fee.whole_model import ACTS, ONWARDS, Books, Claim, Man, Span
from tests.support.tokens import bearer, key

BEGAN = date(2026, 9, 1)
STAGE = date(2026, 8, 20)
MEN, MOST_RUNS = 3, 6
SERVING = ((A, date(2026, 9, 10)), (B, date(2026, 8, 20)), (A, date(2026, 10, 1)))
FINANCE_3 = bearer("authority_finance", org="authority:nca", sub="finance-3")
HEADS = {A: EMPLOYER_A, B: EMPLOYER_B}
OTHER = {A: B, B: A}
# What is kept is never changed, nor emptied, while the triggers are heard.
EMPTIED = (
    "SET session_replication_role = replica;"
    " TRUNCATE job, idempotency_key, service_event, serviceman, serviceman_facts, service_period, billing_run, line,"
    " notice, credit_statement, posting, bank_file, bank_transaction, suspense_assignment, refund_claim, claim_paper,"
    " receipt, violation, reminder CASCADE; SET session_replication_role = origin"
)
BALANCES = (
    "SELECT account, CASE WHEN account IN ('bank', 'suspense', 'revenue') THEN '' ELSE employer_code END AS whose,"
    " sum(amount)::bigint AS amount FROM (SELECT debit AS account, employer_code, amount FROM posting"
    " UNION ALL SELECT credit, employer_code, -amount FROM posting) AS moved GROUP BY 1, 2 HAVING sum(amount) <> 0"
)
_numbers, _serials, _letters = count(1), count(1), count(1)
around = st.integers(-45, 40)
lengths = st.one_of(st.none(), st.integers(1, 60))
which = st.integers(0, 20)
PAYMENTS = st.sampled_from(["whole", "whole", "half", "over", "back", "nobody's"])


class Whole(RuleBasedStateMachine):
    """The rules; `fee`, `owner` (the database's superuser) and `loop` are given by the test."""

    fee: ClassVar[Fee]
    owner: ClassVar[asyncpg.Connection]
    loop: ClassVar[asyncio.AbstractEventLoop]
    # Over all examples: what came of the acts.
    reached: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.run(self.owner.execute(EMPTIED))
        men = [Man(next(_numbers), STAGE) for _ in range(MEN)]
        self.books = Books(men, Bank(self.reached))
        # A run that was previewed and nobody has issued: id, version, month, its lines.
        self.open: tuple[str, int, Month, dict[Any, int]] | None = None
        self.files: list[list[Paid]] = []
        self.runs = 0
        self._on(BEGAN)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have the test's loop do it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def post(self, path: str, who: Mapping[str, str], body: Any = None, seen: int | None = None) -> Any:
        """A POST, of a version if there is one."""
        more = {} if seen is None else {"if_match": f'"{seen}"'}
        return self.run(self.fee.post(path, who, body, **more))

    def _on(self, day: date) -> None:
        self.today = day
        self.fee.on(day)

    def _day(self, offset: int) -> date:
        return max(STAGE, self.today + timedelta(days=offset))

    def _periods(self) -> list[tuple[Man, str]]:
        return [(man, one) for man in self.books.men for one in man.periods]

    @initialize(billed=st.sampled_from([True, True, False]))
    def begin(self, billed: bool) -> None:
        """Three men serve, or will; October was billed or is to be."""
        for man, (employer, first) in zip(self.books.men, SERVING, strict=True):
            self._announce(man, Span(employer, first, None))
        if billed:
            self.bill("issue")

    # -- what is told of men ---------------------------------------------------------------------------------

    @rule(who=st.integers(0, MEN - 1), employer=st.sampled_from([A, B]), begin=around, length=lengths)
    def announce(self, who: int, employer: str, begin: int, length: int | None) -> None:
        man, first = self.books.men[who], self._day(begin)
        self._announce(man, Span(employer, first, None if length is None else first + timedelta(days=length)))

    def _announce(self, man: Man, span: Span) -> None:
        told = {"ends_before": span.end.isoformat(), "ended_by": "suspended"} if span.end else {}
        row = period(
            man.number, cohort=2010, employer_code=span.employer, begins_on=span.begin.isoformat(),
            stage_begins_on=STAGE.isoformat(), **told,
        )  # fmt: skip
        answer = self.post("/service-periods", OFFICE, [row])
        free = man.free(span)
        assert answer.status_code == (201 if free else 422), answer.text
        self.reached[f"announced {answer.status_code}"] += 1
        if free:
            (item,) = answer.json()["items"]
            man.id = item["serviceman_id"]
            man.version += 1
            man.periods[item["period_id"]] = span

    @precondition(lambda self: self._periods())
    @rule(at=which, begin=st.integers(-20, 20), length=lengths)
    def correct(self, at: int, begin: int, length: int | None) -> None:
        man, one = self._periods()[at % len(self._periods())]
        old = man.periods[one]
        first = max(STAGE, old.begin + timedelta(days=begin))
        span = Span(old.employer, first, first + timedelta(days=length) if length else None, old.version)
        body = {"begins_on": first.isoformat(), "begun_by": "reported"}
        if span.end is not None:
            body |= {"ends_before": span.end.isoformat(), "ended_by": "suspended"}
        answer = self.run(put(self.fee, f"/service-periods/{one}", body, old.version))
        free = man.free(span, one)
        assert answer.status_code == (200 if free else 422), answer.text
        self.reached[f"corrected {answer.status_code}"] += 1
        if free and (span.begin, span.end) != (old.begin, old.end):
            self._known(man, one, span)

    def _known(self, man: Man, one: str, span: Span) -> None:
        span.version += 1
        man.version += 1
        man.periods[one] = span

    @precondition(lambda self: any(man.periods[one].end is None for man, one in self._periods()))
    @rule(at=which, after=st.integers(1, 60), then=st.sampled_from(["leaves", "returns", "is transferred"]))
    def leave(self, at: int, after: int, then: str) -> None:
        """The employer reports that he leaves: for good, until he returns, for the other employer."""
        open_ = [(man, one) for man, one in self._periods() if man.periods[one].end is None]
        man, one = open_[at % len(open_)]
        old = man.periods[one]
        end = old.begin + timedelta(days=after)
        body = {"ends_before": end.isoformat(), "ended_by": "suspended" if then == "returns" else "transferred_out"}
        answer = self.post(f"/service-periods/{one}/reports", HEADS[old.employer], body, old.version)
        assert answer.status_code == 201, answer.text
        self._known(man, one, Span(old.employer, old.begin, end, old.version))
        self.reached[then] += 1
        if then == "is transferred":
            self._announce(man, Span(OTHER[old.employer], end, None))
        elif then == "returns":
            self._announce(man, Span(old.employer, end + timedelta(days=after), None))

    @precondition(lambda self: self._periods())
    @rule(at=which)
    def withdraw(self, at: int) -> None:
        man, one = self._periods()[at % len(self._periods())]
        path = f"/service-periods/{one}/withdrawal"
        answer = self.post(path, OFFICE, {"reason": "未報到"}, man.periods[one].version)
        assert answer.status_code == 200, answer.text
        del man.periods[one]
        man.version += 1
        self.reached["withdrawn"] += 1

    @precondition(lambda self: any(man.id for man in self.books.men))
    @rule(at=which, end=st.one_of(st.none(), st.integers(1, 150)))
    def stage(self, at: int, end: int | None) -> None:
        """Service credit is granted, or taken back: the second stage ends otherwise."""
        known = [man for man in self.books.men if man.id]
        man = known[at % len(known)]
        day = None if end is None else STAGE + timedelta(days=end)
        body = {
            "name": "陳建宏", "degree": "master", "cohort": 2010, "stage_begins_on": STAGE.isoformat(),
            "stage_ends_before": day and day.isoformat(),
        }  # fmt: skip
        answer = self.run(put(self.fee, f"/servicemen/{man.id}/facts", body, man.version))
        assert answer.status_code == 200, answer.text
        if day != man.stage_end:
            man.stage_end = day
            man.version += 1
            self.reached["stage"] += 1

    # -- time and runs ---------------------------------------------------------------------------------------

    @rule(days=st.integers(1, 12))
    def days_pass(self, days: int) -> None:
        self._on(self.today + timedelta(days=days))

    # One in five acts: each takes as long as five others.
    @precondition(lambda self: self.runs < MOST_RUNS)
    @rule(how=st.sampled_from(["issue", "issue", "at once", "leave", "drop"]))
    def bill(self, how: str) -> None:
        """The 15th comes, and the next month's run."""
        month = Month.of(self.today)
        if self.today.day > 15 or month.plus(1) in self.books.issued:
            month = month.plus(1)
        self._on(month.day(15))
        self._bill(month.plus(1), how)

    @precondition(lambda self: self.books.issued and self.open is None and self.runs < MOST_RUNS)
    @rule()
    def bill_again(self) -> None:
        """The month that was billed last is run once more, as far as it is time."""
        month = max(self.books.issued)
        if self.today > due_on(month, WorkingCalendar()).day:
            answer = self.post("/billing-runs", FINANCE, {"month": str(month)})
            assert (answer.status_code, answer.json()["code"]) == (409, "run_too_late")
            self.reached["run too late"] += 1
            return
        self._bill(month, "issue")

    def _bill(self, month: Month, how: str) -> None:
        if self.open is not None:
            answer = self.post("/billing-runs", FINANCE, {"month": str(month)})
            assert (answer.status_code, answer.json()["code"]) == (409, "run_open")
            self.reached["another is open"] += 1
            self._drop()
        self.runs += 1
        asked = [self.fee.post("/billing-runs", FINANCE, {"month": str(month)}) for _ in range(1 + (how == "at once"))]
        answers = self.run(_all(*asked))
        assert sorted(one.status_code for one in answers) == [202, 409][: len(answers)]
        (run,) = (one.json()["id"] for one in answers if one.status_code == 202)
        expected = self.books.run(month)
        self.run(self._computed())
        found = self.run(self.owner.fetch("SELECT * FROM line WHERE run_id = $1::text::uuid", run))
        self._same(_lines(found), expected)
        self.open = (run, 2, month, expected)
        self.reached[f"run {how}"] += 1
        if how == "drop":
            self._drop()
        elif how != "leave":
            self._issue(2 if how == "at once" else 1)

    async def _computed(self) -> None:
        await self.owner.execute("UPDATE job SET run_at = 'infinity' WHERE kind <> $1", COMPUTE)
        worker = jobs.Worker(self.fee.service.database, "rdss-fee", {COMPUTE: ComputeRun(self.fee.service.database)})
        assert await worker.run_once() == 1

    @precondition(lambda self: self.open)
    @rule(drop=st.integers(0, 3).map(lambda n: n == 0))
    def finish(self, drop: bool) -> None:
        """What was previewed is issued late, as it was previewed, or dropped."""
        if drop:
            self._drop()
        else:
            self._issue(1)

    def _drop(self) -> None:
        run, version, *_ = self.open or ("", 0)
        assert self.post(f"/billing-runs/{run}/drop", FINANCE, seen=version).status_code == 200
        self.open = None

    def _issue(self, people: int) -> None:
        assert self.open is not None
        run, version, month, lines = self.open
        path = f"/billing-runs/{run}/issue"
        if self.today > due_on(month, WorkingCalendar()).day:
            answer = self.post(path, FINANCE_2, seen=version)
            assert (answer.status_code, answer.json()["code"]) == (409, "run_too_late")
            self.reached["issued too late"] += 1
            return self._drop()
        tried = [self.fee.post(path, who, if_match=f'"{version}"') for who in (FINANCE_2, FINANCE_3)[:people]]
        answers = self.run(_all(*tried))
        won = [one.status_code for one in answers].count(200)
        if lines and month in self.books.issued:
            assert {(one.status_code, one.json()["code"]) for one in answers} == {(409, "month_issued")}
            self.reached["no second notice"] += 1
            return self._drop()
        self._same(won, 1)
        self.books.issue(month, lines)
        self.reached["credits"] += any(amount < 0 for amount in lines.values())
        self.reached["issued" if lines else "nothing new"] += 1
        self.open = None
        for row in self.run(self.owner.fetch("SELECT * FROM notice WHERE run_id = $1::text::uuid", run)):
            notice = Asked(str(row["id"]), row["employer_code"], row["virtual_account"], row["amount"])
            self.books.bank.notices.append(notice)
        return None

    # -- the bank --------------------------------------------------------------------------------------------

    @precondition(lambda self: self.books.bank.notices)
    @rule(
        told=st.lists(
            st.tuples(which, PAYMENTS, st.integers(0, 3)),
            min_size=1, max_size=3,
        ),
        repeated=st.booleans(),
    )  # fmt: skip
    def file(self, told: list[tuple[int, str, int]], repeated: bool) -> None:
        """A file of new lines in any order of days, and perhaps one that an earlier file had."""
        bank = self.books.bank
        lines = [self._paid(bank.notices[at % len(bank.notices)], what, days) for at, what, days in told]
        if repeated and bank.came:
            lines.append(bank.came[told[0][0] % len(bank.came)].line)
        answer = self.run(post_file(self.fee, file_of(*lines)))
        assert answer.status_code == 201, answer.text
        for line in lines:
            bank.arrives(line)
        self.files.append(lines)

    def _paid(self, notice: Asked, what: str, days: int) -> Paid:
        amounts = {"whole": notice.due, "half": max(notice.due // 2, 1), "over": notice.due + 900, "nobody's": 77}
        amount = -max(notice.paid, 1) if what == "back" else amounts[what]
        number = SCHEME.number(Account(Month.of(BEGAN), 900)) if what == "nobody's" else notice.number
        return Paid(number, amount, next(_serials), self.today - timedelta(days=days))

    @precondition(lambda self: self.files)
    @rule(at=which)
    def file_once_more(self, at: int) -> None:
        answer = self.run(post_file(self.fee, file_of(*self.files[at % len(self.files)])))
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (200, "true")
        self.reached["file repeated"] += 1

    @precondition(lambda self: self._given())
    @rule(at=which, to=which)
    def assign(self, at: int, to: int) -> None:
        """Two people give what is nobody's to a notice."""
        one = self._given()[at % len(self._given())]
        notice = self.books.bank.notices[to % len(self.books.bank.notices)]
        row = self.run(
            self.owner.fetchrow("SELECT id FROM bank_transaction WHERE serial = $1", f"{one.line.serial:010d}")
        )
        body = {"act": "assign", "notice_id": notice.id, "reason": "查明"}
        made = self.post(f"/suspense/{row['id']}/assignments", FINANCE, body)
        assert made.status_code == 201, made.text
        answer = self.post(f"/suspense-assignments/{made.json()['id']}/confirmation", FINANCE_2)
        assert answer.status_code == 200, answer.text
        self.books.bank.assign(one, notice)
        self.reached["assigned"] += 1

    def _given(self) -> list[Came]:
        return [one for one in self.books.bank.came if one.open > 0]

    # -- refunds ---------------------------------------------------------------------------------------------

    @precondition(lambda self: any(self.books.bank.refundable.values()))
    @rule(part=st.sampled_from([1, 1, 2]), more=st.integers(0, 5), moves=st.integers(1, 4))
    def claim(self, part: int, more: int, moves: int) -> None:
        """What is refundable is claimed, whole or half, now and then a dollar more than there is; and moved on."""
        employer = max(HEADS, key=lambda one: self.books.bank.refundable[one])
        amount = max(self.books.bank.refundable[employer] // part, 1) + (more == 0)
        letter = f"L{next(_letters)}"
        made = self.post("/refund-claims", HEADS[employer], {"letter_no": letter, "amount": amount})
        assert made.status_code == 201, made.text
        one = Claim(made.json()["id"], employer, amount, "entered")
        self.books.claims.append(one)
        for kind in ("letter", "signed_receipt"):
            added = self.run(
                self.fee.http.post(
                    f"/rdss-fee/v1/refund-claims/{one.id}/papers?kind={kind}&name=x.pdf",
                    headers={**HEADS[employer], **key(), "Content-Type": "application/pdf"},
                    content=b"%PDF-" + kind.encode(),
                )
            )
            assert added.status_code == 201, added.text
        for _ in range(moves):
            self._move(one, ONWARDS.get(one.state, "bank-return"))

    @precondition(lambda self: self.books.claims)
    @rule(at=which, act=st.sampled_from([*ACTS, "on", "on", "on", "on"]))
    def move(self, at: int, act: str) -> None:
        """A claim is moved on, or tried to be moved as it cannot be."""
        claim = self.books.claims[at % len(self.books.claims)]
        self._move(claim, ONWARDS.get(claim.state, "bank-return") if act == "on" else act)

    def _move(self, claim: Claim, act: str) -> None:
        who = HEADS[claim.employer] if act in ("submission", "withdrawal") else FINANCE
        who = FINANCE_2 if act == "payment" else who
        day = self.today.isoformat()
        body = {
            "submission": {"posted_on": day}, "receipt": {"received_on": day}, "return": {"reason": "印信不符"},
            "payment": {"paid_on": day, "payment_reference": "支115-1"}, "bank-return": {"reason": "帳號已結清"},
        }.get(act)  # fmt: skip
        to = self.books.moved(claim, act)
        answer = self.post(f"/refund-claims/{claim.id}/{act}", who, body)
        assert answer.status_code == (200 if to else 409), (act, claim, answer.text)
        self.reached[f"claim {to or 'refused'}"] += 1
        if to is not None:
            self.books.move(claim, act, to)

    # -- what has to be --------------------------------------------------------------------------------------

    def _same(self, found: object, expected: object) -> None:
        self.reached["caught"] += found != expected
        assert found == expected, f"{found}, not {expected}"

    @invariant()
    def every_account_is_as_the_model_says(self) -> None:
        """Nothing is lost, doubled or netted; one notice a month and employer, of all its charges and no credit."""
        rows = self.run(self.owner.fetch(BALANCES))
        found = {(row["account"], row["whose"]): row["amount"] for row in rows}
        self._same(found, self.books.balances)
        assert sum(found.values()) == 0
        rows = self.run(self.owner.fetch("SELECT employer_code, month, amount FROM notice"))
        asked = {(row["employer_code"], Month.of(row["month"])): row["amount"] for row in rows}
        self._same((len(rows), asked), (len(asked), self.books.asked))

    def teardown(self) -> None:
        """The service's own verification finds nothing, and sums up what the model does."""
        told = self.run(self.fee.get("/ledger/verification", FINANCE)).json()
        self._same(told["findings"], [])
        totals = self.books.bank.totals
        self._same({name: told[name] for name in totals}, totals)


async def _all(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    return list(await asyncio.gather(*work))


def _lines(rows: list[asyncpg.Record]) -> dict[Any, int]:
    return {
        (str(row["serviceman_id"]), row["employer_code"], Month.of(row["month"])): (
            row["amount"] if row["kind"] == "charge" else -row["amount"]
        )
        for row in rows
    }
