"""What is hashed, to the byte; sets of ids; the log of heads."""

import hashlib
import json
from dataclasses import replace
from itertools import chain

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import audit_ranges as ranges
from shared import purposes
from shared.audit_blocks import newest_block, row_line
from shared.audit_heads import FileHeads, Head, HeadError
from tests.shared.sealing import INSERT, KEY, OFFICER, SERVICE, House, housed, is_clean, writer


@pytest.fixture
async def house(template, tmp_path):
    async with housed(template(SERVICE), tmp_path) as made:
        yield made


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
    # What ran before in this process may have left the id of its request.
    line = json.dumps(
        [3, at, "officer", "county", "63000", "thing.done", "thing", "0", json.loads(row["d"]),
         row["request_id"]],
        sort_keys=True, separators=(",", ":"), ensure_ascii=False,
    )  # fmt: skip
    rows_digest = hashlib.sha256(hashlib.sha256(line.encode()).digest()).hexdigest()
    [first, second] = await house.blocks()
    content = [
        "muster.audit.block.v1", "identity", 2, first["digest"].hex(), 3, 1, [[3, 4]], [], rows_digest, block.sealed_at,
    ]  # fmt: skip
    assert (block.previous, block.rows_digest.hex()) == (first["digest"], rows_digest)
    assert (block.ids, block.awaited) == (((3, 4),), ()), "the blocks are not what the description is about"
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
