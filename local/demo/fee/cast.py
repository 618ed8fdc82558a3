"""The sixty servicemen: made from the seed, with valid national IDs. Nobody of them exists."""

import random
from dataclasses import dataclass
from datetime import date
from typing import Any

from local.demo.people import name, national_id

A, B, C = "99000002", "99000018", "99000024"
NAMES = {A: "甲示範科技股份有限公司", B: "乙示範生技股份有限公司", C: "丙示範電子股份有限公司"}
BEGINS = date(2026, 10, 1)
"""Nearly all begin their second stage on this day: nothing of it was billed before the story."""
REPORTS = date(2026, 9, 28)
MANUAL_COHORT = 2025
"""Selected in the year before the present rates' first cohort: of these the manual's rate is entered."""


@dataclass(frozen=True)
class Serviceman:
    """A man as the programme office announces him."""

    national_id: str
    name: str
    degree: str
    cohort: int
    employer: str
    begins_on: date = BEGINS
    begun_by: str = "reported"
    stage: tuple[date, date | None] | None = None
    """His second stage where it does not begin with his days at the employer, and the day before which it ends."""
    part: str = ""
    """What he does in the story."""

    @property
    def masked(self) -> str:
        return f"{self.national_id[:3]}****{self.national_id[7:]}"

    def announced(self) -> dict[str, Any]:
        """The body of an announcement."""
        stage_begins_on, stage_ends_before = self.stage or (self.begins_on, None)
        return {
            "national_id": self.national_id,
            "name": self.name,
            "degree": self.degree,
            "cohort": self.cohort,
            "stage_begins_on": stage_begins_on.isoformat(),
            "stage_ends_before": None if stage_ends_before is None else stage_ends_before.isoformat(),
            "employer_code": self.employer,
            "begins_on": self.begins_on.isoformat(),
            "begun_by": self.begun_by,
        }


@dataclass(frozen=True)
class FeeCast:
    """Everybody; those with a part by its name."""

    men: tuple[Serviceman, ...]

    def of(self, part: str) -> Serviceman:
        """The man of a part."""
        return next(man for man in self.men if man.part == part)

    def known_by_the_15th(self) -> list[Serviceman]:
        """All but the one who becomes known on 1 October."""
        return [man for man in self.men if man.part != "known_late"]


def make_cast(seed: str) -> FeeCast:
    """The men of one telling; the same seed makes the same men."""
    rng = random.Random(f"fee {seed}")  # noqa: S311 - made-up men, no secrets
    known: set[str] = set()

    def man(employer: str, degree: str, cohort: int = 2026, **more: Any) -> Serviceman:
        unique = national_id(rng)
        while unique in known:
            unique = national_id(rng)
        known.add(unique)
        return Serviceman(unique, name(rng), degree, cohort, employer, **more)

    return FeeCast(
        (
            # A: so many that its notice asks for more than an ATM takes.
            *(man(A, "doctoral") for _ in range(30)),
            *(man(A, "master") for _ in range(10)),
            man(A, "master", part="suspended"),
            # He comes from another employer, who is none of the story's.
            man(A, "master", part="stage_ends", begun_by="transferred_in", stage=(date(2026, 3, 1), date(2026, 12, 1))),
            *(man(B, "doctoral") for _ in range(4)),
            *(man(B, "master") for _ in range(9)),
            man(B, "master", part="released"),
            *(man(B, "master", MANUAL_COHORT) for _ in range(2)),
            # C: two men, those of the manual's example.
            man(C, "master", MANUAL_COHORT, part="announced", begins_on=REPORTS),
            man(C, "master", MANUAL_COHORT, part="known_late", begins_on=REPORTS),
        )
    )
