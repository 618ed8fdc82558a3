"""Act 3, 28 September to 6 October 2026: reminders, the bank's files, suspense, receipts."""

from datetime import date

from local.demo.checks import contains, equal
from local.demo.fee import papers
from local.demo.fee.bank import ATM, REMITTANCE, Posting, mistyped, nobodys
from local.demo.fee.cast import NAMES, A, B, C
from local.demo.fee.scene import FEE, FeeScene, Json, announce, mails, notices, nt, send_file, take

MONTH = "2026-10"
REMINDED, FIRST, SECOND, LAST = date(2026, 9, 30), date(2026, 10, 1), date(2026, 10, 2), date(2026, 10, 5)
NEXT = date(2026, 10, 6)


async def tell(scene: FeeScene) -> None:
    """Money comes, in all the ways in which it does."""
    found = await notices(scene, MONTH)
    scene.move(REMINDED)
    await mails(scene, *((code, "即將到期", f"尚未繳納：新臺幣 {one['payable']:,} 元") for code, one in found.items()))
    scene.teller.step(
        "9月30日（期限前 3 個工作日）：提醒繳費", "30 September, three working days before: all are reminded"
    )
    await _first(scene, found)
    await _second(scene, found)
    await _suspense(scene, found)
    await _last(scene, found)
    await _receipts(scene, found)


async def _first(scene: FeeScene, found: dict[str, Json]) -> None:
    scene.move(FIRST)
    late = scene.cast.of("known_late")
    await announce(scene, [late.announced()])
    scene.teller.step(
        f"10月1日：9月28日已報到之 {late.masked} 至今日始知，待11月計費",
        "1 October: a man who reported on 28 September becomes known; he waits for November's run",
    )
    told = scene.told
    postings = [
        Posting(found[C]["virtual_account"], told.october_c, NAMES[C]),
        Posting(found[A]["virtual_account"], told.partial, NAMES[A], REMITTANCE),
        Posting(found[B]["virtual_account"], told.october_b + told.over, NAMES[B], REMITTANCE),
    ]
    content = scene.bank.fixed(FIRST, postings)
    count, total = b"3" + b"%08d" % len(postings), sum(one.amount for one in postings)
    wrong = content.replace(count + b"%014d" % total, count + b"%014d" % (total + 1))
    path = f"{FEE}/bank-files?layout=bank_of_taiwan"
    finance = await scene.finance()
    problem = await finance.refused(422, "invalid_content", "POST", path, content=wrong, media_type="text/plain")
    equal("what is wrong with the file", [one["code"] for one in problem["errors"]], ["total_differs"])
    taken = await send_file(scene, "bank_of_taiwan", content, FIRST)
    equal("the bank's first file", (taken["fresh"], taken["to_notices"], taken["total"]), (3, 3, total))
    again = await send_file(scene, "bank_of_taiwan", content, FIRST)
    equal("the same file again", again["id"], taken["id"])
    own = await scene.employer(A)
    equal("payments that A sees on the day", await own.all(f"{FEE}/payments?month={MONTH}"), [])
    scene.teller.step(
        "銀行入帳檔：總額不符者整檔拒絕，重送者不重複入帳",
        "the bank's file: refused whole if its totals differ, taken once if sent twice",
    )
    scene.move(SECOND)
    shown = await own.all(f"{FEE}/payments?month={MONTH}")
    equal(
        "payments that A sees the day after",
        [(one["amount"], one["status"]) for one in shown],
        [(told.partial, "posted")],
    )
    stand = {code: (one["paid"], one["outstanding"]) for code, one in (await notices(scene, MONTH)).items()}
    rest = told.october_a - told.partial
    expected = {A: (told.partial, rest), B: (told.october_b, 0), C: (told.october_c, 0)}
    equal("how the notices stand", stand, expected)
    scene.teller.step(
        "入帳次日用人單位可查：足額、不足額、溢繳", "the day after, employers see it: exact, partial, over:"
    )
    names = {A: "不足額 partial", B: f"溢繳 over {nt(told.over)}", C: "足額 exact"}
    scene.teller.rows((NAMES[code], f"未繳 {nt(stand[code][1])}", names[code]) for code in NAMES)


async def _second(scene: FeeScene, found: dict[str, Json]) -> None:
    told = scene.told
    scene.move(LAST)
    postings = [
        Posting(found[A]["virtual_account"], told.second, NAMES[A], REMITTANCE),
        Posting(mistyped(found[A]["virtual_account"]), told.mistyped, NAMES[A], REMITTANCE),
        Posting(found[C]["virtual_account"], -told.october_c, NAMES[C]),
        Posting(nobodys(found[C]["virtual_account"]), told.unknown, "不明"),
    ]
    taken = await take(scene, SECOND, postings, form="csv")
    places = (taken["to_notices"], taken["suspended"], taken["bad_number"], taken["no_notice"])
    equal("where the second file's money went", places, (2, 2, 1, 1))
    stand = {code: one["outstanding"] for code, one in (await notices(scene, MONTH)).items()}
    equal("what is still to be paid", stand, {A: told.mistyped, B: 0, C: told.october_c})
    scene.teller.step(
        "10月2日入帳檔（CSV）：第二次繳納、檢查碼有誤、沖正、不明帳號",
        "the next file: a second payment, a wrong check digit, a reversal, an unknown number:",
    )
    scene.teller.rows(
        (
            ("甲公司再繳", nt(told.second), "同一銷帳編號累計 added up"),
            ("檢查碼有誤", nt(told.mistyped), "暫收 suspense: bad_number"),
            ("丙公司", nt(-told.october_c), "沖正，通知單重新待繳 reversed: open again"),
            ("不明帳號", nt(told.unknown), "暫收 suspense: no_notice"),
        )
    )


