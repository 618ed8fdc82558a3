"""A machine of banks and finance staff: files in any order and mix, money in suspense given away and taken back."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rdss_fee.accounts.numbers import Account
from rdss_fee.months import Month
from tests.rdss_fee.bank import POSTED, Paid, file_of, post_file
from tests.rdss_fee.bank_model import Asked, Bank, Came
from tests.rdss_fee.support import FINANCE, FINANCE_2, SCHEME, TODAY, A, B, Fee

DUE = 30_100
EMPLOYERS = (A, B)
_months, _serials = count(0, 2), count(1)
TOTALS = ("payments_total", "allocated", "overpaid", "suspended")


def serial_of(line: Paid) -> str:
    return f"{line.serial:010d}"


lines = st.tuples(
    st.integers(0, 6),
    st.sampled_from([DUE, DUE, DUE // 2, DUE + 900, 77, -DUE, -DUE // 2, -77, -DUE - 900]),
    st.integers(0, 2),
)


class Money(RuleBasedStateMachine):
    """The rules; `fee` and `loop` are given by the test."""

    fee: ClassVar[Fee]
    loop: ClassVar[asyncio.AbstractEventLoop]
    # Over all examples: what came of the acts.
    reached: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        first = Month(2026, 10).plus(next(_months))
        self.bank = Bank(self.reached)
        for month in (first, first.plus(1)):
            for employer in EMPLOYERS:
                made = self.run(self.fee.notice(employer, month, issued_on=TODAY))
                self.bank.notices.append(Asked(made["id"], employer, made["virtual_account"], DUE))
        nobody = SCHEME.number(Account(first, 900))
        wrong = nobody[:-1] + str((int(nobody[-1]) + 1) % 10)
        second = SCHEME.number(Account(first, 901))
        self.numbers = [*(one.number for one in self.bank.notices), nobody, wrong, second]
        self.files: list[list[Paid]] = []
        self.before = self._totals()
        self.owed_before = self._owed()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have the test's loop do it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    # -- the bank ------------------------------------------------------------------------------------------

    @rule(told=st.lists(lines, min_size=1, max_size=6), again=st.integers(0, 20), repeated=st.booleans())
    def file(self, told: list[tuple[int, int, int]], again: int, repeated: bool) -> None:
        """A file of new lines, and perhaps one that an earlier file had."""
        made = [
            Paid(self.numbers[at], amount, next(_serials), POSTED - timedelta(days=days)) for at, amount, days in told
        ]
        if repeated and self.bank.came:
            made.insert(again % (len(made) + 1), self.bank.came[again % len(self.bank.came)].line)
        answer = self.run(post_file(self.fee, file_of(*made)))
        assert answer.status_code == 201, answer.text
        for line in made:
            self.bank.arrives(line)
        self.files.append(made)

    @precondition(lambda self: self.files)
    @rule(at=st.integers(0, 20))
    def file_once_more(self, at: int) -> None:
        answer = self.run(post_file(self.fee, file_of(*self.files[at % len(self.files)])))
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (200, "true")
        self.reached["file repeated"] += 1

    # -- finance -------------------------------------------------------------------------------------------

    @precondition(lambda self: any(one.open for one in self.bank.came))
    @rule(at=st.integers(0, 20), to=st.integers(0, 3))
    def assign(self, at: int, to: int) -> None:
        open_ = [one for one in self.bank.came if one.open]
        one, notice = open_[at % len(open_)], self.bank.notices[to]
        possible = notice.paid + one.open >= 0
        self._two_people(one, "assign", notice, possible=possible)
        if possible:
            self.bank.assign(one, notice)
        self.reached["assigned" if one.line.amount > 0 else "reversal assigned" if possible else "nothing there"] += 1

    @precondition(lambda self: any(one.in_suspense and one.lies_with for one in self.bank.came))
    @rule(at=st.integers(0, 20))
    def undo(self, at: int) -> None:
        given = [one for one in self.bank.came if one.in_suspense and one.lies_with]
        one = given[at % len(given)]
        notice = one.lies_with
        assert notice is not None
        possible = notice.paid >= one.line.amount
        self._two_people(one, "undo", notice, possible=possible)
        if not possible:
            self.reached["undo too late"] += 1
            return
        self.bank.undo(one)

    def _two_people(self, one: Came, act: str, notice: Asked, *, possible: bool) -> None:
        (row,) = self.run(self.fee.sql("SELECT id FROM bank_transaction WHERE serial = $1", serial_of(one.line)))
        body = {"act": act, "notice_id": notice.id, "reason": "查明"}
        made = self.run(self.fee.post(f"/suspense/{row['id']}/assignments", FINANCE, body))
        assert made.status_code == 201, made.text
        assert made.json()["amount"] == abs(one.line.amount)
        path = f"/suspense-assignments/{made.json()['id']}"
        alone = self.run(self.fee.post(f"{path}/confirmation", FINANCE))
        assert (alone.status_code, alone.json()["code"]) == (403, "four_eyes")
        answer = self.run(self.fee.post(f"{path}/confirmation", FINANCE_2))
        assert answer.status_code == (200 if possible else 409), answer.text
        if not possible:
            assert self.run(self.fee.post(f"{path}/refusal", FINANCE_2)).status_code == 200

    def _same(self, found: object, expected: object) -> None:
        """What the service says is what the model says."""
        self.reached["caught"] += found != expected
        assert found == expected

    # -- what has to be ------------------------------------------------------------------------------------

    def _totals(self) -> Counter[str]:
        told = self.run(self.fee.get("/ledger/verification", FINANCE)).json()
        self._same(told["findings"], [])
        return Counter({name: told[name] for name in TOTALS})

    def _owed(self) -> dict[str, tuple[int, int, int]]:
        items = self.run(self.fee.get("/ledger/balances/employers", FINANCE)).json()["items"]
        return {one["employer_code"]: (one["receivable"], one["refundable"], one["reclaimable"]) for one in items}

    @invariant()
    def every_payment_is_somewhere(self) -> None:
        """Σ payments = allocated + overpaid + suspense, each what the model has of it."""
        now = self._totals()
        found = {name: now[name] - self.before[name] for name in TOTALS}
        self._same(found, self.bank.totals)
        assert found["payments_total"] == found["allocated"] + found["overpaid"] + found["suspended"]

    @invariant()
    def nothing_is_netted(self) -> None:
        """What an employer paid too much of one month leaves what it owes of the other as it is."""
        now = self._owed()
        for employer in EMPLOYERS:
            owed, over, back = (now[employer][at] - self.owed_before[employer][at] for at in range(3))
            mine = [one for one in self.bank.notices if one.employer == employer]
            settled = sum(one.settled for one in mine)
            self._same((owed, over, back), (-settled, sum(one.over for one in mine), 0))

    def teardown(self) -> None:
        """What is shown as open is what the model has open."""
        items = self.run(self.fee.get("/suspense?limit=200&sort=-posted_on", FINANCE)).json()["items"]
        shown = Counter((one["account"], one["open"]) for one in items if one["account"] in self.numbers)
        self._same(shown, Counter((one.line.account, one.open) for one in self.bank.came if one.open))
