"""Files that are laid into the drop folder are taken as uploads are, once, whatever happens meanwhile (FE-32)."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rdss_fee.months import Month
from rdss_fee.payments import dropping
from rdss_fee.payments.dropping import KIND, SETTLED, TakeDropped, lying
from rdss_fee.schedule import Repeating, ensure, repeating
from rdss_fee.worker import handlers
from shared import http, jobs
from shared.db import Context
from tests.rdss_fee.bank import Paid, file_of, post_file, whole
from tests.rdss_fee.support import AUDITOR, A, Fee

pytestmark = pytest.mark.rule("FE-32")

OCTOBER = Month(2026, 10)
Lay = Callable[..., Path]
Turn = Callable[[], Awaitable[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The drop folder."""
    for layout in ("bank_of_taiwan", "taishin", "elsewhere"):
        (tmp_path / "drop" / layout).mkdir(parents=True)
    return tmp_path / "drop"


@pytest.fixture
def lay(folder: Path) -> Lay:
    def put(name: str, data: bytes, *, layout: str = "bank_of_taiwan", seconds: float = SETTLED + 1) -> Path:
        path = folder / layout / name
        path.write_bytes(data)
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))
        return path

    return put


@pytest.fixture
async def turn(fee: Fee, folder: Path) -> Turn:
    """One turn of the worker's job."""

    async def work() -> None:
        handler = TakeDropped(fee.service.database, str(folder))
        worker = jobs.Worker(fee.service.database, "rdss-fee", {KIND: handler})
        async with fee.service.database.transaction(Context.system("rdss-fee")) as session:
            await jobs.enqueue(session, KIND, {}, key=KIND)
        assert await worker.run_once() == 1

    return work


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_a_file_is_taken_and_moved(fee: Fee, folder: Path, lay: Lay, turn):
    made = await fee.notice(A, OCTOBER)
    lay("20260914.txt", file_of(Paid(made["virtual_account"], 40_000)))
    await turn()
    assert left(folder) == ["bank_of_taiwan/taken/20260914.txt"]
    (told,) = (await fee.get("/bank-files", AUDITOR)).json()["items"]
    assert (told["source"], told["name"], told["taken_by"]) == ("drop_folder", "20260914.txt", "service:rdss-fee")
    found = await whole(fee)
    assert (found["allocated"], found["overpaid"]) == (30_100, 9_900)
    acts = {row["action"] for row in await fee.sql("SELECT action FROM audit_entry")}
    assert {"purpose.bank", "bank_file.taken"} <= acts
    await turn()
    assert (await whole(fee))["payments"] == 1


async def test_a_file_with_faults_lies_beside_what_is_wrong_with_it(fee: Fee, folder: Path, lay: Lay, turn):
    made = await fee.notice(A, OCTOBER)
    lay("bad.txt", file_of(Paid(made["virtual_account"], 0), Paid("x" * 16, 5, 2)))
    lay("good.txt", file_of(Paid(made["virtual_account"], 5, 3)))
    await turn()
    assert left(folder) == [
        "bank_of_taiwan/refused/bad.txt", "bank_of_taiwan/refused/bad.txt.txt", "bank_of_taiwan/taken/good.txt",
    ]  # fmt: skip
    told = (folder / "bank_of_taiwan/refused/bad.txt.txt").read_text("utf-8")
    assert told.splitlines() == [
        "2 項錯誤，整檔未入帳。 2 faults; nothing of the file was booked.",
        "line 2 amount\tamount_zero\t金額不得為 0 An amount is not nought",
        "line 3 account\tnot_digits\t應為數字 Digits are needed",
    ]
    assert (await whole(fee))["payments"] == 1


async def test_what_is_still_written_or_is_no_file_is_left_alone(fee: Fee, folder: Path, lay: Lay, turn):
    data = file_of(Paid("1" * 16, 5))
    lay("young.txt", data, seconds=0)
    lay(".writing.txt", data)
    lay("x.txt", data, layout="elsewhere")
    (folder / "bank_of_taiwan" / "link.txt").symlink_to(folder / "elsewhere" / "x.txt")
    assert lying(folder) == []
    before = left(folder)
    await turn()
    assert left(folder) == before
    assert await fee.sql("SELECT 1 FROM bank_file") == []


async def test_a_layout_without_a_trailer_waits_for_its_totals(fee: Fee, folder: Path, lay: Lay, turn):
    head = f"0000{'':14}20260914000001 120000{'':4}{5:011d}0+C"
    line = (head + f"{'1' * 16}{'':10}812{'':20}{'':18}0").encode()
    lay("t.txt", line, layout="taishin")
    await turn()
    assert left(folder) == ["taishin/t.txt"]
    lay("t.txt.totals", b"1 5\n", layout="taishin")
    await turn()
    assert left(folder) == ["taishin/taken/t.txt", "taishin/taken/t.txt.totals"]
    lay("u.txt", line.replace(b"000001 ", b"000002 "), layout="taishin")
    lay("u.txt.totals", b"1 6\n", layout="taishin")
    await turn()
    assert "taishin/refused/u.txt" in left(folder)


