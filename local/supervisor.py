"""`make run`: brings the whole suite up on loopback, keeps it up, and takes it down in order.

    python -m local.supervisor [--root .local] [--port 8080]

Order: checks, stand-ins and PostgreSQL, databases, keys, migrations, then accounts and services at once, gateway,
workers; down: gateway, services and workers, stand-ins, PostgreSQL last. One line a step, with the seconds since start.
"""

import argparse
import asyncio
import contextlib
import errno
import fcntl
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime, timedelta
from pathlib import Path

from local import accounts, keys, layout, migrations
from local.children import die_with_parent
from local.databases import Urls, prepare
from local.errors import StartError
from local.layout import DEFAULT_PORT, OFFSETS, REPO, Layout, read_json, write_json
from local.postgres import Postgres
from local.processes import Keeper, Process, run_once, tail
from local.suite import Suite, services
from local.watchdog import Watchdog
from shared import clock

OLDEST_YEAR = 2025  # A machine whose clock says less was never set: tokens and deadlines would be nonsense.


class PostgresChild:
    """Embedded PostgreSQL as the keeper sees it."""

    name = "postgres"
    grace = 30.0

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.log = server.log

    def launch(self) -> None:
        self.server.prepare()
        self.server.launch()

    def signal(self, signum: int) -> None:
        # SIGTERM would wait for every client to leave; SIGKILL would leave its own children behind.
        self.server.signal(signal.SIGQUIT if signum == signal.SIGKILL else signal.SIGINT)

    @property
    def pid(self) -> int | None:
        return self.server.pid

    @property
    def exit_code(self) -> int | None:
        return None if self.server.process is None else self.server.process.poll()

    async def is_ready(self) -> bool:
        return self.server.is_ready()


