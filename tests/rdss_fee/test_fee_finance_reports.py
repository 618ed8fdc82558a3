"""FE-41: the reports for finance, against figures worked out by hand from a small world.

NT$; the day is 15 September 2026. A master's month is 30,100.

    A  June 30,100 paid whole · July 30,100, of which 10,000 came · August 30,100 paid with 31,100, the 1,000 refunded
       September 30,100 unpaid · October 30,100 paid, and reversed by the bank
    B  June 30,100, of which 5,000 came by way of suspense · August 30,100 paid whole · October 15 days: 30,100 × 15/31
       = 14,564.5 = 14,565 unpaid · October's run gave back 5,000, of which
       1,500 were refunded and came back undelivered
    C  October's run gave back 3,010, and there is nothing else
    in suspense: 7,777 of 10 September, and a reversal of 500 of 11 September
"""

import csv
import io
import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from rdss_fee.ledger.rules import (
    Booking,
    Notice,
    assigned,
    granted,
    posted,
    refund_returned,
    refunded,
    reversed_,
    suspended,
)
from rdss_fee.months import Month
from rdss_fee.reports import queries
from rdss_fee.reports.rules import SPANS, Age, age_of
from tests.rdss_fee.support import ADMIN, AUDITOR, EMPLOYER_A, FINANCE, OFFICE, TODAY, A, B, Fee, national_id
from tests.support.papers import cells, pages, squeezed

pytestmark = pytest.mark.rule("FE-41")

C = "99999990"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
RATE = 30_100


