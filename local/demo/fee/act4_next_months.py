"""Act 4, October and November 2026: a transfer, the end of stage two, a suspension and return, an early release."""

from datetime import date

from local.demo.checks import equal
from local.demo.fee import papers
from local.demo.fee.cast import NAMES, A, B, C
from local.demo.fee.scene import (
    FEE,
    FeeScene,
    Json,
    announce,
    issue,
    notices,
    nt,
    pay_all,
    preview,
    report,
    statements,
)

TRANSFER, NOVEMBER_RUN = date(2026, 10, 11), date(2026, 10, 15)
PAID = date(2026, 10, 20)
SUSPENDED, RELEASED, RETURNED = date(2026, 10, 21), date(2026, 10, 26), date(2026, 11, 10)
STAGE_ENDS = date(2026, 11, 16)
DECEMBER_RUN = date(2026, 11, 15)


async def tell(scene: FeeScene) -> None:
    """Two runs: what was billed too much comes back as credits of its own, never subtracted from a charge."""
    await _transfer(scene)
    await _stage(scene)
    await _november(scene)
    await _suspension(scene)
    await _release(scene)
    await _december(scene)


async def _transfer(scene: FeeScene) -> None:
    scene.move(TRANSFER)
    man = scene.cast.of("announced")
    period = scene.periods[man.national_id]
    event = await report(await scene.employer(C), period, TRANSFER, "transferred_out")
    equal("the transfer out", (event["state"], event["needs_confirmation"]), ("confirmed", False))
    arrival = man.announced() | {"employer_code": B, "begins_on": TRANSFER.isoformat(), "begun_by": "transferred_in"}
    await announce(scene, [arrival])
    # Of the same man each employer sees its own days.
    seen = await (await scene.employer(C)).get(f"{FEE}/servicemen/{scene.men[man.national_id]}")
    equal("what C sees of him", [one["employer_code"] for one in seen["periods"]], [C])
    scene.teller.step(
        f"10月11日：{man.masked} 由丙公司轉調乙公司",
        "11 October: a man of C is transferred to B, the 11th is his first day there",
    )


async def _stage(scene: FeeScene) -> None:
    man = scene.cast.of("stage_ends")
    office = await scene.office()
    path = f"{FEE}/servicemen/{scene.men[man.national_id]}"
    known = await office.get(path)
    equal("the end of his second stage", known["stage_ends_before"], "2026-12-01")
    facts = {name: known[name] for name in ("name", "category", "degree", "cohort", "stage_begins_on")}
    changed = await office.do(
        "PUT", f"{path}/facts", facts | {"stage_ends_before": STAGE_ENDS.isoformat()}, seen=known["version"]
    )
    equal("the end of his second stage", changed["stage_ends_before"], STAGE_ENDS.isoformat())
    scene.teller.step(
        f"役期折抵：{man.masked} 第二階段提前至 11月15日屆滿",
        "service credit: a man's second stage ends with 15 November",
    )


async def _november(scene: FeeScene) -> None:
    told = scene.told
    scene.move(NOVEMBER_RUN)
    run = await issue(scene, await preview(scene, "2026-11"))
    charges = {A: told.november_a, B: told.november_b, C: told.november_c}
    found = await notices(scene, "2026-11")
    equal("November's notices", {code: one["payable"] for code, one in found.items()}, charges)
    equal("November's credits", await statements(scene, "2026-11"), {C: told.november_c_credit})
    sums = (run["totals"]["charges"], run["totals"]["credits"])
    equal("November's totals, side by side", sums, (sum(charges.values()), told.november_c_credit))
    late = scene.cast.of("known_late")
    own = await scene.employer(C)
    lines = await own.all(f"{FEE}/notices/{found[C]['id']}/lines")
    shown = [(one["month"], one["amount"], one["reason"]) for one in lines]
    expected = [
        ("2026-09", 3_010, "not_yet_billed"),
        ("2026-10", 30_100, "not_yet_billed"),
        ("2026-11", 30_100, "advance"),
    ]
    equal("the lines of C's notice", shown, expected)
    equal("whose they are", {one["national_id"] for one in lines}, {late.masked})
    scene.teller.step(
        f"10月15日：丙公司11月通知單 {nt(told.november_c)}，應退另列不沖抵",
        "15 October: C's notice asks 63,210 as the manual says; its credit stands beside, never netted:",
    )
    scene.teller.rows((one["month"], f"{one['days']} 日", f"應繳 charge {one['amount']:,}") for one in lines)
    await _credit(scene, found)
    ends = scene.cast.of("stage_ends")
    why = await _explained(scene, run, A, ends.national_id, "2026-11")
    equal("the last month of a second stage", (why["formula"], why["agrees"]), ("46,700 × 15 ÷ 30 = 23,350", True))
    scene.teller.step("第二階段屆滿者：11月計 15 日 23,350 元", "the end of stage two: 15 days of November, 23,350")
    scene.move(PAID)
    await pay_all(scene, "2026-11", PAID)