class Supervisor:
    """One run of the suite in one state folder."""

    def __init__(self, place: Layout, environment: Mapping[str, str]) -> None:
        self.layout = place
        self.environment = environment
        self.admin_url = environment.get("DATABASE_URL") or None
        self.prefix = environment.get("MUSTER_DB_PREFIX") or "muster"
        self.field_keys = environment.get("MUSTER_FIELD_KEYS") or None
        self.began = time.monotonic()
        self.started_at = clock.now()
        self.is_ready = False
        self.keeper = Keeper(self._tell_event, self._write_run_file)
        self.watchdog = None if sys.platform == "linux" else Watchdog()

    async def run(self) -> int:
        """Start, stay until a signal comes, stop; the exit code."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(signum, self._asked_to_stop, stop)
        starting = asyncio.create_task(self.start())
        stopping = asyncio.create_task(stop.wait())
        code = 0
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            else:
                starting.cancel()
                with contextlib.suppress(asyncio.CancelledError, StartError):
                    await starting
            await stopping
        except StartError as error:
            code = _cannot_start(error)
        finally:
            stopping.cancel()
            await self.stop()
        return code

    async def start(self) -> None:
        """All steps until the gateway is ready; raises `StartError`."""
        kept = read_json(self.layout.secrets_file)
        for name in ("registry_token", *(client.name for client in accounts.SERVICE_CLIENTS)):
            kept.setdefault(name, secrets.token_urlsafe(32))
        logins = accounts.complete(read_json(self.layout.accounts_file))
        write_json(self.layout.secrets_file, kept)
        write_json(self.layout.accounts_file, logins)

        standins = Suite(self.layout, {}, kept, inherited=self.environment).standins()
        for process in standins:
            self.keeper.keep(process)
        admin_url = self.admin_url or await self._start_postgres()
        urls = await self._databases(admin_url, kept)
        suite = Suite(self.layout, urls, kept, self.field_keys, self.environment)

        states = await asyncio.gather(*(migrations.state(name, urls[name]) for name in urls))
        await self._field_keys(urls, [s.service for s in states if s.revision])
        upgraded = await migrations.migrate(suite, states)
        if upgraded:
            self._tell(f"資料庫移轉：{'、'.join(upgraded)}", "migrated")
        else:
            self._tell("資料庫結構已是最新版本", "schemas up to date")
        await asyncio.gather(
            self._seed(suite, accounts.seed(logins, kept)),
            *(self._ready(process.name) for process in standins),
            self._serve(suite.web()),
        )
        # Who finds the entry open finds the accounts made.
        await self._serve(suite.gateway())
        # Nobody waits for a worker, so it leaves the processors to the others until they are up.
        for process in suite.workers():
            self.keeper.keep(process)
            self._tell(f"{process.name} 啟動", "started")
        self.is_ready = True
        self._write_run_file()
        self._tell("全部就緒", "ready")
        print(f"\n  {self.layout.url}\n", flush=True)

    async def stop(self) -> None:
        """Take everything down, PostgreSQL last, and remove `run.json`."""
        running = set(self.keeper.pids)
        if running:
            self._tell("停止中", "stopping")
        for group in (["gateway"], sorted(running - {"gateway", "registry", "mail-sink", "postgres"}),
                      ["registry", "mail-sink"], ["postgres"]):  # fmt: skip
            await self.keeper.stop(*group)
        if self.watchdog is not None:
            self.watchdog.dismiss()
        self.layout.run_file.unlink(missing_ok=True)
        if running:
            self._tell("已全部停止", "stopped")

    # -- steps ---------------------------------------------------------------------------------------------

    async def _start_postgres(self) -> str:
        fresh = not (self.layout.root / "pg").exists()
        server = Postgres(self.layout.root / "pg", self.layout.ports["postgres"], log=self.layout.log("postgres"))
        self.keeper.keep(PostgresChild(server))
        await self.keeper.ready("postgres")
        self._tell(
            "啟動內建 PostgreSQL" + ("（新建）" if fresh else ""),
            f"PostgreSQL {'created and ' if fresh else ''}ready on 127.0.0.1:{server.port}",
        )
        return server.admin_url

    async def _databases(self, admin_url: str, kept: dict[str, str]) -> dict[str, Urls]:
        names = {service.replace("-", "_"): service for service in services()}
        try:
            made = await prepare(admin_url, names, self.prefix, kept, adopt=self.admin_url is None)
        finally:
            # A password that the server knows already must be kept, whatever failed after it.
            write_json(self.layout.secrets_file, kept)
        fresh = [name for name, urls in made.items() if urls.created]
        self._tell(
            f"資料庫 {len(made)} 個" + (f"，新建 {len(fresh)} 個" if fresh else ""),
            f"{len(made)} databases" + (f", {len(fresh)} created" if fresh else ""),
        )
        return {names[name]: urls for name, urls in made.items()}

    async def _seed(self, suite: Suite, content: Mapping[str, object]) -> None:
        if "identity" not in suite.urls:
            return
        log = self.layout.log("identity-seed")
        code = await run_once(
            [sys.executable, "-m", "identity.seed"],
            env=suite.common() | suite.environment("identity", owner=True),
            log=log,
            stdin=json.dumps(content, ensure_ascii=False).encode(),
        )
        if code:
            raise StartError(
                f"無法建立示範帳號（結束代碼 {code}）。紀錄檔：{log}\n{tail(log)}",
                f"The accounts could not be made (exit code {code}). Log: {log}",
            )
        self._tell("機關與帳號", f"organisations and accounts (.local/{self.layout.accounts_file.name})")

    async def _field_keys(self, urls: Mapping[str, Urls], filled: list[str]) -> None:
        if keys.ensure(self.layout.keys, data_exists=bool(filled), given=self.field_keys):
            self._tell("建立欄位金鑰", "field keys made")
        document = self.field_keys or (self.layout.keys / "field.json").read_text(encoding="utf-8")
        mark = keys.fingerprint(document)
        file = self.layout.root / "keys.json"
        if filled and read_json(file) != {"fingerprint": mark}:
            await keys.check(document, {service: urls[service] for service in filled})
        write_json(file, {"fingerprint": mark})

    async def _serve(self, processes: list[Process]) -> None:
        for process in processes:
            self.keeper.keep(process)
        await asyncio.gather(*(self._ready(process.name) for process in processes))

    async def _ready(self, name: str) -> None:
        await self.keeper.ready(name)
        self._tell(f"{name} 就緒", "ready")

    # -- telling -------------------------------------------------------------------------------------------

    def _tell(self, text: str, text_en: str) -> None:
        print(f"[{time.monotonic() - self.began:6.1f} s] {text}  {text_en}", flush=True)

    def _tell_event(self, name: str, event: str) -> None:
        self._tell(f"{name}：", event)

    def _write_run_file(self) -> None:
        pids = self.keeper.pids
        write_json(
            self.layout.run_file,
            {
                "supervisor": os.getpid(),
                "url": self.layout.url,
                "ready": self.is_ready,
                "started_at": self.started_at.isoformat(),
                "ports": dict(self.layout.ports),
                "pids": pids,
            },
        )
        if self.watchdog is not None:
            self.watchdog.tell(pids)

    def _asked_to_stop(self, stop: asyncio.Event) -> None:
        if stop.is_set():
            self._tell("強制結束", "asked again: killing what is left")
            self.keeper.kill_all()
        stop.set()


@contextlib.contextmanager
def only_one(place: Path) -> Iterator[bool]:
    """Hold the folder's lock; yields True if an earlier run was killed. The kernel frees it with the process."""
    with (place / "lock").open("a+b") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = _running(place)
            where = f"：{running}" if running else ""
            raise StartError(
                f"本目錄的系統已在執行中{where}。請直接使用，或先於原視窗按 Ctrl-C 停止。",
                f"The suite of this folder is running already{f' at {running}' if running else ''}. Use that one, or "
                "stop it first with Ctrl-C in its window.",
            ) from None
        yield (place / "run.json").exists()


