"""The hint: what a legal test found, why, and in which words. Messages carry no man's name and no national ID."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from roster.hints.labels import label, label_en
from shared.law import Citation
from shared.places import county_by_code
from shared.roc import roc_long


class Severity(StrEnum):
    """How much a hint weighs. A blocking one needs a written reason to approve; none decides by itself (Art. 13)."""

    BLOCKING = "blocking"
    WARNING = "warning"
    INFO = "info"


_FIRST_ROC_YEAR: Final = 1912

Value = str | int | bool | date | None
Values = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Finding:
    """The fixed part of a hint: its code, the rule it belongs to and its words.

    `text` and `text_en` are templates over the hint's values. `school_sees` False keeps it from every school, in a dry
    run too (docs/adr/0041).
    """

    code: str
    rule: str
    text: str
    text_en: str
    school_sees: bool = True


class Hint(msgspec.Struct, frozen=True, gc=False):
    """A finding about one entry. `last_day`: the last day a deferment of this man may run to, None for a cessation.

    The message is made when it is asked for: judging thousands of entries builds no text.
    """

    finding: Finding
    severity: Severity
    citations: tuple[Citation, ...]
    values: Mapping[str, Value]
    last_day: date | None
    visible_to_school: bool

    @property
    def code(self) -> str:
        """Stable snake_case code."""
        return self.finding.code

    @property
    def rule(self) -> str:
        """The rule of the specification: ``RO-24``."""
        return self.finding.rule

    @property
    def law_version(self) -> date:
        """The version of the first cited text (RO-54)."""
        return self.citations[0].version

    def __hash__(self) -> int:
        # With the values: many hints of one code differ in nothing else, and would all be compared with each other.
        return hash((self.finding.code, self.last_day, *self.values.values()))

    @property
    def message(self) -> str:
        """For people, zh-TW, with ROC dates."""
        return self.finding.text.format_map({name: _chinese(name, value) for name, value in self.values.items()})

    @property
    def message_en(self) -> str:
        """The same in English, with ISO dates."""
        return self.finding.text_en.format_map({name: _english(name, value) for name, value in self.values.items()})

    def as_dict(self) -> dict[str, object]:
        """JSON form, as it is stored (RO-54) and shown."""
        return {
            "code": self.code,
            "rule": self.rule,
            "severity": self.severity.value,
            "message": self.message,
            "message_en": self.message_en,
            "citations": [citation.as_dict() for citation in self.citations],
            "law_version": self.law_version.isoformat(),
            "values": {name: _json(value) for name, value in self.values.items()},
            "last_day": None if self.last_day is None else self.last_day.isoformat(),
            "visible_to_school": self.visible_to_school,
        }


def _chinese(name: str, value: Value) -> str:
    if value is None:
        return "未載"
    if isinstance(value, date):
        # A day before the Republic can only be a slip of the pen, and is shown as it was written.
        return roc_long(value) if value.year >= _FIRST_ROC_YEAR else value.isoformat()
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, StrEnum):
        return label(value)
    if name.endswith("county") and isinstance(value, str):
        county = county_by_code(value)
        return county.name if county else value
    return str(value)


def _english(name: str, value: Value) -> str:
    if value is None:
        return "not stated"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, StrEnum):
        return label_en(value)
    if name.endswith("county") and isinstance(value, str):
        county = county_by_code(value)
        return county.name_en if county else value
    return str(value)


def _json(value: Value) -> str | int | bool | None:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    return value
