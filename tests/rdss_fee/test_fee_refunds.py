"""Refund claims: entered, submitted, received, approved or returned, paid (FE-12, FE-38, ID-07)."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from rdss_fee.months import Month
from tests.rdss_fee.money import credit, pay
from tests.rdss_fee.support import (
    DEPARTMENT_A,
    EMPLOYER_A,
    EMPLOYER_B,
    FINANCE,
    FINANCE_2,
    OFFICE,
    TODAY,
    A,
    B,
    Fee,
)
from tests.support.papers import pages, squeezed
from tests.support.rosters import set_today
from tests.support.tokens import bearer, key

pytestmark = pytest.mark.rule("FE-38")

PDF = b"%PDF-1.7 letter"
RECEIPT = b"%PDF-1.7 receipt"
OCTOBER = Month(2026, 10)
BOTH_ROLES = bearer("employer", "employer_department", org=f"employer:{A}", sub="both-a")


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def add(fee: Fee, claim: str, kind: str = "letter", content: bytes = PDF, who=EMPLOYER_A) -> httpx.Response:
    return await fee.http.post(
        f"/rdss-fee/v1/refund-claims/{claim}/papers?kind={kind}&name=函.pdf",
        headers={**who, **key(), "Content-Type": "application/pdf"},
        content=content,
    )


async def entered(
    fee: Fee, amount: int = 30_100, who: Mapping[str, str] = EMPLOYER_A, papers: bool = True, letter: str = ""
) -> str:
    answer = await fee.post("/refund-claims", who, {"letter_no": letter or uuid.uuid4().hex[:12], "amount": amount})
    assert answer.status_code == 201, answer.text
    claim: str = answer.json()["id"]
    if papers:
        for kind, content in (("letter", PDF), ("signed_receipt", RECEIPT)):
            assert (await add(fee, claim, kind, content, who)).status_code == 201
    return claim


async def act(fee: Fee, claim: str, what: str, who: Mapping[str, str], body: Any = None) -> httpx.Response:
    return await fee.post(f"/refund-claims/{claim}/{what}", who, body)


SUBMIT = {"posted_on": "2026-09-14"}
PAY = {"paid_on": TODAY.isoformat(), "payment_reference": "支115-000321"}
STEPS: list[tuple[str, Mapping[str, str], Any]] = [
    ("submission", EMPLOYER_A, SUBMIT),
    ("receipt", FINANCE, {"received_on": "2026-09-15"}),
    ("approval", FINANCE, None),
    ("payment", FINANCE_2, PAY),
    ("bank-return", FINANCE, {"reason": "帳號已結清"}),
]


async def up_to(fee: Fee, last: str, amount: int = 30_100) -> str:
    claim = await entered(fee, amount)
    for what, who, body in STEPS:
        answer = await act(fee, claim, what, who, body)
        assert answer.status_code == 200, answer.text
        if what == last:
            break
    return claim


async def refundable(fee: Fee, who: Mapping[str, str] = EMPLOYER_A, query: str = "") -> dict[str, Any]:
    items = (await fee.get(f"/refundable{query}", who)).json()["items"]
    assert len(items) == 1
    found: dict[str, Any] = items[0]
    return found


@pytest.mark.rule("FE-12", "FE-36")
async def test_a_claim_from_its_letter_to_the_bank_and_back(fee: Fee):
    """應退 of 30,100 and 溢繳 of 500 are claimed as one; nothing of it touches what the notice asks for."""
    await credit(fee, A, 30_100, TODAY)
    notice = await fee.notice(A, OCTOBER)
    await pay(fee, notice, notice["amount"] + 500, TODAY)
    before = await refundable(fee)
    assert before == {
        "employer_code": A, "employer_name": "甲示範科技股份有限公司", "credits": 30_100, "overpaid": 500,
        "refunded": 0, "refundable": 30_600, "under_way": 0, "claimable": 30_600, "reclaimable": 0,
    }  # fmt: skip
    claim = await entered(fee, 30_600, DEPARTMENT_A)
    submitted = await act(fee, claim, "submission", EMPLOYER_A, SUBMIT)
    assert submitted.json()["state"] == "submitted"
    assert (submitted.json()["round"], submitted.json()["posted_on"]) == ("2026-09", "2026-09-14")
    assert submitted.json()["entered_as"] == "employer_department"
    during = await refundable(fee)
    assert (during["refundable"], during["under_way"], during["claimable"]) == (30_600, 30_600, 0)
    for what, who, body in STEPS[1:4]:
        answer = await act(fee, claim, what, who, body)
        assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    after = await refundable(fee)
    assert (after["refunded"], after["refundable"], after["under_way"], after["claimable"]) == (30_600, 0, 0, 0)
    booked = await fee.sql("SELECT kind, debit, credit, amount FROM posting WHERE claim_id = $1", uuid.UUID(claim))
    assert [tuple(row) for row in booked] == [("refund_paid", "refundable", "bank", 30_600)]
    # The bank could not deliver it: claimable again, by another claim under the same letter.
    bounced = await act(fee, claim, "bank-return", FINANCE, {"reason": "帳號已結清"})
    assert (bounced.json()["state"], bounced.json()["bounce_reason"]) == ("bank_returned", "帳號已結清")
    assert (await refundable(fee))["claimable"] == 30_600
    assert code(await act(fee, claim, "payment", FINANCE_2, PAY)) == (409, "refund_claim_state")
    receivable = await fee.sql("SELECT debit, credit, amount FROM posting WHERE 'receivable' IN (debit, credit)")
    assert {tuple(row) for row in receivable} == {
        ("receivable", "revenue", notice["amount"]), ("bank", "receivable", notice["amount"]),
    }  # fmt: skip
    told = await fee.sql("SELECT payload->'event'->>'type' AS type FROM job WHERE kind = 'event.deliver' ORDER BY id")
    assert [row["type"].removeprefix("muster.rdss-fee.refund.") for row in told] == [
        "decided.v1", "paid.v1", "bounced.v1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("today", "posted_on", "of"),
    [
        # By the 20th of a month; a 20th that is no working day moves to the next; the postmark counts.
        ("2026-10-20", "2026-10-20", "2026-10"),
        ("2026-10-21", "2026-10-21", "2026-11"),
        ("2026-10-25", "2026-10-20", "2026-10"),  # posted in time, submitted here late
        ("2026-09-21", "2026-09-21", "2026-09"),  # the 20th was a Sunday
        ("2026-09-22", "2026-09-22", "2026-10"),
    ],
)
async def test_the_postmark_says_which_round(fee: Fee, monkeypatch, tmp_path, today, posted_on, of):
    set_today(monkeypatch, tmp_path, dt.date.fromisoformat(today))
    await credit(fee, A, 30_100, TODAY)
    claim = await entered(fee)
    answer = await act(fee, claim, "submission", EMPLOYER_A, {"posted_on": posted_on})
    assert (answer.status_code, answer.json()["round"], answer.json()["round_provisional"]) == (200, of, False)
    listed = (await fee.get(f"/refund-claims?round={of}", FINANCE)).json()["items"]
    assert [item["id"] for item in listed] == [claim]


async def test_a_day_off_that_was_announced_moves_the_twentieth(fee: Fee, monkeypatch, tmp_path):
    set_today(monkeypatch, tmp_path, dt.date(2026, 10, 21))
    await fee.sql("INSERT INTO calendar_day VALUES ('2026-10-20', false, '颱風', '行政院人事行政總處')")
    await credit(fee, A, 30_100, TODAY)
    answer = await act(fee, await entered(fee), "submission", EMPLOYER_A, {"posted_on": "2026-10-21"})
    assert answer.json()["round"] == "2026-10"


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("submission", {"posted_on": "2026-09-16"}, "/posted_on"),  # tomorrow
        ("submission", {}, "/posted_on"),
        ("receipt", {"received_on": "2026-09-13"}, "/received_on"),  # before the postmark
        ("receipt", {"received_on": "2026-09-16"}, "/received_on"),
        ("payment", {**PAY, "paid_on": "2026-09-14"}, "/paid_on"),  # before the decision
        ("payment", {**PAY, "paid_on": "2026-09-16"}, "/paid_on"),
    ],
)
async def test_impossible_days(fee: Fee, path, body, pointer):
    await credit(fee, A, 30_100, TODAY)
    before = {"submission": "", "receipt": "submission", "payment": "approval"}[path]
    claim = await up_to(fee, before) if before else await entered(fee)
    who = {"submission": EMPLOYER_A, "receipt": FINANCE, "payment": FINANCE_2}[path]
    answer = await act(fee, claim, path, who, body)
    assert code(answer) == (422, "invalid_content")
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_postmark_in_the_future_is_refused_at_once_and_one_that_is_known_serves(fee: Fee):
    await credit(fee, A, 30_100, TODAY)
    body = {"letter_no": "示範財字第1號", "amount": 30_100, "posted_on": "115/09/16"}
    assert code(await fee.post("/refund-claims", EMPLOYER_A, body)) == (422, "invalid_content")
    made = await fee.post("/refund-claims", EMPLOYER_A, {**body, "posted_on": "115/09/10"})
    claim = made.json()["id"]
    await add(fee, claim)
    await add(fee, claim, "signed_receipt", RECEIPT)
    answer = await act(fee, claim, "submission", EMPLOYER_A, {})
    assert (answer.status_code, answer.json()["posted_on"]) == (200, "2026-09-10")


async def test_both_papers_and_no_more_than_is_claimable(fee: Fee):
    await credit(fee, A, 30_100, TODAY)
    claim = await entered(fee, 30_101, papers=False)
    for kind, content, lacking in (
        ("letter", PDF, ["letter", "signed_receipt"]),
        ("signed_receipt", RECEIPT, ["signed_receipt"]),
    ):
        answer = await act(fee, claim, "submission", EMPLOYER_A, SUBMIT)
        assert (*code(answer), answer.json()["missing"]) == (409, "refund_papers_missing", lacking)
        assert (await add(fee, claim, kind, content)).status_code == 201
    answer = await act(fee, claim, "submission", EMPLOYER_A, SUBMIT)
    assert (*code(answer), answer.json()["claimable"]) == (409, "refund_not_covered", 30_100)
    assert "30,100" in answer.json()["detail"]
    # The control: to the dollar it is taken; and what one claim asks for no other may.
    first = await entered(fee, 30_000)
    assert (await act(fee, first, "submission", EMPLOYER_A, SUBMIT)).status_code == 200
    second = await entered(fee, 101)
    answer = await act(fee, second, "submission", EMPLOYER_A, SUBMIT)
    assert (*code(answer), answer.json()["claimable"]) == (409, "refund_not_covered", 100)
    # Another employer's credits are its own.
    await credit(fee, B, 1_000_000, TODAY)
    assert code(await act(fee, second, "submission", EMPLOYER_A, SUBMIT)) == (409, "refund_not_covered")


@pytest.mark.rule("ID-07")
async def test_the_head_office_submits_what_its_department_entered(fee: Fee):
    await credit(fee, A, 30_100, TODAY)
    claim = await entered(fee, 10_000, DEPARTMENT_A)
    assert code(await act(fee, claim, "submission", DEPARTMENT_A, SUBMIT)) == (403, "forbidden")
    assert (await act(fee, claim, "submission", EMPLOYER_A, SUBMIT)).status_code == 200
    # Who entered it for the department and was given the head office's role since.
    other = await entered(fee, 10_000, DEPARTMENT_A)
    promoted = bearer("employer", org=f"employer:{A}", sub="department-a")
    assert code(await act(fee, other, "submission", promoted, SUBMIT)) == (403, "four_eyes")
    # The head office enters and submits its own.
    own = await entered(fee, 10_000, BOTH_ROLES)
    assert (await act(fee, own, "submission", BOTH_ROLES, SUBMIT)).status_code == 200
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql(
            "UPDATE refund_claim SET state = 'submitted', submitted_by = entered_by, submitted_at = now(), posted_on ="
            " '2026-09-14', round = '2026-09-01', round_provisional = false WHERE id = $1",
            uuid.UUID(other),
        )


async def test_who_approves_does_not_pay(fee: Fee):
    await credit(fee, A, 30_100, TODAY)
    claim = await up_to(fee, "approval")
    assert code(await act(fee, claim, "payment", FINANCE, PAY)) == (403, "four_eyes")
    assert (await refundable(fee))["refundable"] == 30_100
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql(
            "UPDATE refund_claim SET state = 'paid', paid_by = decided_by, paid_at = now(), paid_on = $2,"
            " payment_reference = 'x' WHERE id = $1",
            uuid.UUID(claim), TODAY,
        )  # fmt: skip
    assert (await act(fee, claim, "payment", FINANCE_2, PAY)).status_code == 200


ACTS = ("submission", "withdrawal", "receipt", "approval", "return", "payment", "bank-return")
BODIES = {what: body for what, _, body in STEPS} | {"return": {"reason": "印信不符"}, "withdrawal": None}
BY = {what: who for what, who, _ in STEPS} | {"return": FINANCE, "withdrawal": EMPLOYER_A}


@pytest.mark.parametrize(
    ("after", "possible"),
    [
        ("", {"submission", "withdrawal"}),
        ("submission", {"withdrawal", "receipt"}),
        ("receipt", {"approval", "return"}),
        ("approval", {"return", "payment"}),
        ("payment", {"bank-return"}),
        ("bank-return", set()),
    ],
)
async def test_every_state_takes_its_own_acts_only(fee: Fee, after, possible):
    await credit(fee, A, 30_100 * 9, TODAY)
    for what in ACTS:
        claim = await up_to(fee, after) if after else await entered(fee)
        answer = await act(fee, claim, what, BY[what], BODIES[what])
        assert code(answer) == ((200, "") if what in possible else (409, "refund_claim_state")), (what, answer.text)
        assert (await refundable(fee))["claimable"] >= 0
        await fee.sql("DELETE FROM idempotency_key")


async def test_a_claim_that_ended_frees_its_money_and_its_letter(fee: Fee):
    await credit(fee, A, 30_100, TODAY)
    claim = await entered(fee, letter="示範財字第7號")
    again = {"letter_no": "示範財字第7號", "amount": 30_100}
    assert code(await fee.post("/refund-claims", EMPLOYER_A, again)) == (409, "refund_letter_taken")
    assert (await fee.post("/refund-claims", EMPLOYER_B, again)).status_code == 201  # another's letters are its own
    await act(fee, claim, "submission", EMPLOYER_A, SUBMIT)
    assert code(await act(fee, claim, "withdrawal", DEPARTMENT_A)) == (403, "forbidden")
    assert (await act(fee, claim, "withdrawal", EMPLOYER_A)).json()["state"] == "withdrawn"
    second = await entered(fee, letter="示範財字第7號")
    await act(fee, second, "submission", EMPLOYER_A, SUBMIT)
    await act(fee, second, "receipt", FINANCE, {"received_on": "2026-09-15"})
    returned = await act(fee, second, "return", FINANCE, {"reason": "印信不符"})
    assert (returned.json()["state"], returned.json()["return_reason"]) == ("returned", "印信不符")
    assert (await refundable(fee))["claimable"] == 30_100


async def test_a_reversal_after_approval_leaves_nothing_to_pay_and_the_claim_can_be_returned(fee: Fee):
    """溢繳 500 is claimed; the bank takes the payment back before the refund is paid."""
    notice = await fee.notice(A, OCTOBER)
    await pay(fee, notice, notice["amount"] + 500, TODAY)
    claim = await up_to(fee, "approval", 500)
    assert (await fee.get(f"/refund-claims/{claim}", FINANCE)).json()["covered"] is True
    await pay(fee, notice, -(notice["amount"] + 500), TODAY)
    assert (await fee.get(f"/refund-claims/{claim}", FINANCE)).json()["covered"] is False
    answer = await act(fee, claim, "payment", FINANCE_2, PAY)
    assert (*code(answer), answer.json()["refundable"]) == (409, "refund_not_covered", 0)
    assert (await act(fee, claim, "return", FINANCE, {"reason": "溢繳款項已遭銀行沖正"})).status_code == 200


async def test_both_papers_are_had_made_out(fee: Fee):
    """Manual, refunds: the employer posts a letter and a receipt; both are there to be printed, sealed and signed."""
    claim = await entered(fee, 30_100, papers=False, letter="示範財字第1150001號")
    for kind, name in (("letter", "研究發展費退費函文"), ("signed_receipt", "研究發展費退款收據")):
        answer = await fee.get(f"/refund-claims/{claim}/forms/{kind}", EMPLOYER_A)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
        assert quote(f"{name}_{TODAY:%Y%m%d}.pdf") in answer.headers["content-disposition"]
        said = squeezed("".join(pages(answer.content)))
        for part in ("示範財字第1150001號", "NT$30,100", A):
            assert part in said, (kind, part)
    assert code(await fee.get(f"/refund-claims/{claim}/forms/letter", EMPLOYER_B)) == (404, "not_found")
    assert (await fee.get(f"/refund-claims/{claim}/forms/receipt", EMPLOYER_A)).status_code == 404


async def test_papers_are_sealed_kept_once_and_read_back_by_who_may(fee: Fee):
    claim = await entered(fee, papers=False)
    made = await add(fee, claim)
    again = await add(fee, claim)
    assert (made.status_code, again.status_code, again.headers["idempotent-replayed"]) == (201, 200, "true")
    assert made.json() == again.json()
    assert (made.json()["size"], made.json()["name"]) == (len(PDF), "函.pdf")
    rows = await fee.sql("SELECT content, digest FROM claim_paper")
    assert len(rows) == 1
    assert PDF not in rows[0]["content"]
    assert len(rows[0]["digest"]) == 32
    where = f"/refund-claims/{claim}/papers/{made.json()['id']}"
    for who in (EMPLOYER_A, DEPARTMENT_A, FINANCE, OFFICE):
        got = await fee.get(where, who)
        assert (got.status_code, got.content, got.headers["content-type"]) == (200, PDF, "application/pdf")
        assert "attachment" in got.headers["content-disposition"]
    assert code(await fee.get(where, EMPLOYER_B)) == (404, "not_found")
    # A paper of one claim is not there under another.
    other = await entered(fee, papers=False)
    assert code(await fee.get(f"/refund-claims/{other}/papers/{made.json()['id']}", EMPLOYER_A)) == (404, "not_found")
    read = await fee.sql("SELECT count(*) AS n FROM audit_entry WHERE action = 'refund_claim.paper_read'")
    assert read[0]["n"] == 4


async def test_what_is_no_paper_is_refused(fee: Fee):
    claim = await entered(fee, papers=False)
    for name in ("x", "x.exe", "..%2Fx.pdf", "x%22.pdf", "x%E2%80%AEfdp.pdf", "%0D%0Ax.pdf", "x" * 197 + ".pdf"):
        where = f"/rdss-fee/v1/refund-claims/{claim}/papers?kind=letter&name={name}"
        who = {**EMPLOYER_A, **key(), "Content-Type": "application/pdf"}
        assert code(await fee.http.post(where, headers=who, content=PDF)) == (422, "invalid_content"), name
    assert code(await add(fee, claim, content=b"PK\x03\x04")) == (415, "unsupported_media_type")
    assert code(await add(fee, claim, content=b"")) == (415, "unsupported_media_type")
    assert code(await add(fee, claim, "photo")) == (422, "invalid_content")
    assert code(await add(fee, claim, content=PDF + bytes(5_242_880))) == (413, "too_large")
    assert code(await add(fee, str(uuid.uuid4()))) == (404, "not_found")
    assert code(await add(fee, claim, who=EMPLOYER_B)) == (404, "not_found")
    largest = PDF + bytes(5_242_880 - len(PDF))
    assert (await add(fee, claim, content=largest)).status_code == 201
    for number in range(19):
        assert (await add(fee, claim, content=PDF + bytes([number]))).status_code == 201
    assert code(await add(fee, claim, content=b"%PDF-x")) == (409, "refund_papers_full")
    await credit(fee, A, 30_100, TODAY)
    submitted = await up_to(fee, "submission")
    assert code(await add(fee, submitted, content=b"%PDF-x")) == (409, "refund_claim_state")


async def test_lists_are_one_s_own_and_filtered(fee: Fee):
    await credit(fee, A, 30_100, TODAY)
    mine, later = await up_to(fee, "submission", 100), await entered(fee, 200)
    theirs = await entered(fee, 300, EMPLOYER_B)
    ids = lambda answer: [item["id"] for item in answer.json()["items"]]  # noqa: E731
    assert ids(await fee.get("/refund-claims", EMPLOYER_A)) == [later, mine]
    assert ids(await fee.get("/refund-claims?sort=amount", OFFICE)) == [mine, later, theirs]
    assert ids(await fee.get("/refund-claims?state=submitted", FINANCE)) == [mine]
    assert ids(await fee.get(f"/refund-claims?employer_code={B}", FINANCE)) == [theirs]
    assert ids(await fee.get(f"/refund-claims?employer_code={B}", EMPLOYER_A)) == []
    assert ids(await fee.get("/refund-claims?round=2026-09", EMPLOYER_A)) == [mine]
    first = await fee.get("/refund-claims?sort=round&limit=2", FINANCE)
    rest = await fee.get(f"/refund-claims?sort=round&limit=2&cursor={first.json()['next_cursor']}", FINANCE)
    assert sorted(ids(first) + ids(rest)) == sorted([mine, later, theirs])
    assert code(await fee.get("/refund-claims?round=2026-13", FINANCE)) == (422, "invalid_content")
    both = (await fee.get("/refundable?sort=-claimable", OFFICE)).json()["items"]
    assert [(item["employer_code"], item["claimable"]) for item in both] == [(A, 30_000), (B, 0)]
    assert (await refundable(fee, FINANCE, f"?employer_code={B}"))["refundable"] == 0


@pytest.mark.rule("FE-12")
async def test_two_claims_at_once_for_the_same_money(fee: Fee):
    """Race: of two submissions that together ask for more one is refused; and a claim is paid once."""
    await credit(fee, A, 30_100, TODAY)
    claims = [await entered(fee, 20_000) for _ in range(3)]
    answers = await asyncio.gather(*(act(fee, claim, "submission", EMPLOYER_A, SUBMIT) for claim in claims))
    assert sorted(code(answer) for answer in answers) == [(200, ""), *[(409, "refund_not_covered")] * 2]
    taken = claims[[answer.status_code for answer in answers].index(200)]
    await act(fee, taken, "receipt", FINANCE, {"received_on": "2026-09-15"})
    await act(fee, taken, "approval", FINANCE)
    paid = await asyncio.gather(*(act(fee, taken, "payment", FINANCE_2, PAY) for _ in range(3)))
    assert sorted(answer.status_code for answer in paid) == [200, 409, 409]
    assert (await refundable(fee))["refunded"] == 20_000
    bounced = await asyncio.gather(*(act(fee, taken, "bank-return", FINANCE, {"reason": "x"}) for _ in range(3)))
    assert sorted(answer.status_code for answer in bounced) == [200, 409, 409]
    assert (await refundable(fee))["refundable"] == 30_100


@pytest.mark.rule("FE-12", "FE-36")
async def test_the_database_pays_no_claim_twice_and_changes_none(fee: Fee):
    """Planted: a second posting for a claim; an amount, a postmark, a payment changed afterwards."""
    await credit(fee, A, 90_300, TODAY)
    claim = uuid.UUID(await up_to(fee, "payment"))
    with pytest.raises(asyncpg.UniqueViolationError):
        await fee.sql(
            "INSERT INTO posting (kind, debit, credit, amount, employer_code, claim_id, booked_on, booked_by)"
            " VALUES ('refund_paid', 'refundable', 'bank', 1, $1, $2, $3, 'test')",
            A, claim, TODAY,
        )  # fmt: skip
    for change in ("amount = 1", "posted_on = '2026-09-01'", "payment_reference = 'x'", "letter_no = 'x'"):
        with pytest.raises(asyncpg.CheckViolationError):
            await fee.sql(f"UPDATE refund_claim SET {change} WHERE id = $1", claim)
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql("UPDATE refund_claim SET state = 'approved' WHERE id = $1", claim)