class World:
    """What is written for a month's work, by the ledger's own bookings."""

    def __init__(self, fee: Fee) -> None:
        self.fee = fee
        self.file = uuid.uuid4()
        self.lines = 0

    async def begin(self) -> None:
        """The file that all transactions stand in."""
        await self.fee.sql(
            "INSERT INTO bank_file (id, digest, layout, source, name, size, content, line_count, total,"
            " complete_through, fresh_count, bad_number_count, no_notice_count, nothing_to_reverse_count, taken_by,"
            " taken_on) VALUES ($1, $2, 'bank_of_taiwan', 'upload', 'x.txt', 1, '', 9, 9, $3, 9, 0, 0, 0, 'finance-1',"
            " $3)",
            self.file, bytes(32), TODAY,
        )  # fmt: skip

    async def transaction(self, amount: int, on: date, notice: Notice | None = None, why: str | None = None) -> str:
        """One posting of the bank's; its id."""
        self.lines += 1
        found = await self.fee.sql(
            "INSERT INTO bank_transaction (file_id, line, key, account, amount, posted_on, value_on, serial, channel,"
            " payer, notice_id, employer_code, why) VALUES ($1, $2, $3, '7006021150900015', $4, $5, $5, '1', 'atm',"
            " '', $6, $7, $8) RETURNING id",
            self.file, self.lines, str(self.lines), amount, on, notice and uuid.UUID(notice.id),
            notice and notice.employer, why,
        )  # fmt: skip
        return str(found[0]["id"])

    async def book(self, booking: Booking, claim: uuid.UUID | None = None) -> None:
        """Its postings."""
        for one in booking.postings:
            await self.fee.sql(
                "INSERT INTO posting (kind, debit, credit, amount, notice_id, employer_code, transaction_id, claim_id,"
                " booked_on, booked_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'finance-1')",
                booking.kind, one.debit, one.credit, one.amount, uuid.UUID(booking.notice) if booking.notice else None,
                booking.employer or None, int(booking.transaction) if booking.transaction else None, claim, TODAY,
            )  # fmt: skip

    async def notice(self, employer: str, month: int, days: int | None = None) -> Notice:
        """A notice of a month of 2026."""
        made = await self.fee.notice(employer, Month(2026, month), days=days)
        return Notice(made["id"], employer, made["amount"], 0)

    async def pay(self, notice: Notice, amount: int, on: date) -> Notice:
        """A payment; the notice as it stands then."""
        await self.book(posted(await self.transaction(amount, on, notice), notice, amount))
        over = max(notice.paid + amount - notice.due, 0)
        return Notice(notice.id, notice.employer, notice.due, notice.paid + amount, over)

    async def credit(self, employer: str, amount: int, month: Month) -> None:
        """A credit statement of a run, with its line and its posting."""
        run, man = uuid.uuid4(), await self.fee.man()
        async with self.fee.owner() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO billing_run (id, month, kind, reprice, state, version, asked_by, asked_on, checked_by,"
                " known_at, as_of) VALUES ($1, $2, 'regular', false, 'computing', 1, 'finance-1', $3, 'finance-1',"
                " clock_timestamp(), $3)",
                run, month.first, TODAY,
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO line (run_id, serviceman_id, employer_code, month, kind, reason, days, entitled, billed,"
                " amount) VALUES ($1, $2, $3, '2026-08-01', 'credit', 'billed_too_much', 0, 0, $4, $4)",
                run, man, employer, amount,
            )  # fmt: skip
            await connection.execute(
                "UPDATE billing_run SET state = 'previewed', computed_at = clock_timestamp(), line_count = 1,"
                " employer_count = 1, charges = 0, credits = $2, manifest = '{}' WHERE id = $1",
                run, amount,
            )  # fmt: skip
            await connection.execute(
                "UPDATE billing_run SET state = 'issued', issued_by = 'finance-2', issued_at = clock_timestamp(),"
                " issued_on = $2 WHERE id = $1",
                run, TODAY,
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO credit_statement (id, run_id, employer_code, month, amount, issued_on)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                uuid.uuid4(), run, employer, month.first, amount, TODAY,
            )  # fmt: skip
        await self.book(granted(employer, amount))

    async def claim(self, employer: str, letter: str, amount: int, state: str, round_: Month) -> uuid.UUID:
        """A refund claim as it stands."""
        made, sent = uuid.uuid4(), state != "entered"
        decided, paid = state in ("approved", "paid"), state == "paid"
        on, by = TODAY, "finance-1"
        await self.fee.sql(
            "INSERT INTO refund_claim (id, employer_code, letter_no, amount, state, version, entered_by, entered_as,"
            " entered_on, submitted_by, submitted_at, posted_on, received_on, round, round_provisional, decided_by,"
            " decided_at, decided_on, paid_by, paid_at, paid_on, payment_reference) VALUES ($1, $2, $3, $4, $5, 1,"
            " 'employer', 'employer', $6, $7, CASE WHEN $8 THEN clock_timestamp() END, $9, $9, $10,"
            " CASE WHEN $8 THEN false END, $11,"
            " CASE WHEN $12 THEN clock_timestamp() END, $13, $14, CASE WHEN $15 THEN clock_timestamp() END, $16, $17)",
            made, employer, letter, amount, state, on, "employer" if sent else None, sent,
            round_.day(18) if sent else None, round_.first if sent else None, by if decided else None, decided,
            on if decided else None, "finance-2" if paid else None, paid, on if paid else None,
            "R-1" if paid else None,
        )  # fmt: skip
        return made


@pytest.fixture
async def world(fee: Fee) -> World:
    """The world of the module's docstring."""
    made = World(fee)
    await made.begin()
    await fee.employer(C, 3, "丙示範光電股份有限公司")
    august, october = Month(2026, 8), Month(2026, 10)

    await made.pay(await made.notice(A, 6), RATE, date(2026, 6, 3))
    await made.pay(await made.notice(A, 7), 10_000, date(2026, 7, 3))
    await made.pay(await made.notice(A, 8), 31_100, date(2026, 8, 4))
    await made.notice(A, 9)
    reversed_one = await made.pay(await made.notice(A, 10), RATE, date(2026, 9, 14))
    await made.book(reversed_(await made.transaction(-RATE, date(2026, 9, 15), reversed_one), reversed_one, RATE))
    june = await made.notice(B, 6)
    await made.pay(await made.notice(B, 8), RATE, date(2026, 8, 5))
    await made.notice(B, 10, days=15)
    await made.credit(B, 5_000, october)
    await made.credit(C, 3_010, october)

    given = await made.transaction(5_000, date(2026, 8, 20), why="no_notice")
    await made.book(suspended(given, 5_000))
    await made.book(assigned(given, june, 5_000))
    await made.book(suspended(await made.transaction(7_777, date(2026, 9, 10), why="bad_number"), 7_777))
    await made.book(suspended(await made.transaction(-500, date(2026, 9, 11), why="nothing_to_reverse"), -500))

    paid = await made.claim(A, "甲字1號", 1_000, "paid", august)
    await made.book(refunded(A, 1_000, 1_000), paid)
    await made.claim(B, "乙字1號", 5_000, "approved", Month(2026, 9))
    returned = await made.claim(B, "乙字2號", 1_500, "paid", Month(2026, 9))
    await made.book(refunded(B, 5_000, 1_500), returned)
    await made.book(refund_returned(B, 1_500), returned)
    await made.claim(C, "丙字1號", 3_010, "entered", Month(2026, 9))
    return made


async def asked(world: World, path: str, who: Any = FINANCE, **headers: str) -> Any:
    answer = await world.fee.get(f"/reports/{path}", who, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer if headers else answer.json()


def table(page: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(item[name] for name in names) for item in page["items"]]


_MONTH = ("employer_code", "charges", "credits", "collected", "overpaid", "receivable", "refundable")
MONTHS: list[tuple[str, list[tuple[Any, ...]], Sequence[int]]] = [
    (
        "2026-10",
        [
            (B, 14_565, 5_000, 0, 0, 14_565, 5_000),
            (A, 30_100, 0, 0, 0, 30_100, 0),
            (C, 0, 3_010, 0, 0, 0, 3_010),
        ],
        (44_665, 8_010, 0, 0, 44_665, 8_010),
    ),
    (
        "2026-08",
        [(B, 30_100, 0, 30_100, 0, 0, 5_000), (A, 30_100, 0, 31_100, 1_000, 0, 0)],
        (60_200, 0, 61_200, 1_000, 0, 5_000),
    ),
    (
        "2026-07",
        [(A, 30_100, 0, 10_000, 0, 20_100, 0)],
        (30_100, 0, 10_000, 0, 20_100, 0),
    ),
    (
        "2026-06",
        [(B, 30_100, 0, 5_000, 0, 25_100, 5_000), (A, 30_100, 0, 30_100, 0, 0, 0)],
        (60_200, 0, 35_100, 0, 25_100, 5_000),
    ),
    ("2026-01", [], (0, 0, 0, 0, 0, 0)),
]


@pytest.mark.rule("FE-12")
async def test_a_month_by_employer(world):
    """Charges and credits side by side, and what is still to be paid, from the postings."""
    for month, rows, totals in MONTHS:
        page = await asked(world, f"month-summary?month={month}")
        assert table(page, *_MONTH) == rows, month
        assert tuple(page["totals"][name] for name in _MONTH[1:]) == totals, month
        assert page["month"] == month
        assert all(r["charges"] - (r["collected"] - r["overpaid"]) == r["receivable"] for r in page["items"])


async def test_what_was_refunded_and_then_reversed_is_no_longer_over(world):
    """A's August: 31,100 are taken back after 1,000 of them were refunded: the notice is open, 1,000 must come back."""
    found = await world.fee.sql("SELECT id, amount FROM notice WHERE employer_code = $1 AND month = '2026-08-01'", A)
    notice = Notice(str(found[0]["id"]), A, found[0]["amount"], 31_100, 0)
    await world.book(reversed_(await world.transaction(-31_100, TODAY, notice), notice, 31_100))
    row = (await asked(world, "month-summary?month=2026-08"))["items"][1]
    assert tuple(row[name] for name in _MONTH) == (A, 30_100, 0, 0, 0, 30_100, 0)


async def test_control_a_report_that_forgets_reversals_does_not_add_up(world, monkeypatch):
    monkeypatch.setattr(queries, "TAKEN", ())
    page = await asked(world, "month-summary?month=2026-10")
    assert any(r["charges"] - (r["collected"] - r["overpaid"]) != r["receivable"] for r in page["items"])


_AGES = ("employer_code", "notices", "not_due", "up_to_30", "up_to_60", "up_to_90", "over_90", "total")


async def test_ageing(world):
    """September was due on Friday 4 September (11 days), July on Friday 3 July (74 days), June on 5 June (102 days)."""
    page = await asked(world, "ageing")
    assert table(page, *_AGES, "oldest_due_on") == [
        (A, 3, 30_100, 30_100, 0, 20_100, 0, 80_300, "2026-07-03"),
        (B, 2, 14_565, 0, 0, 0, 25_100, 39_665, "2026-06-05"),
    ]
    assert tuple(page["totals"][name] for name in _AGES[1:]) == (5, 44_665, 30_100, 0, 20_100, 25_100, 119_965)
    assert page["on"] == "2026-09-15"
    ledger = await world.fee.sql(
        "SELECT sum(CASE WHEN debit = 'receivable' THEN amount ELSE -amount END)::bigint AS open FROM posting"
        " WHERE 'receivable' IN (debit, credit)"
    )
    assert ledger[0]["open"] == page["totals"]["total"]
    june = await asked(world, "ageing?month=2026-06")
    assert table(june, *_AGES) == [(B, 1, 0, 0, 0, 0, 25_100, 25_100)]


@pytest.mark.parametrize(
    "days, age",
    [
        (-400, Age.NOT_DUE), (-1, Age.NOT_DUE), (0, Age.UP_TO_30), (30, Age.UP_TO_30), (31, Age.UP_TO_60),
        (60, Age.UP_TO_60), (61, Age.UP_TO_90), (90, Age.UP_TO_90), (91, Age.OVER_90), (4_000, Age.OVER_90),
    ],
)  # fmt: skip
def test_the_limits_of_the_columns(days, age):
    """「0–30, 31–60, 61–90, > 90 days after due」: the day before each limit, the day, the day after."""
    assert age_of(days) is age


def test_the_spans_follow_each_other():
    assert [one.age for one in SPANS] == list(Age)
    assert [one.first for one in SPANS[1:]] == [one.last + 1 for one in SPANS[:-1] if one.last is not None]


@pytest.mark.rule("FE-35")
async def test_suspense(world):
    """What was given to a notice is gone; a reversal of what is not there counts against."""
    page = await asked(world, "suspense")
    assert table(page, "posted_on", "why", "amount", "open", "days") == [
        ("2026-09-10", "bad_number", 7_777, 7_777, 5),
        ("2026-09-11", "nothing_to_reverse", -500, -500, 4),
    ]
    assert page["totals"] == {"amount": 7_277, "open": 7_277}
    assert (await asked(world, "suspense?month=2026-08"))["items"] == []
    assert len((await asked(world, "suspense?month=2026-09"))["items"]) == 2


@pytest.mark.rule("FE-38")
async def test_refunds(world):
    """What was never submitted is not there; what came back undelivered is not paid."""
    page = await asked(world, "refunds?sort=amount")
    assert table(page, "employer_code", "letter_no", "state", "amount", "paid", "posted_on", "round") == [
        (A, "甲字1號", "paid", 1_000, 1_000, "2026-08-18", "2026-08"),
        (B, "乙字2號", "paid", 1_500, 0, "2026-09-18", "2026-09"),
        (B, "乙字1號", "approved", 5_000, 0, "2026-09-18", "2026-09"),
    ]
    assert page["totals"] == {"amount": 7_500, "paid": 1_000}
    september = await asked(world, "refunds?month=2026-09")
    assert september["totals"] == {"amount": 6_500, "paid": 0}


FILES = {
    "month-summary?month=2026-10": (
        ["用人單位代碼", "用人單位", "應繳", "應退", "實收", "溢繳", "未收", "得退餘額"],
        ["", "合計", 44_665, 8_010, 0, 0, 44_665, 8_010],
        3,
    ),
    "ageing": (
        ["用人單位代碼", "用人單位", "通知單數", "未到期", "逾期0至30日", "逾期31至60日", "逾期61至90日",
         "逾期超過90日", "未收合計", "最早繳費期限"],
        ["", "合計", 5, 44_665, 30_100, 0, 20_100, 25_100, 119_965, ""],
        2,
    ),
    "suspense": (
        ["交易序號", "入帳日期", "交易日期", "銷帳編號", "暫收原因", "金額", "暫收餘額", "入帳後日數"],
        ["", "", "", "合計", "", 7_277, 7_277, ""],
        2,
    ),
    "refunds": (
        ["用人單位代碼", "用人單位", "退費函文字號", "狀態", "申請金額", "已撥付金額", "郵戳日期", "收件日期",
         "辦理月份", "核定日期", "撥付日期", "撥付參考號"],
        ["", "合計", "", "", 7_500, 1_000, "", "", "", "", "", ""],
        3,
    ),
}  # fmt: skip


async def test_the_reports_as_files(world):
    """Chinese headings, the rows of the pages, the row of sums last; NDJSON has the rows alone."""
    for path, (headings, sums, count) in FILES.items():
        for accept in (SHEET, ODS):
            rows = cells((await asked(world, path, Accept=accept)).content)
            assert rows[0] == headings
            assert rows[-1] == sums, (path, accept)
            assert len(rows) == count + 2
        text = (await asked(world, path, Accept="text/csv")).content.decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline="")))
        assert lines[0] == headings
        assert lines[-1] == [str(value) for value in sums]
        told = (await asked(world, path, Accept="application/x-ndjson")).text.splitlines()
        assert len(told) == count