async def _suspense(scene: FeeScene, found: dict[str, Json]) -> None:
    finance, second, told = await scene.finance(), await scene.second(), scene.told
    items = {one["why"]: one for one in await finance.all(f"{FEE}/suspense")}
    amounts = {why: one["open"] for why, one in items.items()}
    equal("money in suspense", amounts, {"bad_number": told.mistyped, "no_notice": told.unknown})
    near = [(one["notice_id"], one["reason"]) for one in items["bad_number"]["near_misses"]]
    equal("what it may have been meant for", near, [(found[A]["id"], "one_digit")])
    equal("no suggestion for the other", items["no_notice"]["near_misses"], [])
    scene.unknown = items["no_notice"]
    body = {"act": "assign", "notice_id": found[A]["id"], "reason": "甲公司來電確認末碼誤植"}
    made = await finance.do("POST", f"{FEE}/suspense/{items['bad_number']['id']}/assignments", body)
    path = f"{FEE}/suspense-assignments/{made['id']}/confirmation"
    await finance.refused(403, "four_eyes", "POST", path)
    equal("still in suspense", len(await finance.all(f"{FEE}/suspense")), 2)
    done = await second.do("POST", path)
    equal("the assignment", (done["state"], done["amount"]), ("confirmed", told.mistyped))
    stand = (await notices(scene, MONTH))[A]
    equal("A's notice", (stand["outstanding"], stand["standing"]), (0, "paid"))
    scene.teller.step(
        "暫收：差一碼者僅提示，一人提議、另一人確認後始入甲公司帳",
        "one digit away from A's open notice: suggested, proposed by one, confirmed by another",
    )


async def _last(scene: FeeScene, found: dict[str, Json]) -> None:
    told = scene.told
    scene.move(NEXT)
    await take(scene, LAST, [Posting(found[C]["virtual_account"], told.october_c, NAMES[C], ATM)])
    own = await scene.employer(C)
    shown = await own.all(f"{FEE}/payments?month={MONTH}&sort=posted_on")
    moved = [(one["posted_on"], one["amount"], one["status"]) for one in shown]
    c = told.october_c
    expected = [("2026-10-01", c, "posted"), ("2026-10-02", -c, "reversal"), ("2026-10-05", c, "posted")]
    equal("what C sees of its payments", moved, expected)
    stand = {code: one["standing"] for code, one in (await notices(scene, MONTH)).items()}
    equal("how October stands", stand, dict.fromkeys(NAMES, "paid"))
    equal("violations", await (await scene.finance()).all(f"{FEE}/violations"), [])
    scene.teller.step(
        "10月5日丙公司重繳（ATM），三張通知單均於期限內繳清", "C pays again on the due day: all of October is paid"
    )


async def _receipts(scene: FeeScene, found: dict[str, Json]) -> None:
    finance = await scene.finance()
    due = await finance.all(f"{FEE}/receipts/due")
    told = scene.told
    amounts = sorted(one["amount"] for one in due)
    over = told.october_b + told.over
    equal("receipts due", amounts, sorted([told.partial, told.second, told.mistyped, over, told.october_c]))
    first = next(one for one in due if one["amount"] == told.partial)
    equal("mailed within 15 working days", (first["due_on"], first["overdue"]), ("2026-10-23", False))
    issued = await finance.do("POST", f"{FEE}/receipts", {"transaction_ids": [one["transaction_id"] for one in due]})
    numbers = sorted(one["number"] for one in issued["items"])
    equal("their numbers", numbers, [f"115-{number:06d}" for number in range(1, len(due) + 1)])
    one = next(item for item in issued["items"] if item["employer_code"] == C)
    equal("C's receipt is for what stands", one["amount"], told.october_c)
    said = papers.text(await papers.pdf(await scene.employer(C), f"{FEE}/receipts/{one['id']}"))
    contains("C's receipt on paper", said, (one["number"], "丙示範電子股份有限公司", "參萬參仟壹佰壹拾元整", "會計部"))
    mailing = {"mailed_on": NEXT.isoformat(), "mail_number": "掛號000123"}
    mailed = await finance.do("POST", f"{FEE}/receipts/{one['id']}/mailing", mailing)
    equal("the mailing", (mailed["state"], mailed["mailed_on"]), ("mailed", NEXT.isoformat()))
    equal("receipts due afterwards", await finance.all(f"{FEE}/receipts/due"), [])
    scene.teller.step(
        f"收據 {len(due)} 張（{numbers[0]} 至 {numbers[-1]}，不跳號）；遭沖正者無收據",
        "receipts without a gap in their numbers, none for what was reversed; one mailed",
    )
