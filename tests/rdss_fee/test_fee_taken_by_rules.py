"""What statements book for a whole file is what the rules book line by line (FE-34 to FE-36)."""

import uuid
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdss_fee.accounts.numbers import Account
from rdss_fee.ledger.rules import Account as Kind
from rdss_fee.ledger.rules import Booking, Notice, posted, reversed_, suspended
from rdss_fee.months import Month
from rdss_fee.payments import staging
from rdss_fee.payments.rules import match
from tests.rdss_fee.bank import POSTED, Paid, file_of, post_file, whole
from tests.rdss_fee.support import SCHEME, A, B, Fee

pytestmark = pytest.mark.rule("FE-32", "FE-34", "FE-35", "FE-36")

MONTHS = [Month(2026, 8), Month(2026, 9), Month(2026, 10)]
DUE = 30_100
Told = tuple[str, str, str, int, str | None]


class Rules:
    """One line after another, by the rules alone; transactions are called by their serial number."""

    def __init__(self, notices: dict[str, Notice]) -> None:
        self.notices = notices
        self.refundable: dict[str, int] = defaultdict(int)
        self.open: dict[str, tuple[str, int, Any]] = {}
        self.known: set[tuple[Any, ...]] = set()
        self.told: list[tuple[str, Told]] = []

    def take(self, paid: Paid) -> None:
        """One line of a file."""
        key = (paid.posted_on, paid.serial, paid.account, paid.amount)
        if key in self.known:
            return
        self.known.add(key)
        found = match(paid.account, paid.amount, self.notices, SCHEME)
        name = str(paid.serial)
        if found.notice is None:
            self._write(self._suspend(name, paid))
            return
        notice = replace(found.notice, refundable=self.refundable[found.notice.employer])
        booking = posted(name, notice, paid.amount) if paid.amount > 0 else reversed_(name, notice, -paid.amount)
        self.notices[paid.account] = replace(notice, paid=notice.paid + paid.amount)
        for one in booking.postings:
            self.refundable[notice.employer] += one.amount * (
                (one.credit is Kind.REFUNDABLE) - (one.debit is Kind.REFUNDABLE)
            )
        self._write(booking)

    def _suspend(self, name: str, paid: Paid) -> Booking:
        for other, (account, amount, posted_on) in self.open.items():
            if (account, amount) == (paid.account, -paid.amount) and (paid.amount < 0 or posted_on > paid.posted_on):
                del self.open[other]
                return suspended(other, paid.amount)
        self.open[name] = (paid.account, paid.amount, paid.posted_on)
        return suspended(name, paid.amount)

    def _write(self, booking: Booking) -> None:
        for one in booking.postings:
            told = (booking.kind, one.debit, one.credit, one.amount, booking.notice or None)
            self.told.append((booking.transaction, told))


async def booked(fee: Fee) -> list[tuple[str, Told]]:
    """What is booked, by the serial numbers of its transactions."""
    rows = await fee.sql(
        "SELECT b.serial::bigint::text AS serial, p.kind, p.debit, p.credit, p.amount, p.notice_id::text"
        " FROM posting AS p JOIN bank_transaction AS b ON b.id = p.transaction_id"
    )
    return [(row["serial"], tuple(row)[1:]) for row in rows]


ACCOUNTS = [SCHEME.number(Account(month, number)) for month in MONTHS for number in (1, 2, 900)] + ["1" * 16]
amounts = st.sampled_from([DUE, DUE, DUE // 2, DUE + 500, 100, -DUE, -100, -DUE // 2, -DUE - 500])
lines = st.builds(
    lambda at, amount, days: Paid(ACCOUNTS[at], amount, posted_on=POSTED - timedelta(days=days)),
    st.integers(0, len(ACCOUNTS) - 1),
    amounts,
    st.integers(0, 2),
)
files = st.lists(st.lists(lines, min_size=1, max_size=14), min_size=1, max_size=3)


async def _both(fee: Fee, told: list[list[Paid]]) -> None:
    async with fee.owner() as owner:
        for table in ("posting", "bank_transaction", "bank_file"):
            await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
            await owner.execute(
                f"DELETE FROM {table}" + (" WHERE transaction_id IS NOT NULL" if table == "posting" else "")
            )
            await owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")
    rows = await fee.sql("SELECT id, employer_code, amount, virtual_account FROM notice")
    rules = Rules({r["virtual_account"]: Notice(str(r["id"]), r["employer_code"], r["amount"], 0) for r in rows})
    serial = 0
    for file in told:
        numbered = []
        for one in file:
            serial += 1
            numbered.append(replace(one, serial=serial))
            rules.take(numbered[-1])
        answer = await post_file(fee, file_of(*numbered), query=f"&name={uuid.uuid4()}.txt")
        assert answer.status_code == 201, answer.text
    assert sorted(await booked(fee), key=repr) == sorted(rules.told, key=repr)
    await whole(fee)


@pytest.fixture
async def billed(fee: Fee) -> Fee:
    """Three months of two employers."""
    for month in MONTHS:
        for employer in (A, B):
            await fee.notice(employer, month, days=month.days)
    return fee


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=files)
async def test_statements_book_what_the_rules_book(billed: Fee, told: list[list[Paid]]):
    await _both(billed, told)


async def test_control_statements_that_forget_what_was_paid_before_are_found(
    billed: Fee, monkeypatch: pytest.MonkeyPatch
):
    forgetful = staging._POSTINGS.replace("coalesce(e.paid, 0)", "0")
    assert forgetful != staging._POSTINGS
    monkeypatch.setattr(staging, "_POSTINGS", forgetful)
    first = Paid(ACCOUNTS[0], DUE)
    with pytest.raises(AssertionError):
        await _both(billed, [[first], [first]])
