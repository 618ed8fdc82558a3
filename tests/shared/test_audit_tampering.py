"""Whatever the database's superuser does to sealed audit rows is found and named."""

import hashlib
from dataclasses import replace

import pytest

from shared import audit_ranges as ranges
from shared.audit_blocks import BLOCK_COLUMNS, GENESIS, MARK, ROW_COLUMNS, Block, block_of, row_digest
from shared.audit_check import verify
from shared.audit_findings import TEXTS
from shared.audit_heads import FileHeads, Head
from shared.audit_seal import Refused
from tests.shared.sealing import KEY, SERVICE, House, housed

# Five blocks, ids 1-3, 4-6, 7-9, 11-13, 14-16: id 10 was given to a transaction that was rolled back.
BLOCKS = 5


@pytest.fixture
async def house(template, tmp_path):
    async with housed(template(SERVICE), tmp_path) as made:
        await made.sealed_blocks(3, 3, 3)
        await made.skip_id()
        await made.sealed_blocks(3, 3)
        assert await made.ids_by_block() == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [11, 12, 13], [14, 15, 16]]
        yield made


async def test_control_nothing_is_found_where_nothing_was_done(house: House):
    account = await house.verify()
    assert (account.findings, account.warnings) == ({}, {})
    assert (account.blocks, account.rows, account.newest, account.head, account.waiting) == (5, 15, 5, 5, 0)


ROW = "sub, org_type, org_code, action, entity, entity_id, data, request_id"
INSERT = f"INSERT INTO audit_entry (id, at, {ROW}) OVERRIDING SYSTEM VALUE"
ALIKE = f"at, {ROW} FROM audit_entry WHERE id = 9"

SWAP_ROWS = (
    "UPDATE audit_entry a SET data = b.data, at = b.at FROM audit_entry b WHERE a.id IN (5, 8) AND b.id = 13 - a.id"
)
SWAP_IDS = (
    "ALTER TABLE audit_entry ALTER id DROP IDENTITY",
    "UPDATE audit_entry SET id = -5 WHERE id = 5",
    "UPDATE audit_entry SET id = 5 WHERE id = 8",
    "UPDATE audit_entry SET id = 8 WHERE id = -5",
)
SWAP_BLOCKS = (
    "UPDATE audit_block SET number = 99 WHERE number = 2",
    "UPDATE audit_block SET number = 2 WHERE number = 4",
    "UPDATE audit_block SET number = 4 WHERE number = 99",
)


