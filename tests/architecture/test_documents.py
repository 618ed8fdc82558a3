"""What the documents promise can be checked: links lead somewhere, commands exist, the demo's words were said."""

import re
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from shared.settings import Settings

REPO = Path(__file__).parents[2]
DOCUMENTS = sorted([*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")])
README = (REPO / "README.md").read_text("utf-8")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")
ELISION = "…"


def broken(document: Path) -> list[str]:
    targets = LINK.findall(document.read_text("utf-8"))
    return [target for target in targets if "://" not in target and not (document.parent / target).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(REPO).as_posix())
def test_links_lead_somewhere(document: Path):
    assert broken(document) == []


def test_control_a_broken_link_is_found(tmp_path: Path):
    (tmp_path / "a.md").write_text("[here](a.md#top) [there](b.md) [far](https://example.test/c)")
    assert broken(tmp_path / "a.md") == ["b.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(REPO).as_posix())
def test_commands_that_are_named_exist(document: Path):
    targets = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text("utf-8"), re.MULTILINE))
    assert named - targets == set()


def test_paths_that_are_named_exist():
    named = set(re.findall(r"`((?:shared|gateway|services|local|tests|docs)/[\w./-]+)`", README))
    for document in ("CONTRIBUTING.md", "docs/architecture.md", "docs/operations.md"):
        text = (REPO / document).read_text("utf-8")
        named |= set(re.findall(r"`((?:shared|gateway|services|local|tests|docs)/[\w./-]+)`", text))
    # What only an example names, and where to put what does not exist yet.
    named = {path for path in named if not path.endswith("0002_")}
    assert named
    assert {path for path in named if not (REPO / path).exists()} == set()


def test_the_readme_shows_what_the_demonstration_said():
    said = (REPO / "docs" / "demo-output.txt").read_text("utf-8").splitlines()
    shown = re.search(r"<!-- demo -->.*?```text\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    lines = [line for line in shown[1].splitlines() if line.strip() not in ("", ELISION)]
    assert len(lines) > 20
    at = 0
    for line in lines:
        assert line in said[at:], f"not said, or not in this order: {line}"
        at = said.index(line, at) + 1


def test_every_decision_stands_in_one_page_with_its_number():
    numbers = []
    for page in sorted((REPO / "docs" / "adr").glob("*.md")):
        first, *lines = page.read_text("utf-8").splitlines()
        number = page.name[:4]
        assert first.startswith(f"# {number} — "), page.name
        assert any(line.startswith("**Decided**") for line in lines), page.name
        assert len(lines) <= 70, f"{page.name}: one page"
        numbers.append(number)
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    "variable", sorted(set(re.findall(r"MUSTER_[A-Z0-9_]+[A-Z0-9]", (REPO / ".env.example").read_text("utf-8"))))
)
def test_what_the_example_environment_sets_is_explained(variable: str):
    assert variable in (REPO / "docs" / "operations.md").read_text("utf-8")


def test_every_setting_is_explained():
    text = (REPO / "docs" / "operations.md").read_text("utf-8")
    settings = Settings.model_fields.keys() | GatewaySettings.model_fields.keys()
    assert {name for name in settings - {"service", "database_url"} if f"MUSTER_{name.upper()}" not in text} == set()
