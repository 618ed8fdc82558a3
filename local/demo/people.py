"""The men of the story: made from a seed, with valid national IDs, of an age that fits the suite's today.

Nobody here exists. `Man.told` names the hints that the case officer is to find once the registry has answered.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from local.demo.days import Days
from shared.places import TOWNSHIPS

# The order of the letters in the checksum of a national ID: A is 10, B is 11, …, O is 35.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
_WEIGHTS = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1)
_SURNAMES = "陳林黃張李王吳劉蔡楊許鄭謝洪郭邱曾廖賴徐周葉蘇莊呂江何蕭羅高潘簡朱鍾游彭詹胡施沈余盧梁趙顏柯翁魏孫戴"
_GIVEN = "宗翰家豪志明俊宏承恩柏翰冠廷宇軒建志彥廷信宏哲瑋冠宇品睿子翔書豪育誠威廷博文彥霖昱廷聖傑政憲裕翔智凱"
# Written as they are: a plane-2 character, and three that plain Big5 lacks.
_RARE_NAMES = ("林𤧟君", "陳堃", "王喆", "高峯")
_DEPARTMENTS = ("資訊工程學系", "電機工程學系", "機械工程學系", "土木工程學系", "歷史學系", "法律學系", "化學系")

# National Taiwan University's 240 men by household: Taipei, New Taipei, Taoyuan, Taichung, Hsinchu.
_HOUSEHOLDS = {"63000": 120, "65000": 60, "68000": 30, "66000": 20, "10018": 10}


@dataclass(frozen=True)
class Man:
    """A student as his school states him; `registry` is where the conscription registry knows otherwise."""

    national_id: str
    name: str
    birth_date: date
    county_code: str
    township_code: str
    level: str
    nominal_years: int
    department: str
    class_year: int
    student_no: str
    enrolled_on: date
    expected_graduation_on: date
    village: str = "龍安里"
    prior_graduated_level: str = ""
    prior_graduated_on: date | None = None
    registry: Mapping[str, Any] = field(default_factory=dict)
    told: frozenset[str] = frozenset()

    @property
    def masked(self) -> str:
        return f"{self.national_id[:3]}****{self.national_id[7:]}"

    def draftee(self) -> dict[str, Any]:
        """As the registry's population has him."""
        return {
            "national_id": self.national_id,
            "name": self.name,
            "birth_date": self.birth_date.isoformat(),
            "household_county_code": self.county_code,
            "household_township_code": self.township_code,
            "household_since": self.birth_date.isoformat(),
        } | dict(self.registry)


@dataclass(frozen=True)
class Cast:
    """Everybody on the three rosters; one man stands on the first and on the second."""

    other: tuple[Man, ...]
    ntu: tuple[Man, ...]
    late: tuple[Man, ...]

    def one(self, code: str) -> Man:
        """The man on National Taiwan University's roster of whom a hint is told."""
        return next(man for man in self.ntu if code in man.told)

    def population(self) -> list[dict[str, Any]]:
        """The registry's population."""
        return list({man.national_id: man.draftee() for man in (*self.other, *self.ntu, *self.late)}.values())


def national_id(rng: random.Random, second: str = "1", *, right: bool = True) -> str:
    """An ID with its check digit; `second` 2 is a woman's, 8 a resident number's; `right` False spoils the digit."""
    letter = rng.choice(_LETTERS)
    digits = second + "".join(rng.choices("0123456789", k=7))
    code = _LETTERS.index(letter) + 10
    whole = (*divmod(code, 10), *map(int, digits))
    check = -sum(digit * weight for digit, weight in zip(whole, _WEIGHTS, strict=True)) % 10
    return f"{letter}{digits}{check if right else (check + 1) % 10}"


def name(rng: random.Random) -> str:
    """A surname and two characters."""
    return rng.choice(_SURNAMES) + "".join(rng.sample(_GIVEN, 2))


