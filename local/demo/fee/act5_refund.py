"""Act 5, 16 to 25 November 2026: refunds are claimed by letter, by the 20th."""

from datetime import date

from local.demo.checks import equal
from local.demo.client import Actor
from local.demo.fee.cast import B, C
from local.demo.fee.scene import FEE, FeeScene, Json, mail, nt

CLAIMED, LATE, ARRIVED, PAID = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 24), date(2026, 11, 25)
LETTERS = {C: "丙示範字第1150000012號", B: "乙示範字第1150000034號"}
_PAPER = b"%PDF-1.7\n% made up for the demonstration\n%%EOF\n"


async def tell(scene: FeeScene) -> None:
    """One claim by the 20th, one a day later."""
    told = scene.told
    scene.move(CLAIMED)
    own = await scene.employer(C)
    found = (await own.all(f"{FEE}/refundable"))[0]
    equal("what C can claim", (found["employer_code"], found["claimable"]), (C, told.november_c_credit))
    claim = await _claim(own, C, told.november_c_credit, CLAIMED)
    equal("the round of a letter posted on the 20th", (claim["state"], claim["round"]), ("submitted", "2026-11"))
    scene.teller.step(
        f"丙公司11月20日寄出退費函文及收據：{nt(claim['amount'])}，列11月辦理",
        "C posts its letter and the signed receipt on the 20th: November's round",
    )
    await _late(scene)
    await _paid(scene, claim)


async def _claim(own: Actor, code: str, amount: int, posted_on: date) -> Json:
    claim = await own.do("POST", f"{FEE}/refund-claims", {"letter_no": LETTERS[code], "amount": amount})
    path = f"{FEE}/refund-claims/{claim['id']}"
    posted = {"posted_on": posted_on.isoformat()}
    await own.refused(409, "refund_papers_missing", "POST", f"{path}/submission", posted)
    for kind in ("letter", "signed_receipt"):
        answer = await own.send(
            "POST", f"{path}/papers?kind={kind}&name={kind}.pdf", content=_PAPER, media_type="application/pdf"
        )
        equal("a paper of the claim", answer.status_code, 201)
    submitted: Json = await own.do("POST", f"{path}/submission", posted)
    return submitted


async def _late(scene: FeeScene) -> None:
    scene.move(LATE)
    told = scene.told
    own = await scene.employer(B)
    found = (await own.all(f"{FEE}/refundable"))[0]
    sums = (found["credits"], found["overpaid"], found["claimable"])
    equal("what B can claim", sums, (told.december_b_credit, told.over, told.refund_b))
    claim = await _claim(own, B, told.refund_b, LATE)
    equal("the round of a letter posted on the 21st", claim["round"], "2026-12")
    equal("what B can claim besides", (await own.all(f"{FEE}/refundable"))[0]["claimable"], 0)
    scene.teller.step(
        f"乙公司21日始寄：{nt(told.refund_b)}（應退與溢繳）列12月辦理",
        "B posts a day later, for credits and what it paid too much: December's round",
    )


async def _paid(scene: FeeScene, claim: Json) -> None:
    finance, second = await scene.finance(), await scene.second()
    path = f"{FEE}/refund-claims/{claim['id']}"
    scene.move(ARRIVED)
    await finance.do("POST", f"{path}/receipt", {"received_on": ARRIVED.isoformat()})
    await finance.do("POST", f"{path}/approval")
    scene.move(PAID)
    payment = {"paid_on": PAID.isoformat(), "payment_reference": "支115-000321"}
    await finance.refused(403, "four_eyes", "POST", f"{path}/payment", payment)
    paid = await second.do("POST", f"{path}/payment", payment)
    keys = ("state", "posted_on", "received_on", "paid_on", "amount")
    told = ("paid", CLAIMED.isoformat(), ARRIVED.isoformat(), PAID.isoformat(), scene.told.november_c_credit)
    equal("C's refund", tuple(paid[key] for key in keys), told)
    left = (await (await scene.employer(C)).all(f"{FEE}/refundable"))[0]
    equal("what C can claim now", (left["refunded"], left["claimable"]), (scene.told.november_c_credit, 0))
    await mail(scene, C, "已付款", LETTERS[C])
    scene.teller.step(
        "一人核准、另一人付款；未自任何應繳款扣抵，丙公司收到付款通知",
        "approved by one, paid by another, set off against nothing; C is told",
    )
