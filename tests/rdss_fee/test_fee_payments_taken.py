"""Files of the bank are taken whole, once, and booked by the number alone (FE-32 to FE-36)."""

import asyncio
import datetime as dt
import uuid

import pytest

from rdss_fee.months import Month
from rdss_fee.payments.service.take_file import SEALED_AS
from shared import crypto
from tests.rdss_fee.bank import POSTED, Paid, file_of, listed, post_file, postings, taken, whole
from tests.rdss_fee.support import (
    ADMIN,
    AUDITOR,
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
from tests.support.tokens import key

OCTOBER = Month(2026, 10)
SEPTEMBER = Month(2026, 9)


@pytest.mark.rule("FE-32", "FE-34", "FE-35", "FE-36")
async def test_a_file_is_booked_by_the_number_alone(fee: Fee):
    """An exact, a partial with its second, an over-payment, one to nobody and one to a number that cannot be."""
    one, two = await fee.notice(A, OCTOBER), await fee.notice(B, OCTOBER)
    bad = one["virtual_account"][:-1] + str((int(one["virtual_account"][-1]) + 1) % 10)
    september = "7006021150900014"
    told = await taken(
        fee,
        Paid(one["virtual_account"], 10_000, 1),
        Paid(two["virtual_account"], 30_100, 2),
        Paid(one["virtual_account"], 25_000, 3),
        Paid(bad, 5, 4),
        Paid(september, 7, 5),
        query="&name=20260914.txt",
    )
    assert {name: told[name] for name in told if name not in ("id", "digest", "taken_at", "size")} == {
        "layout": "bank_of_taiwan", "source": "upload", "name": "20260914.txt", "line_count": 5, "total": 65_112,
        "complete_through": "2026-09-13", "fresh": 5, "known": 0, "to_notices": 3, "suspended": 2, "bad_number": 2,
        "no_notice": 0, "nothing_to_reverse": 0, "taken_by": "finance-1", "taken_on": TODAY.isoformat(),
    }  # fmt: skip
    assert await postings(fee) == [
        ("payment_posted", "bank", "receivable", 10_000, 1),
        ("payment_posted", "bank", "receivable", 30_100, 2),
        ("payment_posted", "bank", "receivable", 20_100, 3),
        ("payment_posted", "bank", "refundable", 4_900, 3),
        ("money_suspended", "bank", "suspense", 5, 4),
        ("money_suspended", "bank", "suspense", 7, 5),
    ]
    found = await whole(fee)
    assert (found["payments"], found["payments_total"]) == (5, 65_112)
    assert (found["allocated"], found["overpaid"], found["suspended"]) == (60_200, 4_900, 12)
    assert (await fee.get(f"/bank-files/{told['id']}", AUDITOR)).json() == told
    assert (await fee.get("/bank-files", OFFICE)).json()["items"] == [told]


@pytest.mark.rule("FE-32")
async def test_a_file_taken_twice_changes_nothing(fee: Fee):
    made = await fee.notice(A, OCTOBER)
    data = file_of(Paid(made["virtual_account"], 30_100))
    first = await post_file(fee, data)
    before = await postings(fee)
    again = await post_file(fee, data, FINANCE_2)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert await postings(fee) == before
    # The same key again answers as it did first.
    same = key()
    other = file_of(Paid(made["virtual_account"], 1, 9))
    one = await post_file(fee, other, {**FINANCE, **same})
    two = await post_file(fee, other, {**FINANCE, **same})
    assert (one.status_code, two.status_code, two.headers.get("idempotent-replayed")) == (201, 201, "true")


@pytest.mark.rule("FE-32")
async def test_a_transaction_that_was_told_before_changes_nothing(fee: Fee):
    made = await fee.notice(A, OCTOBER)
    first = Paid(made["virtual_account"], 10_000, 1)
    await taken(fee, first)
    told = await taken(fee, first, Paid(made["virtual_account"], 20_100, 2))
    assert (told["line_count"], told["fresh"], told["known"], told["to_notices"]) == (2, 1, 1, 1)
    csv = "入帳日,起息日,交易序號,銷帳編號,正負,金額,通路,繳款人\n" + (
        f"{POSTED:%Y%m%d},{POSTED:%Y%m%d},1,{made['virtual_account']},,10000,03,甲\n合計,1,10000\n"
    )
    answer = await fee.http.post(
        "/rdss-fee/v1/bank-files?layout=bank_of_taiwan_csv",
        headers={**FINANCE, **key(), "Content-Type": "text/csv"},
        content=csv.encode("cp950"),
    )
    assert (answer.json()["fresh"], answer.json()["known"]) == (0, 1), answer.text
    assert sum(amount for *_, amount, _ in await postings(fee)) == 30_100
    await whole(fee)


@pytest.mark.rule("FE-32")
async def test_the_file_is_kept_sealed(fee: Fee):
    data = file_of(Paid("1" * 16, 5))
    await post_file(fee, data)
    (row,) = await fee.sql("SELECT content, size, digest FROM bank_file")
    assert data[:20] not in row["content"]
    assert crypto.ring().decrypt(row["content"], SEALED_AS) == data
    assert row["size"] == len(data)


GOOD = Paid("7006021151000014", 33_110)


@pytest.mark.rule("FE-32")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", [("file_empty", None, None)]),
        (file_of(GOOD, total=1), [("total_differs", None, None)]),
        (file_of(GOOD, count=2), [("count_differs", None, None)]),
        (file_of(GOOD).replace(b"\r\n2", b"\r\n"), [("line_length", 2, None)]),
        (file_of(GOOD).replace(b"\r\n2", b"\r\n7"), [("record_unknown", 2, None)]),
        (file_of(Paid(GOOD.account, 0)), [("amount_zero", 2, "amount")]),
        (file_of(GOOD).replace(b"+00000003", b"+-0000003"), [("not_digits", 2, "amount")]),
        (file_of(GOOD, GOOD), [("line_duplicate", 3, None)]),
        (
            file_of(Paid("x" * 16, 0), GOOD, Paid(GOOD.account, 0, 3)),
            [("not_digits", 2, "account"), ("amount_zero", 2, "amount"), ("amount_zero", 4, "amount")],
        ),
    ],
)
async def test_a_file_with_a_fault_is_refused_whole(fee: Fee, data: bytes, expected):
    await fee.notice(A, OCTOBER)
    answer = await post_file(fee, data)
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert [(one["code"], one.get("row"), one.get("column")) for one in told["errors"]] == expected
    assert told["error_count"] == len(expected)
    assert GOOD.account not in answer.text
    assert await fee.sql("SELECT 1 FROM bank_file UNION ALL SELECT 1 FROM bank_transaction") == []
    assert await postings(fee) == []


