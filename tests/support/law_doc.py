"""Makes docs/law.md: from the article of the law to the code that decides it and the tests that prove it.

    python -m tests.support.law_doc            write docs/law.md
    python -m tests.support.law_doc --check    only say whether it is stale, or a rule lacks code or tests

Code is found by importing every module of our packages and reading the register that ``@rule`` fills; tests by
reading the marks in their source. Nothing outside the repository is read.
"""

import argparse
import ast
import importlib
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shared.law import DEFERMENT_REGULATION, LAWS, RULES
from tests.support import law_provisions
from tests.support.law_rules import RULES_DESCRIBED, Described

REPO: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = REPO / "docs" / "law.md"
PACKAGES: Final = ("shared", "gateway", "identity", "notify", "rdss_fee", "roster")
# Alembic's scripts run as they are imported; no rule of law lives there.
_NOT_IMPORTED: Final = {"migrations", "__main__"}

_HEAD: Final = """\
# 法規索引 · Law index

From the article to the code that decides it and the tests that prove it. Made by
`python -m tests.support.law_doc` from `@rule(…)` in the code and `@pytest.mark.rule(…)` on the tests: do not edit
by hand. — means: not in this version yet.
"""


@dataclass(frozen=True)
class Place:
    """A callable of ours, or a test: the file (from the repository's root) and the name within it."""

    file: str
    name: str


@dataclass
class Index:
    """Everything the document says: the described rules, and per id the code and the tests."""

    described: dict[str, Described]
    code: dict[str, list[Place]] = field(default_factory=dict)
    tests: dict[str, list[Place]] = field(default_factory=dict)


class MarkError(ValueError):
    """A mark that cannot be read without running the test."""


def build() -> Index:
    """The index of this working tree. Raises what a module raises that cannot be imported, or MarkError."""
    return Index(dict(RULES_DESCRIBED), code_places(PACKAGES), test_places(REPO / "tests", REPO))


def code_places(packages: Iterable[str]) -> dict[str, list[Place]]:
    """Rule id → callables, of the modules of these packages only."""
    owners = tuple(packages)
    for module in _modules(owners):
        importlib.import_module(module)
    found: dict[str, list[Place]] = {}
    for rule_id, places in RULES.items():
        for module, name, _ in places:
            # A test may have registered rules of its own.
            if module.partition(".")[0] in owners:
                found.setdefault(rule_id, []).append(Place(_file_of(module), f"{module}.{name}"))
    return {rule_id: sorted(places, key=lambda place: place.name) for rule_id, places in found.items()}


