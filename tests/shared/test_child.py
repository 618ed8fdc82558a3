"""Work in a child process: its answer comes back, its limits hold, and it never outlives who asked for it."""

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path

import pytest

from local.children import alive
from shared import child
from shared.child import ChildError

MB = 1024 * 1024
WORK = "tests.shared.child_work"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel keeps this limit on Linux only")


async def do(
    *argument: str, data: bytes = b"", memory: int = 256 * MB, seconds: int = 20, wait: int = 60, most: int = MB
) -> bytes:
    return await child.run(WORK, argument, data, memory=memory, seconds=seconds, wait=wait, most=most)


async def refused(*argument: str, **options) -> ChildError:
    with pytest.raises(ChildError) as caught:
        await do(*argument, **options)
    return caught.value


def _said(file: Path) -> str:
    return file.read_text() if file.exists() else ""


async def until_there(file: Path) -> int:
    for _ in range(600):
        if text := _said(file):
            return int(text)
        await asyncio.sleep(0.02)
    raise AssertionError("the child did not begin")


async def until_gone(pid: int) -> None:
    for _ in range(250):
        if not alive(pid):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the child lives on")


async def test_bytes_go_in_and_come_out():
    data = bytes(range(256)) * 20_000
    assert await do("reverse", data=data, most=len(data)) == data[::-1]
    assert await do("reverse") == b""


async def test_what_libraries_print_is_no_part_of_the_answer():
    assert await do("chatter") == b"the answer"


async def test_a_child_that_does_not_listen_may_answer():
    assert await do("deaf", data=bytes(8 * MB)) == b"I did not listen"


async def test_it_knows_nothing_of_our_environment(monkeypatch):
    monkeypatch.setenv("MUSTER_ROSTER_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("MUSTER_FIELD_KEYS", "secret")
    known = json.loads(await do("environment"))
    assert set(known) <= {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH", "LC_CTYPE"}
    assert "secret" not in json.dumps(known)


async def test_a_refusal_carries_its_reason_and_is_no_crash():
    error = await refused("refuse", data=b"1")
    assert (error.reason, error.payload) == ("refused", b"not this: 1")


@pytest.mark.parametrize("manner", ["crash", "kill", "fault"])
async def test_a_crash_is_told_as_one_without_its_words(manner, capfd):
    error = await refused(manner, data="王小明 A123456789".encode())
    assert (error.reason, error.payload) == ("crashed", b"")
    assert "王小明" not in str(error)
    told = "".join(capfd.readouterr())
    assert "王小明" not in told
    assert "A123456789" not in told


@LINUX
async def test_it_cannot_have_more_memory_than_it_may():
    assert (await refused("bomb")).reason == "too_big"
    # The control: the limit is what stops it.
    assert (await refused("take", "300")).reason == "too_big"
    assert await do("take", "300", memory=1_024 * MB) == str(300 * MB).encode()


async def test_native_code_that_finds_no_memory_is_too_big_and_not_a_crash():
    assert (await refused("native bomb")).reason == "too_big"


async def test_an_endless_loop_ends():
    began = time.monotonic()
    assert (await refused("spin", seconds=1)).reason == "too_slow"
    assert time.monotonic() - began < 8


async def test_who_gets_no_time_is_starved_and_not_too_slow(tmp_path):
    error = await refused("tell and sleep", str(tmp_path / "pid"), wait=5)
    assert error.reason == "starved"
    assert not alive(await until_there(tmp_path / "pid"))


async def test_an_answer_that_is_too_long_is_not_taken():
    assert (await refused("flood", str(3 * MB))).reason == "too_big"
    assert len(await do("flood", str(3 * MB), most=3 * MB)) == 3 * MB


async def test_who_is_cancelled_leaves_no_process_behind(tmp_path):
    task = asyncio.create_task(do("tell and sleep", str(tmp_path / "pid")))
    pid = await until_there(tmp_path / "pid")
    assert alive(pid)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert not alive(pid)


@LINUX
async def test_it_dies_with_its_parent(tmp_path):
    script = (
        "import asyncio, sys\nfrom shared import child\n"
        f"asyncio.run(child.run({WORK!r}, ['tell and sleep', sys.argv[1]], b'',"
        " memory=2**30, seconds=60, wait=60, most=1))"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(tmp_path / "pid"))
    try:
        pid = await until_there(tmp_path / "pid")
    finally:
        parent.kill()
        await parent.wait()
    await until_gone(pid)


async def test_only_so_many_at_once(tmp_path):
    files = [tmp_path / str(n) for n in range(child.AT_ONCE + 2)]
    tasks = [asyncio.create_task(do("tell and sleep", str(file))) for file in files]
    begun = [file for file in files[: child.AT_ONCE] if await until_there(file)]
    await asyncio.sleep(0.3)
    assert [file for file in files if file.exists()] == begun
    tasks[0].cancel()
    await until_there(files[child.AT_ONCE])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_module_that_is_not_there_is_a_crash():
    with pytest.raises(ChildError) as caught:
        await child.run("tests.shared.no_such", (), b"", memory=256 * MB, seconds=10, wait=60, most=MB)
    assert caught.value.reason == "crashed"
