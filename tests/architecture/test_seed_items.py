"""Every item of the manual's list of changes has a test of its name, which quotes it."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1] / "roster"
SEED = Path(__file__).parents[3] / "shared" / "seeds" / "student-deferment-system-manual.zh.txt"
ITEMS = {f"item_{number:02d}" for number in range(1, 18)} | {"planned_01"}


def quoted() -> dict[str, str]:
    """What the test of each item quotes."""
    found: dict[str, str] = {}
    for path in TESTS.glob("test_seed_items*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.AsyncFunctionDef) and (
                name := re.match(r"test_((?:item|planned)_\d\d)_", node.name)
            ):
                assert name[1] not in found, name[1]
                found[name[1]] = ast.get_docstring(node) or ""
    return found


def test_every_item_has_its_test_and_quotes_itself():
    found = quoted()
    assert found.keys() == ITEMS
    assert [item for item, words in found.items() if not words.startswith(f"({int(item[-2:])})")] == []


def test_the_quotations_are_the_manuals():
    if not SEED.is_file():
        pytest.skip("the manual is not here")
    manual = re.sub(r"\s", "", SEED.read_text("utf-8"))
    assert {item: words for item, words in quoted().items() if re.sub(r"\s", "", words) not in manual} == {}
