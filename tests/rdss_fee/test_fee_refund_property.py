"""Whatever comes in whatever order: no claim is paid beyond what is refundable, nothing is netted (FE-12, FE-38).

Credits, overpayments, reversals, claims, approvals, payments and returns of the bank in any mix, against a model that
counts in plain Python; and faults planted in the service that the same run finds.
"""

import itertools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdss_fee.ledger.rules import refund_returned
from rdss_fee.months import Month
from rdss_fee.refunds.service import decide, enter
from tests.rdss_fee.money import credit, pay
from tests.rdss_fee.support import FINANCE, FINANCE_2, TODAY, Fee
from tests.rdss_fee.whole_model import ACTS, NEXT, UNDER_WAY
from tests.support.tokens import bearer, key

pytestmark = [pytest.mark.rule("FE-12"), pytest.mark.rule("FE-38")]

_numbers = itertools.count(100)
BODIES: Mapping[str, Any] = {
    "submission": {"posted_on": "2026-09-14"},
    "receipt": {"received_on": "2026-09-15"},
    "return": {"reason": "印信不符"},
    "payment": {"paid_on": "2026-09-15", "payment_reference": "支115-1"},
    "bank-return": {"reason": "帳號已結清"},
}
Step = tuple[str, int]
steps = st.one_of(
    st.tuples(st.sampled_from(("credit", "pay", "reverse", "claim")), st.sampled_from((1, 2, 3, 5))),
    st.tuples(st.sampled_from(ACTS), st.integers(0, 3)),
)


@dataclass
class Run:
    """One employer with a notice of 4, what the model knows of it, and the service beside."""

    fee: Fee
    code: str
    notice: Mapping[str, Any]
    who: Mapping[str, str]
    paid: int = 0
    refundable: int = 0
    reclaimable: int = 0
    claims: list[list[Any]] = field(default_factory=list)

    @classmethod
    async def begin(cls, fee: Fee) -> "Run":
        """An employer of its own."""
        number = next(_numbers)
        code = await fee.employer(f"9{number:07d}", number)
        # Of a man who serves a day at NT$120 a month of 30 days.
        notice = await fee.notice(code, Month(2026, 9), days=1, rate=120)
        assert notice["amount"] == 4
        return cls(fee, code, notice, bearer("employer", org=f"employer:{code}", sub=f"head-{code}"))

    def under_way(self) -> int:
        """What claims ask for."""
        return sum(amount for _, amount, state in self.claims if state in UNDER_WAY)

    async def take(self, act: str, number: int) -> None:
        """One step, by the service and by the model."""
        if act == "credit":
            await credit(self.fee, self.code, number, TODAY)
            self.refundable += number
        elif act == "pay":
            await pay(self.fee, self.notice, number, date(2026, 9, 1))
            self.refundable += max(self.paid + number - 4, 0) - max(self.paid - 4, 0)
            self.paid += number
        elif act == "reverse":
            await self._reverse(min(number, self.paid))
        elif act == "claim":
            self.claims.append([await self._enter(number), number, "entered"])
        elif number < len(self.claims):
            await self._move(self.claims[number], act)
        await self.check()

    async def _reverse(self, amount: int) -> None:
        if not amount:
            return
        await pay(self.fee, self.notice, -amount, date(2026, 9, 2))
        over = max(self.paid - 4, 0) - max(self.paid - amount - 4, 0)
        covered = min(over, self.refundable)
        self.paid -= amount
        self.refundable -= covered
        self.reclaimable += over - covered

    async def _enter(self, amount: int) -> str:
        letter = uuid.uuid4().hex[:10]
        made = await self.fee.post("/refund-claims", self.who, {"letter_no": letter, "amount": amount})
        claim: str = made.json()["id"]
        for kind in ("letter", "signed_receipt"):
            await self.fee.http.post(
                f"/rdss-fee/v1/refund-claims/{claim}/papers?kind={kind}&name=x.pdf",
                headers={**self.who, **key(), "Content-Type": "application/pdf"},
                content=b"%PDF-" + kind.encode(),
            )
        return claim

    async def _move(self, claim: list[Any], act: str) -> None:
        name, amount, state = claim
        who = self.who if act in ("submission", "withdrawal") else FINANCE_2 if act == "payment" else FINANCE
        to = NEXT.get((state, act))
        if act == "submission" and amount > self.refundable - self.under_way():
            to = None
        if act == "payment" and amount > self.refundable:
            to = None
        answer = await self.fee.post(f"/refund-claims/{name}/{act}", who, BODIES.get(act))
        assert answer.status_code == (200 if to else 409), (act, claim, answer.text)
        if to is None:
            return
        claim[2] = to
        if act in ("payment", "bank-return"):
            self.refundable += -amount if act == "payment" else amount

    async def check(self) -> None:
        """The service says what the model says; no more went out than there was; nothing was netted."""
        (shown,) = (await self.fee.get("/refundable", self.who)).json()["items"]
        asked = self.under_way()
        assert (shown["refundable"], shown["reclaimable"]) == (self.refundable, self.reclaimable)
        assert (shown["under_way"], shown["claimable"]) == (asked, max(self.refundable - asked, 0))
        rows = await self.fee.sql(
            "SELECT kind, debit, credit, sum(amount)::bigint AS n FROM posting WHERE employer_code = $1 GROUP BY 1, 2,"
            " 3", self.code,
        )  # fmt: skip
        moved = {(row["kind"], row["debit"], row["credit"]): row["n"] for row in rows}
        back = sum(n for (_, debit, to), n in moved.items() if (debit, to) == ("refundable", "bank"))
        assert back <= sum(n for (_, _, to), n in moved.items() if to == "refundable")
        assert self.refundable >= 0
        # Only money pays a notice, and what is refundable goes to the bank alone.
        assert {debit for _, debit, to in moved if to == "receivable"} <= {"bank"}
        assert {to for _, debit, to in moved if debit == "refundable"} <= {"bank"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taken=st.lists(steps, min_size=4, max_size=14))
