"""Where the benchmarks keep their state: `.local/bench/`, with what was fetched in `peers/` and a folder for each."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import cores
from local.layout import REPO, make_root

ROOT = REPO / ".local" / "bench"

# Nothing of the caller's environment may lead a suite of ours to another server, port or prefix.
ENVIRONMENT: Mapping[str, str] = {
    "DATABASE_URL": "", "PORT": "", "MUSTER_FIELD_KEYS": "", "MUSTER_DB_PREFIX": "", "PYTHONDONTWRITEBYTECODE": "",
}  # fmt: skip


class BusyError(Exception):
    """Another run measures in this checkout: both would be wrong."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one benchmark, and where it tells how far it is."""

    name: str
    root: Path = ROOT

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def peers(self) -> Path:
        """What was fetched; kept from run to run."""
        return self.root / "peers"

    def log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def fresh(self) -> Path:
        """The benchmark's own folder, emptied: no figure depends on an earlier run."""
        shutil.rmtree(self.folder, ignore_errors=True)
        make_root(self.folder)
        return self.folder

    def tell(self, text: str) -> None:
        """One line of progress, beside the results."""
        print(f"{self.name}: {text}", file=sys.stderr, flush=True)


@contextmanager
def only_one(root: Path = ROOT) -> Iterator[None]:
    """Hold the folder; raises BusyError."""
    make_root(root)
    with (root / "lock").open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another bench measures in {root}") from None
        yield


def conditions(*, pinned: bool = True) -> dict[str, Any]:
    """What every row says of the machine; `pinned` is whether the benchmark pins where it can."""
    return {"pinned": pinned and cores().pinned, "cores": os.cpu_count() or 1}
