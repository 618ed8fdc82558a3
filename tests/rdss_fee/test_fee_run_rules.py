"""A run's one statement says of all men what the rules say of each (FE-11, FE-13): random histories over seven runs.

Men report, are transferred, suspended and released, return; what was known is corrected, earlier and later; degrees,
cohorts and stages change; rates come, some late; runs are missed. After each run every line is compared with
`billing.rules.lines`, asked of each man alone with what was issued before, and the sums with what each is entitled to.
"""

import datetime as dt
import random
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from rdss_fee.billing import computing
from rdss_fee.billing.rates import Category, Degree, Rate, Rates
from rdss_fee.billing.rules import Line, LineKind, Price, Reason, Serviceman, Share, billed_by, entitled, lines
from rdss_fee.months import Month
from rdss_fee.periods.rules import Beginning, Ending, Period, StageTwo, serves_on
from tests.rdss_fee.support import A, B, Fee

pytestmark = pytest.mark.rule("FE-11", "FE-13")
C = "22099131"
EMPLOYERS = (A, B, C)
FIRST = Month(2026, 10)
MEN = 60
day = dt.date


@dataclass
class Man:
    """A man as the test knows him, and the ids of his periods."""

    id: uuid.UUID
    known: Serviceman
    periods: list[uuid.UUID] = field(default_factory=list)