async def test_never_more_than_is_refundable_and_nothing_netted(fee: Fee, taken: Sequence[Step]):
    run = await Run.begin(fee)
    for act, number in taken:
        await run.take(act, number)


STORY: Sequence[Step] = (
    ("credit", 5), ("claim", 3), ("claim", 3), ("submission", 0), ("submission", 1), ("receipt", 0), ("approval", 0),
    ("payment", 0), ("bank-return", 0), ("submission", 1), ("pay", 5), ("claim", 3), ("submission", 2), ("reverse", 5),
    ("receipt", 1), ("approval", 1), ("payment", 1),
)  # fmt: skip


async def test_the_story_that_the_controls_tell(fee: Fee):
    run = await Run.begin(fee)
    for act, number in STORY:
        await run.take(act, number)
    assert [state for _, _, state in run.claims] == ["bank_returned", "paid", "submitted"]


@pytest.mark.parametrize("fault", ["others_forgotten", "charge_counted", "no_return_booked", "netted"])
async def test_control_a_planted_fault_is_found(fee: Fee, monkeypatch, fault: str):
    if fault == "others_forgotten":
        monkeypatch.setattr(enter, "claimable", lambda refundable, _under_way: refundable)
    elif fault == "charge_counted":
        # What is open is set off against what is claimed.
        monkeypatch.setattr(enter, "claimable", lambda refundable, under_way: max(refundable - under_way - 4, 0))
    elif fault == "no_return_booked":
        monkeypatch.setattr(decide, "refund_returned", lambda employer, amount: refund_returned(employer, amount - 1))
    run = await Run.begin(fee)
    with pytest.raises(AssertionError):
        await _told(run, netted=fault == "netted")


async def _told(run: Run, *, netted: bool) -> None:
    """The story; `netted`: with a dollar of the credit set off against the notice, past the table's own check."""
    for act, number in STORY:
        await run.take(act, number)
        if netted and act == "credit":
            await run.fee.sql("ALTER TABLE posting DROP CONSTRAINT ck_posting_pair")
            await run.fee.sql(
                "INSERT INTO posting (kind, debit, credit, amount, notice_id, employer_code, booked_on, booked_by)"
                " VALUES ('netted', 'refundable', 'receivable', 1, $1, $2, $3, 'test')",
                uuid.UUID(run.notice["id"]), run.code, TODAY,
            )  # fmt: skip


async def test_control_the_database_pays_no_more_whatever_the_service_believes(fee: Fee, monkeypatch):
    """Planted: the service thinks that everything is covered. The last wall refuses it, and nothing is kept."""

    async def plenty(_session: Any, _code: str) -> int:
        return 1_000_000

    monkeypatch.setattr(enter, "refundable_to", plenty)
    monkeypatch.setattr(decide, "refundable_to", plenty)
    run = await Run.begin(fee)
    claim = await run._enter(3)
    for act, who in (("submission", run.who), ("receipt", FINANCE), ("approval", FINANCE)):
        assert (await fee.post(f"/refund-claims/{claim}/{act}", who, BODIES.get(act))).status_code == 200
    answer = await fee.post(f"/refund-claims/{claim}/payment", FINANCE_2, BODIES["payment"])
    assert answer.status_code == 500
    rows = await fee.sql("SELECT state FROM refund_claim")
    assert [row["state"] for row in rows] == ["approved"]
    assert await fee.sql("SELECT 1 FROM posting WHERE kind = 'refund_paid'") == []
