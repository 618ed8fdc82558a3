"""`make clean`: remove `.local/` (all data, accounts and keys) and `.venv/`. Needs nothing but Python itself."""

import fcntl
import shutil
import sys
from pathlib import Path


def clean(repo: Path) -> int:
    """Remove both; 1, and nothing removed, while a suite runs in `.local/`."""
    state = repo / ".local"
    for lock in (state / "lock", state / "demo" / "lock", state / "demo-fee" / "lock"):
        if not lock.exists():
            continue
        with lock.open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(
                    f"系統執行中，請先停止（{lock.parent}）。\nThe suite is running in {lock.parent}: stop it first.",
                    file=sys.stderr,
                )
                return 1
    for folder in (state, repo / ".venv"):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(clean(Path(__file__).resolve().parent.parent))
