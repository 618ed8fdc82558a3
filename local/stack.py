"""A running suite as tests and the demonstration hold it: the very process that `make run` starts, and its files.

with Stack(tmp_path) as suite:
    suite.url, suite.accounts["school_ntu"], suite.kill("roster")
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

from local.children import alive, spawn
from local.errors import StartError
from local.layout import REPO, read_json
from local.postgres import ADMIN

Echo = Callable[[str], None]

ONCE = "key IS DISTINCT FROM kind"
"""Of the jobs, in SQL: one whose key is its kind comes again and again, and is never done."""


class Stack:
    """A suite with its state in `root`; `port` 0 takes any free ports.

    `environment` is added to the caller's for the supervisor and so reaches every process (`MUSTER_…`). Start it
    from a thread that lives as long as the suite should: when that thread ends, so does the suite (Linux).
    `checkout` is the folder whose code is run.
    """

    def __init__(
        self, root: Path, port: int = 0, *, environment: Mapping[str, str] | None = None, checkout: Path = REPO
    ) -> None:
        self.root = root.absolute()
        self.port = port
        self.checkout = checkout
        self.environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def running(cls, root: Path) -> "Stack | None":
        """The suite that somebody else runs in `root` and that is ready; None if there is none."""
        suite = cls(root)
        try:
            run = suite.run
        except StartError:
            return None
        return suite if run.get("ready") and alive(int(run.get("supervisor", 0))) else None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- life ----------------------------------------------------------------------------------------------

    def start(self, timeout: float = 180.0, echo: Echo | None = None) -> Self:
        """Start the supervisor and wait until the suite is ready; each line it prints goes to `echo`.

        Raises `StartError` with what the supervisor said when it ends or takes too long.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        output = self.root / "supervisor.out"
        command = [sys.executable, "-m", "local.supervisor", "--root", self.root, "--port", str(self.port)]
        with output.open("wb") as file:
            self._process = spawn(
                [*map(str, command), "--with-parent"],
                env=os.environ | self.environment | {"PYTHONUNBUFFERED": "1"},
                cwd=self.checkout,
                output=file,
                death_signal=signal.SIGTERM,
            )
        deadline = time.monotonic() + timeout
        shown = 0
        while True:
            ended = self._process.poll() is not None
            said = output.read_text(encoding="utf-8", errors="replace")
            for line in said[shown:].splitlines(keepends=True):
                if line.endswith("\n"):
                    shown += len(line)
                    if echo is not None and line.strip():
                        echo(line.rstrip())
            if ended or time.monotonic() > deadline:
                self.kill_supervisor()
                raise StartError(said.strip() or "無法啟動", "The suite did not start.")
            if self._is_ready():
                return self
            time.sleep(0.05)

    def stop(self, timeout: float = 60.0) -> int | None:
        """SIGTERM, and wait until all of it has ended; the supervisor's exit code."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill_supervisor()
            raise
        finally:
            self._process = None

    def kill_supervisor(self) -> None:
        """SIGKILL to the supervisor: everything it started must end by itself."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def kill(self, name: str, signum: int = signal.SIGKILL) -> int:
        """Signal one process by name (`roster`, `roster-worker`, `postgres`, …); its id before that."""
        pid = self.pids[name]
        os.kill(pid, signum)
        return pid

    def wait_restarted(self, name: str, old: int, timeout: float = 30.0) -> int:
        """Wait until `name` runs under another process id than `old`; returns the new one."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            pid = self.pids.get(name, old)
            if pid != old and alive(pid):
                return pid
            time.sleep(0.05)
        raise TimeoutError(f"{name} was not restarted within {timeout:.0f} s")

    # -- what it is ----------------------------------------------------------------------------------------

    @property
    def run(self) -> dict[str, Any]:
        """`run.json`, empty when nothing runs."""
        return read_json(self.root / "run.json")

    @property
    def url(self) -> str:
        """The gateway's address."""
        return str(self.run["url"])

    @property
    def ports(self) -> dict[str, int]:
        """By name: gateway, the services' folders, postgres, registry, smtp, mail."""
        return dict(self.run["ports"])

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the children alive."""
        return dict(self.run.get("pids", {}))

    @property
    def registry_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['registry']}"

    @property
    def mail_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['mail']}"

    @property
    def accounts(self) -> dict[str, Any]:
        """`accounts.json`."""
        return read_json(self.root / "accounts.json")

    @property
    def secrets(self) -> dict[str, str]:
        """Database passwords, the services' own client secrets and the registry's token; for tests."""
        return read_json(self.root / "secrets.json")

    def database_url(self, service: str, role: str = "owner", prefix: str = "muster") -> str:
        """`postgresql://…` of a service's database, as its `owner` or `app` role."""
        database = f"{prefix}_{service.replace('-', '_')}"
        login = f"{database}_{role}"
        password = quote(self.secrets[login], safe="")
        return f"postgresql://{login}:{password}@{urlsplit(self.admin_url).netloc.rpartition('@')[2]}/{database}"

    @property
    def admin_url(self) -> str:
        """`postgresql://…` of the server's administrator: the embedded one's, or what `DATABASE_URL` gave."""
        if given := self.environment.get("DATABASE_URL"):
            return given
        password = (self.root / "pg.password").read_text(encoding="ascii").strip()
        return f"postgresql://{ADMIN}:{password}@127.0.0.1:{self.ports['postgres']}/postgres"

    def log(self, name: str) -> str:
        """All that a process has logged."""
        return (self.root / "log" / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def said(self) -> str:
        """All that the supervisor has printed."""
        return (self.root / "supervisor.out").read_text(encoding="utf-8", errors="replace")

    def move_clock(self, days: int) -> None:
        """Set the suite's day that many days from Taipei's; running processes follow at once."""
        draft = self.root / "clock.new"
        draft.write_text(f"{days}\n", encoding="ascii")
        draft.replace(self.root / "clock")

    def _is_ready(self) -> bool:
        try:
            run = self.run
        except (StartError, json.JSONDecodeError):
            return False
        ours = self._process is not None and run.get("supervisor") == self._process.pid
        return ours and bool(run.get("ready"))
