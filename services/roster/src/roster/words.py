"""The Chinese words of codes, as they stand in reports; of what a roster may hold, the word that intake reads back."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from roster.intake.checker import KIND_NAMES
from roster.intake.labels import DIVISIONS, LEVELS, REASONS
from roster.intake.rules import CessationReason, Division, Level, RosterKind
from roster.review.states import Decision, EntryState, RosterState

_WORDS: Final[Mapping[type[StrEnum], Mapping[Any, str]]] = {
    EntryState: {
        EntryState.RECEIVED: "已收件",
        EntryState.IN_REVIEW: "審查中",
        EntryState.ON_HOLD: "待查明",
        EntryState.FOR_APPROVAL: "陳核中",
        EntryState.DECIDED: "已核定",
        EntryState.WITHDRAWN: "已撤件",
        EntryState.SUPERSEDED: "已由新資料取代",
    },
    RosterState: {
        RosterState.PENDING: "待處理",
        RosterState.DECIDED: "已核定",
        RosterState.WITHDRAWN: "已撤件",
    },
    Decision: {Decision.APPROVED: "核准", Decision.REJECTED: "不核准"},
    RosterKind: KIND_NAMES,
    Level: {code: words[0] for code, words in LEVELS.items()},
    Division: {code: words[0] for code, words in DIVISIONS.items()},
    CessationReason: {code: words[0] for code, words in REASONS.items()},
}


# By the plain text of the codes: a code itself is looked up by a hash that Python works out.
_BY_TEXT: Final = {kind: {str(code): word for code, word in words.items()} for kind, words in _WORDS.items()}


def word(code: StrEnum | None) -> str | None:
    """The Chinese word of a code."""
    return None if code is None else _BY_TEXT[type(code)][code._value_]
