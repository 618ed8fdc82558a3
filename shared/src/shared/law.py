"""Where a rule comes from: laws, citations, values with dates, and the register of rules in code.

Notation of an article, one string without spaces:

======== ============================== =======================================
written  means                          example
======== ============================== =======================================
``11``   Article 11                     第11條
``15-1`` Article 15, paragraph 1        第15條第1項
``15-1-4`` … subparagraph 4             第15條第1項第4款
``16/1`` Article 16 *bis* 1             第16條之1 (never confused with ``16-1``)
``16/1-2`` … its paragraph 2            第16條之1第2項
``3-0-4`` subparagraph 4 of an article  第3條第4款 (the article has one paragraph,
         that has one paragraph         so the law does not count it)
======== ============================== =======================================

A manual's places are its steps (``3``, ``3-1``), the items of its two lists of changes (``update-12``,
``planned-1``), its slides on the fee (``fee-1``) and its ``intro``. A design policy goes by its name:
``AgeRule.YEAR_END``.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final, Generic, Literal, TypeVar

_ARTICLE: Final = re.compile(r"([1-9][0-9]*)(?:/([1-9][0-9]*))?(?:-(0(?=-)|[1-9][0-9]*))?(?:-([1-9][0-9]*))?")
_MANUAL: Final = re.compile(r"intro|(?:(update|planned|fee)-)?([1-9][0-9]*(?:-[1-9][0-9]*)?)")
_POLICY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")
_FORMS: Final = {"law": _ARTICLE, "manual": _MANUAL, "design": _POLICY}
_LISTS: Final = {
    None: ("第{}點", "step {}"),
    "update": ("已版更項目第{}項", "shipped change {}"),
    "planned": ("未來預計更新項目第{}項", "planned change {}"),
    "fee": ("研究發展費繳納第{}頁", "R&D fee, slide {}"),
}
_RULE_ID: Final = re.compile(r"[A-Z]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Law:
    """A source of rules. `versions` are the days its texts took effect, oldest first; never empty."""

    code: str
    name: str
    name_en: str
    versions: tuple[date, ...]
    kind: Literal["law", "manual", "design"] = "law"

    def version_on(self, day: date) -> date:
        """The version in force on `day`. Raises LookupError before the first one known here."""
        for version in reversed(self.versions):
            if version <= day:
                return version
        raise LookupError(f"{self.code}: no version in force on {day.isoformat()}")


DEFERMENT_REGULATION: Final = "deferment_regulation"
MILITARY_SERVICE_ACT: Final = "military_service_act"
ENFORCEMENT_ACT: Final = "military_service_enforcement_act"
CONSCRIPTION_RULES: Final = "conscription_rules"
ADMINISTRATIVE_PROCEDURE_ACT: Final = "administrative_procedure_act"
HOLIDAY_ADJUSTMENT_RULES: Final = "holiday_adjustment_rules"
SUBSTITUTE_SERVICE_ACT: Final = "substitute_service_act"
FEE_STANDARD: Final = "rdss_fee_standard"
SYSTEM_MANUAL: Final = "student_deferment_manual"
FEE_MANUAL: Final = "rdss_manual"
DESIGN_POLICY: Final = "design_policy"

LAWS: Final[dict[str, Law]] = {
    law.code: law
    for law in (
        Law(
            DEFERMENT_REGULATION,
            "免役禁役緩徵緩召實施辦法",
            "Regulations on Exemption, Disqualification, Deferment and Call-up Deferment",
            (date(2018, 6, 28), date(2019, 7, 26)),
        ),
        Law(MILITARY_SERVICE_ACT, "兵役法", "Military Service Act", (date(2023, 5, 3),)),
        Law(ENFORCEMENT_ACT, "兵役法施行法", "Enforcement Act of the Military Service Act", (date(2020, 5, 13),)),
        Law(CONSCRIPTION_RULES, "徵兵規則", "Conscription Rules", (date(2021, 11, 25),)),
        Law(ADMINISTRATIVE_PROCEDURE_ACT, "行政程序法", "Administrative Procedure Act", (date(2021, 1, 20),)),
        Law(
            HOLIDAY_ADJUSTMENT_RULES,
            "政府機關配合紀念日與節日補假及調整放假處理要點",
            "Directions on Compensatory and Adjusted Days Off of Government Agencies",
            (date(2025, 6, 13),),
        ),
        Law(SUBSTITUTE_SERVICE_ACT, "替代役實施條例", "Substitute Service Act", (date(2021, 1, 27),)),
        Law(
            FEE_STANDARD,
            "研發替代役研究發展費繳納標準",
            "Standard for Payment of the R&D Fee of R&D Substitute Service",
            (date(2015, 9, 30),),
        ),
        Law(
            SYSTEM_MANUAL,
            "在學緩徵作業系統操作說明",
            "Student-deferment system manual",
            (date(2019, 8, 1),),
            "manual",
        ),
        Law(
            FEE_MANUAL,
            "研發替代役制度管考獎懲作業說明",
            "R&D substitute-service manual on assessment, rewards and penalties",
            (date(2010, 1, 1),),
            "manual",
        ),
        Law(DESIGN_POLICY, "本系統設計政策", "Design policy of this system", (date(2026, 1, 1),), "design"),
    )
}


@dataclass(frozen=True)
class Citation:
    """One place in one version of one law.

    `law` is a code of LAWS, `article` is written as the module's table says and `version` is one of the law's
    versions. Raises ValueError for anything else, so that a wrong citation stops the import of the rule that
    made it.
    """

    law: str
    article: str
    version: date

    def __hash__(self) -> int:
        # Nearly always this tells two apart, and hints are compared by the thousand.
        return hash(self.article)

    def __post_init__(self) -> None:
        law = LAWS.get(self.law)
        if law is None:
            raise ValueError(f"unknown law {self.law!r}")
        if not _FORMS[law.kind].fullmatch(self.article):
            raise ValueError(f"{self.law}: {self.article!r} is not an article")
        if self.version not in law.versions:
            raise ValueError(f"{self.law}: no version of {self.version.isoformat()}")

    @cached_property
    def text(self) -> str:
        """As an official writes it: 免役禁役緩徵緩召實施辦法第15條第1項第4款."""
        law = LAWS[self.law]
        if law.kind == "design":
            return f"{law.name}「{self.article}」"
        if law.kind == "manual":
            return law.name + self._manual_place[0]
        number, bis, paragraph, subparagraph = self._parts
        text = f"{law.name}第{number}條"
        if bis:
            text += f"之{bis}"
        if paragraph and paragraph != "0":
            text += f"第{paragraph}項"
        if subparagraph:
            text += f"第{subparagraph}款"
        return text

    @cached_property
    def text_en(self) -> str:
        """In English: “…, Article 15, paragraph 1, subparagraph 4”."""
        law = LAWS[self.law]
        if law.kind == "design":
            return f"{law.name_en}: {self.article}"
        if law.kind == "manual":
            return f"{law.name_en}, {self._manual_place[1]}"
        number, bis, paragraph, subparagraph = self._parts
        text = f"{law.name_en}, Article {number}"
        if bis:
            text += f"-{bis}"
        if paragraph and paragraph != "0":
            text += f", paragraph {paragraph}"
        if subparagraph:
            text += f", subparagraph {subparagraph}"
        return text

    def as_dict(self) -> dict[str, str]:
        """JSON form: law, article, version (ISO), text, text_en."""
        return {
            "law": self.law,
            "article": self.article,
            "version": self.version.isoformat(),
            "text": self.text,
            "text_en": self.text_en,
        }

    @cached_property
    def order(self) -> tuple[tuple[int, str], ...]:
        """Sorts citations of one law as its text runs: Art. 2 before Art. 11, Art. 16 before Art. 16-1."""
        words = re.findall(r"[0-9]+|[^0-9]+", self.article)
        return tuple((int(word), "") if word.isdigit() else (0, word) for word in words)

    @property
    def _manual_place(self) -> tuple[str, str]:
        found = _MANUAL.fullmatch(self.article)
        assert found is not None
        if found[2] is None:
            return "簡介", "introduction"
        text, text_en = _LISTS[found[1]]
        return text.format(found[2]), text_en.format(found[2])

    @property
    def _parts(self) -> tuple[str, str | None, str | None, str | None]:
        found = _ARTICLE.fullmatch(self.article)
        assert found is not None
        number, bis, paragraph, subparagraph = found.groups()
        return number, bis, paragraph, subparagraph


def cite(law: str, article: str, version: date | None = None) -> Citation:
    """A citation of `version`, by default the law's newest text."""
    if version is None:
        known = LAWS.get(law)
        if known is None:
            raise ValueError(f"unknown law {law!r}")
        version = known.versions[-1]
    return Citation(law, article, version)


ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class DatedRow(Generic[ValueT]):
    """A value the law fixes, from the day it took effect."""

    effective_from: date
    value: ValueT
    citation: Citation


