"""Articles 11 to 16-2 of the deferment regulation, provision by provision, read from law_provisions.csv beside this.

Columns: the place in the notation of `shared.law`; its words (of the amendment of 2018-06-28; Article 16-2 is of 2019
and only summed up); the rules that carry it out; or else why there is nothing to carry out. `docs/law.md` has a row
for each. A rule that cites one of these articles stands at a provision of it, and each provision has a rule that has
code and a test, or a reason.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.law import DEFERMENT_REGULATION, Citation, cite
from tests.support.law_rules import Described


@dataclass(frozen=True, slots=True)
class Provision:
    """A paragraph, its lead-in or one of its subparagraphs."""

    citation: Citation
    words: str
    rules: tuple[str, ...]
    nothing: str

    def under(self, citation: Citation) -> bool:
        """Whether `citation` names this provision, or what it stands in."""
        mine, theirs = self.citation.article, citation.article
        return citation.law == DEFERMENT_REGULATION and (mine == theirs or mine.startswith(f"{theirs}-"))


def read(path: Path) -> tuple[Provision, ...]:
    """The table. Raises ValueError for a place that stands twice or that has both rules and a reason, or neither."""
    found: dict[str, Provision] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, strict=True):
            rules, nothing = tuple(row["rules"].split()), row["nothing_to_implement"]
            if row["article"] in found or not row["words"] or bool(rules) == bool(nothing):
                raise ValueError(f"{path.name}: {row['article']} is not described well")
            found[row["article"]] = Provision(cite(DEFERMENT_REGULATION, row["article"]), row["words"], rules, nothing)
    return tuple(sorted(found.values(), key=lambda provision: provision.citation.order))


PROVISIONS: Final = read(Path(__file__).with_suffix(".csv"))
ARTICLES: Final = frozenset(provision.citation.article.partition("-")[0] for provision in PROVISIONS)


def faults(
    described: Mapping[str, Described],
    code: Mapping[str, Sequence[Any]],
    tests: Mapping[str, Sequence[Any]],
    provisions: Iterable[Provision] = PROVISIONS,
) -> list[str]:
    """What is wrong, one sentence each."""
    told = []
    at = tuple(provisions)
    for provision in at:
        for rule_id in provision.rules:
            if rule_id not in described:
                told.append(f"{provision.citation.article}: {rule_id} is no rule of the specification")
            elif not (code.get(rule_id) and tests.get(rule_id)):
                told.append(f"{provision.citation.article}: {rule_id} lacks code or a test")
    for rule_id, rule in sorted(described.items()):
        for citation in rule.sources:
            if citation.law != DEFERMENT_REGULATION or citation.article.partition("-")[0] not in ARTICLES:
                continue
            if not any(provision.under(citation) and rule_id in provision.rules for provision in at):
                told.append(f"{rule_id} cites {citation.article} and stands at no provision of it")
    return told