@pytest.mark.parametrize(
    "statements, found",
    [
        # -- edit
        *(
            ([f"UPDATE audit_entry SET {change} WHERE id = 5"], {"row_edited": (2, [5], 1)})
            for change in (
                "data = data || '{\"note\": \"y\"}'", "data = data - 'n'", "sub = 'other'", "org_type = 'school'",
                "org_code = '64000'", "action = 'thing.undone'", "entity = 'person'", "entity_id = '7'",
                "request_id = 'r'", "at = at + interval '1 microsecond'", "at = 'infinity'",
                "data = jsonb_set(data, '{n}', '1.0')", "sub = '', org_type = 'officercounty'",
            )
        ),
        (["UPDATE audit_entry SET sub = 'other' WHERE id IN (5, 6, 12)"], {"row_edited": (2, [5, 6, 12], 3)}),
        # -- delete
        (["DELETE FROM audit_entry WHERE id = 5"], {"row_missing": (2, [5], 1)}),
        (["DELETE FROM audit_entry WHERE id IN (6, 7, 13)"], {"row_missing": (2, [6, 7, 13], 3)}),
        (["DELETE FROM audit_entry WHERE id = 16"], {"row_missing": (5, [16], 1)}),
        # -- insert, back-dated among sealed ones: in a gap, below all, and in the place of another
        ([f"{INSERT} SELECT 10, {ALIKE}"], {"row_planted": (5, [10], 1)}),
        ([f"{INSERT} SELECT 0, {ALIKE}"], {"row_planted": (None, [0], 1)}),
        ([f"{INSERT} SELECT -7, {ALIKE}"], {"row_planted": (None, [-7], 1)}),
        (
            ["DELETE FROM audit_entry WHERE id = 5", f"{INSERT} SELECT 5, {ALIKE}"],
            {"row_edited": (2, [5], 1)},
        ),
        # -- reorder
        ([SWAP_ROWS], {"row_edited": (2, [5, 8], 2)}),
        (SWAP_IDS, {"row_edited": (2, [5, 8], 2)}),
        (
            SWAP_BLOCKS,
            {"chain_broken": (2, [], 4), "block_altered": (2, [], 3), "head_differs": (2, [], 2)},
        ),
        # -- cut the tail: rows, blocks, both, all
        (["DELETE FROM audit_entry WHERE id > 13"], {"row_missing": (5, [14, 15, 16], 3)}),
        (
            ["DELETE FROM audit_entry WHERE id > 9", "DELETE FROM audit_block WHERE number > 3"],
            {"tail_cut": (4, [], 2)},
        ),
        (["TRUNCATE audit_entry, audit_block"], {"tail_cut": (1, [], 5)}),
        (["TRUNCATE audit_entry"], {"row_missing": (1, [*range(1, 10), 11], 15)}),
        (["TRUNCATE audit_block"], {"tail_cut": (1, [], 5)}),
        # -- the chain itself
        (["DELETE FROM audit_block WHERE number = 3"], {"block_missing": (3, [], 1),
                                                                  "row_planted": (5, [7, 8, 9], 3)}),
        (["UPDATE audit_block SET digest = decode(repeat('ab', 32), 'hex') WHERE number = 2"],
         {"block_altered": (2, [], 1), "chain_broken": (3, [], 1), "head_differs": (2, [], 1)}),
        (["UPDATE audit_block SET sealed_at = sealed_at - interval '1 day' WHERE number = 5"],
         {"block_altered": (5, [], 1)}),
        (["UPDATE audit_block SET sealed_at = 'infinity' WHERE number = 5"], {"block_altered": (5, [], 1)}),
        (["UPDATE audit_block SET rows_digest = decode(repeat('ab', 32), 'hex') WHERE number = 4"],
         {"block_altered": (4, [], 1), "rows_differ": (4, [], 1)}),
        (["UPDATE audit_block SET row_marks = decode(repeat('ab', 24), 'hex') WHERE number = 4"],
         {"row_edited": (4, [11, 12, 13], 3)}),
        (["UPDATE audit_block SET awaited = '{[10,11)}' WHERE number = 5"], {"block_altered": (5, [], 1)}),
        (["ALTER TABLE audit_block DROP CONSTRAINT ck_audit_block_ids",
          "UPDATE audit_block SET ids = '{[4,1000000000000)}' WHERE number = 2"], {"block_altered": (2, [], 1)}),
        (["ALTER TABLE audit_block DROP CONSTRAINT ck_audit_block_ids",
          "UPDATE audit_block SET ids = '{[4,)}' WHERE number = 2"], {"block_altered": (2, [], 1),
                                                                      "row_planted": (5, [4, 5, 6], 3)}),
    ],
)  # fmt: skip
async def test_it_is_found_and_named(house: House, statements, found):
    await house.as_superuser(*statements)
    assert await house.findings() == found
    account = await house.verify()
    assert not account.is_whole
    told = "\n".join(account.lines())
    for code in found:
        assert f"[{code}]" in told
    # The account tells where, and nothing of what stands there.
    assert "officer" not in told
    assert "63000" not in told
    assert "thing" not in told


