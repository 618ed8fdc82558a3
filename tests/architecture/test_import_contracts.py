"""Who may import whom: the contracts of pyproject.toml hold, and a breach of any of them is found.

What import-linter has no contract for stands here: no two files import each other in a circle, and a module's tables
are read by itself and by those that READERS names.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

REPO = Path(__file__).parents[2]
PRODUCT = ("shared", "gateway", "roster", "notify", "identity")
SOURCES = {"shared": "shared/src/shared", "gateway": "gateway/src/gateway"} | {
    name: f"services/{name}/src/{name}" for name in ("roster", "notify", "identity")
}
CONTRACTS = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]

# contract → (file, line planted at its end, what the report must name)
PLANTED = {
    "islands": ("roster/lists.py", "import notify.events", "roster.lists -> notify.events"),
    "outside": ("notify/worker.py", "import local.keys", "notify.worker -> local.keys"),
    "shared-below-local": ("shared/cursors.py", "import local.layout", "shared.cursors -> local.layout"),
    "bench": ("local/hosts.py", "import bench.machine", "local.hosts -> bench.machine"),
    "rooms": (
        "notify/messages/models.py",
        "def later():\n    from notify.messages import service",
        "notify.messages.models -> notify.messages.service",
    ),
    # Two steps away from the database.
    "pure": ("roster/hints/labels.py", "import shared.audit", "roster.hints.labels -> shared.audit"),
    "routes": ("notify/messages/routes.py", "import sqlalchemy", "notify.messages.routes -> sqlalchemy"),
    "services": ("identity/clients/service.py", "from fastapi import Request", "identity.clients.service -> fastapi"),
    "schemas": (
        "roster/results/schemas.py",
        "import roster.results.service",
        "roster.results.schemas -> roster.results.service",
    ),
    "jose": ("identity/tokens/minter.py", "from jose import jwt", "identity.tokens.minter -> jose"),
    "httpx": ("notify/channels/smtp.py", "import httpx", "notify.channels.smtp -> httpx"),
    "transport": ("gateway/main.py", "import aiohttp", "gateway.main -> aiohttp"),
    "gateway-has-no-database": ("gateway/upstreams.py", "import shared.db", "gateway.upstreams -> shared.db"),
    "purposes": (
        "roster/results/service.py",
        "from shared import purposes",
        "roster.results.service",
    ),
    "workers": ("roster/registry/lookup.py", "import fastapi", "roster.registry.lookup -> fastapi"),
    "light": ("identity/deps.py", "if False:\n    import alembic", "identity.deps -> alembic"),
}

# Rooms of the same service that read a room's tables besides itself. A new line here is a decision: the two rooms
# then change together.
# fmt: off
READERS = {
    "notify.directory.models": {"notify.messages"},
    # What stands in an inbox is a message.
    "notify.messages.models": {"notify.inbox"},
    # Failures of clients are counted by the rule and in the table of failed log-ins.
    "identity.accounts.models": {"identity.seed", "identity.failures"},
    # An entry, its hints, the man's deferments and what the registry says of him are judged and shown together.
    "roster.deferments.models": {
        "roster.hints", "roster.review", "roster.registry", "roster.versions", "roster.report_jobs",
    },
    "roster.hints.models": {"roster.intake", "roster.review"},
    "roster.intake.models": {
        "roster.hints", "roster.review", "roster.results", "roster.registry", "roster.versions", "roster.cases",
        "roster.remedies", "roster.report_jobs", "roster.statistics",
        # The order of a list by national ID goes on after a man who has left the list.
        "roster.lists",
    },
    # What no school files is an entry too: a certificate is judged with it, and its file goes with it (RO-71, RO-29).
    "roster.cases.models": {"roster.hints", "roster.review"},
    # Results are searched by the name of a school.
    "roster.reference.models": {
        "roster.hints", "roster.review", "roster.statistics", "roster.report_jobs", "roster.results",
    },
    "roster.registry.models": {"roster.hints", "roster.review", "roster.versions"},
    # A refusal is a decision; what an amendment would change are decisions too.
    "roster.review.models": {
        "roster.cases", "roster.hints", "roster.results", "roster.registry", "roster.remedies", "roster.versions",
        "roster.report_jobs", "roster.statistics",
    },
    # The first version of a roster is made with it; what rows were before is shown as what they are is.
    "roster.versions.models": {"roster.intake", "roster.review"},
}
# fmt: on


def lint(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=os.environ | {"COLUMNS": "300", "NO_COLOR": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PRODUCT, cache_dir=None)


def test_the_contracts_hold():
    told = lint(REPO)
    assert told.returncode == 0, told.stdout[-4000:] + told.stderr[-2000:]


def test_every_contract_has_a_planted_breach():
    assert {contract["id"] for contract in CONTRACTS} == set(PLANTED)


def test_a_breach_of_each_contract_is_found(tmp_path: Path):
    for name, source in SOURCES.items():
        shutil.copytree(REPO / source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("local", "bench"):
        shutil.copytree(REPO / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPO / "pyproject.toml", tmp_path)
    assert lint(tmp_path, PYTHONPATH=str(tmp_path)).returncode == 0, "the copy itself must be sound"

    for file, line, _ in PLANTED.values():
        with (tmp_path / file).open("a", encoding="utf-8") as handle:
            handle.write(f"\n{line}\n")
    told = lint(tmp_path, PYTHONPATH=str(tmp_path))
    assert told.returncode == 1
    _, _, details = told.stdout.partition("Broken contracts")
    for contract in CONTRACTS:
        section = _section(details, contract["name"])
        expected = PLANTED[contract["id"]][2]
        assert expected in section, f"{contract['id']}: not found in\n{section or told.stdout[-3000:]}"


def _section(details: str, name: str) -> str:
    """What the report tells about one contract: from its underlined name to the next."""
    parts = re.split(r"^(.+)\n-{3,}$", details, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(name, "")


def cycle(graph: grimp.ImportGraph) -> list[str]:
    """One circle of imports among the product's files, or nothing."""
    try:
        TopologicalSorter({m: graph.find_modules_directly_imported_by(m) for m in graph.modules}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_files_import_each_other_in_a_circle(graph: grimp.ImportGraph):
    assert cycle(graph) == []


def test_control_a_circle_is_found(graph: grimp.ImportGraph):
    planted = grimp.build_graph("shared", cache_dir=None)
    planted.add_import(importer="shared.roc", imported="shared.periods")
    assert {"shared.roc", "shared.periods"} <= set(cycle(planted))
    assert cycle(graph) == []


def strangers(graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """`models` module → the rooms besides its own that import it and are not its known readers."""
    found = {tables: readers(graph, tables) - READERS.get(tables, set()) for tables in tables_of(graph)}
    return {tables: rooms for tables, rooms in found.items() if rooms}


def tables_of(graph: grimp.ImportGraph) -> list[str]:
    return sorted(module for module in graph.modules if module.endswith(".models"))


def readers(graph: grimp.ImportGraph, tables: str) -> set[str]:
    """The rooms (`roster.review`) besides its own that import a `models` module."""
    rooms = {".".join(name.split(".")[:2]) for name in graph.find_modules_that_directly_import(tables)}
    return rooms - {tables.removesuffix(".models")}


def test_a_modules_tables_are_its_own(graph: grimp.ImportGraph):
    assert strangers(graph) == {}


def test_the_list_of_readers_holds_nobody_who_left(graph: grimp.ImportGraph):
    for tables, rooms in READERS.items():
        assert rooms <= readers(graph, tables), tables


def test_control_a_stranger_at_the_tables_is_found():
    planted = grimp.build_graph("notify", cache_dir=None)
    planted.add_import(importer="notify.directory.service", imported="notify.messages.models")
    assert strangers(planted) == {"notify.messages.models": {"notify.directory"}}
