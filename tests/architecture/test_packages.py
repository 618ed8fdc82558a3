"""Each deployable describes itself truly: its packages and data exist, and it depends on what it imports.

Nothing is built here, so no registry is asked.
"""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest

REPO = Path(__file__).parents[2]
# distribution folder → package
DEPLOYABLES = {"shared": "shared", "gateway": "gateway"} | {
    f"services/{folder.name}": folder.name.replace("-", "_")
    for folder in sorted((REPO / "services").iterdir())
    if (folder / "src").is_dir()
}
# Import name → distribution, where they differ.
DISTRIBUTIONS = {"fontTools": "fonttools", "jose": "python-jose", "barcode": "python-barcode",
                 "argon2": "argon2-cffi", "prometheus_client": "prometheus-client",
                 "pydantic_settings": "pydantic-settings"}  # fmt: skip
# Brought by another package and meant to be used through it.
BROUGHT = {"starlette": "fastapi", "yarl": "aiohttp"}


def described(folder: str) -> dict[str, Any]:
    return tomllib.loads((REPO / folder / "pyproject.toml").read_text("utf-8"))


def name_of(dependency: str) -> str:
    return dependency.partition("[")[0]


@pytest.mark.parametrize("folder", DEPLOYABLES)
def test_it_describes_itself(folder: str):
    whole = described(folder)
    project = whole["project"]
    assert project["name"] == f"muster-{Path(folder).name}"
    assert project["requires-python"] == ">=3.11"
    assert project["version"]
    assert project["description"]
    assert whole["build-system"]["build-backend"] == "setuptools.build_meta"
    assert whole["tool"]["setuptools"]["packages"]["find"] == {"where": ["src"]}
    assert [path.name for path in (REPO / folder / "src").iterdir() if path.is_dir()
            and not path.name.endswith(".egg-info")] == [DEPLOYABLES[folder]]  # fmt: skip


@pytest.mark.parametrize("folder", DEPLOYABLES)
def test_its_data_is_there_and_goes_along(folder: str):
    package = DEPLOYABLES[folder]
    root = REPO / folder / "src" / package
    patterns = described(folder)["tool"]["setuptools"]["package-data"][package]
    assert "py.typed" in patterns
    for pattern in patterns:
        assert list(root.glob(pattern)), f"{pattern} matches nothing"
    carried = {path for pattern in patterns for path in root.glob(pattern)}
    present = {path for path in root.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert present - carried == set(), "files that no pattern would ship"


@pytest.mark.parametrize("folder", DEPLOYABLES)
def test_every_folder_with_code_is_a_package(folder: str):
    root = REPO / folder / "src" / DEPLOYABLES[folder]
    assert {path.parent for path in root.rglob("*.py")} == {path.parent for path in root.rglob("__init__.py")}


def imported(package: str) -> set[str]:
    """Distributions that a package's files import, the standard library left out."""
    graph = grimp.build_graph(package, include_external_packages=True, cache_dir=None)
    roots = {
        name.partition(".")[0]
        for module in graph.modules
        if module.partition(".")[0] == package
        for name in graph.find_modules_directly_imported_by(module)
    }
    roots -= {package, *sys.stdlib_module_names}
    return {"muster-shared" if root == "shared" else DISTRIBUTIONS.get(root, BROUGHT.get(root, root)) for root in roots}


@pytest.mark.parametrize("folder", DEPLOYABLES)
def test_it_depends_on_what_it_imports(folder: str):
    named = {name_of(dependency) for dependency in described(folder)["project"]["dependencies"]}
    # Started by, loaded by the address of the database: never imported by name.
    unseen = {"uvicorn", "asyncpg"}
    assert named - unseen == imported(DEPLOYABLES[folder]) - unseen


@pytest.mark.parametrize("folder", DEPLOYABLES)
def test_versions_are_pinned_in_one_place_only(folder: str):
    pinned = {
        line.partition("==")[0].partition("[")[0]
        for line in (REPO / "requirements" / "runtime.txt").read_text("utf-8").splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    for dependency in described(folder)["project"]["dependencies"]:
        assert not set(dependency) & set("<>=~! "), f"{dependency}: names only"
        assert name_of(dependency) == "muster-shared" or name_of(dependency) in pinned


def test_services_load_no_library_for_terminals():
    """It is installed here beside the tools of development; what would load it loads well without."""
    assert loaded_by("shared.http, shared.logs") == ["httpx", "structlog"]
    # The control: by itself either loads it.
    assert loaded_by("httpx") == ["httpx", "rich"]
    assert loaded_by("structlog") == ["rich", "structlog"]


def loaded_by(modules: str) -> list[str]:
    program = f"import sys, {modules}; print(*sorted({{'httpx', 'rich', 'structlog'}} & sys.modules.keys()))"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
