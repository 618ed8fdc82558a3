"""Sealing: each committed row in exactly one block, whatever the order of commits, and nobody waits for it."""

import asyncio
import contextlib
import hashlib
import json
import time
from dataclasses import replace
from itertools import chain, pairwise

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.databases import plain
from shared import audit_ranges as ranges
from shared import purposes
from shared.audit_blocks import GENESIS, newest_block, row_line
from shared.audit_heads import FileHeads, Head, HeadError
from shared.audit_seal import Sealer
from shared.db import Database
from tests.shared.sealing import KEY, OFFICER, SERVICE, House, housed

INSERT = (
    "INSERT INTO audit_entry (sub, org_type, org_code, action, entity, entity_id, data)"
    " VALUES ('s', 't', 'c', 'a', 'e', 'i', '{}') RETURNING id"
)


@pytest.fixture
async def house(template, tmp_path):
    async with housed(template(SERVICE), tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def writer(house: House):
    """A connection of the application, for transactions that the test ends when it wants."""
    # What an INSERT returns is read under the policies.
    context = {"app.org_type": "t", "app.org_code": "c"}
    connection = await asyncpg.connect(plain(house.urls.app), server_settings=context)
    try:
        yield connection
    finally:
        await connection.close()


async def is_clean(house: House) -> bool:
    account = await house.verify(waiting=3_600)
    return not account.findings and account.warnings.keys() <= {"head_pending"}


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
        began = time.monotonic()
        await house.write(5)
        assert time.monotonic() - began < 1
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


# -- what is hashed -----------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(TEXT, JSON, st.none() | TEXT)
def test_a_row_is_written_as_any_json_library_writes_it(word, data, request_id):
    """`json` of the standard library, from whatever order of names."""
    row = (1, 1_795_240_000_000_000, word, "t", "c", "a", "e", word, json.dumps(data), request_id)
    plainly = json.dumps([*row[:8], data, request_id], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert row_line(row) == plainly.encode()


@pytest.mark.parametrize(
    "data, written",
    [
        ('{"b": 1, "a": {"d": 1, "c": 2}, "aa": 0, "B": 0}', '{"B":0,"a":{"c":2,"d":1},"aa":0,"b":1}'),
        ('{"x": [1.10, 1.1, 0.00000001, 1e25]}', '{"x":[1.10,1.1,0.00000001,10000000000000000000000000]}'),
        ('{"堃": "堃\\u00e9\\/\\ud83d\\ude00\\u0001"}', '{"堃":"堃é/😀\\u0001"}'),
    ],
)  # fmt: skip
async def test_json_comes_back_as_it_is_hashed(house: House, data: str, written: str):
    """Through the database and back, to the byte."""
    async with writer(house) as app:
        await app.execute(INSERT.replace("'{}'", "$1"), data)
    [row] = await house.as_superuser("SELECT data::text FROM audit_entry")
    assert f",{written},".encode() in row_line((1, 2, "", "", "", "", "", "", row["data"], None))
    await house.sealer.seal()
    assert await is_clean(house)


async def test_json_nested_deeper_than_python_goes_is_sealed_too(house: House):
    async with writer(house) as app:
        await app.execute(INSERT.replace("'{}'", "$1"), "[" * 3_000 + "]" * 3_000)
    assert await house.sealer.seal() == 1
    assert await is_clean(house)


async def test_a_block_can_be_computed_by_what_its_description_says(house: House):
    """With the standard library alone, from the documentation of `shared.audit_blocks`."""
    await house.sealed_blocks(2, 1)
    async with house.database.transaction(OFFICER) as session:
        await purposes.assume(session, "seal", "audit_block", "test", audited=False)
        block = await newest_block(session, SERVICE)
    assert block is not None
    [row] = await house.as_superuser("SELECT *, data::text AS d FROM audit_entry WHERE id = 3")
    at = int(row["at"].timestamp()) * 1_000_000 + row["at"].microsecond
    line = json.dumps(
        [3, at, "officer", "county", "63000", "thing.done", "thing", "0", json.loads(row["d"]), None],
        sort_keys=True, separators=(",", ":"), ensure_ascii=False,
    )  # fmt: skip
    rows_digest = hashlib.sha256(hashlib.sha256(line.encode()).digest()).hexdigest()
    [first, second] = await house.blocks()
    content = [
        "muster.audit.block.v1", "identity", 2, first["digest"].hex(), 3, 1, [[3, 4]], [], rows_digest, block.sealed_at,
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).digest()
    assert (block.digest, second["digest"]) == (digest, digest)


# -- sets of ids --------------------------------------------------------------------------------------------------

IDS = st.frozensets(st.integers(0, 30), max_size=20)


@given(IDS, IDS)
def test_ranges_are_sets_of_ids(some, others):
    a, b = ranges.of_ids(some), ranges.of_ids(others)
    assert set(chain(*(range(*r) for r in a))) == some
    assert (ranges.size(a), ranges.read(ranges.write(a))) == (len(some), a)
    assert ranges.without(a, b) == ranges.of_ids(some - others)
    assert ranges.merged((*a, *b)) == ranges.of_ids(some | others)
    assert {n for n in range(-1, 32) if ranges.holds(a, n)} == some


# -- heads --------------------------------------------------------------------------------------------------------


def head(number: int, fill: int = 1) -> Head:
    return Head(number, bytes([fill]) * 32, 1_795_240_000_123_456)


def test_heads_are_appended_in_order_and_once(tmp_path):
    heads = FileHeads(tmp_path / "audit", SERVICE, KEY)
    assert (heads.newest(), list(heads.lines())) == (None, [])
    for refused in (head(0), head(2)):
        if refused.number:
            with pytest.raises(HeadError):
                heads.append(refused)
    for number in (1, 1, 2, 1, 3):
        heads.append(head(number))
    with pytest.raises(HeadError):
        heads.append(head(3, fill=9))
    with pytest.raises(HeadError):
        heads.append(head(5))
    assert [line.head for line in heads.lines()] == [head(1), head(2), head(3)]
    assert heads.newest() == head(3)
    assert heads.path.stat().st_mode & 0o777 == 0o600
    assert heads.path.parent.stat().st_mode & 0o777 == 0o700
    assert msgspec.json.decode(heads.path.read_bytes().splitlines()[0]).keys() == {
        "v", "service", "number", "digest", "sealed_at", "adopted", "mac",
    }  # fmt: skip


@pytest.mark.parametrize("kept", [0, 1, 40, 200, -1])
def test_a_line_that_a_crash_cut_off_is_written_again(tmp_path, kept):
    heads = FileHeads(tmp_path, SERVICE, KEY)
    heads.append(head(1))
    whole = heads.path.read_bytes()
    heads.append(head(2))
    line = heads.path.read_bytes()[len(whole) :]
    heads.path.write_bytes(whole + line[:kept])
    assert heads.newest() == head(1)
    assert [found.head for found in heads.lines()] == [head(1)]
    heads.append(head(2))
    assert heads.path.read_bytes() == whole + line
    heads.append(head(3))
    assert [found.head for found in heads.lines()] == [head(1), head(2), head(3)]


def test_the_end_of_the_file_that_no_line_of_ours_begins_with_takes_a_person(tmp_path):
    heads = FileHeads(tmp_path, SERVICE, KEY)
    heads.append(head(1))
    with heads.path.open("ab") as file:
        file.write(bytes(60))
    assert heads.newest() == head(1)
    with pytest.raises(HeadError):
        heads.append(head(2))
    heads.append(replace(head(1), adopted=True))
    heads.append(head(2))
    assert [line.head for line in heads.lines()] == [head(1), None, replace(head(1), adopted=True), head(2)]


def test_a_line_of_another_key_is_none_of_ours(tmp_path):
    FileHeads(tmp_path, SERVICE, bytes(32)).append(head(1))
    heads = FileHeads(tmp_path, SERVICE, KEY)
    assert [line.head for line in heads.lines()] == [None]
    for call in (heads.newest, lambda: heads.append(head(2))):
        with pytest.raises(HeadError):
            call()
    with pytest.raises(HeadError):
        FileHeads(tmp_path, "roster", None).append(head(1))


async def test_the_pool_of_the_worker_is_enough(house: House):
    """One connection: sealing waits for none that it holds itself."""
    database = Database(house.urls.app, pool_size=1)
    try:
        await house.write(3)
        assert await Sealer(database, SERVICE, house.heads).seal() == 1
    finally:
        await database.close()
