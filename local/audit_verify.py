"""`make audit-verify`: the audit rows of every service compared with their seals (`shared.audit_verify`).

Of the running suite, or of what lies in `.local/`: its PostgreSQL is then started for as long as it takes.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.databases import addresses
from local.errors import StartError
from local.layout import REPO, Layout, read_json
from local.postgres import Postgres
from local.stack import Stack
from local.suite import services, variable
from local.supervisor import only_one

UNKNOWN = 2


def main(arguments: list[str] | None = None) -> int:
    """The command; returns what `shared.audit_verify` does: 0, 1 when something was changed, 2 when nobody knows."""
    parser = argparse.ArgumentParser(prog="local.audit_verify", description="Compare audit rows with their seals.")
    parser.add_argument("--root", type=Path, default=REPO / ".local", help="state folder")
    options, passed_on = parser.parse_known_args(arguments)
    place = Layout(options.root.absolute(), {})
    try:
        with server(place) as admin_url:
            return _verify(place, admin_url, passed_on)
    except StartError as error:
        print(f"{error.message}\n{error.message_en}", file=sys.stderr)
        return UNKNOWN


@contextmanager
def server(place: Layout) -> Iterator[str]:
    """An administrator's address of the server that holds the databases."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    if suite := Stack.running(place.root):
        yield suite.admin_url
        return
    if not (place.root / "pg").is_dir():
        raise StartError(
            f"{place.root} 沒有資料庫：請先執行 make run。", f"There is no database in {place.root}: make run first."
        )
    with only_one(place.root), Postgres(place.root / "pg", log=place.log("postgres")) as server:
        yield server.admin_url


def _verify(place: Layout, admin_url: str, passed_on: list[str]) -> int:
    prefix = os.environ.get("MUSTER_DB_PREFIX") or "muster"
    secrets = read_json(place.secrets_file)
    known = {name: addresses(admin_url, name.replace("-", "_"), prefix, secrets) for name in services()}
    told = {f"MUSTER_{variable(name)}_DATABASE_URL": urls.app for name, urls in known.items() if urls}
    told["MUSTER_AUDIT_HEAD_DIR"] = str(place.heads)
    if not os.environ.get("MUSTER_FIELD_KEYS"):
        told["MUSTER_FIELD_KEYS_DIR"] = str(place.keys)
    command = [sys.executable, "-m", "shared.audit_verify", *known, *passed_on]
    return subprocess.run(command, env=os.environ | told, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
