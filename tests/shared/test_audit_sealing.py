"""Sealing: each committed row in exactly one block, whatever the order of commits, and nobody waits for it."""

import asyncio
import contextlib
import os
from itertools import chain, pairwise

import asyncpg
import pytest

from local.databases import drop, plain, prepare
from shared import audit_ranges as ranges
from shared import audit_seal, migrations
from shared.audit_blocks import GENESIS
from shared.audit_seal import Sealer
from shared.db import Database
from tests.shared.sealing import INSERT, SERVICE, House, housed, is_clean, writer


@pytest.fixture
async def house(template, tmp_path):
    async with housed(template(SERVICE), tmp_path) as made:
        yield made


async def test_nothing_new_is_no_block(house: House):
    assert await house.sealer.seal() == 0
    await house.write(3)
    assert [await house.sealer.seal() for _ in range(4)] == [1, 0, 0, 0]
    assert len(await house.blocks()) == len(list(house.heads.lines())) == 1
    [block] = await house.blocks()
    assert (block["first_id"], block["last_id"], block["row_count"], block["previous"]) == (1, 3, 3, GENESIS)


async def test_what_was_there_before_is_sealed_in_blocks_of_bounded_size(house: House):
    await house.write(25)
    sealer = house.another_sealer(block_rows=10)
    assert await sealer.seal() == 3
    assert [len(held) for held in await house.ids_by_block()] == [10, 10, 5]
    await house.write(20)
    assert await sealer.seal() == 2
    assert await is_clean(house)


async def test_a_checkout_from_before_has_its_rows_sealed(admin_url, tmp_path):
    """Written under the first revision, when nothing was sealed; migrated with the rows in place."""
    name = f"old_{os.getpid()}"
    urls = (await prepare(admin_url, [SERVICE], name, {}))[SERVICE]
    try:
        await asyncio.to_thread(migrations.upgrade, SERVICE, urls.owner, "0001_create_accounts")
        database = Database(urls.app, pool_size=2)
        house = House(urls, admin_url, tmp_path, database)
        await house.write(7)
        await asyncio.to_thread(migrations.upgrade, SERVICE, urls.owner)
        await house.write(1)
        assert await house.sealer.seal() == 1
        assert await house.ids_by_block() == [[1, 2, 3, 4, 5, 6, 7, 8]]
        assert await is_clean(house)
        await database.close()
    finally:
        await drop(admin_url, [SERVICE], name)


async def test_a_smaller_id_that_is_committed_later_goes_into_a_later_block(house: House):
    async with writer(house) as slow:
        transaction = slow.transaction()
        await transaction.start()
        late = await slow.fetchval(INSERT)
        await house.write(2)
        await house.sealer.seal()
        [block] = await house.blocks()
        assert (ranges.of_ids([late]), block["row_count"]) == (ranges.read("{[1,2)}"), 2)
        assert await house.sealer.seal() == 0
        assert await is_clean(house)
        await transaction.commit()
        # Waiting, and not planted.
        account = await house.verify()
        assert (account.findings, account.waiting) == ({}, 1)
    assert await house.sealer.seal() == 1
    assert await house.ids_by_block() == [[2, 3], [1]]
    assert await is_clean(house)


async def test_many_late_rows_are_sealed_in_blocks_of_bounded_size(house: House):
    """What a full block left unread is still awaited."""
    sealer = house.another_sealer(block_rows=10)
    async with writer(house) as slow, slow.transaction():
        for _ in range(25):
            await slow.fetchval(INSERT)
        await house.write(3)
        await sealer.seal()
    await house.write(2)
    assert await sealer.seal() == 3
    assert [len(held) for held in await house.ids_by_block()] == [3, 10, 10, 7]
    assert await is_clean(house)


async def test_what_was_rolled_back_is_awaited_no_longer(house: House):
    async with writer(house) as other:
        transaction = other.transaction()
        await transaction.start()
        await other.fetchval(INSERT)
        await house.write()
        await house.sealer.seal()
        await transaction.rollback()
    assert await house.sealer.seal() == 0
    first, second = await house.blocks()
    assert (first["awaited"], second["awaited"], second["row_count"]) == ([asyncpg.Range(1, 2)], [], 0)
    await house.sealer.seal()
    assert len(await house.blocks()) == 2
    # A row that appears there now was not written by us: it is found, and not sealed.
    await house.as_superuser(INSERT.replace(" (sub", " (id, sub").replace("('s'", "(1, 's'").replace(
        "VALUES", "OVERRIDING SYSTEM VALUE VALUES"))  # fmt: skip
    for sealer in (house.sealer, house.another_sealer()):
        await sealer.seal()
    assert len(await house.blocks()) == 2
    assert await house.findings() == {"row_planted": (2, [1], 1)}


async def test_a_gap_that_nobody_can_fill_needs_no_block_of_its_own(house: House):
    await house.skip_id()
    await house.write()
    await house.skip_id()
    await house.sealer.seal()
    await house.write()
    await house.sealer.seal()
    assert [block["awaited"] for block in await house.blocks()] == [[], []]
    assert await house.ids_by_block() == [[2], [4]]


async def test_a_savepoint_that_was_rolled_back_does_not_hide_its_transaction(house: House):
    async with writer(house) as other:
        transaction = other.transaction()
        await transaction.start()
        first = await other.fetchval(INSERT)
        with contextlib.suppress(ZeroDivisionError):
            async with other.transaction():
                await other.fetchval(INSERT)
                raise ZeroDivisionError
        await house.write()
        await house.sealer.seal()
        await transaction.commit()
    await house.sealer.seal()
    assert (first, await house.ids_by_block()) == (1, [[3], [1]])
    assert await is_clean(house)


