"""What the second part's acts share: the suite whose clock it moves, its people, and the steps that recur."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from local.demo.checks import equal, holds
from local.demo.client import Actor, World, until
from local.demo.fee.bank import Bank, Posting
from local.demo.fee.cast import A, B, C, FeeCast
from local.demo.fee.told import FeeTold
from local.demo.teller import Teller
from local.stack import Stack
from shared import clock
from shared.roc import roc_long

FEE = "/rdss-fee/v1"
STAFF = {A: "employer_a", B: "employer_b", C: "employer_c"}
"""The head office's account of each employer."""
SYSTEM = "service:rdss-fee"

Json = dict[str, Any]


@dataclass
class FeeScene:
    """One telling; each act leaves here what later acts need."""

    suite: Stack
    world: World
    teller: Teller
    seed: str
    told: FeeTold
    cast: FeeCast
    bank: Bank = field(default_factory=Bank)

    periods: dict[str, str] = field(default_factory=dict)
    """Periods by the national ID of their man: the last that was announced."""
    men: dict[str, str] = field(default_factory=dict)
    """The service's ids of the men by national ID."""
    runs: dict[str, Json] = field(default_factory=dict)
    """Issued runs by month."""
    unknown: Json = field(default_factory=dict)
    """The payment that stays in suspense."""

    def move(self, day: date) -> None:
        """It is `day` now. The clock file holds days from Taipei's own, which every process reads at once."""
        self.suite.move_clock((day - datetime.now(clock.TAIPEI).date()).days)

    async def office(self) -> Actor:
        """The programme office."""
        return await self.world.log_in("programme_office")

    async def finance(self) -> Actor:
        """One of the authority's finance staff."""
        return await self.world.log_in("authority_finance")

    async def second(self) -> Actor:
        """The other."""
        return await self.world.log_in("authority_finance_2")

    async def employer(self, code: str) -> Actor:
        """An employer's head office."""
        return await self.world.log_in(STAFF[code])


def nt(amount: int) -> str:
    """NT$ with thousands apart."""
    return f"{'-' if amount < 0 else ''}NT${abs(amount):,}"


def on(day: date) -> str:
    """115年9月15日."""
    return roc_long(day)


async def announce(scene: FeeScene, rows: Sequence[Mapping[str, Any]]) -> Json:
    """Make periods known, all of them; remembers them."""
    done: Json = await (await scene.office()).do("POST", f"{FEE}/service-periods", list(rows))
    equal("periods announced", (done["announced"], done["refused"]), (len(rows), 0))
    for row, item in zip(rows, done["items"], strict=True):
        scene.periods[row["national_id"]] = item["period_id"]
        scene.men[row["national_id"]] = item["serviceman_id"]
    return done


async def report(reporter: Actor, period: str, ends_before: date, ended_by: str) -> Json:
    """Report the end of a period as it is known now."""
    seen = (await reporter.get(f"{FEE}/service-periods/{period}"))["version"]
    body = {"ends_before": ends_before.isoformat(), "ended_by": ended_by}
    event: Json = await reporter.do("POST", f"{FEE}/service-periods/{period}/reports", body, seen=seen)
    return event


async def _there(scene: FeeScene, month: str) -> Json | None:
    items = (await (await scene.finance()).get(f"{FEE}/billing-runs?month={month}"))["items"]
    return next((one for one in items if one["kind"] == "regular" and one["state"] != "dropped"), None)


async def computed(scene: FeeScene, run_id: str) -> Json:
    """A run once its preview is there."""
    finance = await scene.finance()

    async def done() -> Json | None:
        run: Json = await finance.get(f"{FEE}/billing-runs/{run_id}")
        return None if run["state"] == "computing" else run

    run = await until("the preview of a run", done)
    equal("a computed run", (run["state"], run["missing_rates"]), ("previewed", []))
    return run


async def scheduled(scene: FeeScene, month: str) -> Json:
    """The preview of the run that came by itself."""
    run = await until(f"the run of {month} that comes by itself", lambda: _there(scene, month))
    equal("who asked for the run", (run["asked_by"], run["checked_by"]), (SYSTEM, None))
    return await computed(scene, run["id"])