async def test_a_worker_that_died_between_booking_and_moving_changes_nothing_more(
    fee: Fee, folder: Path, lay: Lay, turn, monkeypatch: pytest.MonkeyPatch
):
    made = await fee.notice(A, OCTOBER)
    lay("a.txt", file_of(Paid(made["virtual_account"], 5)))

    def die(*_given: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(dropping, "_move", die)
        await turn()
    assert left(folder) == ["bank_of_taiwan/a.txt"]
    assert (await whole(fee))["payments"] == 1
    # The job waits for its next try; it is a turn of its own.
    await fee.sql("UPDATE job SET state = 'done', owner = NULL, lease_until = NULL")
    await turn()
    assert left(folder) == ["bank_of_taiwan/taken/a.txt"]
    assert (await whole(fee))["payments"] == 1


async def test_a_file_that_was_uploaded_too_is_booked_once(fee: Fee, folder: Path, lay: Lay, turn):
    made = await fee.notice(A, OCTOBER)
    data = file_of(Paid(made["virtual_account"], 5))
    lay("a.txt", data)
    _, answer = await asyncio.gather(turn(), post_file(fee, data))
    assert answer.status_code in (200, 201)
    assert left(folder) == ["bank_of_taiwan/taken/a.txt"]
    assert (await whole(fee))["payments"] == 1
    lay("a.txt", data)
    await turn()
    assert len(left(folder)) == 2


async def test_a_file_that_is_too_large_is_refused_unread(
    fee: Fee, folder: Path, lay: Lay, turn, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dropping, "LARGEST", 100)
    lay("a.txt", file_of(Paid("1" * 16, 5)))
    await turn()
    assert "bank_of_taiwan/refused/a.txt" in left(folder)
    assert await fee.sql("SELECT 1 FROM bank_file") == []


async def test_a_file_that_takes_too_long_keeps_no_other_from_being_booked(
    fee: Fee, folder: Path, lay: Lay, turn, monkeypatch: pytest.MonkeyPatch
):
    made = await fee.notice(A, OCTOBER)
    for amount, name in ((100, "1.txt"), (200, "2.txt")):
        lay(name, file_of(Paid(made["virtual_account"], amount)))
    take = dropping.take_dropped

    async def stands_still(database, dropped, data):
        await asyncio.sleep(60 if dropped.path.name == "1.txt" else 0)
        return await take(database, dropped, data)

    monkeypatch.setattr(dropping, "take_dropped", stands_still)
    monkeypatch.setattr(dropping, "_FILE", 8)
    await turn()
    assert left(folder) == ["bank_of_taiwan/1.txt", "bank_of_taiwan/taken/2.txt"]


async def test_the_worker_has_the_job_where_there_is_a_folder(fee: Fee, folder: Path):
    client = http.client()
    try:
        settings = fee.service.settings
        assert KIND not in handlers(settings, fee.service.database, client)
        with_folder = settings.model_copy(update={"bank_drop_dir": str(folder)})
        found = handlers(with_folder, fee.service.database, client)
        assert isinstance(found[KIND], Repeating)
        assert getattr(found[KIND], jobs.SECONDS_KEY) == TakeDropped.seconds
    finally:
        await client.aclose()


async def waiting(fee: Fee, kind: str) -> list[tuple[str, int]]:
    rows = await fee.sql(
        "SELECT state, extract(epoch FROM run_at - now())::int AS seconds FROM job WHERE kind = $1 ORDER BY id", kind
    )
    return [(row["state"], row["seconds"]) for row in rows]


async def test_repeating_work_asks_for_its_next_turn(fee: Fee):
    """Once at a time, however many workers begin; after each turn the next."""
    turns: list[int] = []

    async def work(job: jobs.Job) -> None:
        turns.append(job.id)

    database = fee.service.database
    found: dict[str, jobs.Handler] = {"x.daily": repeating(database, "x.daily", 3_600, work), "x.other": work}
    for _ in range(2):
        async with database.transaction(Context.system("rdss-fee")) as session:
            await ensure(session, found)
    assert await waiting(fee, "x.daily") == [("ready", 0)]
    assert await waiting(fee, "x.other") == []
    worker = jobs.Worker(database, "rdss-fee", found)
    assert await worker.run_once() == 1
    assert await worker.run_once() == 0
    (done, (state, seconds)) = await waiting(fee, "x.daily")
    assert (done[0], state, 3_500 < seconds <= 3_600, len(turns)) == ("done", "ready", True, 1)
    async with database.transaction(Context.system("rdss-fee")) as session:
        await ensure(session, found)
    assert len(await waiting(fee, "x.daily")) == 2


async def test_repeating_work_that_fails_is_tried_again_and_never_ends(fee: Fee):
    async def work(_job: jobs.Job) -> None:
        raise ValueError

    database = fee.service.database
    handler = repeating(database, "x.daily", 3_600, work)
    async with database.transaction(Context.system("rdss-fee")) as session:
        await handler.ask(session)
    worker = jobs.Worker(database, "rdss-fee", {"x.daily": handler})
    await worker.run_once()
    assert [state for state, _ in await waiting(fee, "x.daily")] == ["ready"]
    await fee.sql("UPDATE job SET attempts = max_attempts - 1, run_at = now()")
    await worker.run_once()
    assert [state for state, _ in await waiting(fee, "x.daily")] == ["done", "ready"]
