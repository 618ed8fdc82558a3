"""Act 1, 10 September 2026: the account numbers' scheme, a rate for the manual's figures, three employers, 59 men."""

from datetime import date

from local.demo.checks import equal
from local.demo.fee.cast import MANUAL_COHORT, NAMES, A
from local.demo.fee.scene import FEE, STAFF, FeeScene, announce, computed, nt

DAY = date(2026, 9, 10)
RATE = 30_100
DOCUMENT = "研發替代役制度管考獎懲作業說明，研究發展費繳納-1/5"
SCHEME = {
    "effective_from": "2026-01-01",
    "check_name": "bank_of_taiwan",
    "prefix": "700602",
    "employer_digits": 4,
    "payee_bank": "臺灣銀行",
    "payee_name": "內政部役政署",
    "atm_most": 2_000_000,
}


async def tell(scene: FeeScene) -> None:
    """Everything that the run of the 15th needs."""
    scene.move(DAY)
    await _empty_runs(scene)
    scheme = await (await scene.finance()).do("POST", f"{FEE}/collection-schemes", SCHEME)
    equal("digits of an account number", (scheme["length"], scheme["bank_code"]), (16, "004"))
    scene.teller.step(
        "虛擬帳號：代收類別 700602＋年月 5 碼＋用人單位 4 碼＋檢查碼",
        "the accounts: the bank's prefix, year and month, employer, check digit",
    )
    await _rates(scene)
    await _employers(scene)
    await _men(scene)


async def _empty_runs(scene: FeeScene) -> None:
    """Before its clock was moved the suite may have begun the run of its own day, which stands in the way."""
    finance = await scene.finance()
    for one in await finance.all(f"{FEE}/billing-runs"):
        run = await computed(scene, one["id"])
        equal("lines of a run without men", run["totals"]["line_count"], 0)
        await finance.do("POST", f"{FEE}/billing-runs/{run['id']}/drop", seen=run["version"])


async def _rates(scene: FeeScene) -> None:
    finance = await scene.finance()
    body = {
        "degree": "master",
        "cohort_from": MANUAL_COHORT,
        "effective_from": "2010-01-01",
        "amount": RATE,
        "document": DOCUMENT,
    }
    rate = await finance.do("POST", f"{FEE}/rates", body)
    equal("the rate that was entered", (rate["amount"], rate["document"]), (RATE, DOCUMENT))
    scene.teller.step(
        f"費率：為重現手冊算例，另登錄 {MANUAL_COHORT} 年遴選之碩士每月 {nt(RATE)}",
        f"so that the manual's figures come out, its rate is entered for masters selected in {MANUAL_COHORT}:",
    )
    known = await finance.all(f"{FEE}/rates")
    shown = [one for one in known if one["cohort_from"] >= MANUAL_COHORT]
    told = {("master", MANUAL_COHORT): RATE, ("master", 2026): 46_700, ("doctoral", 2026): 52_500}
    equal("rates of those men", {(one["degree"], one["cohort_from"]): one["amount"] for one in shown}, told)
    words = {"master": "碩士 master", "doctoral": "博士 doctor"}
    scene.teller.rows(
        (words[one["degree"]], f"{one['cohort_from']} 年起遴選", nt(one["amount"]), one["document"]) for one in shown
    )


async def _employers(scene: FeeScene) -> None:
    office = await scene.office()
    for number, (code, name) in enumerate(NAMES.items(), 1):
        made = await office.do("POST", f"{FEE}/employers", {"code": code, "number": number, "name": name})
        address = {"receipt_addressee": "會計部", "receipt_address": f"106臺北市大安區和平東路{number}號"}
        own = await scene.employer(code)
        path = f"{FEE}/employers/{code}/receipt-address"
        kept = await own.do("PUT", path, address, seen=made["version"])
        equal("where receipts go", {name: kept[name] for name in address}, address)
    listed = await (await scene.employer(A)).all(f"{FEE}/employers")
    equal("employers that employer_a sees", [one["code"] for one in listed], [A])
    scene.teller.step(
        "登錄用人單位 3 家，各自填寫收據寄送地址", "three employers, each with an address for its receipts:"
    )
    scene.teller.rows((code, NAMES[code], STAFF[code]) for code in NAMES)


async def _men(scene: FeeScene) -> None:
    equal("servicemen of the story", len(scene.cast.men), scene.told.men)
    known = [man.announced() for man in scene.cast.known_by_the_15th()]
    twice = [*known[:2], known[0]]
    problem = await (await scene.office()).refused(422, "invalid_content", "POST", f"{FEE}/service-periods", twice)
    equal("what is wrong", [(one["row"], one["code"]) for one in problem["errors"]], [(3, "period_overlaps")])
    done = await announce(scene, known)
    equal("men registered", sum(one["registered"] for one in done["items"]), scene.told.men - 1)
    scene.teller.step(
        f"專案辦公室登錄役男 {len(known)} 人；同一人重複者整批拒絕",
        f"the programme office announces {len(known)} men, one to report on 28 September; twice the same: refused",
    )
