"""The command and the running sealer: what people and operators see of them."""

import asyncio
import sys
from typing import Any

import pytest

from shared import audit_seal, audit_verify, crypto, metrics
from shared.audit_gauges import measure
from shared.audit_heads import HEAD_KEY, FileHeads
from shared.audit_seal import Sealer
from shared.db import Database
from tests.shared.sealing import SERVICE, House, housed
from tests.support.services import FIELD_KEYS

URL = "MUSTER_IDENTITY_DATABASE_URL"


@pytest.fixture
async def house(template, tmp_path, monkeypatch):
    async with housed(template(SERVICE), tmp_path) as made:
        made.heads = FileHeads(tmp_path, SERVICE, crypto.KeyRing.parse(FIELD_KEYS).derive(HEAD_KEY))
        made.sealer = made.another_sealer()
        await made.sealed_blocks(3, 3, 3)
        monkeypatch.setenv(URL, made.urls.app)
        monkeypatch.setenv("MUSTER_AUDIT_HEAD_DIR", str(tmp_path))
        monkeypatch.setenv("MUSTER_FIELD_KEYS", FIELD_KEYS)
        yield made


async def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code and what was said."""
    code = await asyncio.to_thread(audit_verify.main, list(arguments))
    return code, capsys.readouterr().out


async def test_it_says_what_it_has_compared(house: House, capsys):
    code, said = await told(capsys, SERVICE)
    first, second = said.splitlines()
    assert code == 0
    assert first == "identity：相符。區塊 3 個、紀錄 9 筆、庫外摘要留存至第 3 號、待封緘 0 筆"
    assert second.startswith("identity: as it was. 3 blocks, 9 rows, heads up to 3, 0 waiting (")


async def test_as_a_process_of_its_own(house: House):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shared.audit_verify", SERVICE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert "as it was" in out.decode()


async def test_what_was_changed_is_told_in_both_languages(house: House, capsys):
    await house.as_superuser("UPDATE audit_entry SET sub = 'other' WHERE id IN (5, 8)")
    code, said = await told(capsys, SERVICE)
    assert code == 1
    assert "identity：不符。" in said
    assert "✗ 第 2 號區塊內的紀錄封緘後遭更改，紀錄編號 5, 8（共 2 筆）" in said
    assert "rows were changed after they were sealed; the first in block 2, ids 5, 8 (2 in all) [row_edited]" in said


async def test_without_heads_only_when_asked(house: House, capsys, monkeypatch):
    await house.as_superuser("TRUNCATE audit_entry, audit_block")
    assert (await told(capsys, SERVICE))[0] == 1
    code, said = await told(capsys, SERVICE, "--without-heads")
    assert code == 0
    assert "[heads_unread]" in said
    monkeypatch.delenv("MUSTER_AUDIT_HEAD_DIR")
    code, said = await told(capsys, SERVICE)
    assert (code, "MUSTER_AUDIT_HEAD_DIR" in said) == (2, True)


async def test_without_keys_it_says_so(house: House, capsys, monkeypatch):
    """An auditor needs no field keys."""
    monkeypatch.delenv("MUSTER_FIELD_KEYS")
    monkeypatch.delenv("MUSTER_FIELD_KEYS_DIR", raising=False)
    code, said = await told(capsys, SERVICE)
    assert (code, "[heads_unsigned]" in said) == (0, True)


@pytest.mark.parametrize("url", ["", "postgresql+asyncpg://a:b@127.0.0.1:1/c"])
async def test_what_cannot_be_found_out_is_neither_good_nor_bad(house: House, capsys, monkeypatch, url):
    monkeypatch.setenv(URL, url)
    code, said = await told(capsys, SERVICE)
    assert (code, len(said.splitlines())) == (2, 1)
    # One that was changed outweighs one that could not be asked.
    monkeypatch.setenv("MUSTER_NOTIFY_DATABASE_URL", house.urls.app)
    assert (await told(capsys, SERVICE, "notify"))[0] == 1


async def test_rows_that_nobody_seals_are_a_warning(house: House, capsys):
    await house.write(4)
    code, said = await told(capsys, SERVICE, "--waiting", "-1")
    assert (code, "4 筆紀錄逾時尚未封緘" in said) == (0, True)
    assert "[rows_waiting]" not in (await told(capsys, SERVICE, "--waiting", "60"))[1]


async def test_a_restored_database_is_gone_on_from_by_a_person(house: House, capsys):
    """Heads are newer than a backup: sealing waits until somebody says that he knows why."""
    await house.as_superuser("DELETE FROM audit_entry WHERE id > 3", "DELETE FROM audit_block WHERE number > 1")
    await house.write()
    with pytest.raises(audit_seal.Refused):
        await house.another_sealer().seal()
    assert (await told(capsys, SERVICE))[0] == 1
    code, said = await told(capsys, SERVICE, "--adopt")
    assert (code, "to go on from block 1" in said) == (0, True)
    await house.another_sealer().seal()
    await house.sealed_blocks(2)
    code, said = await told(capsys, SERVICE)
    assert (code, "曾由人員指定自第 1 號區塊接續" in said) == (0, True)
    # What was adopted is fixed as well.
    await house.as_superuser("DELETE FROM audit_block WHERE number = 3")
    assert (await house.findings()).keys() == {"tail_cut"}


@pytest.mark.parametrize("damage", ["lost", "garbage", "all rows gone"])
async def test_so_is_a_log_that_was_lost(house: House, capsys, damage):
    if damage == "lost":
        house.heads.path.unlink()
    elif damage == "garbage":
        with house.heads.path.open("ab") as file:
            file.write(bytes(100) + b"\n")
    else:
        await house.as_superuser("TRUNCATE audit_entry, audit_block")
    assert (await told(capsys, SERVICE))[0] == 1
    assert (await told(capsys, SERVICE, "--adopt"))[0] == 0
    await house.sealed_blocks(1)
    code, said = await told(capsys, SERVICE)
    assert (code, "[head_adopted]" in said) == (0, True)
    assert ("[heads_begin_late]" in said) == (damage == "lost")


async def test_nobody_goes_on_from_what_does_not_agree_with_itself(house: House, capsys):
    await house.as_superuser("UPDATE audit_entry SET sub = 'other' WHERE id = 5")
    kept = house.heads.path.read_bytes()
    assert (await told(capsys, SERVICE, "--adopt"))[0] == 1
    assert house.heads.path.read_bytes() == kept
    assert (await told(capsys, SERVICE, "--adopt", "--without-heads"))[0] == 2


# -- the loop in the worker ---------------------------------------------------------------------------------------


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for is a file of another task's
            await asyncio.sleep(0.02)


async def test_it_seals_by_itself_and_stops_when_told(house: House):
    sealer = house.another_sealer(interval_seconds=0.05)
    task = asyncio.create_task(sealer.run())
    await house.write()
    await until(lambda: len(list(house.heads.lines())) == 4)
    sealer.stop()
    await asyncio.wait_for(task, 5)
    assert (await house.verify()).is_whole


async def test_what_stops_it_is_told_once_and_writers_go_on(house: House, said, monkeypatch):
    monkeypatch.setattr(audit_seal, "LONGEST_PAUSE_SECONDS", 0.05)
    sealer = house.another_sealer(interval_seconds=0.02)
    kept = house.heads.path.read_bytes()
    house.heads.path.write_bytes(kept[: kept.index(b"\n") + 1])
    task = asyncio.create_task(sealer.run())
    for _ in range(10):
        await house.write()
        await asyncio.sleep(0.05)
    lines = [line for line in said() if line["event"] == "audit_not_sealed"]
    assert [(line["reason"], line["level"], "exception" in line) for line in lines] == [
        ("heads_behind", "error", False)
    ]
    house.heads.path.write_bytes(kept)
    await until(lambda: len(list(house.heads.lines())) == 4)
    sealer.stop()
    await task
    assert [line["event"] for line in said()] == ["audit_sealing_resumed"]
    assert (await house.verify()).is_whole


async def test_heads_that_cannot_be_written_hold_sealing_up_and_nothing_else(house: House, said):
    """The folder is gone, then a file stands where the log should: rows wait, one block waits for its head."""
    kept = house.heads.path.read_bytes()
    house.heads.path.unlink()
    house.heads.path.mkdir()
    sealer = house.another_sealer(interval_seconds=0.02)
    task = asyncio.create_task(sealer.run())
    await house.write(5)
    await asyncio.sleep(0.2)
    assert "IsADirectoryError" in [line["reason"] for line in said() if line["event"] == "audit_not_sealed"]
    house.heads.path.rmdir()
    house.heads.path.write_bytes(kept)
    await until(lambda: len(list(house.heads.lines())) == 4)
    sealer.stop()
    await task


async def test_a_database_that_is_away_is_waited_for(house: House, said):
    away = Database("postgresql+asyncpg://a:b@127.0.0.1:1/c", pool_size=1)
    sealer = Sealer(away, SERVICE, house.heads, interval_seconds=0.02)
    task = asyncio.create_task(sealer.run())
    await asyncio.sleep(0.3)
    sealer.stop()
    await task
    await away.close()
    assert [line["event"] for line in said()] == ["audit_not_sealed"]


async def test_the_gauges_tell_what_waits(house: House):
    await measure(house.database, SERVICE)
    assert [gauge._value.get() for gauge in (metrics.AUDIT_BLOCKS, metrics.AUDIT_WAITING)] == [3, 0]
    await house.write(2)
    await asyncio.sleep(0.05)
    await measure(house.database, SERVICE)
    assert metrics.AUDIT_WAITING._value.get() == 2
    assert 0.04 < metrics.AUDIT_OLDEST._value.get() < 60
    await house.sealer.seal()
    await measure(house.database, SERVICE)
    values = [g._value.get() for g in (metrics.AUDIT_BLOCKS, metrics.AUDIT_WAITING, metrics.AUDIT_OLDEST)]
    assert values == [4, 0, 0]
    away = Database("postgresql+asyncpg://a:b@127.0.0.1:1/c", pool_size=1)
    await measure(away, SERVICE)
    await away.close()
    assert metrics.AUDIT_BLOCKS._value.get() == 4
