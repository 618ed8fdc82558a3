"""Act 7: what finance reads, a run computed again as of its day, and the ledger at zero."""

import csv
import io
from datetime import date

from local.demo.checks import equal, holds
from local.demo.fee.act5_refund import LETTERS
from local.demo.fee.cast import NAMES, A, B, C
from local.demo.fee.scene import FEE, FeeScene, computed, nt

DAY = date(2027, 4, 9)


async def tell(scene: FeeScene) -> None:
    """Reports, the past, the ledger."""
    scene.move(DAY)
    await _month(scene)
    await _rest(scene)
    await _as_of(scene)
    await _ledger(scene)


async def _month(scene: FeeScene) -> None:
    finance, told = await scene.finance(), scene.told
    page = await finance.get(f"{FEE}/reports/month-summary?month=2026-11")
    charges = {A: told.november_a, B: told.november_b, C: told.november_c}
    found = {one["employer_code"]: (one["charges"], one["credits"], one["collected"]) for one in page["items"]}
    expected = {code: (amount, told.november_c_credit if code == C else 0, amount) for code, amount in charges.items()}
    equal("November by employer", found, expected)
    total = sum(charges.values())
    keys = ("charges", "credits", "collected", "overpaid", "receivable")
    sums = tuple(page["totals"][key] for key in keys)
    equal("November's sums", sums, (total, told.november_c_credit, total, 0, 0))
    text = await finance.text(f"{FEE}/reports/month-summary?month=2026-11", "text/csv")
    rows = [[cell.replace(",", "") for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    for code, amounts in expected.items():
        row = next((row for row in rows if code in row), [])
        holds("a row of the report as CSV", {str(amount) for amount in amounts} <= set(row), row)
    holds("the report as CSV ends with its sums", str(total) in rows[-1], rows[-1])
    scene.teller.step(
        "11月應繳、應退、實收彙總（JSON 與 CSV 相同）",
        "November by employer: charges, credits, collected side by side:",
    )
    scene.teller.rows(
        (NAMES[code], f"應繳 {charged:,}", f"應退 {credited:,}", f"實收 {came:,}")
        for code, (charged, credited, came) in found.items()
    )


async def _rest(scene: FeeScene) -> None:
    finance, told = await scene.finance(), scene.told
    ageing = await finance.get(f"{FEE}/reports/ageing")
    equal("nothing is still to be paid", (ageing["items"], ageing["totals"]["total"]), ([], 0))
    suspense = await finance.get(f"{FEE}/reports/suspense")
    found = [(one["transaction_id"], one["open"], one["why"]) for one in suspense["items"]]
    equal("what lies in suspense", found, [(scene.unknown["id"], told.unknown, "no_notice")])
    refunds = await finance.get(f"{FEE}/reports/refunds")
    shown = [(one["letter_no"], one["state"], one["amount"], one["paid"], one["round"]) for one in refunds["items"]]
    expected = [
        (LETTERS[C], "paid", told.november_c_credit, told.november_c_credit, "2026-11"),
        (LETTERS[B], "submitted", told.refund_b, 0, "2026-12"),
    ]
    equal("refunds in the order of their postmarks", shown, expected)
    scene.teller.step(
        f"帳齡：無未繳；暫收：{nt(told.unknown)}（不明帳號）；退費 2 件",
        "ageing: nothing; suspense: the unknown number; two refunds",
    )


async def _as_of(scene: FeeScene) -> None:
    finance, told = await scene.finance(), scene.told
    body = {"month": "2026-10", "kind": "recomputation", "as_of": "2026-09-15"}
    run = await computed(scene, (await finance.do("POST", f"{FEE}/billing-runs", body))["id"])
    october = told.october_a + told.october_b + told.october_c
    found = (run["totals"]["line_count"], run["totals"]["charges"], run["totals"]["credits"])
    equal("October as of 15 September", found, (told.october_lines, october, 0))
    scene.teller.step(
        f"以9月15日所知重算10月：{nt(october)}，與當日發布者相同",
        "October computed again by what was known on 15 September: the same",
    )
    for month, one in scene.runs.items():
        verified = await finance.get(f"{FEE}/billing-runs/{one['id']}/verification")
        equal(f"the manifest of {month}", (verified["verified"], verified["differs"]), (True, []))
    scene.teller.step(
        f"{len(scene.runs)} 次計費之憑證均相符", "the manifest of every issued run is what the tables hold"
    )


async def _ledger(scene: FeeScene) -> None:
    finance, told = await scene.finance(), scene.told
    balances = await finance.get(f"{FEE}/ledger/balances")
    winter = 5 * (told.december_a + told.december_b + told.december_c)
    charged = (
        told.october_a + told.october_b + told.october_c + told.november_a + told.november_b + told.november_c + winter
    )
    refundable = told.december_a_credit + told.refund_b
    granted = told.november_c_credit + told.december_a_credit + told.december_b_credit
    expected = {
        "receivable": 0,
        "bank": charged + told.over + told.unknown - told.november_c_credit,
        "refundable": -refundable,
        "reclaimable": 0,
        "suspense": -told.unknown,
        "revenue": granted - charged,
    }
    found = {one["account"]: one["balance"] for one in balances["accounts"]}
    equal("the balances of all accounts", {name: found.get(name, 0) for name in expected}, expected)
    equal("their sum", balances["sum"], 0)
    verified = await finance.get(f"{FEE}/ledger/verification")
    equal("the ledger's verification", (verified["whole"], verified["findings"]), (True, []))
    scene.teller.step(
        f"總帳檢核：{verified['postings']} 筆分錄，各科目合計 0，無差異",
        "ledger verify: all accounts together are zero, nothing differs:",
    )
    words = {
        "bank": "銀行存款",
        "refundable": "應退及溢繳",
        "suspense": "暫收款",
        "revenue": "收入",
        "receivable": "應收",
    }
    scene.teller.rows((word, name, f"{found.get(name, 0):,}") for name, word in words.items())