async def _credit(scene: FeeScene, found: dict[str, Json]) -> None:
    own = await scene.employer(C)
    lines = await own.all(f"{FEE}/notices/{found[C]['id']}/lines?kind=credit")
    told = [("2026-10", "billed_too_much", 10, 30_100, 9_710, 20_390)]
    keys = ("month", "reason", "days", "billed", "entitled", "amount")
    equal("C's credit", [tuple(one[key] for key in keys) for one in lines], told)
    scene.teller.rows([("2026-10", "10 日", "應退 credit 20,390", "30,100 − 30,100 × 10/31")])
    said = papers.text(await papers.pdf(own, f"{FEE}/notices/{found[C]['id']}"))
    equal("C's notice on paper asks the whole", "應繳合計NT$63,210" in said and "得申請退費合計NT$20,390" in said, True)


async def _explained(scene: FeeScene, run: Json, code: str, national_id: str, month: str) -> Json:
    path = f"{FEE}/billing-runs/{run['id']}/lines/{code}/{scene.men[national_id]}/{month}"
    why: Json = await (await scene.finance()).get(path)
    return why


async def _suspension(scene: FeeScene) -> None:
    scene.move(SUSPENDED)
    man = scene.cast.of("suspended")
    department = await scene.world.log_in("employer_a_department")
    own = await scene.employer(A)
    period = scene.periods[man.national_id]
    event = await report(department, period, SUSPENDED, "suspended")
    equal("what a department enters", (event["state"], event["needs_confirmation"]), ("entered", True))
    equal("it changes nothing yet", (await own.get(f"{FEE}/service-periods/{period}"))["ends_before"], None)
    waiting = await own.all(f"{FEE}/service-events?state=entered")
    equal("what waits for the head office", [one["id"] for one in waiting], [event["id"]])
    done = await own.do("POST", f"{FEE}/service-events/{event['id']}/confirmation")
    equal("the confirmation", (done["state"], done["confirmed_on"]), ("confirmed", SUSPENDED.isoformat()))
    scene.teller.step(
        f"10月21日：{man.masked} 停役，研發部門填報、用人單位確認",
        "21 October: a suspension, entered by A's department, confirmed by its head office",
    )


async def _release(scene: FeeScene) -> None:
    scene.move(RELEASED)
    man = scene.cast.of("released")
    await report(await scene.employer(B), scene.periods[man.national_id], RELEASED, "released_early")
    scene.move(RETURNED)
    suspended = scene.cast.of("suspended")
    await announce(scene, [suspended.announced() | {"begins_on": RETURNED.isoformat(), "begun_by": "returned"}])
    scene.teller.step(
        f"10月26日 {man.masked} 提前退役；11月10日 {suspended.masked} 回役",
        "26 October: an early release at B; 10 November: the man of A returns",
    )


async def _december(scene: FeeScene) -> None:
    told = scene.told
    scene.move(DECEMBER_RUN)
    run = await issue(scene, await preview(scene, "2026-12"))
    charges = {A: told.december_a, B: told.december_b, C: told.december_c}
    credits = {A: told.december_a_credit, B: told.december_b_credit}
    found = {code: one["payable"] for code, one in (await notices(scene, "2026-12")).items()}
    equal("December's notices", found, charges)
    equal("December's credits", await statements(scene, "2026-12"), credits)
    lines = await (await scene.finance()).all(f"{FEE}/billing-runs/{run['id']}/lines?kind=credit")
    shown = sorted((one["employer_code"], one["month"], one["days"], one["amount"]) for one in lines)
    expected = [
        (A, "2026-10", 20, 16_571),
        (A, "2026-11", 21, 14_010),
        (B, "2026-10", 25, 9_039),
        (B, "2026-11", 0, 46_700),
    ]
    equal("December's credits line by line", shown, expected)
    scene.teller.step(
        "11月15日（星期日照常計費）：停役、提前退役之應退各自成筆",
        "15 November, a Sunday: what was billed too much comes back, line by line:",
    )
    scene.teller.rows(
        (NAMES[code], month, f"實服 {days} 日", f"應退 credit {amount:,}") for code, month, days, amount in shown
    )