async def preview(scene: FeeScene, month: str) -> Json:
    """The preview of a month's run: the one that came by itself if it is there, else one that is asked for."""
    run = await _there(scene, month)
    if run is None:
        answer = await (await scene.finance()).send("POST", f"{FEE}/billing-runs", {"month": month})
        # Between the look and the asking it may have come.
        holds("a run that was asked for", answer.status_code in (202, 409), answer.text)
        run = answer.json() if answer.status_code == 202 else await _there(scene, month)
    assert run is not None
    return await computed(scene, run["id"])


async def issue(scene: FeeScene, run: Json) -> Json:
    """Check a preview that nobody has checked yet, and have the other person issue it; the run then."""
    finance, second = await scene.finance(), await scene.second()
    path = f"{FEE}/billing-runs/{run['id']}"
    if run["checked_by"] is None:
        run = await finance.do("POST", f"{path}/check", seen=run["version"])
    issued: Json = await second.do("POST", f"{path}/issue", seen=run["version"])
    equal("an issued run", issued["state"], "issued")
    scene.runs[issued["month"]] = issued
    return issued


async def notices(scene: FeeScene, month: str) -> dict[str, Json]:
    """The notices of a month, by employer."""
    items = await (await scene.finance()).all(f"{FEE}/notices?month={month}")
    return {one["employer_code"]: one for one in sorted(items, key=lambda one: str(one["employer_code"]))}


async def statements(scene: FeeScene, month: str) -> dict[str, int]:
    """What a month's run gave back, by employer."""
    items = await (await scene.finance()).all(f"{FEE}/credit-statements?month={month}")
    return {one["employer_code"]: one["amount"] for one in items}


async def take(
    scene: FeeScene, posted_on: date, postings: Sequence[Posting], *, through: date | None = None, form: str = "fixed"
) -> Json:
    """The bank's file of a day, taken whole; `through`: the last value date of which it tells everything."""
    layout = "bank_of_taiwan" if form == "fixed" else "bank_of_taiwan_csv"
    content = scene.bank.fixed(posted_on, postings) if form == "fixed" else scene.bank.csv(posted_on, postings)
    taken = await send_file(scene, layout, content, through or posted_on)
    told = (taken["line_count"], taken["total"], taken["fresh"], taken["known"])
    equal("the bank's file", told, (len(postings), sum(one.amount for one in postings), len(postings), 0))
    return taken


async def send_file(scene: FeeScene, layout: str, content: bytes, through: date) -> Json:
    """A posting file as finance uploads it."""
    path = f"{FEE}/bank-files?layout={layout}&complete_through={through.isoformat()}"
    answer = await (await scene.finance()).send("POST", path, content=content, media_type="text/plain")
    holds("a posting file is taken", answer.is_success, answer.text)
    taken: Json = answer.json()
    return taken


async def pay_all(scene: FeeScene, month: str, posted_on: date) -> None:
    """Every notice of a month, paid exactly."""
    found = await notices(scene, month)
    postings = [Posting(one["virtual_account"], one["payable"], one["employer_name"]) for one in found.values()]
    await take(scene, posted_on, postings)
    stand = {code: one["standing"] for code, one in (await notices(scene, month)).items()}
    equal(f"the notices of {month}", stand, dict.fromkeys(found, "paid"))


async def mail(scene: FeeScene, code: str, *parts: str) -> Json:
    """The one message to an employer's head office whose text has all of `parts`, once it is there."""

    async def arrived() -> list[Json] | None:
        found = await scene.world.mail(STAFF[code], parts[0])
        return [one for one in found if all(part in one["text"] for part in parts)] or None

    found = await until(f"a message to {STAFF[code]}: {parts}", arrived)
    equal(f"messages to {STAFF[code]}: {parts}", len(found), 1)
    return found[0]


async def mails(scene: FeeScene, *wanted: tuple[str, ...]) -> None:
    """Of each of `wanted` (employer, parts of the text) one message."""
    await asyncio.gather(*(mail(scene, code, *parts) for code, *parts in wanted))