def test_places(folder: Path, root: Path) -> dict[str, list[Place]]:
    """Rule id → tests, by their marks: on functions, classes, parameters, and ``pytestmark``."""
    found: dict[str, list[Place]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        file = path.relative_to(root).as_posix()
        for rule_id, name in _marks(ast.parse(path.read_text(encoding="utf-8"), file), file):
            places = found.setdefault(rule_id, [])
            if Place(file, name) not in places:
                places.append(Place(file, name))
    return found


def faults(index: Index) -> list[str]:
    """What is wrong with the index, one sentence each: provisions and rules without code or test, unknown ids."""
    told = law_provisions.faults(index.described, index.code, index.tests)
    for rule_id, described in sorted(index.described.items()):
        if described.required and not index.code.get(rule_id):
            told.append(f"{rule_id} ({described.title_en}) has no @rule in the code")
        if described.required and not index.tests.get(rule_id):
            told.append(f"{rule_id} ({described.title_en}) has no @pytest.mark.rule on a test")
    for where, places in (("code", index.code), ("tests", index.tests)):
        for rule_id in sorted(places.keys() - index.described.keys()):
            files = ", ".join(sorted({place.file for place in places[rule_id]}))
            told.append(f"{rule_id} is named in the {where} ({files}) but is no rule of the specification")
    return told


def render(index: Index) -> str:
    """The document: one table per source, in the order of `shared.law.LAWS`, then of the articles."""
    parts = [_HEAD]
    for law in LAWS.values():
        rows = sorted(
            (
                (citation.order, described.id, citation.text.removeprefix(law.name), described)
                for described in index.described.values()
                for citation in described.sources
                if citation.law == law.code
            ),
            key=lambda row: row[:2],
        )
        if not rows:
            continue
        versions = ", ".join(version.isoformat() for version in law.versions)
        parts.append(f"## {law.name} · {law.name_en} ({versions})\n")
        lines = ["| 條文 | Rule | 內容 | Code | Tests |", "|---|---|---|---|---|"]
        for _, rule_id, text, described in rows:
            lines.append(
                f"| {text.strip('「」')} | {rule_id} | {described.title}<br>{described.title_en}"
                f" | {_code_cell(index.code.get(rule_id, []))} | {_test_cell(index.tests.get(rule_id, []))} |"
            )
        parts.append("\n".join(lines) + "\n")
        if law.code == DEFERMENT_REGULATION:
            parts.append(_provisions(index))
    return "\n".join(parts)


def _provisions(index: Index) -> str:
    """Articles 11 to 16-2, a row a provision, with the law's words."""
    law = LAWS[DEFERMENT_REGULATION]
    lines = [
        f"## {law.name}第11條至第16條之2逐項對照 · Articles 11 to 16-2, provision by provision\n",
        "| 條文 | 內容 | Rules | Code | Tests |",
        "|---|---|---|---|---|",
    ]
    for provision in law_provisions.PROVISIONS:
        place = provision.citation.text.removeprefix(law.name)
        if provision.nothing:
            lines.append(f"| {place} | {provision.words} | {provision.nothing} | — | — |")
            continue
        code = {place for rule_id in provision.rules for place in index.code.get(rule_id, [])}
        tests = {place for rule_id in provision.rules for place in index.tests.get(rule_id, [])}
        files = "<br>".join(f"[{file}](../{file})" for file in sorted({place.file for place in tests}))
        lines.append(
            f"| {place} | {provision.words} | {' '.join(provision.rules)}"
            f" | {_code_cell(sorted(code, key=lambda place: place.name))} | {files or '—'} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Exit code 0 when the document is written, or (``--check``) fresh and complete."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.law_doc")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when stale or incomplete")
    check: bool = parser.parse_args(arguments).check
    index = build()
    text = render(index)
    told = faults(index)
    if not check:
        DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
        DOCUMENT.write_text(text, encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != text:
        told.append("docs/law.md is stale: run python -m tests.support.law_doc")
    for fault in told:
        print(fault, file=sys.stderr)
    return 1 if check and told else 0


def _modules(packages: tuple[str, ...]) -> Iterator[str]:
    for package in packages:
        found = importlib.import_module(package)
        yield package
        for info in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not _NOT_IMPORTED.intersection(info.name.split(".")):
                yield info.name


def _file_of(module: str) -> str:
    file = sys.modules[module].__file__
    assert file is not None
    return Path(file).resolve().relative_to(REPO).as_posix()


def _marks(tree: ast.Module, file: str) -> Iterator[tuple[str, str]]:
    """(rule id, name of what it stands on) of one test file; the file's own name stands for a module mark."""
    yield from _marks_within(tree, "", file)


def _marks_within(node: ast.Module | ast.ClassDef, prefix: str, file: str) -> Iterator[tuple[str, str]]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = prefix + item.name
            for decorator in item.decorator_list:
                yield from ((rule_id, name) for rule_id in _ids_in(decorator, file))
            if isinstance(item, ast.ClassDef):
                yield from _marks_within(item, f"{name}::", file)
        elif isinstance(item, ast.Assign) and _assigns_pytestmark(item):
            for rule_id in _ids_in(item.value, file):
                yield from ((rule_id, name) for name in _tests_of(node, prefix))


def _assigns_pytestmark(item: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in item.targets)


def _tests_of(node: ast.Module | ast.ClassDef, prefix: str) -> list[str]:
    return [
        prefix + item.name
        for item in node.body
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and item.name.lower().startswith("test")
    ]


def _ids_in(expression: ast.expr, file: str) -> Iterator[str]:
    for node in ast.walk(expression):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule"):
            continue
        for argument in node.args:
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                raise MarkError(f"{file}:{argument.lineno}: write the rule's id as a plain string")
            yield argument.value


def _code_cell(places: list[Place]) -> str:
    return "<br>".join(f"[`{place.name}`](../{place.file})" for place in places) or "—"


def _test_cell(places: list[Place]) -> str:
    names: dict[str, list[str]] = {}
    for place in places:
        names.setdefault(place.file, []).append(place.name)
    return (
        "<br>".join(f"[{file}](../{file}): " + ", ".join(f"`{name}`" for name in names[file]) for file in names) or "—"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
