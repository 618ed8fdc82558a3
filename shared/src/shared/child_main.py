"""What runs in a process that `shared.child.run` starts: it limits itself, reads its data, does one piece of work.

A module that is to be run so has `work(data: bytes, argument: Sequence[str]) -> bytes`; it may raise `Refused`. This
file imports little, because each child pays for it.
"""

import contextlib
import os
import resource
import signal
import sys
import traceback
from importlib import import_module

# How the process ends; other ends are crashes. The parent knows the same names.
DONE, REFUSED, TOO_BIG, BROKE = 0, 80, 81, 82

_PR_SET_PDEATHSIG = 1


class Refused(Exception):
    """The work was not done, for a reason that the caller understands: `payload`."""

    def __init__(self, payload: bytes) -> None:
        super().__init__("refused")
        self.payload = payload


def die_with(parent: int) -> None:
    """Be killed when `parent` is (Linux only; elsewhere the limit of seconds ends what nobody waits for)."""
    if sys.platform == "linux":
        import ctypes  # Not above: the parent reads this file too.

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(BROKE)  # It died before we could ask: no signal would ever come.


def limit(memory: int, seconds: int) -> None:
    """No more than so many bytes of address space and seconds of CPU, and no core file with somebody's data in it."""
    with contextlib.suppress(ValueError, OSError):  # Not every platform has a limit of address space.
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _where(error: BaseException) -> bytes:
    """The classes and places of a traceback, without the words, which may quote the data."""
    places = [f"{frame.f_code.co_filename}:{line}" for frame, line in traceback.walk_tb(error.__traceback__)]
    return " ".join([type(error).__name__, *places[-8:]]).encode("utf-8", "replace")


def main(parent: str, memory: str, seconds: str, module: str, *argument: str) -> None:
    """Do the work of `module` on what standard input holds; write its answer and leave."""
    die_with(int(parent))
    limit(int(memory), int(seconds))
    # What a library prints must not be taken for the answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        answer, code = import_module(module).work(sys.stdin.buffer.read(), argument), DONE
    except Refused as refused:
        answer, code = refused.payload, REFUSED
    except MemoryError:
        os._exit(TOO_BIG)
    except BaseException as error:
        answer, code = _where(error), BROKE
    out.write(answer)
    out.flush()
    # Nothing is left to tidy up, and taking down what was read apart would take as long as reading it.
    os._exit(code)
