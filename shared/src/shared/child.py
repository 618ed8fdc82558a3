"""Work on bytes that somebody else made, or that needs a heavy library, in a child process with hard limits.

    page = await child.run("roster.printing.child", ["a4"], data, memory=512 * MB, seconds=10, wait=30, most=16 * MB)

The module's `work(data, argument)` is called there (`shared.child_main`). The child inherits no environment but where
its modules are: no secret, no address of a database. It dies with this process, with its task, and at its limits.
What it writes to standard error is read for one purpose, to tell want of memory from a crash, and never kept.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Literal
from weakref import WeakKeyDictionary

from shared import child_main, logs

AT_ONCE = 2
"""Children of one process at the same time; whoever comes later waits."""

Reason = Literal["too_big", "too_slow", "starved", "crashed", "refused"]

_log = logs.get(__name__)
_CHUNK = 65_536
# An allocation that fails in native code ends the process by abort, after this line.
_NO_MEMORY = b"memory allocation of "
# Without it some interpreters do not find their own library.
_INHERITED = ("LD_LIBRARY_PATH",)
# Not `-m`: the module would be there twice, and what is raised would be another `Refused`.
_BEGIN = f"import sys; from {child_main.__name__} import main; main(*sys.argv[1:])"
_turns: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]" = WeakKeyDictionary()


class ChildError(Exception):
    """The child gave no answer.

    `too_big`: it wanted more memory than it may have, or its answer is longer than `most`; `too_slow`: its seconds were
    over; `starved`: the machine gave it no time; `crashed`; `refused`: it says why in `payload`.
    """

    def __init__(self, reason: Reason, payload: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.payload = payload


async def run(
    module: str, argument: Sequence[str], data: bytes, *, memory: int, seconds: int, wait: int, most: int
) -> bytes:
    """What `module.work(data, argument)` gives in a child process; raises `ChildError`.

    `memory`: bytes of address space (where the platform limits it). `seconds`: of CPU. `wait`: seconds of the clock,
    counted from its start: on a busy machine a piece of work may take long and be none the larger. `most`: bytes of the
    answer. When this task is cancelled, the child is gone before it ends.
    """
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
        limits = (str(os.getpid()), str(memory), str(seconds))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-s", "-X", "utf8", "-c", _BEGIN, *limits, module, *argument),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=_environment(),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(wait):
                answer, said, _ = await asyncio.gather(
                    _answer(process, most), _no_memory(process), _feed(process, data)
                )
                code = await process.wait()
        except TimeoutError:
            code, answer, said = None, None, False
        finally:
            await _end(process)
    if code == child_main.DONE and answer is not None:
        return answer
    if code == child_main.REFUSED and answer is not None:
        raise ChildError("refused", answer)
    reason: Reason = "crashed"
    if code is None:
        reason = "starved"
    elif code == -signal.SIGXCPU:
        reason = "too_slow"
    elif answer is None or said or code in (child_main.TOO_BIG, -signal.SIGKILL):
        reason = "too_big"
    where = answer.decode("utf-8", "replace")[:2_000] if answer and code == child_main.BROKE else ""
    _log.warning("child_gave_no_answer", module=module, reason=reason, code=code, where=where)
    raise ChildError(reason)


def _environment() -> dict[str, str]:
    """Where modules are found, and nothing else that this process knows."""
    places = [os.path.abspath(place) for place in sys.path]
    found = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return found | {"PYTHONPATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1"}


async def _feed(process: Process, data: bytes) -> None:
    assert process.stdin is not None
    # A child that ends early says so by its exit code.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _answer(process: Process, most: int) -> bytes | None:
    """What the child writes; None: more than `most`, and it was killed."""
    assert process.stdout is not None
    chunks: list[bytes] = []
    size = 0
    while chunk := await process.stdout.read(_CHUNK):
        size += len(chunk)
        if size > most:
            _kill(process)
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def _no_memory(process: Process) -> bool:
    """True if the last thing on standard error tells of want of memory; all else is read and forgotten."""
    assert process.stderr is not None
    last = b""
    while chunk := await process.stderr.read(_CHUNK):
        last = (last + chunk)[-_CHUNK:]
    return _NO_MEMORY in last


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(process: Process) -> None:
    """Leave no process behind."""
    if process.returncode is None:
        _kill(process)
        await process.wait()
