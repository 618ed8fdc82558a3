"""What is known, changed by many, is one answer at every instant and as of any day (FE-13)."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from rdss_fee.billing.service.common import fix_cut
from rdss_fee.periods.service import knowledge
from shared.db import Context
from tests.rdss_fee.desk import announced, period, put, report
from tests.rdss_fee.support import DEPARTMENT_A, EMPLOYER_A, FINANCE, OFFICE, Fee

pytestmark = pytest.mark.rule("FE-13")
AUTHORITY = Context("finance-1", "authority", "nca")
ENDED = {"begins_on": "2026-09-28", "begun_by": "reported", "ends_before": "2026-10-10", "ended_by": "suspended"}
FACTS = {"name": "陳建宏", "degree": "doctoral", "cohort": 2026, "stage_begins_on": "2026-09-28"}
RATE = {"degree": "master", "cohort_from": 2027, "effective_from": "2027-01-01", "amount": 47_000, "document": "公告"}

Act = Callable[[Fee, dict[str, Any], str], Any]
# Everything that changes what is known: the request, given a period's ids and a report that waits.
ACTS: dict[str, tuple[Act, str]] = {
    "announce": (lambda fee, one, event: fee.post("/service-periods", OFFICE, [period(9)]), "service_period"),
    "correct": (
        lambda fee, one, event: put(fee, f"/service-periods/{one['period_id']}", ENDED, 1), "service_period"
    ),
    "withdraw": (
        lambda fee, one, event: fee.post(
            f"/service-periods/{one['period_id']}/withdrawal", OFFICE, {"reason": "未報到"}, if_match='"1"'
        ),
        "service_event",
    ),
    "report": (lambda fee, one, event: report(fee, one["free_id"], EMPLOYER_A), "service_period"),
    "confirm": (
        lambda fee, one, event: fee.post(f"/service-events/{event}/confirmation", EMPLOYER_A), "service_period"
    ),
    "facts": (
        lambda fee, one, event: put(fee, f"/servicemen/{one['serviceman_id']}/facts", FACTS, 1), "serviceman_facts"
    ),
    "rate": (lambda fee, one, event: fee.post("/rates", FINANCE, RATE), "rate"),
}  # fmt: skip


async def _furnished(fee: Fee) -> tuple[dict[str, Any], str]:
    one, free = await announced(fee, period(1), period(2))
    event = (await report(fee, one["period_id"], DEPARTMENT_A)).json()["id"]
    return {**one, "free_id": free["period_id"]}, event


async def _during_a_cut(fee: Fee, name: str) -> tuple[bool, Any, Any]:
    """Whether the act waited for a run that was making its cut; the cut; when what it changed became known."""
    act, table = ACTS[name]
    one, event = await _furnished(fee)
    async with fee.service.database.transaction(AUTHORITY) as session:
        cut = await fix_cut(session)
        acting = asyncio.create_task(act(fee, one, event))
        done, _ = await asyncio.wait({acting}, timeout=0.4)
    answer = await acting
    assert answer.status_code in (200, 201), answer.text
    column = "confirmed_at" if table == "service_event" else "known_at"
    (row,) = await fee.sql(f"SELECT max({column}) AS at FROM {table}")
    return not done, cut, row["at"]


@pytest.mark.parametrize("name", ACTS)
async def test_whatever_changes_what_is_known_waits_for_a_cut_and_is_known_after_it(fee: Fee, name: str):
    waited, cut, known_at = await _during_a_cut(fee, name)
    assert waited
    assert known_at > cut


@pytest.mark.parametrize("name", ["announce", "correct", "confirm"])
async def test_control_without_the_lock_it_does_not_wait(fee: Fee, name: str, monkeypatch: pytest.MonkeyPatch):
    async def nothing(_session: Any) -> None:
        return None

    for module in ("announce", "correct"):
        monkeypatch.setattr(f"rdss_fee.periods.service.{module}.hold_still", nothing)
    waited, _, _ = await _during_a_cut(fee, name)
    assert not waited


async def _cut_during_a_change(fee: Fee) -> tuple[bool, int, int]:
    """Whether a cut waited for a change that was under way; how many rows it sees then, and how many are there of that
    time once all have ended.
    """
    one, _ = await _furnished(fee)
    under_way, go_on = asyncio.Event(), asyncio.Event()
    real = knowledge.correct_period

    async def slowly(*what: Any) -> None:
        await real(*what)
        under_way.set()
        await go_on.wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rdss_fee.periods.service.correct.correct_period", slowly)
        changing = asyncio.create_task(put(fee, f"/service-periods/{one['period_id']}", ENDED, 1))
        await under_way.wait()

        async def cut_and_look() -> tuple[Any, int]:
            async with fee.service.database.transaction(AUTHORITY) as session:
                cut = await fix_cut(session)
                return cut, await _known(fee, cut)

        cutting = asyncio.create_task(cut_and_look())
        done, _ = await asyncio.wait({cutting}, timeout=0.4)
        go_on.set()
        assert (await changing).status_code == 200
        cut, seen = await cutting
    return not done, seen, await _known(fee, cut)


async def _known(fee: Fee, cut: Any) -> int:
    """How many changed periods are there whose rows became known by the cut."""
    (row,) = await fee.sql("SELECT count(*) FROM service_period WHERE known_at <= $1 AND version > 1", cut)
    return int(row["count"])


async def test_a_cut_waits_for_changes_that_are_under_way_and_then_sees_them(fee: Fee):
    waited, seen, after = await _cut_during_a_change(fee)
    assert waited
    assert (seen, after) == (1, 1)


async def test_control_a_cut_that_does_not_wait_has_its_past_added_to(fee: Fee, monkeypatch: pytest.MonkeyPatch):
    """Planted: a change that takes no lock. The same question of the same instant is answered otherwise afterwards."""

    async def nothing(_session: Any) -> None:
        return None

    monkeypatch.setattr("rdss_fee.periods.service.correct.hold_still", nothing)
    waited, seen, after = await _cut_during_a_change(fee)
    assert not waited
    assert (seen, after) == (0, 1)


async def test_changes_do_not_wait_for_one_another(fee: Fee):
    """One change of one man is under way; another man's is made meanwhile."""
    one, _ = await _furnished(fee)
    async with fee.service.database.transaction(Context("office-1", "programme_office", "rdss")) as session:
        await knowledge.hold_still(session)
        await knowledge.hold_man(session, uuid.UUID(one["serviceman_id"]))
        async with asyncio.timeout(5):
            assert (await report(fee, one["free_id"], EMPLOYER_A)).status_code == 201