async def computed_anew(house: House, first: int, *changes: str) -> None:
    """Change rows and compute every block from number `first` on, as one who has the code and the database can."""
    await house.as_superuser(*changes)
    rows = await house.as_superuser(f"SELECT {BLOCK_COLUMNS} FROM audit_block ORDER BY number")
    previous = GENESIS
    for row in rows:
        block: Block = block_of(SERVICE, _Named(row))
        if block.number >= first:
            ids = ranges.write(block.ids)
            held = await house.as_superuser(
                f"SELECT {ROW_COLUMNS} FROM audit_entry WHERE id <@ '{ids}'::int8multirange ORDER BY id"
            )
            digests = [row_digest(tuple(r.values())) for r in held]
            block = replace(
                block,
                previous=previous,
                ids=ranges.of_ids(r["id"] for r in held),
                row_count=len(held),
                rows_digest=hashlib.sha256(b"".join(digests)).digest(),
                row_marks=b"".join(d[:MARK] for d in digests),
            ).sealed()
            await house.as_superuser(
                f"UPDATE audit_block SET previous = '\\x{block.previous.hex()}', row_count = {block.row_count},"
                f" ids = '{ranges.write(block.ids)}', rows_digest = '\\x{block.rows_digest.hex()}',"
                f" row_marks = '\\x{block.row_marks.hex()}', digest = '\\x{block.digest.hex()}'"
                f" WHERE number = {block.number}"
            )
        previous = block.digest


class _Named:
    def __init__(self, record) -> None:
        self.__dict__.update(record.items())


@pytest.mark.parametrize(
    "changes",
    [
        ["UPDATE audit_entry SET sub = 'other' WHERE id = 5"],
        ["DELETE FROM audit_entry WHERE id = 5"],
        [SWAP_ROWS],
    ],
)
async def test_a_chain_computed_anew_is_found_by_its_heads_only(house: House, changes):
    await computed_anew(house, 2, *changes)
    assert await house.findings(heads=False) == {}
    assert await house.findings() == {"head_differs": (2, [], 4)}


async def test_without_the_heads_a_cut_tail_is_not_noticed(house: House):
    """Negative control: this is why the head stands outside."""
    await house.as_superuser(
        "DELETE FROM audit_entry WHERE id > 9", "DELETE FROM audit_block WHERE number > 3",
    )  # fmt: skip
    assert await house.findings(heads=False) == {}
    await house.as_superuser("TRUNCATE audit_entry, audit_block")
    assert await house.findings(heads=False) == {}
    assert await house.findings() == {"tail_cut": (1, [], 5)}


def rewritten(house: House, change) -> None:
    lines = house.heads.path.read_text("ascii").splitlines()
    house.heads.path.write_text("".join(f"{line}\n" for line in change(lines)), "ascii")


def changed(lines, place, old, new):
    assert old in lines[place]
    return [*lines[:place], lines[place].replace(old, new), *lines[place + 1 :]]


async def test_a_forged_line_is_found(house: House):
    """By somebody who can write the file, but has no key."""
    digest = (await house.blocks())[2]["digest"].hex()
    rewritten(house, lambda lines: changed(lines, 2, digest, digest[::-1]))
    assert await house.findings() == {"head_forged": (3, [], 1)}
    # Without a key its digest still is not the block's.
    keyless = await verify(house.database, SERVICE, FileHeads(house.folder, SERVICE, None))
    assert keyless.findings.keys() == {"head_differs"}


async def test_forged_lines_do_not_cover_a_chain_computed_anew(house: House):
    await computed_anew(house, 2, "UPDATE audit_entry SET sub = 'other' WHERE id = 5")
    forger = FileHeads(house.folder / "forged", SERVICE, bytes(32))
    rows = await house.as_superuser(f"SELECT {BLOCK_COLUMNS} FROM audit_block ORDER BY number")
    for row in rows:
        forger.append(Head.of(block_of(SERVICE, _Named(row))))
    forger.path.replace(house.heads.path)
    assert await house.findings() == {"head_forged": (1, [], 5), "head_missing": (1, [], 5)}
    # Negative control: with the key he could.
    with_key = FileHeads(house.folder / "forged", SERVICE, KEY)
    for row in rows:
        with_key.append(Head.of(block_of(SERVICE, _Named(row))))
    with_key.path.replace(house.heads.path)
    rows = await house.as_superuser(f"SELECT {BLOCK_COLUMNS} FROM audit_block ORDER BY number")
    assert [Head.of(block_of(SERVICE, _Named(row))) for row in rows] == [line.head for line in house.heads.lines()]
    assert await house.findings() == {}