@pytest.mark.rule("FE-32")
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("&count=1", "totals_incomplete"),
        ("&total=1", "totals_incomplete"),
        ("&count=1&total=1", "total_differs"),
        ("&count=2&total=33110", "count_differs"),
        (f"&complete_through={TODAY + dt.timedelta(days=1)}", "day_impossible"),
    ],
)
async def test_what_is_stated_beside_a_file_must_agree(fee: Fee, query: str, code: str):
    answer = await post_file(fee, file_of(GOOD), query=query)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code), answer.text


@pytest.mark.rule("FE-32")
async def test_totals_and_the_last_day_may_be_stated(fee: Fee):
    told = await taken(fee, GOOD, query="&count=1&total=33110&complete_through=2026-09-12")
    assert told["complete_through"] == "2026-09-12"


@pytest.mark.rule("FE-32")
async def test_other_media_and_other_people_are_refused(fee: Fee):
    assert (await post_file(fee, file_of(GOOD), media="application/json")).status_code == 415
    for who in (OFFICE, ADMIN, AUDITOR, EMPLOYER_A):
        assert (await post_file(fee, file_of(GOOD), who)).status_code == 403
    assert (await post_file(fee, b"x" * (16 * 1_048_576 + 1))).status_code == 413


@pytest.mark.rule("FE-35", "FE-36")
async def test_a_reversal_opens_the_notice_again(fee: Fee):
    """The fourth reverses more than came: it waits, and nothing is lost."""
    made = await fee.notice(A, OCTOBER)
    number = made["virtual_account"]
    told = await taken(
        fee, Paid(number, 40_000, 1), Paid(number, -40_000, 2), Paid(number, 30_100, 3), Paid(number, -40_000, 4)
    )
    assert (told["nothing_to_reverse"], told["to_notices"]) == (1, 3)
    assert await postings(fee) == [
        ("payment_posted", "bank", "receivable", 30_100, 1),
        ("payment_posted", "bank", "refundable", 9_900, 1),
        ("payment_reversed", "receivable", "bank", 30_100, 2),
        ("payment_reversed", "refundable", "bank", 9_900, 2),
        ("payment_posted", "bank", "receivable", 30_100, 3),
        ("suspended_reversed", "suspense", "bank", 40_000, 4),
    ]
    found = await whole(fee)
    assert (found["allocated"], found["overpaid"], found["suspended"]) == (30_100, 0, -40_000)


