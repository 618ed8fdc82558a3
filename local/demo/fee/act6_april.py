"""Act 6, winter to April 2027: on time, late without a violation, and a violation with its evidence.

The calendar of 2027 is not official in this suite: the working days are those that follow from the law, and whatever
hangs on them is marked provisional. Children's Day and Tomb Sweeping Day make the 2nd the last working day before the
5th, as in April 2026.
"""

from datetime import date

from local.demo.checks import equal
from local.demo.client import until
from local.demo.fee.bank import ATM, Posting
from local.demo.fee.cast import NAMES, A, B, C
from local.demo.fee.scene import FEE, STAFF, FeeScene, Json, issue, mails, notices, nt, on, pay_all, preview, take

WINTER = (
    ("2026-12", None, date(2026, 11, 27)),
    ("2027-01", date(2026, 12, 15), date(2026, 12, 22)),
    ("2027-02", date(2027, 1, 15), date(2027, 1, 22)),
    ("2027-03", date(2027, 2, 15), date(2027, 2, 22)),
)
RUN, MONTH, DUE = date(2027, 3, 15), "2027-04", date(2027, 4, 2)
REMINDED, IN_TIME, SATURDAY = date(2027, 3, 30), date(2027, 4, 1), date(2027, 4, 3)
FIFTH, TOLD_THROUGH, REOPENED, AFTER = date(2027, 4, 5), date(2027, 4, 6), date(2027, 4, 7), date(2027, 4, 8)


async def tell(scene: FeeScene) -> None:
    """Four months are billed and paid; then April."""
    charges = {A: scene.told.december_a, B: scene.told.december_b, C: scene.told.december_c}
    for month, run_on, paid_on in WINTER:
        if run_on is not None:
            scene.move(run_on)
            await issue(scene, await preview(scene, month))
        scene.move(paid_on)
        await pay_all(scene, month, paid_on)
        found = {code: one["payable"] for code, one in (await notices(scene, month)).items()}
        equal(f"the notices of {month}", found, charges)
    scene.teller.step(
        "12月至次年3月：逐月計費、如期繳清", "December to March: billed and paid month by month, nothing new:"
    )
    scene.teller.rows([("每月 a month", *(f"{NAMES[code][:1]}公司 {nt(amount)}" for code, amount in charges.items()))])
    found = await _april(scene)
    await _late(scene, found)
    await _violation(scene, found)
    await _afterwards(scene, found)


async def _april(scene: FeeScene) -> dict[str, Json]:
    scene.move(RUN)
    await issue(scene, await preview(scene, MONTH))
    found = await notices(scene, MONTH)
    due = {(one["due_on"], one["due_provisional"]) for one in found.values()}
    equal("April is due on", due, {(DUE.isoformat(), True)})
    scene.teller.step(
        f"116年4月：5日逢連假，提前至 {on(DUE)}（辦公日曆表未公布，暫定）",
        "April 2027: the 5th is a holiday, due on Friday the 2nd; provisional, for the calendar is not official yet",
    )
    scene.move(REMINDED)
    await mails(scene, *((code, "即將到期", "116年4月2日") for code in NAMES))
    scene.teller.step("3月30日：提醒繳費信 3 封", "30 March, three working days before: reminders")
    return found


async def _late(scene: FeeScene, found: dict[str, Json]) -> None:
    scene.move(IN_TIME)
    await take(scene, IN_TIME, [Posting(found[A]["virtual_account"], found[A]["payable"], NAMES[A])])
    scene.move(FIFTH)
    stand = {code: one["standing"] for code, one in (await notices(scene, MONTH)).items()}
    equal("how April stands on the 5th", stand, {A: "paid", B: "overdue", C: "overdue"})
    scene.move(REOPENED)
    # Until the bank has told everything up to the 5th nobody is said to have violated anything.
    equal("violations before the bank's word", await (await scene.finance()).all(f"{FEE}/violations"), [])
    posting = Posting(found[B]["virtual_account"], found[B]["payable"], NAMES[B], ATM, SATURDAY)
    await take(scene, REOPENED, [posting], through=TOLD_THROUGH)
    stand = {code: one["standing"] for code, one in (await notices(scene, MONTH)).items()}
    equal("how April stands after the holidays", stand, {A: "paid", B: "late", C: "overdue"})
    scene.teller.step(
        "乙公司 4月3日（星期六）以 ATM 繳納：逾期，未逾5日，無違規",
        "B paid at an ATM on Saturday the 3rd, after the due day and by the 5th: late, no violation",
    )


async def _violation(scene: FeeScene, found: dict[str, Json]) -> None:
    finance = await scene.finance()

    async def there() -> list[Json] | None:
        return await finance.all(f"{FEE}/violations") or None

    violations = await until("the violation of April", there)
    equal("violations", [(one["employer_code"], one["month"]) for one in violations], [(C, MONTH)])
    path = f"{FEE}/violations/{violations[0]['id']}"
    own, other = await scene.employer(C), await scene.employer(B)
    one = await own.get(path)
    keys = ("reference_on", "amount", "due_on", "known_through", "paid_by_reference", "payments")
    told = [FIFTH.isoformat(), found[C]["payable"], DUE.isoformat(), TOLD_THROUGH.isoformat(), 0, []]
    equal("its evidence", [one["evidence"][key] for key in keys], told)
    items = one["fee_items_this_year"]
    equal("fee items of the year", (items["year"], items["count"], items["label_en"]), (2027, 1, "fee items only"))
    await other.refused(404, "not_found", "GET", path)
    equal("violations that B sees", await other.all(f"{FEE}/violations"), [])
    scene.teller.step(
        "丙公司未繳：列入管考違規事證（基準日 4月5日），附事證",
        "C had paid nothing: a violation as of the 5th, with its evidence:",
    )
    scene.teller.rows(
        (
            ("應繳", f"{found[C]['payable']:,}", "asked"),
            ("截至5日已繳", "0", "paid by the 5th"),
            ("銀行已告知至", TOLD_THROUGH.isoformat(), "all is known up to"),
            ("年度計次", f"{items['count']}（{items['label']}）", items["label_en"]),
        )
    )
    await mails(scene, (C, "已逾繳納期限", "116年4月2日"), (C, "列入管考違規事證。", "截至5日已繳：新臺幣 0 元"))
    others = await scene.world.mail(STAFF[B], "已逾繳納期限")
    equal("B, which had paid when the bank told, hears nothing of it", others, [])
    scene.teller.step("丙公司收到逾期及違規事證通知信；乙公司無", "C is told of both by e-mail, B of nothing")


async def _afterwards(scene: FeeScene, found: dict[str, Json]) -> None:
    scene.move(AFTER)
    await take(scene, AFTER, [Posting(found[C]["virtual_account"], found[C]["payable"], NAMES[C])])
    stand = {code: one["standing"] for code, one in (await notices(scene, MONTH)).items()}
    equal("how April stands", stand, {A: "paid", B: "late", C: "late"})
    kept = await (await scene.employer(C)).all(f"{FEE}/violations")
    equal("the violation afterwards", [(one["month"], one["annulled_on"]) for one in kept], [(MONTH, None)])
    scene.teller.step("丙公司 4月8日繳清：事證仍在", "C pays on the 8th: the violation stays")
