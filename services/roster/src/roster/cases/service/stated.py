"""What a form at a counter says of a man, checked as a row of a school's roster is (RO-10)."""

from collections.abc import Callable
from typing import Any, TypeVar

from roster.cases.schemas import ManIn
from roster.intake import cells
from roster.intake.faults import CellError
from roster.intake.rows import Row, findings
from roster.intake.rules import Reporter
from shared import clock
from shared.places import COUNTIES, TOWNSHIPS
from shared.problems import INVALID_CONTENT, Fault

T = TypeVar("T")
# Where a fault of the row stands in the body that was sent.
_MEMBERS = {
    "enrolled_on": "/certificate/enrolled_on",
    "expected_graduation_on": "/certificate/expected_graduation_on",
    "extended_until": "/certificate/plan_until",
    "cessation_reason": "/reason",
    "left_on": "/ended_on",
}


class Form:
    """Collects the faults of one body, each with its place in it."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def row(
        self, number: int, man: ManIn, township_code: str, reporter: Reporter, pointer: str, **stated: Any
    ) -> Row | None:
        """The row of one man of a township's households; None where something is wrong with him."""
        before = len(self.faults)
        national_id = self._read(cells.read_national_id, man.national_id, f"{pointer}/national_id")
        name = self._read(_name, man.name, f"{pointer}/name")
        village = None if man.village is None else self._read(cells.read_text, man.village, f"{pointer}/village")
        town = TOWNSHIPS.get(township_code)
        county = None if town is None else COUNTIES.get(town.county_code)
        if town is None or county is None:
            self.add("township_unknown", "查無此鄉鎮市區", "There is no such township", f"{pointer}/township_code")
        if national_id is None or name is None or town is None:
            return None
        row = Row(
            number,
            national_id,
            name,
            man.birth_date,
            town.county_code,
            township_code,
            village=village or None,
            **stated,
        )
        for found in findings(row, reporter, clock.today(), str):
            if found.field == "birth_date" or pointer.startswith("/men/"):
                place = f"{pointer}{_MEMBERS.get(found.field, '/' + found.field)}"
            else:
                place = _MEMBERS.get(found.field, f"{pointer}/{found.field}")
            self.add(found.code, found.message, found.message_en, place)
        return row if len(self.faults) == before else None

    def _read(self, read: Callable[[str], T], text: str, pointer: str) -> T | None:
        try:
            return read(text)
        except CellError as wrong:
            self.add(wrong.code, wrong.message, wrong.message_en, pointer)
            return None

    def add(self, code: str, message: str, message_en: str, pointer: str) -> None:
        """One fault."""
        self.faults.append(Fault(code, message, message_en, pointer=pointer))

    def raise_if_any(self) -> None:
        """Raise 422 with all of them."""
        if self.faults:
            raise INVALID_CONTENT(errors=self.faults[:1_000], error_count=len(self.faults))


def _name(text: str) -> str:
    cells.refuse_formula(text, signs_too=True)
    return cells.read_name(text)
