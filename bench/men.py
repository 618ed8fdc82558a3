"""The men on the rosters that are posted: new each time, valid IDs, nothing wrong with them; and how to spoil some.

Nobody here exists. The seed is fixed: every run posts the same rosters.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

from local.demo.days import Days
from local.demo.people import Maker, Man, national_id

Student = dict[str, Any]

# Households of a large school in Taipei: most of them near, so that a file becomes five rosters.
_COUNTIES = ("63000",) * 10 + ("65000",) * 5 + ("68000",) * 2 + ("66000",) * 2 + ("10018",)


class Men:
    """Rosters of men who have not been on one before."""

    def __init__(self, days: Days) -> None:
        self._maker = Maker("bench", days)

    def roster(self, count: int, counties: Sequence[str] = _COUNTIES) -> tuple[list[Student], list[dict[str, Any]]]:
        """`count` rows as a school states them, and the same men as the conscription registry knows them."""
        men = [self._maker.man(counties[number % len(counties)]) for number in range(count)]
        return [_stated(man) for man in men], [man.draftee() for man in men]


def _stated(man: Man) -> Student:
    return {
        "student_no": man.student_no,
        "national_id": man.national_id,
        "name": man.name,
        "birth_date": man.birth_date.isoformat(),
        "county_code": man.county_code,
        "township_code": man.township_code,
        "village": man.village,
        "division": "day",
        "level": man.level,
        "nominal_years": man.nominal_years,
        "department": man.department,
        "class_year": man.class_year,
        "enrolled_on": man.enrolled_on.isoformat(),
        "expected_graduation_on": man.expected_graduation_on.isoformat(),
    }


_FAULTS: tuple[tuple[str, str, Callable[[random.Random], Any]], ...] = (
    ("national_id", "national_id_checksum", lambda rng: national_id(rng, right=False)),
    ("birth_date", "date_impossible", lambda _: "2006-02-30"),
    ("township_code", "township_unknown", lambda _: "63000999"),
    ("national_id", "resident_number", lambda rng: national_id(rng, "8")),
    ("national_id", "not_male", lambda rng: national_id(rng, "2")),
    ("level", "level_unknown", lambda _: "phd"),
    ("name", "required", lambda _: ""),
    ("nominal_years", "json_type", lambda _: [4]),
)

Flaw = tuple[int, str, str]
"""Row as the service numbers it (from 1), field, code of the refusal."""


def spoil(students: Sequence[Student], count: int) -> tuple[list[Student], list[Flaw]]:
    """A copy in which `count` rows, spread over the file, have one faulty cell each; and which."""
    rng = random.Random("faults")  # noqa: S311 - made-up faults, no secrets
    spoiled = [dict(student) for student in students]
    flaws: list[Flaw] = []
    for turn, place in enumerate(sorted(rng.sample(range(len(students)), count))):
        field, code, cell = _FAULTS[turn % len(_FAULTS)]
        spoiled[place][field] = cell(rng)
        flaws.append((place + 1, field, code))
    return spoiled, flaws