@pytest.mark.rule("FE-35")
async def test_a_reversal_of_suspended_money_ends_it(fee: Fee):
    """Exactly the same account and amount, in the same file or a later one; another amount waits by itself."""
    nobody = "7006021151000900"
    await taken(fee, Paid(nobody, 100, 1), Paid(nobody, 200, 2), Paid(nobody, -200, 3))
    await taken(fee, Paid(nobody, -100, 4), Paid(nobody, -50, 5))
    assert (await postings(fee))[2:] == [
        ("suspended_reversed", "suspense", "bank", 200, 2),
        ("suspended_reversed", "suspense", "bank", 100, 1),
        ("suspended_reversed", "suspense", "bank", 50, 5),
    ]
    items = (await fee.get("/suspense", FINANCE)).json()["items"]
    assert [(one["amount"], one["open"], one["why"]) for one in items] == [(-50, -50, "bad_number")]
    shown = (await fee.get("/payments?sort=amount", FINANCE)).json()["items"]
    assert [(one["amount"], one["status"]) for one in shown] == [
        (-200, "reversal"), (-100, "reversal"), (-50, "suspense"), (100, "reversed"), (200, "reversed"),
    ]  # fmt: skip
    await whole(fee)


@pytest.mark.rule("FE-35")
async def test_a_reversal_told_before_its_payment_waits_for_it(fee: Fee):
    """Files may come in any order; money that was posted after the reversal is other money."""
    nobody = "7006021151000900"
    await taken(fee, Paid(nobody, -100, 1))
    await taken(fee, Paid(nobody, 100, 2, posted_on=POSTED - dt.timedelta(days=1)))
    assert (await fee.get("/suspense", FINANCE)).json()["items"] == []
    await taken(fee, Paid(nobody, -7, 3))
    await taken(fee, Paid(nobody, 7, 4))
    assert [one["open"] for one in (await fee.get("/suspense?sort=amount", FINANCE)).json()["items"]] == [-7, 7]
    await whole(fee)