class Dated(Generic[ValueT]):
    """A value that changes with the law: an amendment appends a row, and old cases stay computable."""

    def __init__(self, rows: Iterable[DatedRow[ValueT]]) -> None:
        """Raises ValueError for no rows or two rows of one day."""
        self.rows: Final = tuple(sorted(rows, key=lambda row: row.effective_from))
        days = [row.effective_from for row in self.rows]
        if not days or len(set(days)) != len(days):
            raise ValueError("dated values need at least one row and a different day for each")

    def on(self, day: date) -> DatedRow[ValueT]:
        """The row in force on `day`. Raises LookupError before the first."""
        for row in reversed(self.rows):
            if row.effective_from <= day:
                return row
        raise LookupError(f"no value in force on {day.isoformat()}; the first is of {self.rows[0].effective_from}")

    def __iter__(self) -> Iterator[DatedRow[ValueT]]:
        return iter(self.rows)


RULES: Final[dict[str, list[tuple[str, str, int]]]] = {}
"""Rule id → the callables that decide it: (module, qualified name, line of the decorator)."""

Decided = TypeVar("Decided")


def rule(*ids: str) -> Callable[[Decided], Decided]:
    """Name the rules of the specification that the decorated callable decides.

    For functions, coroutine functions, classes, and static or class methods; the object is returned
    unchanged. Raises ValueError for no id or one that does not read like ``RO-24``.
    """
    if not ids:
        raise ValueError("rule() needs at least one id")
    for rule_id in ids:
        if not _RULE_ID.fullmatch(rule_id):
            raise ValueError(f"{rule_id!r} is not a rule id")

    def register(decided: Decided) -> Decided:
        module = str(getattr(decided, "__module__", "") or "")
        name = str(getattr(decided, "__qualname__", "") or "")
        if not module or not name:
            raise TypeError(f"rule() cannot name {decided!r}")
        line = sys._getframe(1).f_lineno
        for rule_id in ids:
            places = RULES.setdefault(rule_id, [])
            # A module that is loaded again replaces its own entry.
            places[:] = [place for place in places if place[:2] != (module, name)]
            places.append((module, name, line))
        return decided

    return register
