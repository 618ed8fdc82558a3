"""Act 2, 15 September 2026: October's run comes by itself, is looked at by one and issued by another."""

from datetime import date

from local.demo.checks import contains, equal, holds
from local.demo.fee import papers
from local.demo.fee.bank import check_digit
from local.demo.fee.cast import NAMES, A, B, C
from local.demo.fee.scene import FEE, FeeScene, Json, mails, notices, nt, on, scheduled

DAY, DUE, MONTH = date(2026, 9, 15), date(2026, 10, 5), "2026-10"


async def tell(scene: FeeScene) -> None:
    """Preview, issue, notices, their papers."""
    scene.move(DAY)
    run = await _preview(scene)
    await _issue(scene, run)
    found = await _notices(scene)
    await _papers(scene, found)
    await mails(scene, *((code, "繳費通知單", f"{one['payable']:,}") for code, one in found.items()))
    scene.teller.step("三家用人單位收到繳費通知信", "each employer is told by e-mail")
    await _explained(scene, run)


def _charges(scene: FeeScene) -> dict[str, int]:
    return {A: scene.told.october_a, B: scene.told.october_b, C: scene.told.october_c}


async def _preview(scene: FeeScene) -> Json:
    finance = await scene.finance()
    run = await scheduled(scene, MONTH)
    told = _charges(scene)
    found = run["totals"]
    lines = (found["line_count"], found["employer_count"], found["charges"], found["credits"])
    equal("October's preview", lines, (scene.told.october_lines, len(told), sum(told.values()), 0))
    by_employer = await finance.all(f"{FEE}/billing-runs/{run['id']}/employers")
    charges = {one["employer_code"]: one["charges"] for one in by_employer}
    equal("October's preview by employer", charges, told)
    equal("notices before the run is issued", await notices(scene, MONTH), {})
    scene.teller.step(
        f"9月15日：系統自動試算次月（{found['line_count']} 筆），尚未發布",
        "15 September: October's run comes by itself as a preview; nothing is issued yet:",
    )
    scene.teller.rows((NAMES[code], nt(amount)) for code, amount in charges.items())
    return run


async def _issue(scene: FeeScene, run: Json) -> None:
    finance, second = await scene.finance(), await scene.second()
    path = f"{FEE}/billing-runs/{run['id']}"
    await finance.refused(409, "run_open", "POST", f"{FEE}/billing-runs", {"month": MONTH})
    await second.refused(409, "run_unchecked", "POST", f"{path}/issue", seen=run["version"])
    checked = await finance.do("POST", f"{path}/check", seen=run["version"])
    await finance.refused(403, "four_eyes", "POST", f"{path}/issue", seen=checked["version"])
    issued = await second.do("POST", f"{path}/issue", seen=checked["version"])
    told = ("issued", DAY.isoformat(), DUE.isoformat(), len(NAMES), 0)
    found = tuple(issued[name] for name in ("state", "issued_on", "due_on", "notice_count", "statement_count"))
    equal("October's run", found, told)
    scene.runs[MONTH] = issued
    scene.teller.step(
        "一人檢視、另一人發布；同一人發布：403，另開一次：409",
        "one looks at it, another issues it; the same person: 403, a second run at once: 409",
    )


async def _notices(scene: FeeScene) -> dict[str, Json]:
    found = await notices(scene, MONTH)
    equal("October's notices", {code: one["payable"] for code, one in found.items()}, _charges(scene))
    equal("ATM offered", {code: one["atm_offered"] for code, one in found.items()}, {A: False, B: True, C: True})
    for number, code in enumerate(NAMES, 1):
        body = f"70060211510{number:04d}"
        equal("an account number", found[code]["virtual_account"], body + check_digit(body))
        equal("due on", (found[code]["due_on"], found[code]["due_provisional"]), (DUE.isoformat(), False))
    own = await scene.employer(C)
    equal("notices that C sees", [one["id"] for one in await own.all(f"{FEE}/notices")], [found[C]["id"]])
    path = f"{FEE}/notices/{found[A]['id']}"
    there = await own.refused(404, "not_found", "GET", path)
    nowhere = await own.refused(404, "not_found", "GET", f"{FEE}/notices/00000000-0000-4000-8000-000000000000")
    kept = ("code", "title", "detail", "title_en", "detail_en")
    equal("another's notice", [there.get(name) for name in kept], [nowhere.get(name) for name in kept])
    scene.teller.step(
        f"繳費通知單 3 張，{on(DUE)}前繳納；他單位：404", "three notices, each with an account of its own:"
    )
    scene.teller.rows((NAMES[code], one["virtual_account"], nt(one["payable"])) for code, one in found.items())
    return found


async def _papers(scene: FeeScene, found: dict[str, Json]) -> None:
    one = found[C]
    paper = await papers.pdf(await scene.employer(C), f"{FEE}/notices/{one['id']}")
    said = papers.text(paper)
    wanted = (
        "內政部役政署研究發展費繳費通知單",
        "丙示範電子股份有限公司",
        "繳費年月115年10月",
        "臺灣銀行臨櫃繳款",
        "他行匯款",
    )
    contains("C's notice on paper", said, (*wanted, "ATM繳費", "新臺幣參萬參仟壹佰壹拾元整", one["virtual_account"]))
    contains("its sums by month", said, ("115年9月13,010", "115年10月130,100"))
    scanned = papers.codes(paper)
    square = f"RDSS-FEE/1\nbank=004\naccount={one['virtual_account']}\namount={one['payable']}\n"
    equal("its barcodes and its QR code", scanned, {one["virtual_account"], str(one["payable"]), square})
    scene.teller.step(
        f"丙公司 PDF：9月 3,010＋10月 30,100＝{one['payable']:,}，條碼、三種繳費方式",
        "C's notice as PDF: the seed's 33,110, the account and the amount as barcodes, three ways to pay",
    )
    large = papers.text(await papers.pdf(await scene.employer(A), f"{FEE}/notices/{found[A]['id']}"))
    contains("A's notice on paper", large, ("逾自動提款機（ATM）繳費每筆上限（NT$2,000,000），無法以ATM繳費",))
    holds("A's notice offers no ATM", "ATM繳費需自付" not in large and "先輸入臺灣銀行代號" not in large, large)
    scene.teller.step(
        f"甲公司 {nt(found[A]['payable'])}：逾 200 萬元，不列 ATM", "A's notice is above NT$2,000,000 and offers no ATM"
    )


async def _explained(scene: FeeScene, run: Json) -> None:
    man = scene.cast.of("announced")
    path = f"{FEE}/billing-runs/{run['id']}/lines/{C}/{scene.men[man.national_id]}/2026-09"
    why = await (await scene.employer(C)).get(path)
    equal("why a line stands", why["formula"], "30,100 × 3 ÷ 30 = 3,010")
    equal("its days", why["spans"], [{"first": "2026-09-28", "last": "2026-09-30"}])
    verified = await (await scene.finance()).get(f"{FEE}/billing-runs/{run['id']}/verification")
    equal("the run's manifest", (verified["verified"], verified["differs"]), (True, []))
    scene.teller.step(
        f"逐筆說明：{why['formula']}（{man.masked}，9月28日至30日）",
        "why a line stands; the run's manifest is verified",
    )
