"""What becomes known of men, how it is told, and who has to confirm it (ID-07)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.law import rule


class EventKind(StrEnum):
    """What was told."""

    REGISTERED = "registered"
    FACTS_CORRECTED = "facts_corrected"
    PERIOD_ANNOUNCED = "period_announced"
    PERIOD_CORRECTED = "period_corrected"
    PERIOD_ENDED = "period_ended"
    PERIOD_WITHDRAWN = "period_withdrawn"


class EventState(StrEnum):
    """Whether it is known: what waits and what was refused is not."""

    ENTERED = "entered"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class EventAction(StrEnum):
    """What a head office answers to its department."""

    CONFIRM = "confirm"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Step:
    """Where an action leads, and the role that may take it."""

    to: EventState
    role: str


HEAD_OFFICE: Final = "employer"
TRANSITIONS: Final = {
    (EventState.ENTERED, EventAction.CONFIRM): Step(EventState.CONFIRMED, HEAD_OFFICE),
    (EventState.ENTERED, EventAction.REFUSE): Step(EventState.REFUSED, HEAD_OFFICE),
}


@rule("ID-07")
def enters_as(roles: frozenset[str]) -> EventState:
    """As what a report begins: of the head office itself and of offices it is known at once, of a department alone it
    waits.
    """
    return EventState.ENTERED if roles == {"employer_department"} else EventState.CONFIRMED


@rule("ID-07")
def may_answer(entered_by: str, by: str) -> bool:
    """Nobody answers what he entered himself."""
    return entered_by != by


class PeriodState(StrEnum):
    """How a period stands on a day."""

    ANNOUNCED = "announced"
    SERVING = "serving"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