async def test_the_reports_on_paper(world):
    said = {
        path: squeezed("".join(pages((await asked(world, path, Accept="application/pdf")).content))) for path in FILES
    }
    month = said["month-summary?month=2026-10"]
    assert "研究發展費月報表" in month
    assert "繳費年月：115年10月截至115年9月15日應繳及應退不得相互沖抵單位：新臺幣元" in month
    assert "合計44,6658,0100044,6658,010" in month
    assert "研究發展費應收帳齡分析表" in said["ageing"]
    assert "合計544,66530,100020,10025,100119,965" in said["ageing"]
    assert "帳號有誤7,7777,7775" in said["suspense"]
    assert "已核准5,0000115/09/18" in said["refunds"]


async def test_pages_follow_each_other(world):
    """Two employers, a page each; both ways are the same list, and the sums are of all on each page."""
    for sort in ("employer_code", "-employer_code", "receivable", "-refundable"):
        one = await asked(world, f"month-summary?month=2026-10&limit=2&sort={sort}")
        two = await asked(world, f"month-summary?month=2026-10&limit=2&sort={sort}&cursor={one['next_cursor']}")
        whole = await asked(world, f"month-summary?month=2026-10&sort={sort}")
        assert one["items"] + two["items"] == whole["items"]
        assert one["totals"] == two["totals"] == whole["totals"]
        assert two["next_cursor"] is None
    other = await world.fee.get(f"/reports/month-summary?month=2026-08&cursor={one['next_cursor']}", FINANCE)
    assert (other.status_code, other.json()["code"]) == (400, "cursor_invalid")


async def test_who_may_read_them(world):
    for path in FILES:
        same = [await asked(world, path, who) for who in (FINANCE, OFFICE, ADMIN, AUDITOR)]
        assert all(one["items"] == same[0]["items"] for one in same)
        refused = await world.fee.get(f"/reports/{path}", EMPLOYER_A)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("query", ["", "?month=2026-13", "?month=2026-1", "?month=202610", "?month=2026-10&sort=x"])
async def test_what_is_not_asked_rightly(fee, query):
    answer = await fee.get(f"/reports/month-summary{query}", FINANCE)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_content")


async def test_a_form_that_is_not_offered(fee):
    answer = await fee.get("/reports/ageing", FINANCE, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


async def test_no_man_is_named(world):
    """Finance's reports are of employers and money."""
    for path in FILES:
        text = (await world.fee.get(f"/reports/{path}", FINANCE)).text
        assert "王大明" not in text
        assert national_id(1)[:3] not in text
