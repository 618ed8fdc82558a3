"""The command: finds the running suite or starts one of its own, tells the story, says how it went."""

import argparse
import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from local.demo import days, story
from local.demo.checks import TOLD, NotAsTold, Told
from local.demo.client import World
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


def main(arguments: list[str] | None = None, *, told: Told = TOLD) -> int:
    """Tell the story; 0 when everything is as `told`, else 1 with the first thing that is not."""
    parser = argparse.ArgumentParser(prog="local.demo", description="The main job, told step by step.")
    parser.add_argument("--root", type=Path, default=REPO / ".local", help="state folder of the running suite")
    parser.add_argument("--seed", default=os.environ.get("SEED") or "", help="makes the men; SEED in the environment")
    options = parser.parse_args(arguments)
    seed = options.seed or f"{secrets.randbelow(1_000_000):06d}"
    if len(seed) > LONGEST_SEED or not seed.isprintable():
        print(f"SEED 最多 {LONGEST_SEED} 個字元  SEED has at most {LONGEST_SEED} characters", file=sys.stderr)
        return 1
    try:
        return _with_suite(options.root.absolute(), seed, told)
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


def _with_suite(root: Path, seed: str, told: Told) -> int:
    running = Stack.running(root)
    if running is not None:
        print(f"使用執行中的系統  the running suite: {running.url}（SEED={seed}）", flush=True)
        _tell(running, seed, told)
        return 0
    # SIGTERM would otherwise leave the suite to be stopped by the kernel; this way it stops in order.
    before = signal.signal(signal.SIGTERM, _leave)
    own = Stack(root / "demo")
    try:
        print(f"沒有執行中的系統，另行啟動  no suite is running, starting one（SEED={seed}）", flush=True)
        own.start(echo=lambda line: print(f"  {line.strip()}", flush=True))
        _tell(own, seed, told)
        return 0
    finally:
        own.stop()
        signal.signal(signal.SIGTERM, before)


def _leave(signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


def _tell(suite: Stack, seed: str, told: Told) -> None:
    # The suite's own day, which a tester may have moved.
    with _clock_of(suite):
        asyncio.run(_story(suite, seed, told))


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
