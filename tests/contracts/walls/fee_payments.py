"""The fee's payments, suspense and ledger: A is an employer that has paid twice; B has paid, and money is nobody's."""

from typing import Any

from rdss_fee.months import Month
from shared import clock
from tests.contracts.walls.rows import Row
from tests.rdss_fee.bank import Paid, file_of, taken
from tests.rdss_fee.support import FINANCE, A, B, Fee

ONE_AUTHORITY = "there is one authority, whose finance staff take the bank's files and keep the ledger"
FINANCE_ROLE = "authority_finance"

ROWS: dict[str, Row] = {
    "take_bank_file": Row(
        "national", FINANCE_ROLE, 201, query="?layout=bank_of_taiwan", content=file_of(Paid("9" * 16, 1, payer="A")),
        media="text/plain", why=ONE_AUTHORITY,
    ),
    "list_bank_files": Row("national", FINANCE_ROLE, why=ONE_AUTHORITY),
    "get_bank_file": Row("national", FINANCE_ROLE, path={"file_id": "{bank_file}"}, why=ONE_AUTHORITY),
    "list_payments": Row("list", "employer", shows=("payment_serial",)),
    "get_payment": Row("item", "employer", path={"payment_id": "{payment}"}, absent={"payment_id": "999999999"}),
    "list_suspense": Row("national", FINANCE_ROLE, why=ONE_AUTHORITY),
    "get_suspense": Row("national", FINANCE_ROLE, path={"payment_id": "{suspended}"}, why=ONE_AUTHORITY),
    "propose_assignment": Row(
        "national", FINANCE_ROLE, 201, path={"payment_id": "{suspended}"},
        body={"act": "assign", "notice_id": "{notice_paid}", "reason": "誤植"}, why=ONE_AUTHORITY,
    ),
    "confirm_assignment": Row(
        "national", FINANCE_ROLE, path={"assignment_id": "{to_confirm}"}, why=ONE_AUTHORITY
    ),
    "refuse_assignment": Row("national", FINANCE_ROLE, path={"assignment_id": "{to_refuse}"}, why=ONE_AUTHORITY),
    "get_balances": Row("national", FINANCE_ROLE, why=ONE_AUTHORITY),
    "list_employer_balances": Row("national", FINANCE_ROLE, why=ONE_AUTHORITY),
    "list_postings": Row("national", FINANCE_ROLE, why=ONE_AUTHORITY),
    "verify_ledger": Row("national", FINANCE_ROLE, why=ONE_AUTHORITY),
}  # fmt: skip


async def furnish(fee: Fee, things: dict[str, Any]) -> None:
    """Notices of A and B that were paid, and three payments to nobody."""
    month = Month.of(clock.today()).plus(-3)
    mine, theirs = await fee.notice(A, month), await fee.notice(B, month)
    posted_on = month.day(4)
    paid = (
        Paid(mine["virtual_account"], 30_000, 770_001, posted_on, payer="甲專用"),
        Paid(mine["virtual_account"], 50, 770_002, posted_on, payer="甲專用"),
        Paid(theirs["virtual_account"], 30_100, 770_003, posted_on, payer="乙專用"),
        *(Paid("7" * 16, 100 + number, number, posted_on) for number in range(3)),
    )
    told = await taken(fee, *paid)
    rows = {row["serial"]: row["id"] for row in await fee.sql("SELECT serial, id FROM bank_transaction")}
    things |= {
        "bank_file": told["id"],
        "notice_paid": mine["id"],
        "payment": rows["0000770001"],
        "payment_serial": "0000770001",
        "suspended": rows["0000000000"],
        "mark_payer": "甲專用",
    }
    for number, name in ((1, "to_confirm"), (2, "to_refuse")):
        body = {"act": "assign", "notice_id": mine["id"], "reason": "誤植"}
        answer = await fee.post(f"/suspense/{rows[f'{number:010d}']}/assignments", FINANCE, body)
        assert answer.status_code == 201, answer.text
        things[name] = answer.json()["id"]