class World:
    """The database and, beside it, what ought to be known."""

    def __init__(self, fee: Fee, seed: int) -> None:
        self.fee, self.chance, self.men = fee, random.Random(seed), list[Man]()
        self.issued: list[Line] = []
        self.rates: list[Rate] = []

    def some_day(self, around: Month, before: int = 3, after: int = 2) -> dt.date:
        month = around.plus(self.chance.randint(-before, after))
        return month.day(self.chance.choice([1, 2, 10, 15, 28, month.days]))

    async def begin(self) -> None:
        await self.fee.employer(C, 3)
        rows = await self.fee.sql("SELECT category, degree, cohort_from, effective_from, amount, document FROM rate")
        self.rates = [Rate(Category(r[0]), Degree(r[1]), *tuple(r)[2:]) for r in rows]
        for _ in range(MEN):
            await self.join(FIRST)

    async def join(self, month: Month) -> None:
        """Another man, with one to three periods."""
        begins = self.some_day(month, before=6)
        stage = StageTwo(begins, self.some_day(month.plus(8)) if self.chance.random() < 0.3 else None)
        if self.chance.random() < 0.3:
            stage = replace(stage, begins_on=begins + dt.timedelta(days=self.chance.randint(1, 40)))
        degree, cohort = self.chance.choice(list(Degree)), self.chance.choice([2010, 2024, 2026])
        now = self.today
        bounds = (stage.begins_on, stage.ends_before)
        if bounds[1] is not None and bounds[1] <= bounds[0]:
            stage, bounds = StageTwo(bounds[0]), (bounds[0], None)
        man_id = await self.fee.man(degree=degree, cohort=cohort, stage=bounds, known_on=now)
        man = Man(man_id, Serviceman(str(man_id), Category.RDSS, degree, cohort, stage, ()))
        self.men.append(man)
        await self.serve(man, begins)
        while self.chance.random() < 0.3 and man.known.periods[-1].ends_before is not None:
            gap = self.chance.choice([0, 0, 5, 30])
            await self.serve(man, man.known.periods[-1].ends_before + dt.timedelta(days=gap))

    async def serve(self, man: Man, begins: dt.date) -> None:
        """A period more, open or with an end."""
        employer = self.chance.choice(EMPLOYERS)
        ends = begins + dt.timedelta(days=self.chance.randint(1, 150)) if self.chance.random() < 0.4 else None
        made = await self.fee.period(
            uuid.UUID(man.known.id), employer, begins, ends, ended_by="transferred_out", known_on=self.today
        )
        man.periods.append(made)
        period = Period(employer, begins, Beginning.REPORTED, ends, Ending.TRANSFERRED_OUT if ends else None)
        man.known = replace(man.known, periods=(*man.known.periods, period))

    async def happen(self, month: Month) -> None:
        """News between two runs."""
        for man in self.chance.sample(self.men, MEN // 4):
            what = self.chance.random()
            last = man.known.periods[-1]
            if what < 0.45:
                # The last period ends otherwise than was known, or not at all.
                after = (month.first - last.begins_on).days + 60
                ends = last.begins_on + dt.timedelta(days=self.chance.randint(1, max(after, 2)))
                end = ends if self.chance.random() < 0.8 else None
                await self.fee.correct(man.periods[-1], end, known_on=self.today)
                ended = replace(last, ends_before=end, ended_by=Ending.RELEASED_EARLY if end else None)
                man.known = replace(man.known, periods=(*man.known.periods[:-1], ended))
            elif what < 0.6 and last.ends_before is not None:
                await self.serve(man, last.ends_before + dt.timedelta(days=self.chance.choice([0, 1, 20])))
            elif what < 0.8:
                stage = replace(man.known.stage, ends_before=man.known.stage.begins_on + dt.timedelta(days=120))
                await self.fee.refact(man.id, self.today, stage_ends_before=stage.ends_before)
                man.known = replace(man.known, stage=stage)
            else:
                degree, cohort = self.chance.choice(list(Degree)), self.chance.choice([2010, 2026])
                await self.fee.refact(man.id, self.today, degree=degree, cohort=cohort)
                man.known = replace(man.known, degree=degree, cohort=cohort)
        await self.join(month)
        if self.chance.random() < 0.8:
            # A rate that is announced late, and one for a time to come.
            since = month.plus(self.chance.choice([-2, 0, 1])).first
            row = Rate(Category.RDSS, self.chance.choice(list(Degree)), 2024, since, 40_001 + len(self.rates), "x")
            keys = {(r.degree, r.cohort_from, r.effective_from) for r in self.rates}
            if (row.degree, row.cohort_from, row.effective_from) not in keys:
                await self.fee.sql(
                    "INSERT INTO rate (id, category, degree, cohort_from, effective_from, amount, document, entered_by,"
                    " known_on) VALUES (gen_random_uuid(), 'rdss', $1, 2024, $2, $3, 'x', 'x', $4)",
                    row.degree, since, row.amount, self.today,
                )  # fmt: skip
                self.rates.append(row)

    @property
    def today(self) -> dt.date:
        return self._today

    def on(self, today: dt.date) -> None:
        self._today = today
        self.fee.on(today)

    def expected(self, month: Month, *, reprice: bool) -> list[Line]:
        """Each man's lines by the rules."""
        billed = billed_by(self.issued)
        found: list[Line] = []
        for man in self.men:
            mine = {share: what for share, what in billed.items() if share.serviceman == man.known.id}
            found += lines(man.known, month, mine, Rates(self.rates), reprice=reprice)
        return found

    async def stored(self, run: str) -> list[Line]:
        """What the run wrote."""
        rows = await self.fee.sql("SELECT * FROM line WHERE run_id = $1", uuid.UUID(run))
        return [_line(row) for row in rows]


def _line(row: Any) -> Line:
    price = (
        None
        if row["rate"] is None
        else Price(Category(row["category"]), Degree(row["degree"]), row["cohort"], row["rate"])
    )
    return Line(
        LineKind(row["kind"]), Reason(row["reason"]),
        Share(str(row["serviceman_id"]), row["employer_code"], Month.of(row["month"])),
        row["days"], price, row["entitled"], row["billed"], row["amount"],
    )  # fmt: skip


def by_share(found: list[Line]) -> list[Line]:
    return sorted(found, key=lambda one: (one.share.serviceman, one.share.employer, str(one.share.month)))


async def lived(world: World, runs: int = 7) -> int:
    """Months go by; how many lines were compared."""
    world.on(FIRST.plus(-1).day(15))
    await world.begin()
    compared, month = 0, FIRST
    for _ in range(runs):
        if world.chance.random() < 0.15:
            # Nobody ran it: the next one catches up.
            month = month.plus(1)
        world.on(month.plus(-1).day(15))
        reprice = world.chance.random() < 0.2
        run = await world.fee.previewed(month, reprice=reprice)
        stored = await world.stored(run["id"])
        assert by_share(stored) == by_share(world.expected(month, reprice=reprice))
        issued = await world.fee.issue(run)
        assert issued.status_code == 200, issued.text
        world.issued += stored
        compared += len(stored)
        _is_entitled(world, month)
        month = month.plus(1)
        world.on(month.plus(-1).day(3))
        await world.happen(month)
    return compared


def _is_entitled(world: World, month: Month) -> None:
    """What was issued of every month so far is what each man's employer is entitled to be asked, to the dollar."""
    billed = billed_by(world.issued)
    for man in world.men:
        for share, what in billed.items():
            if share.serviceman != man.known.id:
                continue
            price = what.price if what.price is not None and what.price.is_of(man.known) else None
            owed = {row.share: row.amount for row in entitled(man.known, share.month, Rates(world.rates), price)}
            if share.month == month and serves_on(man.known.periods, man.known.stage, month.first) != share.employer:
                continue
            assert what.amount == owed.get(share, 0), share


@pytest.mark.parametrize("seed", [20260915, 7, 99])
async def test_a_run_is_what_the_rules_say_of_every_man(fee: Fee, seed: int):
    assert await lived(World(fee, seed)) > 4 * MEN


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (
            "(2 * coalesce(p.rate, t.amount)::bigint * e.days + e.length)",
            "(2 * coalesce(p.rate, t.amount)::bigint * e.days)",
        ),
        ("HAVING month < $2 OR bool_or(on_first)", ""),
        ("least(p.ends_before, f.stage_ends_before)", "p.ends_before"),
        ("greatest(p.begins_on, f.stage_begins_on) AS first", "p.begins_on AS first"),
        ("ORDER BY r.cohort_from DESC, r.effective_from DESC", "ORDER BY r.effective_from DESC, r.cohort_from"),
        ("coalesce(p.rate, t.amount) AS rate", "t.amount AS rate"),
        ("OR b.month < $2", ""),
        ("known_at > $9 OR known_on > $10 OR replaced_at > $9 OR replaced_on > $10", "false"),
        ("THEN $8 ELSE date '-infinity'", "THEN $2 ELSE date '-infinity'"),
    ],
    ids=[
        "rounded down",
        "whole month",
        "stage's end",
        "stage's begin",
        "newest day first",
        "not its price",
        "no credit",
        "no news",
        "came later in the month",
    ],
)
async def test_control_a_fault_in_the_statement_is_found(fee: Fee, monkeypatch, right: str, wrong: str):
    assert right in computing._COMPUTE
    faulty = computing._COMPUTE.replace(right, wrong)
    if right.startswith("coalesce"):
        faulty = faulty.replace("(2 * coalesce(p.rate, t.amount)::bigint", "(2 * t.amount::bigint")
    monkeypatch.setattr(computing, "_COMPUTE", faulty)
    with pytest.raises(AssertionError):
        await lived(World(fee, 20260915))
