"""The command: finds the running suite or starts one of its own, tells both parts, says how it went."""

import argparse
import asyncio
import fcntl
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from local.demo import days, story
from local.demo.checks import TOLD, NotAsTold, Told
from local.demo.client import World
from local.demo.fee import story as fee_story
from local.demo.fee.told import TOLD as FEE_TOLD
from local.demo.fee.told import FeeTold
from local.demo.people import make_cast
from local.demo.scene import Scene
from local.demo.teller import Teller
from local.errors import StartError
from local.layout import REPO
from local.stack import Stack
from shared import clock, http

REAL_LIST = "moe_universities_u1_new.csv"
LONGEST_SEED = 40
CLOCK = "MUSTER_CLOCK_FILE"
PARTS = ("roster", "fee")
APART = {"DATABASE_URL": "", "MUSTER_DB_PREFIX": "", "MUSTER_FIELD_KEYS": ""}
"""Nothing of the caller's leads a suite of ours to a server where something was billed already."""
NONE_RUNS = "沒有執行中的系統，另行啟動  no suite is running, starting one"
OWN_CLOCK = "第二部分使用另一套系統及時鐘  the second part starts a suite, with a clock, of its own"


def main(arguments: list[str] | None = None, *, told: Told = TOLD, fee_told: FeeTold = FEE_TOLD) -> int:
    """Tell both parts; 0 when everything is as told, else 1 with the first thing that is not."""
    parser = argparse.ArgumentParser(prog="local.demo", description="The main jobs, told step by step.")
    parser.add_argument("--root", type=Path, default=REPO / ".local", help="state folder of the running suite")
    parser.add_argument("--seed", default=os.environ.get("SEED") or "", help="makes the men; SEED in the environment")
    parser.add_argument("--part", choices=PARTS, help="one part only")
    options = parser.parse_args(arguments)
    seed = options.seed or f"{secrets.randbelow(1_000_000):06d}"
    if len(seed) > LONGEST_SEED or not seed.isprintable():
        print(f"SEED 最多 {LONGEST_SEED} 個字元  SEED has at most {LONGEST_SEED} characters", file=sys.stderr)
        return 1
    try:
        _parts(options.root.absolute(), seed, PARTS if options.part is None else (options.part,), told, fee_told)
        return 0
    except StartError as error:
        print(f"示範無法進行：{error.message}\nThe demonstration cannot run: {error.message_en}", file=sys.stderr)
    except NotAsTold as error:
        print(f"\n不如所述  NOT AS TOLD（SEED={seed}）\n{error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\n已中止  interrupted", file=sys.stderr)
        return 130
    except http.HTTPError as error:
        print(f"\n連線中斷  The connection failed（SEED={seed}）: {type(error).__name__}: {error}", file=sys.stderr)
    return 1


def _parts(root: Path, seed: str, parts: Sequence[str], told: Told, fee_told: FeeTold) -> None:
    """The first part on the running suite if there is one; the second always on a suite and a clock of its own."""
    running = Stack.running(root)
    if "roster" in parts and running is not None:
        print(f"使用執行中的系統  the running suite: {running.url}（SEED={seed}）", flush=True)
        _tell(running, seed, told)
    elif "roster" in parts and ("fee" not in parts or os.environ.get("DATABASE_URL")):
        # On the caller's server, if he has one.
        (root / "demo" / "clock").unlink(missing_ok=True)
        with _own(Stack(root / "demo"), NONE_RUNS, seed) as suite:
            _tell(suite, seed, told)
    elif "roster" in parts:
        _empty(root / "demo")
        with _own(Stack(root / "demo", environment=APART), NONE_RUNS, seed) as suite:
            _tell(suite, seed, told)
            _tell_fee(suite, seed, fee_told)
        return
    if "fee" in parts:
        _empty(root / "demo-fee")
        with _own(Stack(root / "demo-fee", environment=APART), OWN_CLOCK, seed) as suite:
            _tell_fee(suite, seed, fee_told)


@contextmanager
def _own(suite: Stack, why: str, seed: str) -> Iterator[Stack]:
    # SIGTERM would otherwise leave the suite to be stopped by the kernel; this way it stops in order.
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        print(f"{why}（SEED={seed}）", flush=True)
        yield suite.start(echo=lambda line: print(f"  {line.strip()}", flush=True))
    finally:
        suite.stop()
        signal.signal(signal.SIGTERM, before)


def _empty(folder: Path) -> None:
    """Forget what an earlier telling left there; nothing is touched while a suite runs in it."""
    lock = folder / "lock"
    if lock.exists():
        with lock.open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StartError(
                    f"另一示範正在執行（{folder}）。", f"Another demonstration runs in {folder}."
                ) from None
    shutil.rmtree(folder, ignore_errors=True)


def _leave(signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


def _tell(suite: Stack, seed: str, told: Told) -> None:
    # The suite's own day, which a tester may have moved.
    with _clock_of(suite):
        asyncio.run(_story(suite, seed, told))


def _tell_fee(suite: Stack, seed: str, told: FeeTold) -> None:
    print("\n第二部分：研究發展費  The second part: the fee of R&D servicemen", flush=True)
    asyncio.run(fee_story.tell(suite, seed, told))
    print(f"\n一切如所述  Everything is as told（SEED={seed}）", flush=True)


@contextmanager
def _clock_of(suite: Stack) -> Iterator[None]:
    before = os.environ.get(CLOCK)
    os.environ[CLOCK] = str(suite.root / "clock")
    try:
        yield
    finally:
        if before is None:
            del os.environ[CLOCK]
        else:
            os.environ[CLOCK] = before


async def _story(suite: Stack, seed: str, told: Told) -> None:
    await days.clear_of_midnight()
    plan = days.plan(clock.today())
    cast = make_cast(seed, plan)
    world = World(suite)
    teller = Teller()
    try:
        await story.tell(Scene(world, teller, seed, told, plan, cast, school_list()))
    finally:
        await world.close()
    teller.close()
    print(f"\n一切如所述  Everything is as told（SEED={seed}）", flush=True)


def school_list() -> Path:
    """The Ministry's real list where it can be found, else the ten schools that the repository carries."""
    folder = os.environ.get("MUSTER_DATA_DIR")
    real = (Path(folder) if folder else REPO.parent / "shared" / "data") / REAL_LIST
    return real if real.is_file() else REPO / "local" / "data" / "schools.csv"
