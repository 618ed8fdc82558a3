"""Money in suspense is given to somebody by two people, and never lost (FE-35, FE-42)."""

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from rdss_fee.accounts.numbers import Account
from rdss_fee.months import Month
from tests.rdss_fee.bank import POSTED, Paid, file_of, listed, post_file, postings, taken, whole
from tests.rdss_fee.support import (
    EMPLOYER_A,
    EMPLOYER_B,
    FINANCE,
    FINANCE_2,
    OFFICE,
    SCHEME,
    TODAY,
    A,
    B,
    Fee,
)

SEPTEMBER, OCTOBER = Month(2026, 9), Month(2026, 10)
NOBODY = SCHEME.number(Account(OCTOBER, 900))
WHY = "繳款人來電確認誤植末碼"


async def open_items(fee: Fee) -> list[dict[str, Any]]:
    """What is in suspense."""
    answer = await fee.get("/suspense?sort=amount", FINANCE)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def propose(fee: Fee, payment: int, who: Mapping[str, str] = FINANCE, **body: Any) -> dict[str, Any]:
    """What somebody proposes."""
    answer = await fee.post(f"/suspense/{payment}/assignments", who, {"reason": WHY, **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def assign(fee: Fee, payment: int, **body: Any) -> None:
    """What two people do."""
    made = await propose(fee, payment, **body)
    answer = await fee.post(f"/suspense-assignments/{made['id']}/confirmation", FINANCE_2)
    assert answer.status_code == 200, answer.text


async def suspended(fee: Fee, amount: int, serial: int = 1, account: str = NOBODY) -> int:
    """The payment of money that came to nobody's number."""
    await taken(fee, Paid(account, amount, serial))
    row = (await fee.sql("SELECT id FROM bank_transaction ORDER BY id DESC LIMIT 1"))[0]
    found: int = row["id"]
    return found


async def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.rule("FE-35", "FE-36")
async def test_two_people_give_suspended_money_to_a_notice(fee: Fee):
    """40,000 to nobody's number: 30,100 pay the notice, the rest is refundable to its employer."""
    made = await fee.notice(A, OCTOBER)
    payment = await suspended(fee, 40_000)
    proposal = await propose(fee, payment, act="assign", notice_id=made["id"])
    assert (proposal["state"], proposal["amount"], proposal["employer_code"]) == ("proposed", 40_000, A)
    assert [one["proposed_id"] for one in await open_items(fee)] == [proposal["id"]]
    assert len(await postings(fee)) == 1
    assert (await fee.get("/payments", EMPLOYER_A)).json()["items"] == []
    answer = await fee.post(f"/suspense-assignments/{proposal['id']}/confirmation", FINANCE_2)
    assert (answer.json()["state"], answer.json()["decided_by"]) == ("confirmed", "finance-2")
    assert (await postings(fee))[1:] == [
        ("suspense_assigned", "suspense", "receivable", 30_100, 1),
        ("suspense_assigned", "suspense", "refundable", 9_900, 1),
    ]
    assert await open_items(fee) == []
    items = (await fee.get("/payments", EMPLOYER_A)).json()["items"]
    assert listed(items) == [(40_000, "assigned", 30_100, 9_900, 0)]
    assert (items[0]["notice_id"], items[0]["employer_code"], items[0]["month"]) == (made["id"], A, "2026-10")
    assert [one["id"] for one in (await fee.get(f"/payments?notice={made['id']}", OFFICE)).json()["items"]] == [payment]
    assert (await fee.get(f"/payments/{payment}", EMPLOYER_B)).status_code == 404
    await whole(fee)
    detail = (await fee.get(f"/suspense/{payment}", OFFICE)).json()
    assert [(one["act"], one["state"], one["reason"]) for one in detail["assignments"]] == [
        ("assign", "confirmed", WHY)
    ]


@pytest.mark.rule("FE-35")
async def test_nobody_confirms_or_refuses_what_he_proposed(fee: Fee):
    made = await fee.notice(A, OCTOBER)
    payment = await suspended(fee, 100)
    proposal = await propose(fee, payment, act="assign", notice_id=made["id"])
    for act in ("confirmation", "refusal"):
        assert await code(await fee.post(f"/suspense-assignments/{proposal['id']}/{act}", FINANCE)) == (
            403, "four_eyes",
        )  # fmt: skip
    # The wall behind it: the database's own.
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql(
            "UPDATE suspense_assignment SET state = 'confirmed', decided_by = proposed_by, decided_at = now(),"
            " decided_on = current_date"
        )
    refused = await fee.post(f"/suspense-assignments/{proposal['id']}/refusal", FINANCE_2)
    assert (refused.status_code, refused.json()["state"]) == (200, "refused")
    assert len(await postings(fee)) == 1
    for act in ("confirmation", "refusal"):
        assert await code(await fee.post(f"/suspense-assignments/{proposal['id']}/{act}", FINANCE_2)) == (
            409, "assignment_decided",
        )  # fmt: skip
    # Refused, it may be proposed again.
    await propose(fee, payment, FINANCE_2, act="assign", notice_id=made["id"])


@pytest.mark.rule("FE-35")
async def test_what_cannot_be_proposed(fee: Fee):
    made = await fee.notice(A, OCTOBER)
    payment = await suspended(fee, 100)
    await taken(fee, Paid(made["virtual_account"], 5, 9))
    paid = (await fee.sql("SELECT max(id) FROM bank_transaction"))[0][0]
    there = {"act": "assign", "notice_id": made["id"], "reason": WHY}
    for path, body, expected in (
        (payment, {**there, "notice_id": str(uuid.uuid4())}, (422, "notice_unknown")),
        (payment, {**there, "notice_id": None}, (422, "notice_unknown")),
        (payment, {**there, "employer_code": A}, (422, "field_unwanted")),
        (payment, {"act": "repay", "reason": WHY}, (422, "employer_code_unknown")),
        (payment, {"act": "repay", "employer_code": "99999999", "reason": WHY}, (422, "employer_code_unknown")),
        (payment, {**there, "act": "repay", "employer_code": A}, (422, "field_unwanted")),
    ):
        answer = await fee.post(f"/suspense/{path}/assignments", FINANCE, body)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == expected, answer.text
    for path, body, told in (
        (payment, {**there, "act": "undo"}, (409, "suspense_nothing_open")),
        (payment, {"act": "repay", "employer_code": A, "reason": WHY}, (409, "suspense_nothing_open")),
        (paid, there, (404, "not_found")),
        (999_999, there, (404, "not_found")),
    ):
        assert await code(await fee.post(f"/suspense/{path}/assignments", FINANCE, body)) == told
    await propose(fee, payment, act="assign", notice_id=made["id"])
    again = await fee.post(f"/suspense/{payment}/assignments", FINANCE_2, there)
    assert await code(again) == (409, "assignment_proposed")
    assert await code(await fee.post(f"/suspense/{payment}/assignments", OFFICE, there)) == (403, "forbidden")
    assert (await fee.get(f"/suspense/{paid}", FINANCE)).status_code == 404


@pytest.mark.rule("FE-35", "FE-36")
async def test_an_assignment_is_undone_and_given_to_another(fee: Fee):
    one, two = await fee.notice(A, OCTOBER), await fee.notice(B, OCTOBER)
    payment = await suspended(fee, 40_000)
    await assign(fee, payment, act="assign", notice_id=one["id"])
    await assign(fee, payment, act="undo", notice_id=one["id"])
    assert (await postings(fee))[3:] == [
        ("assignment_undone", "receivable", "suspense", 30_100, 1),
        ("assignment_undone", "refundable", "suspense", 9_900, 1),
    ]
    assert [item["open"] for item in await open_items(fee)] == [40_000]
    assert (await fee.get("/payments", EMPLOYER_A)).json()["items"] == []
    assert (await fee.get(f"/payments/{payment}", EMPLOYER_A)).status_code == 404
    await assign(fee, payment, act="assign", notice_id=two["id"])
    assert listed((await fee.get("/payments", EMPLOYER_B)).json()["items"]) == [(40_000, "assigned", 30_100, 9_900, 0)]
    await whole(fee)


@pytest.mark.rule("FE-35", "FE-36")
async def test_money_that_was_assigned_and_that_the_bank_takes_back(fee: Fee):
    """The reversal waits beside it; once the assignment is undone both are done with, and the notice is open."""
    made = await fee.notice(A, OCTOBER)
    payment = await suspended(fee, 30_100)
    await assign(fee, payment, act="assign", notice_id=made["id"])
    await taken(fee, Paid(NOBODY, -30_100, 2))
    assert [item["open"] for item in await open_items(fee)] == [-30_100]
    await assign(fee, payment, act="undo", notice_id=made["id"])
    assert await open_items(fee) == []
    found = await whole(fee)
    assert (found["payments_total"], found["allocated"], found["suspended"]) == (0, 0, 0)


@pytest.mark.rule("FE-35", "FE-36")
async def test_a_reversal_that_waits_is_given_to_the_notice_whose_payment_it_takes_back(fee: Fee):
    """Told before the payment: it waits, the payment pays the notice, and two people take it back there."""
    made = await fee.notice(A, OCTOBER)
    await taken(fee, Paid(made["virtual_account"], -30_100, 2))
    (waiting,) = await open_items(fee)
    assert (waiting["open"], waiting["why"]) == (-30_100, "nothing_to_reverse")
    refused = await fee.post(
        f"/suspense/{waiting['id']}/assignments", FINANCE, {"act": "assign", "notice_id": made["id"], "reason": WHY}
    )
    assert refused.status_code == 201
    # Nothing came yet that it could take back.
    early = await fee.post(f"/suspense-assignments/{refused.json()['id']}/confirmation", FINANCE_2)
    assert await code(early) == (409, "suspense_nothing_open")
    await taken(fee, Paid(made["virtual_account"], 30_100, 1))
    late = await fee.post(f"/suspense-assignments/{refused.json()['id']}/confirmation", FINANCE_2)
    assert late.status_code == 200, late.text
    assert await open_items(fee) == []
    found = await whole(fee)
    assert (found["allocated"], found["suspended"]) == (0, 0)
    await assign(fee, waiting["id"], act="undo", notice_id=made["id"])
    assert [item["open"] for item in await open_items(fee)] == [-30_100]
    await whole(fee)


async def refunded(fee: Fee, employer: str, amount: int) -> None:
    """What was refunded of an employer's over-payment, as the refunds' own room books it."""
    claim = uuid.uuid4()
    await fee.sql(
        "INSERT INTO refund_claim (id, employer_code, letter_no, amount, state, version, entered_by, entered_as,"
        " entered_on, submitted_by, submitted_at, posted_on, round, round_provisional, received_on, decided_by,"
        " decided_at, decided_on, paid_by, paid_at, paid_on, payment_reference) VALUES ($1, $2, $3, $4, 'paid', 1,"
        " 'e', 'employer', $5, 'e', now(), $5, $6, false, $5, 'f1', now(), $5, 'f2', now(), $5, 'x')",
        claim, employer, str(claim), amount, TODAY, TODAY.replace(day=1),
    )  # fmt: skip
    await fee.sql(
        "INSERT INTO posting (kind, debit, credit, amount, employer_code, claim_id, booked_on, booked_by)"
        " VALUES ('refund_paid', 'refundable', 'bank', $1, $2, $3, $4, 'f2')",
        amount, employer, claim, TODAY,
    )  # fmt: skip


@pytest.mark.rule("FE-35", "FE-36", "FE-38")
async def test_suspended_money_pays_back_what_was_refunded_too_much(fee: Fee):
    """40,000 came, 9,900 were refunded, the bank took all back: 9,900 are to be reclaimed, and come to nobody's number
    with 100 more, which stay in suspense."""
    made = await fee.notice(A, OCTOBER)
    await taken(fee, Paid(made["virtual_account"], 40_000, 1))
    await refunded(fee, A, 9_900)
    await taken(fee, Paid(made["virtual_account"], -40_000, 2))
    told = (await fee.get("/ledger/balances/employers", OFFICE)).json()["items"]
    assert told == [{"employer_code": A, "receivable": 30_100, "refundable": 0, "reclaimable": 9_900}]
    payment = await suspended(fee, 10_000, 3)
    await assign(fee, payment, act="repay", employer_code=A)
    assert (await postings(fee))[-1] == ("refund_repaid", "suspense", "reclaimable", 9_900, 3)
    assert [item["open"] for item in await open_items(fee)] == [100]
    found = await whole(fee)
    assert (found["payments_total"], found["allocated"], found["suspended"]) == (10_000, 0, 100)
    assert [one["id"] for one in (await fee.get("/payments", EMPLOYER_A)).json()["items"]][0:1]
    await assign(fee, payment, act="assign", notice_id=made["id"])
    await whole(fee)
    assert (await fee.get(f"/payments/{payment}", EMPLOYER_A)).json()["notice_id"] == made["id"]


@pytest.mark.rule("FE-35")
async def test_two_confirmations_at_once_book_once(fee: Fee):
    made = await fee.notice(A, OCTOBER)
    payment = await suspended(fee, 30_100)
    proposal = await propose(fee, payment, act="assign", notice_id=made["id"])
    path = f"/suspense-assignments/{proposal['id']}/confirmation"
    answers = await asyncio.gather(*(fee.post(path, FINANCE_2) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert [kind for kind, *_ in await postings(fee)] == ["money_suspended", "suspense_assigned"]
    await whole(fee)


@pytest.mark.rule("FE-35")
async def test_two_proposals_at_once_are_one(fee: Fee):
    made = await fee.notice(A, OCTOBER)
    payment = await suspended(fee, 30_100)
    body = {"act": "assign", "notice_id": made["id"], "reason": WHY}
    answers = await asyncio.gather(
        *(fee.post(f"/suspense/{payment}/assignments", who, body) for who in (FINANCE, FINANCE_2))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]


@pytest.mark.rule("FE-35", "FE-36")
@pytest.mark.parametrize("turn", range(4))
async def test_a_confirmation_against_the_banks_reversal(fee: Fee, turn: int):
    """Whichever is first, nothing is booked twice: the money is with the notice and its reversal waits, or it is
    gone and nothing is left to confirm."""
    made = await fee.notice(A, OCTOBER)
    payment = await suspended(fee, 30_100)
    proposal = await propose(fee, payment, act="assign", notice_id=made["id"])
    confirming = fee.post(f"/suspense-assignments/{proposal['id']}/confirmation", FINANCE_2)
    reversing = post_file(fee, file_of(Paid(NOBODY, -30_100, 2)))
    both = (confirming, reversing) if turn % 2 else (reversing, confirming)
    answers = await asyncio.gather(*both)
    confirmed, reversed_ = answers if turn % 2 else answers[::-1]
    assert reversed_.status_code == 201
    assert confirmed.status_code in (200, 409)
    found = await whole(fee)
    expected = (30_100, -30_100) if confirmed.status_code == 200 else (0, 0)
    assert (found["allocated"], found["suspended"]) == expected


@pytest.mark.rule("FE-42")
async def test_near_misses_are_suggested_and_never_applied(fee: Fee):
    """One digit off, neighbours swapped, and last month's number; another amount suggests nothing."""
    one, two = await fee.notice(A, OCTOBER), await fee.notice(B, OCTOBER)
    number = one["virtual_account"]
    digit = number[:-1] + str((int(number[-1]) + 3) % 10)
    at = next(n for n in range(14, 0, -1) if number[n] != number[n + 1])
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    last_month = SCHEME.number(Account(SEPTEMBER, 2))
    await taken(
        fee,
        Paid(digit, 30_100, 1),
        Paid(swapped, 30_100, 2),
        Paid(last_month, 30_100, 3),
        Paid(digit, 30_000, 4),
    )
    told = {
        (item["account"], item["amount"]): [
            (near["notice_id"], near["amount"], near["reason"]) for near in item["near_misses"]
        ]
        for item in await open_items(fee)
    }
    assert (one["id"], 30_100, "neighbours_swapped") in told.pop((swapped, 30_100))
    assert told == {
        (digit, 30_100): [(one["id"], 30_100, "one_digit")],
        (last_month, 30_100): [(two["id"], 30_100, "last_months_number")],
        (digit, 30_000): [],
    }
    assert (await whole(fee))["allocated"] == 0
    # A notice of which part is paid waits for the rest.
    await taken(fee, Paid(number, 100, 5))
    near = {item["amount"]: item["near_misses"] for item in await open_items(fee) if item["account"] == digit}
    assert [one["amount"] for one in near[30_000]] == [30_000]
    assert near[30_100] == []


@pytest.mark.rule("FE-12", "FE-42")
async def test_an_over_payment_may_have_been_meant_for_this_month(fee: Fee):
    """Last month's number used again: suggested, and refundable all the same."""
    old, new = await fee.notice(A, SEPTEMBER), await fee.notice(A, OCTOBER, days=30, rate=30_100)
    amount = new["amount"]
    await taken(fee, Paid(old["virtual_account"], old["amount"], 1), Paid(old["virtual_account"], amount, 2))
    rows = (await fee.get("/payments?sort=posted_on", FINANCE)).json()["items"]
    over = next(row for row in rows if row["status"] == "overpaid")
    assert len(rows) > 1
    listed = (await fee.get("/payments?overpaid=true", FINANCE)).json()["items"]
    assert [one["id"] for one in listed] == [over["id"]]
    detail = (await fee.get(f"/suspense/{over['id']}", FINANCE)).json()
    assert [(near["notice_id"], near["reason"]) for near in detail["near_misses"]] == [
        (new["id"], "last_months_number")
    ]
    assert detail["payment"]["overpaid"] == amount
    body = {"act": "assign", "notice_id": new["id"], "reason": WHY}
    assert (await fee.post(f"/suspense/{over['id']}/assignments", FINANCE, body)).status_code == 404


async def test_the_list_is_filtered_and_paged(fee: Fee):
    made = await fee.notice(A, OCTOBER)
    await taken(
        fee,
        Paid(NOBODY, 3, 1),
        Paid("1" * 16, 1, 2),
        Paid("2" * 16, 2, 3),
        Paid(made["virtual_account"], -9, 4, posted_on=POSTED),
    )
    for why, amounts in (("bad_number", [1, 2]), ("no_notice", [3]), ("nothing_to_reverse", [-9])):
        items = (await fee.get(f"/suspense?why={why}&sort=amount", FINANCE)).json()["items"]
        assert [one["amount"] for one in items] == amounts
    page = (await fee.get("/suspense?sort=-amount&limit=3", OFFICE)).json()
    rest = (await fee.get(f"/suspense?sort=-amount&limit=3&cursor={page['next_cursor']}", OFFICE)).json()
    assert [one["amount"] for one in page["items"] + rest["items"]] == [3, 2, 1, -9]
