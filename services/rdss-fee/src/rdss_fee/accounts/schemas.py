"""JSON of collection schemes."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from rdss_fee.accounts.checks import CHECKS
from shared.schemas import In, Int, Line, LocalDate, Out, Page

# What the list can be ordered by.
SCHEME_SORTS = ("effective_from", "check_name", "entered_at")
CheckName = Annotated[str, Field(json_schema_extra={"enum": list(CHECKS)}, max_length=40, examples=["bank_of_taiwan"])]


class SchemeIn(In):
    """How virtual accounts are made of notices for months from a day on (FE-21), and whom they pay (FE-30)."""

    effective_from: LocalDate = Field(description="The first day of the first month whose notices have such numbers")
    check_name: CheckName = Field(description="Whose check digits; the bank is the check's own")
    prefix: Annotated[str, Field(pattern=r"^[0-9]{1,10}$", max_length=10, examples=["700602"])] = Field(
        description="代收類別: what the bank assigned to the payee"
    )
    employer_digits: Annotated[Int, Field(ge=1, le=9, examples=[4])] = Field(
        description="How wide an employer's number may be"
    )
    payee_bank: Annotated[Line, Field(max_length=60, examples=["臺灣銀行"])]
    payee_name: Annotated[Line, Field(max_length=60, examples=["內政部役政署"])]
    atm_most: Annotated[Int, Field(ge=1, le=1_000_000_000, examples=[2_000_000])] = Field(
        description="NT$ that one payment at an ATM takes at most (FE-31)"
    )


class SchemeWarning(Out):
    """What may be set so and should be known."""

    code: Literal["amount_in_check"]
    message: str = Field(max_length=300)
    message_en: str = Field(max_length=300)


class SchemeOut(Out):
    """A scheme as it was set; `length`: the digits of its numbers."""

    id: UUID
    effective_from: date
    check_name: str = Field(max_length=40)
    prefix: str = Field(max_length=12)
    employer_digits: int = Field(ge=1, le=12)
    length: int = Field(ge=1, le=40)
    bank_code: str = Field(max_length=3, examples=["004"])
    payee_bank: str = Field(max_length=60)
    payee_name: str = Field(max_length=60)
    atm_most: int = Field(ge=1, le=1_000_000_000_000)
    entered_at: datetime
    warnings: list[SchemeWarning] = Field(max_length=5)


SchemePage = Page[SchemeOut]