def _running(place: Path) -> str:
    try:
        return str(read_json(place / "run.json").get("url", ""))
    except StartError:
        return ""


def check_clock(place: Layout, environment: MutableMapping[str, str]) -> str | None:
    """Stop on an unusable clock file or a machine clock that was never set; else a warning, or nothing."""
    environment["MUSTER_CLOCK_FILE"] = str(place.clock)
    try:
        clock.check_environment("local")
    except clock.ClockError as error:
        raise StartError(
            f"時鐘設定檔 {place.clock} 內容有誤，應為一個整數（天數）；可刪除該檔以使用今日日期。",
            f"The clock file is wrong: {error}. Remove it to use today's date.",
        ) from None
    now = clock.now()
    if now.year < OLDEST_YEAR:
        raise StartError(
            f"本機時鐘顯示 {now:%Y-%m-%d}，請先校正系統時間。",
            f"This machine's clock says {now:%Y-%m-%d}: set it first.",
        )
    file = place.root / "last-start.json"
    try:
        last = datetime.fromisoformat(read_json(file).get("at", ""))
    except (ValueError, StartError):
        last = now
    write_json(file, {"at": now.isoformat()})
    if last - now > timedelta(minutes=5):
        return f"本機時鐘早於上次啟動時間  this machine's clock is behind the last start ({last:%Y-%m-%d %H:%M} UTC)"
    days = (clock.today() - now.astimezone(clock.TAIPEI).date()).days
    return f"系統日期已調整 {days:+d} 天  the suite's date is moved by {days:+d} days" if days else None


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit code: 0 after a clean stop, 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="local.supervisor", description="Run the whole suite on this machine.")
    parser.add_argument("--root", type=Path, default=REPO / ".local", help="state folder")
    parser.add_argument("--port", default=os.environ.get("PORT") or str(DEFAULT_PORT), help="0: any free ports")
    parser.add_argument("--with-parent", action="store_true", help="stop when the starting process is killed")
    options = parser.parse_args(arguments)
    if options.with_parent:
        die_with_parent(signal.SIGTERM)
    try:
        base = layout.read_port(options.port)
        root = options.root.absolute()
        layout.make_root(root)
        os.umask(0o077)
        with only_one(root) as killed:
            names = {n: o for n, o in OFFSETS.items() if n != "postgres" or not os.environ.get("DATABASE_URL")}
            ports = layout.choose_ports(base, names)
            if base:
                layout.check_ports(ports, base, patience=10.0 if killed else 0.0)
            place = Layout(root, ports)
            supervisor = Supervisor(place, dict(os.environ))
            if warning := check_clock(place, os.environ):
                print(warning, flush=True)
            return asyncio.run(supervisor.run())
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        full = StartError(
            f"磁碟空間不足，無法寫入 {options.root}，請清出空間後重新啟動。",
            f"No space left to write to {options.root}: make room and start again.",
        )
        return _cannot_start(full)
    except StartError as error:
        return _cannot_start(error)


def _cannot_start(error: StartError) -> int:
    print(f"啟動失敗：{error.message}\nCannot start: {error.message_en}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
