"""The ledger's verification finds whatever does not add up, and balances are derived from postings (FE-36)."""

import datetime as dt
import os
import subprocess
import sys

import asyncpg
import pytest

from local.databases import Urls
from rdss_fee.ledger.verification import CHECKS
from rdss_fee.months import Month
from tests.rdss_fee.bank import Paid, taken, whole
from tests.rdss_fee.support import ADMIN, AUDITOR, EMPLOYER_A, FINANCE, OFFICE, TODAY, A, B, Fee

pytestmark = pytest.mark.rule("FE-36")

OCTOBER = Month(2026, 10)


@pytest.fixture
async def paid(fee: Fee) -> dict[str, str]:
    """Two notices, of which one is paid too much and one in part, and money in suspense."""
    one, two = await fee.notice(A, OCTOBER), await fee.notice(B, OCTOBER)
    await taken(
        fee, Paid(one["virtual_account"], 40_000, 1), Paid(two["virtual_account"], 100, 2), Paid("1" * 16, 7, 3)
    )
    return {"one": one["id"], "two": two["id"]}


async def plant(fee: Fee, *statements: str) -> None:
    """What no door lets in: by the owner, with triggers and checks off."""
    async with fee.owner() as owner:
        for table in ("posting", "bank_transaction", "notice", "credit_statement", "line"):
            await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        await owner.execute("ALTER TABLE posting DROP CONSTRAINT ck_posting_pair")
        for statement in statements:
            await owner.execute(statement)


async def found(fee: Fee) -> dict[str, tuple[int, int | None, int | None]]:
    answer = await fee.get("/ledger/verification", AUDITOR)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["whole"] is (told["findings"] == [])
    return {one["check"]: (one["count"], one["expected"], one["found"]) for one in told["findings"]}


async def test_what_adds_up_has_no_findings(fee: Fee, paid: dict[str, str]):
    told = await whole(fee)
    assert (told["whole"], told["postings"], told["payments"]) == (True, 6, 3)
    assert (told["payments_total"], told["allocated"], told["overpaid"], told["suspended"]) == (
        40_107,
        30_200,
        9_900,
        7,
    )
    assert told["checks"] == list(CHECKS)


_POSTING = (
    "INSERT INTO posting (kind, debit, credit, amount, notice_id, employer_code, transaction_id, booked_on, booked_by)"
    " SELECT {kind}, {debit}, {credit}, {amount}, n.id, n.employer_code, {transaction}, '2026-09-15', 'x'"
    " FROM notice AS n WHERE n.employer_code = '{employer}'"
)


def posting(
    kind: str, debit: str, credit: str, amount: int = 5, *, transaction: str = "NULL", employer: str = A
) -> str:
    return _POSTING.format(
        kind=f"'{kind}'", debit=f"'{debit}'", credit=f"'{credit}'", amount=amount, transaction=transaction,
        employer=employer,
    )  # fmt: skip


