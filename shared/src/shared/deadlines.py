"""A deadline as JSON that explains itself: the chain of dates, the shift from a rest day, the articles behind them."""

from datetime import date
from typing import Self

from pydantic import Field

from shared.periods import Deadline, Step
from shared.schemas import Out


class CitationOut(Out):
    """One place in one version of a law."""

    law: str = Field(max_length=60, examples=["administrative_procedure_act"])
    article: str = Field(max_length=60, examples=["48-4"])
    version: date
    text: str = Field(max_length=200, examples=["行政程序法第48條第4項"])
    text_en: str = Field(max_length=200)


class StepOut(Out):
    """One link of the chain: what was done, and the day it led to."""

    text: str = Field(max_length=500)
    text_en: str = Field(max_length=500)
    day: date
    citation: CitationOut | None

    @classmethod
    def of(cls, step: Step) -> Self:
        """A step of a deadline that was worked out."""
        citation = None if step.citation is None else CitationOut(**step.citation.as_dict())
        return cls(text=step.text, text_en=step.text_en, day=step.day, citation=citation)


class DeadlineOut(Out):
    """From the event on `start` to the last day to act, `due` (RO-36, RO-63)."""

    start: date = Field(description="The day of the event, which is not counted")
    nominal_end: date = Field(description="The period's last day, before the shift from a rest day")
    due: date
    provisional: bool = Field(description="Judged by a calendar that is not official yet")
    steps: list[StepOut] = Field(max_length=20)

    @classmethod
    def of(cls, deadline: Deadline) -> Self:
        """A deadline that was worked out."""
        return cls(
            start=deadline.start,
            nominal_end=deadline.nominal_end,
            due=deadline.due,
            provisional=deadline.provisional,
            steps=[StepOut.of(step) for step in deadline.steps],
        )
