"""The remedy against a refusal: handing it over, one request for review within 30 days, its answer (RO-75).

SOURCE: roster.md RO-75 (兵役法施行法 Art. 40, 免役禁役緩徵緩召實施辦法 Art. 34 and 36). The words of these articles are
not among the texts the suite has; what roster.md does not say of them is design (docs/adr/0065).
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Final

from shared.calendar import WorkingCalendar
from shared.law import DEFERMENT_REGULATION, ENFORCEMENT_ACT, Citation, Dated, DatedRow, cite, rule
from shared.periods import Deadline, Step, days_after
from shared.roc import roc_long


class Bearer(StrEnum):
    """Who hands a refusal over to the man: the township of his household, or the school."""

    TOWNSHIP = "township"
    SCHOOL = "school"


class Manner(StrEnum):
    """How it reached him: in his hands, by post, somebody of his household took it, or it was deposited."""

    IN_PERSON = "in_person"
    BY_POST = "by_post"
    TO_HOUSEHOLD = "to_household"
    DEPOSITED = "deposited"


class Receiver(StrEnum):
    """The authority at which the man's request arrived."""

    TOWNSHIP = "township"
    SCHOOL = "school"
    COUNTY = "county"


class Answer(StrEnum):
    """The county's answer. `granted` leads to a correction of the refusal (RO-52)."""

    DISMISSED = "dismissed"
    INADMISSIBLE = "inadmissible"
    GRANTED = "granted"


class RefusalState(StrEnum):
    """Where a refusal stands; derived from what is recorded of it."""

    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    REVIEW_PENDING = "review_pending"
    ANSWERED = "answered"


_SINCE: Final = date(2018, 6, 28)
REQUEST_DAYS: Final = Dated([DatedRow(_SINCE, 30, cite(ENFORCEMENT_ACT, "40"))])
"""Within 30 days from the day after receipt."""

NOTICE: Final = cite(DEFERMENT_REGULATION, "34")
"""Through township or school."""


@rule("RO-75", "RO-36")
def request_deadline(served_on: date, calendar: WorkingCalendar, county: str | None = None) -> Deadline:
    """The last day to ask for review: 30 days counted from the day after receipt; a rest day gives way to the next
    working day. Its steps name the article that sets the period before those of how it is counted."""
    row = REQUEST_DAYS.on(max(served_on, _SINCE))
    why = Step(
        f"{roc_long(served_on)}收受不予核准之通知，得自次日起{row.value}日內申請複核一次",
        f"the refusal was received on {served_on.isoformat()}; review may be asked for once, within {row.value} days",
        served_on,
        row.citation,
    )
    return days_after(served_on, row.value, calendar, county).headed(why)


@rule("RO-75")
def days_late(received_on: date, until: date) -> int:
    """By how many days a request came too late; 0 in time."""
    return max((received_on - until).days, 0)


@rule("RO-75")
def may_answer(answer: Answer, late: int) -> bool:
    """A late request is inadmissible; of one in time the county is free."""
    return late == 0 or answer is Answer.INADMISSIBLE


@dataclass(frozen=True, slots=True)
class Remedy:
    """What a refusal says of the remedy (教示)."""

    days: int
    text: str
    text_en: str
    citations: tuple[Citation, ...]


def remedies() -> list[tuple[date, str]]:
    """The texts of the remedies that the law has known, each with the first day of refusals that state it."""
    return _remedies(REQUEST_DAYS)


@cache
def _remedies(known: Dated[int]) -> list[tuple[date, str]]:
    since = (date.min, *(row.effective_from for row in known.rows[1:]))
    return [(day, remedy_on(day).text) for day in since]


@rule("RO-75")
def remedy_on(day: date) -> Remedy:
    """The remedy against a refusal of `day`: how long, once, to whom; and that it suspends nothing."""
    row = REQUEST_DAYS.on(max(day, _SINCE))
    return Remedy(
        row.value,
        f"不服本處分者，得自收受之次日起{row.value}日內，經戶籍地鄉（鎮、市、區）公所、就讀學校或逕向直轄市、縣（市）政府"
        "申請複核，以一次為限；申請複核不停止本處分之執行。",
        f"Review may be asked for once, within {row.value} days from the day after receipt, through the township, the"
        " school or at the county government. It does not suspend the decision.",
        (row.citation, NOTICE, cite(DEFERMENT_REGULATION, "36")),
    )
