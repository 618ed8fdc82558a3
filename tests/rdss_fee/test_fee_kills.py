"""Killed at any commit of a run or of a bank file's booking, the same comes of it (FE-14, FE-32, FE-36).

Of each story the process is killed, then the postmaster, right before and right after each of its commits; then it is
told again. What is in the database in the end, and in the drop folder, is what an undisturbed telling leaves.
"""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from local.databases import Urls, plain
from local.errors import StartError
from local.postgres import Postgres, free_port
from tests.conftest import FOR_TESTS
from tests.rdss_fee.killed import OCTOBER, SEPTEMBER, STORIES, Kill, World, child, paid
from tests.rdss_fee.support import FINANCE, TODAY, A, B, Fee
from tests.support.databases import Template, make_template
from tests.support.rosters import set_today
from tests.support.services import FIELD_KEYS, running

pytestmark = [
    pytest.mark.rule("FE-14", "FE-32", "FE-36"),
    pytest.mark.xdist_group("fee_kills"),
    pytest.mark.timeout(600),
]
LONG_AGO = 1_000_000_000  # when the file was laid down

# What came of it, without ids and times; each row as text.
STATE = {
    "runs": "SELECT month, kind, state, version, asked_by, issued_by, line_count, employer_count, charges, credits,"
    " manifest ->> 'lines' AS lines FROM billing_run WHERE kind = 'regular' AND month = '2026-10-01'",
    "lines": "SELECT l.employer_code, s.no, l.month, l.kind, l.reason, l.days, l.rate, l.entitled, l.billed, l.amount"
    " FROM line AS l JOIN serviceman AS s ON s.id = l.serviceman_id",
    "notices": "SELECT employer_code, month, amount, virtual_account, issued_on, due_on FROM notice",
    "statements": "SELECT employer_code, month, amount, issued_on FROM credit_statement",
    "postings": "SELECT kind, debit, credit, amount, employer_code, booked_on, booked_by, notice_id IS NULL AS general,"
    " transaction_id IS NULL AS by_hand FROM posting",
    "files": "SELECT digest, layout, line_count, total, fresh_count, complete_through FROM bank_file",
    "transactions": "SELECT line, key, account, amount, employer_code, why FROM bank_transaction",
    # Why the service looks is on record as often as it looks.
    "audit": "SELECT action, entity, sub FROM audit_entry WHERE action NOT LIKE 'purpose.%'",
    "told": "SELECT payload -> 'event' ->> 'type' AS type FROM job WHERE kind = 'event.deliver'",
    "left undone": "SELECT kind, state FROM job WHERE kind <> 'event.deliver' AND state <> 'done'",
    "unbalanced": "SELECT id FROM posting WHERE debit = credit OR amount <= 0",
}
forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["rdss_fee.main", "tests.rdss_fee.killed"])


@dataclass
class Ground:
    """A server of its own, and a database in which September was billed."""

    server: Postgres
    empty: Template
    seeded: Urls
    clock_file: str

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[World]:
        """A copy, with the bank's file in a drop folder."""
        place = folder / "bank_of_taiwan"
        place.mkdir(parents=True)
        file = place / "20260914.txt"
        file.write_bytes(paid())
        os.utime(file, (LONG_AGO, LONG_AGO))
        async with self.empty.copy(self.seeded) as urls:
            yield World(urls, FIELD_KEYS, self.clock_file, str(folder))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that may be killed."""
    with Postgres(tmp_path_factory.mktemp("killed") / "data", free_port(), settings=FOR_TESTS) as made:
        yield made


@pytest.fixture(scope="module")
def empty(server: Postgres) -> Template:
    """The fee's database there."""
    return make_template(server.admin_url, "rdss-fee", "killed")


@pytest.fixture
async def ground(
    server: Postgres, empty: Template, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Ground]:
    """September was billed to A and B; A's man of September was none of its men, and it has two new ones."""
    set_today(monkeypatch, tmp_path, TODAY)
    urls = await empty.clone()
    async with running("rdss-fee", urls) as service:
        fee = Fee(service)
        await fee.scheme()
        for code, number in ((A, 1), (B, 2)):
            await fee.employer(code, number)
            await fee.notice(code, SEPTEMBER)
        await fee.period(await fee.man(), A, date(2026, 9, 10), known_on=TODAY)
        await fee.period(await fee.man(degree="doctoral"), A, date(2026, 10, 1), date(2026, 10, 20), known_on=TODAY)
        await fee.period(await fee.man(), B, OCTOBER.first)
    yield Ground(server, empty, urls, os.environ["MUSTER_CLOCK_FILE"])
    await empty.drop(urls)
    await empty.close()