class Maker:
    """Makes men, no two with the same ID or student number."""

    def __init__(self, seed: str, days: Days) -> None:
        self.rng = random.Random(f"muster {seed} {days.today}")  # noqa: S311 - made-up men, no secrets
        self.days = days
        self._known: set[str] = set()
        self._number = 0

    def man(self, county_code: str, age: int | None = None, **changes: Any) -> Man:
        """A bachelor student in his first three years, of `age` (by years) or of nineteen to twenty-two."""
        rng, autumn = self.rng, self.days.first_autumn
        unique = national_id(rng)
        while unique in self._known:
            unique = national_id(rng)
        self._known.add(unique)
        self._number += 1
        class_year = rng.randint(1, 3)
        born = self.days.today.year - (rng.randint(19, 22) if age is None else age)
        place = rng.choice([code for code, at in TOWNSHIPS.items() if at.county_code == county_code])
        man = Man(
            national_id=unique,
            name=name(rng),
            birth_date=date(born, 1, 1) + timedelta(days=rng.randrange(365)),
            county_code=county_code,
            township_code=place,
            level="bachelor",
            nominal_years=4,
            department=rng.choice(_DEPARTMENTS),
            class_year=class_year,
            student_no=f"B{(autumn - 1911) % 100:02d}{self._number:06d}",
            enrolled_on=date(autumn + 1 - class_year, 8, 1),
            expected_graduation_on=date(autumn + 5 - class_year, 6, 30),
        )
        return replace(man, **changes)


def make_cast(seed: str, days: Days) -> Cast:
    """The men of one telling. The same seed on the same day makes the same men."""
    make = Maker(seed, days)
    autumn, today = days.first_autumn, days.today
    twice = make.man("63000", told=frozenset({"active_elsewhere"}))
    planted = (
        # Older than 33 at a university, in the third year of a doctorate (Art. 15-1-5).
        make.man(
            "63000", 34, level="doctoral", nominal_years=4, class_year=3, enrolled_on=date(autumn - 2, 8, 1),
            expected_graduation_on=date(autumn + 2, 6, 30), told=frozenset({"age_limit"}),
        ),
        # Enrolled at another school, which was decided first.
        twice,
        make.man("63000", registry={"status": "reservist"}, told=frozenset({"not_liable"})),
        make.man("63000", registry={"overseas_compatriot": True}, told=frozenset({"overseas_compatriot"})),
        # Moved across the river a fortnight ago; the school has his old address.
        make.man(
            "63000",
            registry={
                "household_county_code": "65000",
                "household_township_code": "65000040",
                "household_since": (today - timedelta(days=14)).isoformat(),
            },
            told=frozenset({"household_elsewhere"}),
        ),
        make.man(
            "63000",
            registry={
                "induction_order": {
                    "number": "府兵徵字第0042號", "dated_on": (today - timedelta(days=5)).isoformat(),
                },
            },
            told=frozenset({"induction_order"}),
        ),
        # A bachelor who is a bachelor student again, without the Ministry's approval (Art. 15-1-3).
        make.man(
            "63000", 23, class_year=1, enrolled_on=date(autumn, 8, 1), expected_graduation_on=date(autumn + 4, 6, 30),
            prior_graduated_level="bachelor", prior_graduated_on=date(autumn, 6, 30),
            told=frozenset({"repeated_level"}),
        ),
    )  # fmt: skip
    homes = [county for county, count in _HOUSEHOLDS.items() for _ in range(count)]
    plain = [make.man(county) for county in homes[len(planted) :]]
    for place, name in zip(range(0, len(plain), 17), _RARE_NAMES, strict=False):
        plain[place] = replace(plain[place], name=name)
    ntu = [*planted, *plain]
    make.rng.shuffle(ntu)
    # Past 28 at a continuing school (Art. 15-1-4); then the man of two schools, and four of whom nothing is to be said.
    old = make.man("63000", 30, told=frozenset({"continuing_school_age"}))
    other = (
        old,
        replace(twice, student_no="E" + twice.student_no[1:], told=frozenset()),
        *(make.man("63000") for _ in range(4)),
    )
    late = tuple(make.man("63000", told=frozenset({"late"})) for _ in range(3))
    return Cast(other, tuple(ntu), late)
