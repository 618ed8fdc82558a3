"""JSON of rates (FE-02)."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from rdss_fee.billing.rates import Category, Degree
from shared.schemas import In, Int, Line, LocalDate, Out, Page

# What the list can be ordered by.
RATE_SORTS = ("effective_from", "cohort_from", "degree", "amount", "known_at")
Amount = Annotated[Int, Field(ge=1, le=10_000_000, examples=[46_700])]


class RateIn(In):
    """NT$ a month for men of a degree selected in a year or later, from a month on."""

    category: Category = Category.RDSS
    degree: Degree
    cohort_from: Annotated[Int, Field(ge=0, le=2_910, examples=[2026])] = Field(
        description="Gregorian year of selection from which on men have it; 0: all"
    )
    effective_from: LocalDate = Field(description="The first day of the first month that is priced by it")
    amount: Amount
    document: Annotated[Line, Field(max_length=200, examples=["內政部114年5月2日台內訓字第1141204269號"])] = Field(
        description="Where it is announced"
    )


class RateOut(Out):
    """A rate as it was known from `known_on` on, until it was replaced by another of the same key."""

    id: UUID
    category: Category
    degree: Degree
    cohort_from: int = Field(ge=0, le=2_910)
    effective_from: date
    amount: int = Field(ge=1, le=2_147_483_647)
    document: str = Field(max_length=200)
    known_at: datetime
    known_on: date
    replaced_on: date | None


RatePage = Page[RateOut]