async def rows(urls: Urls, text: str) -> list[asyncpg.Record]:
    """What the owner reads."""
    connection = await asyncpg.connect(plain(urls.owner))
    try:
        found: list[asyncpg.Record] = await connection.fetch(text)
        return found
    finally:
        await connection.close()


async def state(world: World) -> dict[str, list[str]]:
    """All that came of it."""
    found = {name: sorted(str(tuple(row)) for row in await rows(world.urls, text)) for name, text in STATE.items()}
    return found | {"folder": lying(Path(world.drop_dir))}


def lying(folder: Path) -> list[str]:
    """The files in a drop folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def told_by_a_child(
    story: str, world: World, kill: Kill | None = None, fault: str | None = None
) -> tuple[int | None, int | None]:
    """How the process ended, and how many commits it made if it lived."""
    ours, theirs = forks.Pipe(duplex=False)
    process = forks.Process(target=child, args=(theirs, story, world, kill, fault), daemon=True)
    process.start()
    theirs.close()
    try:
        made = ours.recv() if ours.poll(60) else None
    except EOFError:
        made = None
    finally:
        process.join(60)
        if process.is_alive():
            process.kill()
            process.join()
    return process.exitcode, made


def again(server: Postgres) -> None:
    """The server is back, once what its postmaster left behind has ended. By this thread: with it the server ends."""
    server.kill()
    for _ in range(100):
        with contextlib.suppress(StartError):
            server.start()
            return
        time.sleep(0.1)
    server.start()


async def killed(ground: Ground, story: str, world: World, kill: Kill, fault: str | None) -> None:
    """It begins, is killed, and is told again by another."""
    code, _ = await asyncio.to_thread(told_by_a_child, story, world, kill, fault)
    if kill.victim is None:
        assert code == -signal.SIGKILL
    else:
        # Whose server is gone may have had his answer still; else what he does is his own affair, as long as he ends.
        again(ground.server)
        assert code != -signal.SIGKILL, "it hung"
    # As if the lease of the worker that is gone had run out.
    await rows(world.urls, "UPDATE job SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")
    await rows(world.urls, "UPDATE job SET run_at = now() WHERE state = 'ready'")
    code, made = await asyncio.to_thread(told_by_a_child, story, world, None, fault)
    assert (code, made is None) == (0, False), "told again, it comes to its end"


async def undisturbed(ground: Ground, story: str, folder: Path, fault: str | None) -> tuple[dict[str, list[str]], int]:
    """What comes of a story, and in how many commits."""
    async with ground.world(folder) as world:
        code, commits = await asyncio.to_thread(told_by_a_child, story, world, None, fault)
        assert code == 0
        assert commits
        return await state(world), commits


async def every_kill(ground: Ground, folder: Path, story: str, victim: str, fault: str | None = None) -> None:
    """Tell it once undisturbed, and once for each side of each commit."""
    expected, commits = await undisturbed(ground, story, folder / "undisturbed", fault)
    assert expected["postings"]
    assert expected["left undone"] in ([], ["('bank.drop', 'ready')"])
    for commit in range(1, commits + 1):
        for after in (False, True):
            async with ground.world(folder / f"{commit}-{after}") as world:
                kill = Kill(commit, after, ground.server.pid if victim == "postmaster" else None)
                await killed(ground, story, world, kill, fault)
                assert await state(world) == expected, kill
                async with running("rdss-fee", world.urls) as service:
                    verified = await Fee(service).get("/ledger/verification", FINANCE)
                    assert verified.json()["findings"] == []
    print(f"{story}: {commits} commits, {victim} killed on each side of each")


@pytest.mark.parametrize("victim", ["process", "postmaster"])
@pytest.mark.parametrize("story", STORIES)
async def test_whoever_is_killed_at_whatever_commit(ground: Ground, tmp_path: Path, story: str, victim: str):
    await every_kill(ground, tmp_path, story, victim)


@pytest.mark.parametrize(("story", "fault"), [("billed", "told_at_once"), ("dropped", "moved_first")])
async def test_control_what_is_not_one_transaction_is_found(ground: Ground, tmp_path: Path, story: str, fault: str):
    with pytest.raises(AssertionError, match="Kill"):
        await every_kill(ground, tmp_path, story, "process", fault)