async def test_a_row_that_appears_between_two_looks_is_not_taken_for_rolled_back(house: House, monkeypatch):
    """Its transaction ends after the rows were read, and before it is asked who is still writing."""
    async with writer(house) as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.fetchval(INSERT)
        await house.write()
        ask = audit_seal._writers

        async def end_then_ask(session):
            monkeypatch.setattr(audit_seal, "_writers", ask)
            await transaction.commit()
            return await ask(session)

        monkeypatch.setattr(audit_seal, "_writers", end_then_ask)
        await house.sealer.seal()
    [block] = await house.blocks()
    assert block["awaited"] == [asyncpg.Range(1, 2)]
    await house.sealer.seal()
    assert await house.ids_by_block() == [[2], [1]]
    assert await is_clean(house)


def test_a_prepared_transaction_may_go_on_under_another_name():
    """After a crash of the server it does, and nobody can tell which it had."""
    assert audit_seal._still(frozenset({"3/7"}), frozenset({"4/1", "-1/900"})) == {"-1/900"}
    assert audit_seal._still(frozenset({"3/7", "4/1"}), frozenset({"4/1"})) == {"4/1"}
    assert audit_seal._still(frozenset(), frozenset({"-1/900"})) == frozenset()


async def test_a_sealer_started_anew_awaits_what_the_one_before_did(house: House):
    async with writer(house) as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.fetchval(INSERT)
        await house.write()
        await house.sealer.seal()
        second = house.another_sealer()
        await second.seal()
        await house.write()
        await second.seal()
        await transaction.commit()
    await house.another_sealer().seal()
    assert await house.ids_by_block() == [[2], [3], [1]]
    assert await is_clean(house)


async def test_many_writers_commit_and_roll_back_in_any_order(house: House):
    """Four connections against two sealers, each in its own time; at no moment is anything amiss."""
    stop = asyncio.Event()
    committed: list[int] = []

    async def write(number: int) -> None:
        async with writer(house) as connection:
            for turn in range(60):
                transaction = connection.transaction()
                await transaction.start()
                ids = []
                for _ in range(1 + (turn + number) % 3):
                    ids.append(await connection.fetchval(INSERT))
                    await asyncio.sleep(0.001 * ((turn * 7 + number * 3) % 5))
                if (turn + number) % 4:
                    await transaction.commit()
                    committed.extend(ids)
                else:
                    await transaction.rollback()

    async def seal(sealer: Sealer) -> None:
        while not stop.is_set():
            await sealer.seal()
            await asyncio.sleep(0.002)

    async def look() -> int:
        looks = 0
        while not stop.is_set():
            assert await is_clean(house)
            looks += 1
            await asyncio.sleep(0.02)
        return looks

    looking = asyncio.create_task(look())
    sealing = [asyncio.create_task(seal(sealer)) for sealer in (house.sealer, house.another_sealer())]
    await asyncio.gather(*(write(number) for number in range(4)))
    stop.set()
    await asyncio.gather(*sealing)
    assert await looking > 3
    await house.another_sealer().seal()
    held = await house.ids_by_block()
    assert sorted(chain(*held)) == sorted(committed)
    assert len(held) > 10
    assert any(min(later) < max(earlier) for earlier, later in pairwise(held) if earlier and later)
    assert (await house.verify()).warnings == {}
    assert len(list(house.heads.lines())) == len(held)


async def test_control_by_greatest_id_alone_rows_are_lost(house: House):
    """What a sealer that went on from the greatest sealed id would miss."""
    async with writer(house) as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.fetchval(INSERT)
        await house.write()
        await house.sealer.seal()
        await transaction.commit()
    [block] = await house.blocks()
    assert await house.as_superuser(f"SELECT id FROM audit_entry WHERE id > {block['upto_id']}") == []
    assert await house.as_superuser("SELECT id FROM audit_entry WHERE id = 1") != []


async def test_writers_do_not_wait_and_hold_nobody_up(house: House):
    """A sealer that stands still in its transaction stops no writer; a writer that stands still stops no sealer."""
    async with writer(house) as sealing, writer(house) as writing:
        await sealing.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('muster.audit.seal'))")
        await sealing.fetch("SELECT * FROM audit_entry")
        async with asyncio.timeout(10):
            await house.write(5)
        # The other one finds that somebody is at it.
        assert await house.sealer.seal() == 0
        await sealing.execute("ROLLBACK")
        await writing.execute("BEGIN")
        await writing.execute(INSERT)
        assert await house.sealer.seal() == 1
        await writing.execute("ROLLBACK")


async def test_blocks_take_no_change_and_show_nobody_anything(house: House):
    await house.sealed_blocks(2)
    async with writer(house) as app:
        for statement in ("SELECT * FROM audit_block", "SELECT * FROM audit_entry"):
            assert await app.fetch(statement) == []
        for statement in ("UPDATE audit_block SET number = 7", "DELETE FROM audit_block", "TRUNCATE audit_block"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
    owner = await asyncpg.connect(plain(house.urls.owner))
    try:
        for statement in ("UPDATE audit_block SET number = 7", "DELETE FROM audit_block", "TRUNCATE audit_block"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never changed"):
                await owner.execute(statement)
    finally:
        await owner.close()


async def test_the_pool_of_the_worker_is_enough(house: House):
    """One connection: sealing waits for none that it holds itself."""
    database = Database(house.urls.app, pool_size=1)
    try:
        await house.write(3)
        assert await Sealer(database, SERVICE, house.heads).seal() == 1
    finally:
        await database.close()
