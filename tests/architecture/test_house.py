"""House rules that can be read off the files: no leftovers, one clock, no floats, problems in two languages."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.hosts import HOSTS, named

pytestmark = pytest.mark.xdist_group("sources")

REPO = Path(__file__).parents[2]
LONGEST = 500
# Made by tools, or data.
NOT_WRITTEN_BY_HAND = (
    "requirements/*.txt",
    "docs/openapi/*.json",
    "openapi.json",
    "*.csv",
    "package-lock.json",
    "docs/law.md",
)
LEFTOVERS = tuple("".join(parts) for parts in (("TO", "DO"), ("FIX", "ME"), ("X", "XX"), ("HA", "CK:")))
SOURCES = sorted(
    path
    for folder in ("shared/src", "gateway/src", "services")
    for path in (REPO / folder).rglob("*.py")
    if "egg-info" not in str(path)
)
CLOCK = REPO / "shared/src/shared/clock.py"
# What only shared.clock may ask, and arithmetic that loses cents and days.
FORBIDDEN_CALLS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now",
    "datetime.date.today", "float", "round",
}  # fmt: skip
# JSON's numbers are read as Python reads them, and those too large for it refused; no money passes there.
ALLOWED_CALLS = {("shared/src/shared/guard.py", "float")}


def files() -> list[Path]:
    """What git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        check=True,
    )
    return [path for name in filter(None, listed.stdout.decode().split("\0")) if (path := REPO / name).is_file()]


def relative(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


def test_no_file_names_a_registrys_host():
    assert named(REPO) == []


def test_control_a_hosts_name_is_found(tmp_path: Path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "pip.conf").write_text(f"index-url = https://{HOSTS[0].upper()}/simple\n")
    assert named(tmp_path) == [f"pip.conf:1: {HOSTS[0]}"]


def leftovers(text: str) -> list[str]:
    return [word for word in LEFTOVERS if word in text]


def test_nothing_is_left_for_later():
    found = {relative(path): left for path in files() if (left := leftovers(path.read_text("utf-8", "replace")))}
    assert found == {}


def test_control_a_leftover_is_found():
    assert leftovers(f"x = 1  # {LEFTOVERS[0]}: later") == [LEFTOVERS[0]]


def test_no_file_is_too_long():
    long = {
        relative(path): lines
        for path in files()
        if not any(path.relative_to(REPO).match(pattern) for pattern in NOT_WRITTEN_BY_HAND)
        and (lines := len(path.read_bytes().splitlines())) > LONGEST
    }
    assert long == {}


def empty_functions(tree: ast.Module) -> Iterator[str]:
    """Functions that do nothing: no statement but docstring, `...`, `pass` or NotImplementedError."""
    protocols = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)
        for child in node.body
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or id(node) in protocols:
            continue
        if any(
            "abstractmethod" in ast.unparse(mark) or "overload" in ast.unparse(mark) for mark in node.decorator_list
        ):
            continue
        if all(_is_nothing(statement) for statement in node.body):
            yield f"{node.name}:{node.lineno}"


def _is_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Raise) and "NotImplementedError" in ast.unparse(statement)


def test_no_function_is_empty():
    found = [
        f"{relative(path)}: {name}"
        for path in [*SOURCES, *(REPO / "local").rglob("*.py")]
        for name in empty_functions(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []


def test_control_an_empty_function_is_found():
    tree = ast.parse(
        'def a():\n    """Later."""\n\nclass P(Protocol):\n    def b(self): ...\n\ndef c():\n    return 1\n'
    )
    assert list(empty_functions(tree)) == ["a:1"]


def forbidden_calls(tree: ast.Module, file: str = "") -> list[str]:
    return [
        f"{node.lineno}: {name}()"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (name := ast.unparse(node.func)) in FORBIDDEN_CALLS
        and (file, name) not in ALLOWED_CALLS
    ]


def test_one_clock_and_no_floats():
    found = {
        relative(path): calls
        for path in SOURCES
        if path != CLOCK and (calls := forbidden_calls(ast.parse(path.read_text("utf-8")), relative(path)))
    }
    assert found == {}


def test_control_a_clock_and_a_float_are_found():
    tree = ast.parse("from datetime import date\na = date.today()\nb = round(1.5)\nc = float('1')\nd = clock.today()\n")
    assert forbidden_calls(tree) == ["2: date.today()", "3: round()", "4: float()"]


@dataclass(frozen=True)
class Declared:
    """A `ProblemType(code, status, title, title_en)` as it stands in a file."""

    code: str
    status: int
    title: str
    title_en: str


def declared_problems(tree: ast.Module) -> Iterator[Declared]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "ProblemType":
            names = ("code", "status", "title", "title_en")
            given = dict(zip(names, node.args, strict=False)) | {word.arg: word.value for word in node.keywords}
            yield Declared(**{name: ast.literal_eval(given[name]) for name in names})


@pytest.fixture(scope="module")
def problems() -> dict[Declared, str]:
    """Every problem any part of the product declares, and where."""
    return {
        problem: relative(path) for path in SOURCES for problem in declared_problems(ast.parse(path.read_text("utf-8")))
    }


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= char <= "\u9fff" for char in text)


def is_traditional(text: str) -> bool:
    """True if CP950 can write it: simplified characters are not in it. (Three of Taiwan's names are not either.)"""
    try:
        text.translate(dict.fromkeys(map(ord, "堃喆峯"))).encode("cp950")
    except UnicodeEncodeError:
        return False
    return True


def test_every_problem_speaks_both_languages(problems: dict[Declared, str]):
    assert len(problems) > 30
    wrong = {
        problem.code: path
        for problem, path in problems.items()
        if not is_chinese(problem.title)
        or not is_traditional(problem.title)
        or not problem.title_en
        or is_chinese(problem.title_en)
    }
    assert wrong == {}


def test_a_problem_code_means_one_thing_in_all_services(problems: dict[Declared, str]):
    codes = [problem.code for problem in problems]
    assert sorted(code for code in set(codes) if codes.count(code) > 1) == []
    assert [problem for problem in problems if not 400 <= problem.status <= 599] == []
    assert {code for code in codes if not re.fullmatch(r"[a-z][a-z0-9_]+", code)} == set()


def test_control_a_problem_is_read_wherever_it_is_declared():
    tree = ast.parse('raise problems.ProblemType("a", 409, title="甲", title_en="A")()')
    assert list(declared_problems(tree)) == [Declared("a", 409, "甲", "A")]


def test_control_simplified_characters_are_found():
    assert is_traditional("請依所列逐項修正，並重新送出")
    assert not is_traditional("请依所列逐项修正")


def test_all_chinese_in_the_product_is_traditional():
    found = {
        relative(path): wrong
        for path in SOURCES
        if (wrong := [text for text in chinese_texts(ast.parse(path.read_text("utf-8"))) if not is_traditional(text)])
    }
    assert found == {}


def chinese_texts(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_chinese(node.value):
            yield node.value
