"""The rules of the specification, read from law_rules.csv beside this file.

Columns: the rule's id; ``yes`` if this version must have it; its sources, ``law:article`` in the notation of
`shared.law` with blanks between; its title in Chinese and English. `docs/law.md` takes titles and sources from here.
A required rule needs code that decides it (``@rule``) and a test that proves it (``@pytest.mark.rule``); an id that
is not listed is a slip of the pen.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.law import Citation, cite


@dataclass(frozen=True, slots=True)
class Described:
    """One rule of the specification."""

    id: str
    required: bool
    sources: tuple[Citation, ...]
    title: str
    title_en: str


def read(path: Path) -> dict[str, Described]:
    """The table. Raises ValueError for an id that stands twice, an unknown source, or a missing cell."""
    rules: dict[str, Described] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, strict=True):
            sources = tuple(cite(*source.split(":", 1)) for source in row["sources"].split())
            if row["id"] in rules or row["required"] not in {"", "yes"} or not (sources and row["title_en"]):
                raise ValueError(f"{path.name}: {row['id']} is not described well")
            rules[row["id"]] = Described(row["id"], row["required"] == "yes", sources, row["title"], row["title_en"])
    return rules


RULES_DESCRIBED: Final = read(Path(__file__).with_suffix(".csv"))
