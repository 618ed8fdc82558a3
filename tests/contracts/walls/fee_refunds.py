"""Fixtures of refund claims, receipts and violations: one of A's in each state; B has some too."""

from datetime import date
from typing import Any

from rdss_fee.months import Month
from rdss_fee.violations.daily import find_violations
from tests.contracts.walls.rows import Row
from tests.rdss_fee.money import credit, pay, told_through
from tests.rdss_fee.support import DEPARTMENT_A, EMPLOYER_A, EMPLOYER_B, FINANCE, FINANCE_2, A, B, Fee
from tests.support.tokens import key

_AUTHORITY_ALONE = "there is one authority, whose finance staff does it"
_WATCHERS = frozenset({"programme_office", "authority_finance", "admin", "auditor"})
_CLAIM = {"claim_id": "{claim}"}
_PDF = "application/pdf"


def _claim(thing: str) -> dict[str, str]:
    return {"claim_id": "{" + thing + "}"}


def _finance(path: dict[str, str], body: Any = None, status: int = 200) -> Row:
    return Row("national", "authority_finance", status, path=path, body=body, why=_AUTHORITY_ALONE)


ROWS: dict[str, Row] = {
    "enter_refund_claim": Row(
        "own", "employer_department", 201, witness="/rdss-fee/v1/refund-claims",
        body={"letter_no": "示範財字第9999號", "amount": 1},
    ),
    "add_refund_paper": Row(
        "item", "employer_department", 201, path=_CLAIM, query="?kind=letter&name=letter.pdf", content="%PDF-1.7 other",
        media=_PDF,
    ),
    "get_refund_form": Row("item", "employer", path={**_CLAIM, "kind": "letter"}),
    "get_refund_paper": Row("item", "employer", path={"claim_id": "{claim}", "paper_id": "{paper}"}),
    "submit_refund_claim": Row("item", "employer", path=_claim("to_submit"), body={"posted_on": "2026-09-30"}),
    "withdraw_refund_claim": Row("item", "employer", path=_claim("to_withdraw")),
    "receive_refund_claim": _finance(_claim("to_receive"), {"received_on": "2026-10-01"}),
    "approve_refund_claim": _finance(_claim("to_approve")),
    "return_refund_claim": _finance(_claim("to_return"), {"reason": "印信不符"}),
    "pay_refund_claim": _finance(_claim("to_pay"), {"paid_on": "2026-10-01", "payment_reference": "支115-000001"}),
    "bounce_refund_claim": _finance(_claim("to_bounce"), {"reason": "帳號已結清"}),
    "list_refund_claims": Row("list", "employer", shows=("claim", "to_submit"), overseers=_WATCHERS),
    "get_refund_claim": Row("item", "employer", path=_CLAIM),
    # An employer's list is one row: its own.
    "list_refundable": Row("list", "authority_finance", shows=("refunding_employer",), overseers=_WATCHERS),
    "list_receipts_due": _finance({}),
    "issue_receipts": _finance({}, {"transaction_ids": ["{payment}"]}, 201),
    "list_receipts": Row("list", "employer", shows=("receipt", "to_mail"), overseers=_WATCHERS),
    "get_receipt": Row("item", "employer", path={"receipt_id": "{receipt}"}),
    "mail_receipt": _finance({"receipt_id": "{to_mail}"}, {"mailed_on": "2026-10-01"}),
    "void_receipt": _finance({"receipt_id": "{to_void}"}, {"reason": "收件人誤植"}),
    "list_violations": Row("list", "employer", shows=("violation", "to_annul"), overseers=_WATCHERS),
    "get_violation": Row("item", "employer", path={"violation_id": "{violation}"}),
    "annul_violation": _finance({"violation_id": "{to_annul}"}, {"reason": "銀行系統異常"}),
}  # fmt: skip

_STEPS: list[tuple[str, dict[str, str], Any]] = [
    ("submission", EMPLOYER_A, {"posted_on": "2026-09-30"}),
    ("receipt", FINANCE, {"received_on": "2026-10-01"}),
    ("approval", FINANCE, None),
    ("payment", FINANCE_2, {"paid_on": "2026-10-01", "payment_reference": "支115-000001"}),
]


async def furnish(fee: Fee, things: dict[str, Any]) -> None:
    """Claims in each state, two payments without a receipt and the others with one, two violations; the like of B's."""
    day = date(2026, 10, 1)
    for employer in (A, B):
        await credit(fee, employer, 1_000_000, day)
    things["refunding_employer"] = A
    for thing, steps in (
        ("claim", 0), ("to_submit", 0), ("to_withdraw", 0), ("to_receive", 1), ("to_approve", 2), ("to_return", 2),
        ("to_pay", 3), ("to_bounce", 4),
    ):  # fmt: skip
        claim, papers = await _entered(fee, DEPARTMENT_A, thing)
        things[thing] = claim
        if thing == "claim":
            things["paper"] = papers[0]
        for what, who, body in _STEPS[:steps]:
            answer = await fee.post(f"/refund-claims/{claim}/{what}", who, body)
            assert answer.status_code == 200, answer.text
    await _entered(fee, EMPLOYER_B, "theirs")
    payments = []
    for employer in (A, B):
        notices = [await fee.notice(employer, Month(2025, month)) for month in (1, 2)]
        payments += [await pay(fee, notices[0], 100 + n, date(2025, 1, 20)) for n in range(4)]
    things["payment"] = payments.pop(0)
    payments.pop()
    answer = await fee.post("/receipts", FINANCE, {"transaction_ids": payments})
    assert answer.status_code == 201, answer.text
    issued = {one["transaction_id"]: one["id"] for one in answer.json()["items"]}
    for thing, payment in zip(("receipt", "to_mail", "to_void"), payments, strict=False):
        things[thing] = issued[payment]
    await told_through(fee, date(2025, 3, 1))
    await find_violations(fee.service.database, date(2025, 3, 2))
    rows = await fee.sql("SELECT id::text FROM violation WHERE employer_code = $1 AND month < '2025-03-01'", A)
    things["violation"], things["to_annul"] = (row["id"] for row in rows)


async def _entered(fee: Fee, who: dict[str, str], letter: str) -> tuple[str, list[str]]:
    """A claim with both papers, and their ids."""
    made = await fee.post("/refund-claims", who, {"letter_no": f"示範財字第{letter}號", "amount": 1_000})
    assert made.status_code == 201, made.text
    claim, papers = made.json()["id"], []
    for kind in ("letter", "signed_receipt"):
        answer = await fee.http.post(
            f"/rdss-fee/v1/refund-claims/{claim}/papers?kind={kind}&name={kind}.pdf",
            headers={**who, **key(), "Content-Type": _PDF},
            content=b"%PDF-1.7 " + kind.encode(),
        )
        assert answer.status_code == 201, answer.text
        papers.append(answer.json()["id"])
    return claim, papers