def of(serial: int) -> str:
    return f"(SELECT id FROM bank_transaction WHERE serial::bigint = {serial})"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (posting("payment_posted", "bank", "nowhere", transaction=of(1)), {"accounts_balance"}),
        # A credit that pays a notice: what FE-12 forbids.
        (posting("notice_issued", "refundable", "receivable"), {"notice_receivable", "notice_booked"}),
        (posting("notice_issued", "receivable", "revenue"), {"notice_receivable", "notice_booked"}),
        ("UPDATE notice SET amount = amount + 1", {"notice_lines", "notice_booked", "notice_receivable"}),
        ("DELETE FROM line", {"notice_lines"}),
        (
            f"INSERT INTO credit_statement SELECT gen_random_uuid(), run_id, employer_code, month, 5, issued_on"
            f" FROM notice WHERE employer_code = '{A}'",
            {"notice_lines", "credit_booked", "employer_refundable"},
        ),
        (posting("credit_granted", "revenue", "refundable"), {"credit_booked", "employer_refundable"}),
        (posting("refund_paid", "refundable", "bank", 9_901), {"employer_refundable"}),
        (posting("refund_repaid", "suspense", "reclaimable", 5, transaction=of(3)), {"employer_reclaimable"}),
        ("DELETE FROM posting WHERE kind = 'payment_posted' AND amount = 100", {"payment_booked", "bank_money"}),
        (
            f"UPDATE posting SET notice_id = (SELECT id FROM notice WHERE employer_code = '{B}'), employer_code = '{B}'"
            " WHERE kind = 'payment_posted' AND amount = 30100",
            {"payment_booked"},
        ),
        (posting("money_suspended", "bank", "suspense", transaction=of(1)), {"payment_suspense", "bank_money"}),
        (posting("suspense_assigned", "suspense", "receivable", transaction=of(3)), {"payment_suspense"}),
        ("UPDATE bank_transaction SET amount = 8 WHERE why IS NOT NULL", {"payment_suspense", "payments_shared"}),
        ("UPDATE bank_transaction SET amount = 101 WHERE amount = 100", {"payments_shared", "bank_money"}),
        (posting("refund_returned", "bank", "refundable"), {"bank_money", "employer_refundable"}),
    ],
)
async def test_control_whatever_is_planted_is_found(fee: Fee, paid: dict[str, str], statement: str, expected: set[str]):
    """Each check has a fault that it finds; a fault may be found by more than one."""
    await plant(fee, "ALTER TABLE posting DROP CONSTRAINT ck_posting_whose", statement)
    assert expected <= set(await found(fee)), await found(fee)


async def test_control_a_refund_that_no_claim_has_is_found(fee: Fee, paid: dict[str, str]):
    await plant(
        fee,
        "ALTER TABLE posting DROP CONSTRAINT fk_posting_claim_id",
        "INSERT INTO posting (kind, debit, credit, amount, employer_code, claim_id, booked_on, booked_by)"
        f" VALUES ('refund_paid', 'refundable', 'bank', 5, '{A}', gen_random_uuid(), '2026-09-15', 'x')",
    )
    assert set(await found(fee)) == {"refund_booked"}


def test_control_every_check_has_a_planted_fault():
    marks = test_control_whatever_is_planted_is_found.pytestmark
    planted = set().union(*(case[1] for mark in marks if mark.name == "parametrize" for case in mark.args[1]))
    assert planted | {"refund_booked"} == set(CHECKS)


async def test_a_finding_names_the_first_and_what_it_should_be(fee: Fee, paid: dict[str, str]):
    await plant(fee, posting("notice_issued", "receivable", "revenue", 5, employer=B))
    (booked, receivable) = (await fee.get("/ledger/verification", FINANCE)).json()["findings"][::-1]
    assert receivable == {
        "check": "notice_receivable", "count": 1, "subjects": [paid["two"]], "expected": 30_000, "found": 30_005,
    }  # fmt: skip
    assert (booked["check"], booked["expected"], booked["found"]) == ("notice_booked", 30_100, 30_105)


async def test_balances_come_from_postings_as_of_any_day(fee: Fee, paid: dict[str, str]):
    told = (await fee.get("/ledger/balances", OFFICE)).json()
    assert {one["account"]: one["balance"] for one in told["accounts"]} == {
        "receivable": 30_000, "bank": 40_107, "refundable": -9_900, "reclaimable": 0, "suspense": -7,
        "revenue": -60_200,
    }  # fmt: skip
    assert (told["sum"], told["as_of"]) == (0, TODAY.isoformat())
    before = (await fee.get(f"/ledger/balances?as_of={TODAY - dt.timedelta(days=1)}", OFFICE)).json()
    assert {one["balance"] for one in before["accounts"]} == {0}
    employers = (await fee.get("/ledger/balances/employers?sort=-receivable", ADMIN)).json()["items"]
    assert employers == [
        {"employer_code": B, "receivable": 30_000, "refundable": 0, "reclaimable": 0},
        {"employer_code": A, "receivable": 0, "refundable": 9_900, "reclaimable": 0},
    ]