@pytest.mark.rule("FE-32")
async def test_the_same_file_from_two_people_at_once_is_taken_once(fee: Fee):
    made = await fee.notice(A, OCTOBER)
    data = file_of(*(Paid(made["virtual_account"], 100 + n, n) for n in range(50)))
    answers = await asyncio.gather(*(post_file(fee, data, who) for who in (FINANCE, FINANCE_2, FINANCE, FINANCE_2)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert (await fee.sql("SELECT count(*) FROM bank_transaction"))[0][0] == 50
    await whole(fee)


@pytest.mark.rule("FE-34", "FE-36")
async def test_two_files_at_once_add_up(fee: Fee):
    """Each pays the notice nearly whole: one of them is over, whichever comes second."""
    made = await fee.notice(A, OCTOBER)
    files = [file_of(Paid(made["virtual_account"], 20_000, n)) for n in range(4)]
    answers = await asyncio.gather(*(post_file(fee, data) for data in files))
    assert [answer.status_code for answer in answers] == [201] * 4
    found = await whole(fee)
    assert (found["allocated"], found["overpaid"]) == (30_100, 49_900)


@pytest.mark.rule("FE-33")
async def test_an_employer_sees_its_own_the_day_after_posting(fee: Fee):
    one, two = await fee.notice(A, OCTOBER), await fee.notice(B, OCTOBER)
    await taken(
        fee,
        Paid(one["virtual_account"], 40_000, 1),
        Paid(one["virtual_account"], 5, 2, posted_on=TODAY),
        Paid(two["virtual_account"], 6, 3),
        Paid("9" * 16, 7, 4),
    )
    for who in (EMPLOYER_A, DEPARTMENT_A):
        items = (await fee.get("/payments", who)).json()["items"]
        assert listed(items) == [(40_000, "overpaid", 30_100, 9_900, 0)]
        assert (items[0]["month"], items[0]["notice_id"], items[0]["file_id"]) == ("2026-10", one["id"], None)
        assert (await fee.get(f"/payments/{items[0]['id']}", who)).json() == items[0]
    assert [one["amount"] for one in (await fee.get("/payments", EMPLOYER_B)).json()["items"]] == [6]
    every = (await fee.get("/payments?sort=amount", OFFICE)).json()["items"]
    assert [one["amount"] for one in every] == [5, 6, 7, 40_000]
    absent = (await fee.get("/payments/999999999", EMPLOYER_A)).json() | {"instance": ""}
    for other in every[:3]:
        hidden = await fee.get(f"/payments/{other['id']}", EMPLOYER_A)
        assert hidden.status_code == 404
        assert hidden.json() | {"instance": ""} == absent
    fee.on(TODAY + dt.timedelta(days=1))
    assert len((await fee.get("/payments", EMPLOYER_A)).json()["items"]) == 2


@pytest.mark.rule("FE-33")
async def test_payments_are_found_by_what_they_are_for(fee: Fee):
    one, two, old = await fee.notice(A, OCTOBER), await fee.notice(B, OCTOBER), await fee.notice(A, SEPTEMBER)
    await taken(
        fee,
        Paid(one["virtual_account"], 1, 1, posted_on=dt.date(2026, 9, 10)),
        Paid(two["virtual_account"], 2, 2, posted_on=dt.date(2026, 9, 11)),
        Paid(old["virtual_account"], 3, 3, posted_on=dt.date(2026, 9, 12)),
    )

    async def found(query: str) -> list[int]:
        answer = await fee.get(f"/payments?sort=amount&{query}", FINANCE)
        assert answer.status_code == 200, answer.text
        return [one["amount"] for one in answer.json()["items"]]

    assert await found(f"notice={one['id']}") == [1]
    assert await found(f"notice={uuid.uuid4()}") == []
    assert await found("month=2026-10") == [1, 2]
    assert await found(f"employer={A}") == [1, 3]
    assert await found("posted_from=2026-09-11") == [2, 3]
    assert await found("posted_from=2026-09-11&posted_to=2026-09-11") == [2]
    page = (await fee.get("/payments?sort=amount&limit=2", FINANCE)).json()
    rest = (await fee.get(f"/payments?sort=amount&limit=2&cursor={page['next_cursor']}", FINANCE)).json()
    assert [one["amount"] for one in page["items"] + rest["items"]] == [1, 2, 3]
    assert (await fee.get("/payments?sort=serial", FINANCE)).status_code == 422


@pytest.mark.rule("FE-32", "FE-39")
@pytest.mark.parametrize(
    "day", [dt.date(2026, 9, 16), dt.date(2999, 12, 31), dt.date(9999, 12, 31), dt.date(1999, 12, 31)]
)
async def test_a_day_on_which_the_bank_cannot_have_booked_is_refused(fee: Fee, day: dt.date):
    """What the bank has told of hangs on it, and so does who is said not to have paid."""
    answer = await post_file(fee, file_of(Paid("1" * 16, 5), Paid("1" * 16, 5, 2, posted_on=day, value_on=POSTED)))
    assert answer.status_code == 422, answer.text
    assert [(one["code"], one["row"], one["column"]) for one in answer.json()["errors"]] == [
        ("day_impossible", 3, "posted_on")
    ]
    assert await fee.sql("SELECT 1 FROM bank_file") == []


@pytest.mark.rule("FE-39")
async def test_a_file_that_is_missing_is_not_stepped_over(fee: Fee):
    """Monday, then Thursday: of Tuesday's and Wednesday's payments nobody knows, until they come or it is said."""
    told = []
    for serial, day, query in (
        (1, dt.date(2026, 9, 7), ""),
        (2, dt.date(2026, 9, 10), ""),
        (3, dt.date(2026, 9, 8), ""),
        (4, dt.date(2026, 9, 9), ""),
        (5, dt.date(2026, 9, 10), ""),
        (6, dt.date(2026, 9, 14), "&complete_through=2026-09-13"),
    ):
        file = await taken(fee, Paid("9" * 16, serial, serial, posted_on=day), query=query)
        told.append(file["complete_through"])
    assert told == ["2026-09-06", "2026-09-06", "2026-09-07", "2026-09-08", "2026-09-09", "2026-09-13"]


@pytest.mark.rule("FE-32")
async def test_a_day_without_payments_and_a_name_padded_with_nul(fee: Fee):
    await taken(fee, Paid("9" * 16, 1, payer="A\x00\x00B"))
    empty = await post_file(fee, file_of())
    assert (empty.status_code, empty.json()["line_count"]) == (201, 0), empty.text
    assert empty.json()["complete_through"] == "2026-09-13"
    (row,) = await fee.sql("SELECT payer FROM bank_transaction")
    assert row[0] == "A\ufffd\ufffdB"
