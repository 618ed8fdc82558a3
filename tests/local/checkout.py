"""A small checkout of its own: the real `local/`, with services that do next to nothing and start at once."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from local.layout import REPO
from local.stack import Stack

T = TypeVar("T")

WEB = """
import json, os

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    told = {name: value for name, value in os.environ.items() if "MUSTER" in name or "DATABASE" in name}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})

def create_app():
    return app
"""

WORKER = "import time\nwhile True:\n    time.sleep(1)\n"

MIGRATE = """
import asyncio, os, sys
import asyncpg

async def main():
    url = os.environ["MUSTER_{name}_OWNER_DATABASE_URL"].replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num text PRIMARY KEY)")
    found = await connection.fetchval("SELECT version_num FROM alembic_version")
    if found not in (None, "0001_first"):
        sys.exit(3)
    if found is None:
        await connection.execute("INSERT INTO alembic_version VALUES ('0001_first')")
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")

asyncio.run(main())
"""

SEED = """
import json, pathlib, sys
content = json.load(sys.stdin)
pathlib.Path(__file__).with_name("seeded.json").write_text(json.dumps(content, ensure_ascii=False))
"""


def apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop of its own, from a test that is not one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


class Checkout:
    """`identity` and `roster` with worker and migrations, and a gateway; `suite` runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(REPO / "local", folder / "local", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("identity", "roster"):
            package = self.source(name)
            (package / "migrations").mkdir(parents=True)
            (package / "__init__.py").touch()
            (package / "main.py").write_text(WEB)
            (package / "worker.py").write_text(WORKER)
            (package / "migrate.py").write_text(MIGRATE.replace("{name}", name.upper()))
            (package / "migrations" / "0001_first.py").write_text("revision = '0001_first'\n")
        (self.source("identity") / "seed.py").write_text(SEED)
        gateway = folder / "gateway" / "src" / "gateway"
        gateway.mkdir(parents=True)
        (gateway / "__init__.py").touch()
        (gateway / "main.py").write_text(WEB)

    def source(self, service: str) -> Path:
        return self.folder / "services" / service / "src" / service

    @property
    def environment(self) -> dict[str, str]:
        paths = [self.folder, self.folder / "gateway" / "src"]
        paths += [self.folder / "services" / name / "src" for name in ("identity", "roster")]
        return {"PYTHONPATH": os.pathsep.join(map(str, paths)), "DATABASE_URL": "", "PORT": ""}

    def suite(self, root: Path | None = None, port: int = 0, **environment: str) -> Stack:
        """A suite of this checkout, by default with its state in `.local/`."""
        return Stack(
            root or self.folder / ".local",
            port,
            environment=self.environment | environment,
            checkout=self.folder,
        )

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the supervisor's command to its end (for starts that fail)."""
        return subprocess.run(
            [sys.executable, "-m", "local.supervisor", *arguments],
            cwd=self.folder,
            env=os.environ | self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