@pytest.mark.parametrize(
    "change, found",
    [
        (lambda lines: lines[:2] + lines[3:], {"head_missing": (3, [], 1)}),
        (lambda lines: lines[1:], {"head_missing": (1, [], 1)}),
        (lambda lines: [lines[1], lines[0], *lines[2:]], {"head_missing": (1, [], 3)}),
        (lambda lines: lines[:3], {"head_missing": (4, [], 2)}),
        (lambda lines: [], {"head_missing": (1, [], 5)}),
        (lambda lines: ["{}", *lines], {"head_forged": (1, [], 1)}),
        (lambda lines: [*lines, "nonsense"], {"head_forged": (6, [], 1)}),
        (lambda lines: [line.replace("identity", "roster") for line in lines],
         {"head_forged": (1, [], 5), "head_missing": (1, [], 5)}),
    ],
    ids=range(8),
)  # fmt: skip
async def test_a_log_of_heads_that_was_tampered_with(house: House, change, found):
    rewritten(house, change)
    assert await house.findings() == found


async def test_the_sealer_does_not_go_on_from_what_was_changed(house: House):
    """A running worker adds no head to a chain that is not the one it sealed; writers go on."""
    digest = (await house.blocks())[4]["digest"].hex()
    kept = house.heads.path.read_bytes()
    for statements, code in [
        (["UPDATE audit_block SET digest = decode(repeat('ab', 32), 'hex') WHERE number = 5"], "head_differs"),
        ([f"UPDATE audit_block SET digest = '\\x{digest}' WHERE number = 5"], None),
        (["DELETE FROM audit_block WHERE number = 6"], "tail_cut"),
        (["TRUNCATE audit_entry, audit_block"], "tail_cut"),
    ]:
        await house.as_superuser(*statements)
        await house.write(2)
        for sealer in (house.sealer, house.another_sealer()):
            if code is None:
                await sealer.seal()
                kept = house.heads.path.read_bytes()
                continue
            with pytest.raises(Refused) as refused:
                await sealer.seal()
            assert refused.value.code == code
            assert house.heads.path.read_bytes() == kept
        if code is None:
            assert (await house.verify()).is_whole


async def test_nor_from_a_log_that_was_cut(house: House):
    rewritten(house, lambda lines: lines[:3])
    await house.write()
    with pytest.raises(Refused) as refused:
        await house.sealer.seal()
    assert refused.value.code == "heads_behind"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET sub = 'other' WHERE id = 15",
        "DELETE FROM audit_entry WHERE id = 15",
        "UPDATE audit_block SET previous = decode(repeat('ab', 32), 'hex') WHERE number = 5",
        "UPDATE audit_block SET sealed_at = now() WHERE number = 5",
    ],
)
async def test_a_block_without_a_head_gets_one_only_as_it_was_sealed(house: House, statement):
    rewritten(house, lambda lines: lines[:4])
    await house.as_superuser(statement)
    with pytest.raises(Refused) as refused:
        await house.another_sealer().seal()
    assert refused.value.code == "block_differs"
    assert not (await house.verify()).is_whole


async def test_a_row_dated_back_at_the_end_is_pointed_out(house: House):
    """Who may insert may write any time; that the row was not there before is what its block tells."""
    await house.as_superuser(
        f"INSERT INTO audit_entry (at, {ROW}) SELECT at - interval '2 days', {ROW} FROM audit_entry WHERE id = 9"
    )
    await house.sealer.seal()
    account = await house.verify()
    assert account.is_whole
    assert (account.warnings["row_back_dated"].block, account.warnings["row_back_dated"].ids) == (6, [17])


def test_every_text_is_in_two_languages():
    for zh, en in TEXTS.values():
        assert any("\u4e00" <= char <= "\u9fff" for char in zh)
        assert en.isascii()
