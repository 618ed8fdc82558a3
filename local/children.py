"""Starting processes that die with their parent, and asking what became of a process."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child may not safely import anything.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent(parent: int, signum: int) -> Callable[[], None]:
    def before_exec() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)  # The parent died between fork and prctl: no signal would ever come.

    return before_exec


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: int | IO[bytes] | None = None,
    stdin: int = subprocess.DEVNULL,
    death_signal: int = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a process group of its own; on Linux it gets `death_signal` when the parent is killed.

    Call it from a thread that lives as long as the child should: Linux sends the death signal when the
    *thread* that forked ends. Elsewhere `local.watchdog` does the same work from outside.
    """
    return subprocess.Popen(
        [os.fspath(part) for part in argv],
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
        preexec_fn=_die_with_parent(os.getpid(), death_signal),
    )


def die_with_parent(signum: int) -> None:
    """Ask for `signum` when the process that started this one is killed (Linux; elsewhere nothing happens)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)


def signal_group(pid: int, signum: int) -> None:
    """Signal a child's whole group; a group that is gone already is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signum)


def alive(pid: int) -> bool:
    """True if a process with that id exists and is no zombie."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True  # No /proc (macOS): that the signal was accepted has to do.
    return not stat.rpartition(")")[2].lstrip().startswith(("Z", "X"))


def command_of(pid: int) -> str:
    """The command line of a process, or the empty text when it cannot be told."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        pass
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, timeout=5, check=False)
        return answer.stdout.decode(errors="replace").strip()
    return ""
