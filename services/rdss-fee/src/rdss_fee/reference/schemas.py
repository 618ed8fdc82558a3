"""JSON of employers."""

from datetime import date
from typing import Annotated

from pydantic import Field

from shared.schemas import In, Int, Line, Out, Page

# What the list can be ordered by.
EMPLOYER_SORTS = ("code", "number", "name", "registered_on")
Name = Annotated[Line, Field(max_length=100, examples=["甲示範科技股份有限公司"])]


class EmployerIn(In):
    """A 用人單位 that pays the fee."""

    code: Annotated[str, Field(pattern=r"^[0-9]{8}$", max_length=8, examples=["12345675"])] = Field(
        description="Its business number (統一編號)"
    )
    number: Annotated[Int, Field(ge=1, le=999_999_999, examples=[1])] = Field(
        description="Its own number in virtual accounts, which stays its own for ever (FE-20)"
    )
    name: Name


class EmployerName(In):
    """Its name, corrected."""

    name: Name


class ReceiptAddress(In):
    """Whom receipts are mailed to (FE-37)."""

    receipt_addressee: Annotated[Line, Field(max_length=100, examples=["會計部王小姐"])]
    receipt_address: Annotated[Line, Field(max_length=200, examples=["106臺北市大安區和平東路一號"])]


class EmployerOut(Out):
    """An employer; who has said nothing of receipts has no address yet."""

    code: str = Field(max_length=8, examples=["12345675"])
    number: int = Field(ge=1, le=999_999_999)
    name: str = Field(max_length=100)
    receipt_addressee: str | None = Field(max_length=100)
    receipt_address: str | None = Field(max_length=200)
    registered_on: date
    version: int = Field(ge=1, le=2_147_483_647)


EmployerPage = Page[EmployerOut]