async def test_postings_are_found_by_notice_employer_and_payment(fee: Fee, paid: dict[str, str]):
    async def amounts(query: str) -> list[int]:
        answer = await fee.get(f"/ledger/postings?sort=id&{query}", FINANCE)
        assert answer.status_code == 200, answer.text
        return [one["amount"] for one in answer.json()["items"]]

    assert await amounts("") == [30_100, 30_100, 30_100, 9_900, 100, 7]
    assert await amounts(f"notice={paid['two']}") == [30_100, 100]
    assert await amounts(f"employer={A}") == [30_100, 30_100, 9_900]
    (row,) = await fee.sql("SELECT id FROM bank_transaction WHERE amount = 7")
    assert await amounts(f"payment={row['id']}") == [7]
    page = (await fee.get("/ledger/postings?sort=amount&limit=4", FINANCE)).json()
    rest = (await fee.get(f"/ledger/postings?sort=amount&limit=4&cursor={page['next_cursor']}", FINANCE)).json()
    assert len({one["id"] for one in page["items"] + rest["items"]}) == 6
    assert (await fee.get("/ledger/postings", EMPLOYER_A)).status_code == 403


async def test_what_a_key_would_refuse_the_triggers_refuse(fee: Fee, paid: dict[str, str]):
    """A payment without a file, of another's notice, a posting of no transaction, of a notice that is another's."""
    transaction = (
        "INSERT INTO bank_transaction (file_id, line, key, account, amount, posted_on, value_on, serial, channel,"
        " payer, notice_id, employer_code) SELECT {file}, 9, 'k', 'a', 1, '2026-09-14', '2026-09-14', '1', '', '',"
        " n.id, {employer} FROM notice AS n, bank_file AS f WHERE n.employer_code = '" + A + "'"
    )
    booking = (
        "INSERT INTO posting (kind, debit, credit, amount, notice_id, employer_code, transaction_id, booked_on,"
        " booked_by) SELECT '{kind}', '{debit}', 'receivable', 5, n.id, {employer}, {transaction}, '2026-09-15', 'x'"
        " FROM notice AS n WHERE n.employer_code = '" + B + "'"
    )
    posted = {"kind": "payment_posted", "debit": "bank", "employer": f"'{B}'"}
    assigned = {"kind": "suspense_assigned", "debit": "suspense", "transaction": of(3)}
    for statement in (
        transaction.format(file="gen_random_uuid()", employer=f"'{A}'"),
        transaction.format(file="f.id", employer=f"'{B}'"),
        booking.format(**posted, transaction="999999"),
        booking.format(**posted, transaction=of(1)),
        booking.format(**assigned, employer=f"'{A}'"),
    ):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await fee.sql(statement)
    # The controls: the same of the right employer's.
    await fee.sql(transaction.format(file="f.id", employer=f"'{A}'"))
    await fee.sql(booking.format(**posted, transaction=of(2)))
    await fee.sql(booking.format(**assigned, employer=f"'{B}'"))


def verified(urls: Urls) -> tuple[int, str]:
    env = os.environ | {"MUSTER_RDSS_FEE_DATABASE_URL": urls.app}
    done = subprocess.run(
        [sys.executable, "-m", "rdss_fee.verify"], env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


async def test_the_command_says_what_was_found_and_ends_accordingly(fee: Fee, paid: dict[str, str]):
    """As the application's role, which without the purpose sees nothing."""
    code, told = verified(fee.service.urls)
    assert (code, "The ledger is whole." in told) == (0, True), told
    assert "NT$40,107: 30,200 allocated, 9,900 overpaid, 7 in suspense" in told
    await plant(fee, "UPDATE bank_transaction SET amount = 8 WHERE why IS NOT NULL")
    code, told = verified(fee.service.urls)
    assert code == 1
    assert "payments_shared: 1 (all); the first: 40,107 found, 40,108 expected" in told
    (act,) = await fee.sql("SELECT count(*) FROM audit_entry WHERE action = 'purpose.verify'")
    assert act["count"] == 2
    nowhere = Urls("postgresql+asyncpg://x:x@127.0.0.1:1/x", "")
    assert verified(nowhere)[0] == 2
