"""Random histories of transactions and of sealers that are killed: never a false alarm, and no row lost or doubled."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.audit_heads import FileHeads, Head
from shared.audit_seal import Sealer
from shared.db import Context, Database
from tests.shared.sealing import INSERT, KEY, SERVICE, House, housed, is_clean, writer
from tests.support.soak import examples

WRITERS = 3
STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, WRITERS - 1), st.integers(1, 4)),
    st.tuples(st.sampled_from(["commit", "rollback"]), st.integers(0, WRITERS - 1), st.just(0)),
    st.tuples(st.just("seal"), st.just(0), st.just(0)),
    st.tuples(st.sampled_from(["die before the commit", "die before the head"]), st.just(0), st.just(0)),
    st.tuples(st.just("die in the head"), st.integers(0, 250), st.just(0)),
    st.tuples(st.just("another sealer"), st.just(0), st.just(0)),
)


class Killed(BaseException):
    """The end of a sealer that cannot be caught, as SIGKILL's cannot."""


class DyingDatabase(Database):
    """Gives out transactions that end before they are committed."""

    @asynccontextmanager
    async def transaction(self, context: Context) -> AsyncIterator[Any]:
        async with super().transaction(context) as session:
            yield session
            raise Killed


class DyingHeads(FileHeads):
    """Writes so much of a line and no more."""

    def __init__(self, folder: Path, written: int) -> None:
        super().__init__(folder, SERVICE, KEY)
        self.written = written

    def append(self, head: Head) -> None:
        if self.written:
            before = self.path.read_bytes() if self.path.exists() else b""
            super().append(head)
            after = self.path.read_bytes()[len(before) :]
            self.path.write_bytes(before + after[: min(self.written, len(after) - 1)])
        raise Killed


async def killed(house: House, step: str, written: int) -> None:
    """A sealer lives until it has something to do, and is gone then."""
    heads: FileHeads = house.heads
    database = house.database
    if step == "die before the commit":
        database = DyingDatabase(house.urls.app, pool_size=1)
    else:
        heads = DyingHeads(house.folder, written if step == "die in the head" else 0)
    try:
        with contextlib.suppress(Killed):
            await Sealer(database, SERVICE, heads, block_rows=5).seal()
    finally:
        if database is not house.database:
            await database.close()


@settings(
    max_examples=examples(25, 2_000), deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)  # fmt: skip
@given(history=st.lists(STEPS, max_size=30))
async def test_any_history(template, tmp_path_factory, history):
    async with (
        housed(template(SERVICE), tmp_path_factory.mktemp("heads")) as house,
        AsyncExitStack() as stack,
    ):
        writers = [await stack.enter_async_context(writer(house)) for _ in range(WRITERS)]
        sealer, second = house.another_sealer(block_rows=5), house.another_sealer(block_rows=5)
        committed: list[int] = []
        pending: list[list[int]] = [[] for _ in writers]

        async def end(number: int, how: str) -> None:
            if writers[number].is_in_transaction():
                await writers[number].execute(how)
                committed.extend(pending[number] if how == "commit" else [])
            pending[number] = []

        for step, number, count in history:
            if step == "write":
                if not writers[number].is_in_transaction():
                    await writers[number].execute("BEGIN")
                pending[number] += [await writers[number].fetchval(INSERT) for _ in range(count)]
            elif step in ("commit", "rollback"):
                await end(number, step)
            elif step == "seal":
                await sealer.seal()
            elif step == "another sealer":
                sealer, second = second, house.another_sealer(block_rows=5)
            else:
                await killed(house, step, number)
                assert await is_clean(house), step
                sealer = house.another_sealer(block_rows=5)
            if step == "seal":
                assert await is_clean(house)
        for number in range(WRITERS):
            await end(number, "commit" if number % 2 else "rollback")
        await sealer.seal()
        await second.seal()
        held = await house.ids_by_block()
        assert sorted(chain(*held)) == sorted(committed)
        account = await house.verify()
        assert (account.findings, account.warnings, account.waiting) == ({}, {}, 0)
        assert [block["number"] for block in await house.blocks()] == list(range(1, len(held) + 1))
        assert all(block["awaited"] == [] for block in (await house.blocks())[-1:])


@pytest.fixture
async def house(template, tmp_path):
    async with housed(template(SERVICE), tmp_path) as made:
        yield made


async def test_sealing_processes_are_killed_while_others_write(house: House):
    """SIGKILL at any moment: what is left is whole, and the next one goes on."""
    stop = asyncio.Event()

    async def write() -> int:
        written = 0
        while not stop.is_set():
            await house.write(3)
            written += 3
            await asyncio.sleep(0.01)
        return written

    writing = asyncio.create_task(write())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")} | {
        "SEAL_URL": house.urls.app,
        "SEAL_HEADS": str(house.folder),
    }
    for pause in (0.05, 0.2, 0.4):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.shared.sealer_child", env=environment, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"sealing\n"
        await asyncio.sleep(pause)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        # Its connection may live a moment longer than it does.
        assert await is_clean(house)
        assert not writing.done()
    stop.set()
    written = await writing
    # The lock of the dead goes with its connection.
    async with asyncio.timeout(20):
        while (await house.verify()).waiting:
            await house.another_sealer().seal()
    held = await house.ids_by_block()
    assert len(held) >= 4
    assert sorted(chain(*held)) == list(range(1, written + 1))
    assert (await house.verify()).warnings == {}


async def test_control_without_the_order_a_kill_hides_a_cut_tail(house: House):
    """Were two blocks allowed ahead of their heads, nobody could tell a kill from a tail that was computed anew."""
    await house.sealed_blocks(2, 2)
    kept = house.heads.path.read_bytes()
    await house.sealed_blocks(2, 2)
    house.heads.path.write_bytes(kept)
    assert await house.findings() == {"head_missing": (3, [], 2)}


async def test_what_one_with_all_rights_can_do_before_the_head_is_written(house: House):
    """The honest limit: rows not sealed yet, and the one block whose head a kill held back, are his to change."""
    await house.sealed_blocks(2)
    await house.write(1)
    with contextlib.suppress(Killed):
        await Sealer(house.database, SERVICE, DyingHeads(house.folder, 0)).seal()
    await house.as_superuser(
        "DELETE FROM audit_block WHERE number = 2", "UPDATE audit_entry SET sub = 'other' WHERE id = 3"
    )
    assert await house.another_sealer().seal() == 1
    assert await house.findings() == {}
    # From then on it is fixed.
    await house.as_superuser("UPDATE audit_entry SET sub = 'officer' WHERE id = 3")
    assert (await house.findings()).keys() == {"row_edited"}


async def test_prepared_transactions_are_waited_for(house: House):
    """They go on under another name."""
    async with writer(house) as connection:
        await connection.execute("BEGIN")
        await connection.fetchval(INSERT)
        await house.write()
        await house.sealer.seal()
        await connection.execute("PREPARE TRANSACTION 'late'")
        await house.sealer.seal()
        await connection.execute("COMMIT PREPARED 'late'")
        await house.sealer.seal()
    assert await house.ids_by_block() == [[2], [1]]
