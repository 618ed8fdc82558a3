"""One English name per legal term: docs/glossary.csv against the names our code shows to others.

Looked at: the names of classes, their annotated fields, the values of enums and of Literals, table names, members of
event types and problem codes; these become the API, the tables and the documents. Words are compared, not letters:
``town`` forbids ``town_code`` and leaves ``township_code`` alone.
"""

import ast
import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

# One worker reads all sources, once.
pytestmark = pytest.mark.xdist_group("sources")

REPO = Path(__file__).resolve().parents[2]
GLOSSARY = REPO / "docs" / "glossary.csv"
SOURCES = (
    "shared/src",
    "gateway/src",
    "services/identity/src",
    "services/notify/src",
    "services/rdss-fee/src",
    "services/roster/src",
    "local",
)

# Terms this version uses; each must be found under its own name in the roster service.
USED = [
    "application",
    "extension",
    "cessation",
    "reapplication",
    "on_hold",
    "for_approval",
    "approved",
    "rejected",
    "decision_number",
    "issued_on",
    "decided_on",
    "headcount",
    "latest_deferment",
    "overseas_compatriot",
    "experimental_education",
    "exempted",
    "disqualified",
    "service_age_ended",
    "reservist",
    "substitute_reservist",
    "replacement_soldier",
    "on_leave",
    "withdrew",
    "expelled",
    "county_code",
    "township_code",
    "hint",
    "annotation",
    "deferment",
    "roster",
]

# The contract's own names, in which a word means something else.
ALLOWED: dict[str, str] = {}

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[A-Z]")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Term:
    """A row of the glossary."""

    zh: str
    name: str
    synonyms: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """A name that others see, and the line it stands on."""

    name: str
    where: str


def read_glossary() -> list[Term]:
    with GLOSSARY.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    return [Term(row["zh"], row["name"], tuple(filter(None, row["not"].split(";")))) for row in rows]


def words(name: str) -> tuple[str, ...]:
    """``SchoolContact``, ``school_contact`` and ``schoolContact`` are the same two words."""
    return tuple(word.lower() for part in name.split("_") for word in _WORD.findall(part))


def contains(name: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return any(name[at : at + len(part)] == part for at in range(len(name) - len(part) + 1))


def shown_names(tree: ast.AST, file: str) -> Iterator[Shown]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield Shown(node.name, f"{file}:{node.lineno}")
            for item in node.body:
                yield from (Shown(name, f"{file}:{item.lineno}") for name in _members(item))
        elif isinstance(node, ast.Subscript) and _ends_with(node.value, "Literal"):
            for value in ast.walk(node.slice):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield Shown(value.value, f"{file}:{value.lineno}")
        elif isinstance(node, ast.Call) and _ends_with(node.func, "ProblemType", "EventType"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield Shown(argument.value.replace(".", "_"), f"{file}:{argument.lineno}")


def _ends_with(node: ast.expr, *names: str) -> bool:
    """Whether the last part of a dotted name ends with one of `names`."""
    last = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return last.endswith(names)


def _members(item: ast.stmt) -> Iterator[str]:
    """An annotated field, or a member (enum, ``__tablename__``) whose value is text."""
    match item:
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Assign(targets=targets, value=ast.Constant(value=str(value))):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
            if _NAME.fullmatch(value):
                yield value


@cache
def everything_shown() -> tuple[Shown, ...]:
    found: list[Shown] = []
    for folder in SOURCES:
        for path in sorted((REPO / folder).rglob("*.py")):
            file = path.relative_to(REPO).as_posix()
            found += shown_names(ast.parse(path.read_text(encoding="utf-8"), file), file)
    return tuple(found)


def misnamed(shown: Iterable[Shown], glossary: Iterable[Term]) -> list[str]:
    """One sentence for each name that says a synonym, with the name to use instead."""
    forbidden = [(words(synonym), synonym, term) for term in glossary for synonym in term.synonyms]
    return [
        f"{name.where}: {name.name} says {synonym}; the glossary's name for {term.zh} is {term.name}"
        for name in shown
        if name.name not in ALLOWED
        for part, synonym, term in forbidden
        if contains(words(name.name), part)
    ]


def test_the_glossary_is_well_formed():
    glossary = read_glossary()
    assert len(glossary) > 70
    assert all(term.zh and re.fullmatch(r"[a-z0-9_ ]+", term.name) for term in glossary)
    assert all(re.fullmatch(r"[a-z0-9_]+", synonym) for term in glossary for synonym in term.synonyms)
    assert len({term.zh for term in glossary}) == len(glossary), "a Chinese term stands twice"


def test_no_glossary_name_is_a_synonym_of_another():
    glossary = read_glossary()
    names = [Shown(term.name.replace(" ", "_"), term.zh) for term in glossary]
    assert misnamed(names, glossary) == []


def test_no_name_in_the_code_says_a_synonym():
    told = misnamed(everything_shown(), read_glossary())
    assert not told, "\n".join(["", *told])


def test_an_allowed_name_is_still_in_use():
    shown = {name.name for name in everything_shown()}
    assert set(ALLOWED) <= shown


def test_the_terms_of_this_version_are_used_under_their_own_names():
    glossary = {term.name for term in read_glossary()}
    shown = [words(name.name) for name in everything_shown() if name.where.startswith("services/roster/")]
    missing = [name for name in USED if not any(contains(other, words(name)) for other in shown)]
    assert not missing
    parts_of_household = {"county_code", "township_code"}
    assert set(USED) - glossary == parts_of_household


PLANTED = """
class ConscriptStatus(StrEnum):
    waiting = "pending_approval"
    fine = "for_approval"

class Entry(Base):
    __tablename__ = "student_list"
    town_code: Mapped[str]
    township_code: Mapped[str]
    decisionDate: date
    conscription_registry: str

kind: Literal["application", "extinguish"]
STALE = ProblemType("decision_no_taken", 409, "", "")
"""


def test_control_every_planted_synonym_is_told():
    shown = sorted(shown_names(ast.parse(PLANTED), "planted.py"), key=lambda name: int(name.where.split(":")[1]))
    told = misnamed(shown, read_glossary())
    assert [(sentence.split(" ")[1], sentence.rpartition(" ")[2]) for sentence in told] == [
        ("ConscriptStatus", "draftee"),
        ("pending_approval", "for_approval"),
        ("student_list", "roster"),
        ("town_code", "township"),
        ("decisionDate", "decided_on"),
        ("extinguish", "cessation"),
        ("extinguish", "cessation"),
        ("decision_no_taken", "decision_number"),
    ]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("SchoolContact", ("school", "contact")),
        ("school_contact", ("school", "contact")),
        ("MOIApproval", ("moi", "approval")),
        ("type_3", ("type", "3")),
        ("_Patience", ("patience",)),
    ],
)
def test_words(name: str, parts: tuple[str, ...]):
    assert words(name) == parts
