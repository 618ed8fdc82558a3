"""Reading other services' events: tolerant of members this service does not know, strict about those it uses."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from shared.ids import mask_ids_in
from shared.law import rule
from shared.schemas import In, Text

_PLAIN = {"Cc": " ", "Zl": " ", "Zp": " ", "Cf": ""}


class Reading(In):
    """The part of an event's data that this service reads; what the sender adds later does no harm."""

    model_config = ConfigDict(extra="ignore", frozen=True)


@rule("NO-05")
def told(text: str) -> str:
    """Text of another service as it may stand in a message: one line, nothing invisible, IDs masked."""
    # Invisible characters go without trace: they could part an ID that the reader sees whole, or turn its order.
    plain = "".join(_PLAIN.get(unicodedata.category(c), c) for c in text)
    return mask_ids_in(" ".join(plain.split()))


Told = Annotated[Text, AfterValidator(told)]
ToldLine = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(told)]
