"""`make ledger-verify`: the fee's ledger recomputed from its postings (`rdss_fee.verify`).

Of the running suite, or of what lies in `.local/`: its PostgreSQL is then started for as long as it takes.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from local.audit_verify import UNKNOWN, server
from local.databases import addresses
from local.errors import StartError
from local.layout import REPO, Layout, read_json


def main(arguments: list[str] | None = None) -> int:
    """The command; returns what `rdss_fee.verify` does: 0, 1 when something does not add up, 2 when nobody knows."""
    parser = argparse.ArgumentParser(prog="local.ledger_verify", description="Recompute the fee's ledger.")
    parser.add_argument("--root", type=Path, default=REPO / ".local", help="state folder")
    options = parser.parse_args(arguments)
    place = Layout(options.root.absolute(), {})
    try:
        with server(place) as admin_url:
            return _verify(place, admin_url)
    except StartError as error:
        print(f"{error.message}\n{error.message_en}", file=sys.stderr)
        return UNKNOWN


def _verify(place: Layout, admin_url: str) -> int:
    prefix = os.environ.get("MUSTER_DB_PREFIX") or "muster"
    urls = addresses(admin_url, "rdss_fee", prefix, read_json(place.secrets_file))
    told = {} if urls is None else {"MUSTER_RDSS_FEE_DATABASE_URL": urls.app}
    return subprocess.run([sys.executable, "-m", "rdss_fee.verify"], env=os.environ | told, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
