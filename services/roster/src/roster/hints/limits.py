"""The numbers of the legal tests, as dated rows with their source: an amendment appends a row, here and nowhere else.

The first rows are of the 2018 amendment, the oldest text the suite has: asking for an earlier day raises LookupError.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, Literal

from roster.hints.model import AgeRule, SchoolKind
from roster.intake.rules import Division, Level, not_yet_draftee, past_conscription_age
from shared.law import DEFERMENT_REGULATION, DESIGN_POLICY, LAWS, Citation, Dated, DatedRow, cite, rule

REGULATION_2018: Final = date(2018, 6, 28)


@dataclass(frozen=True, slots=True)
class AgeLimit:
    """The age that must not be passed, and the article that sets it."""

    years: int
    article: str


@dataclass(frozen=True, slots=True)
class AgeLimitRow:
    """One row of the table (school kind, level, division) → limit. None matches everything."""

    limit: AgeLimit
    kinds: frozenset[SchoolKind] | None = None
    levels: frozenset[Level] | None = None
    divisions: frozenset[Division] | None = None

    def matches(self, kind: SchoolKind, level: Level | None, division: Division) -> bool:
        """Whether the row is for a student of that school, level and division."""
        return (
            (self.kinds is None or kind in self.kinds)
            and (self.levels is None or level in self.levels)
            and (self.divisions is None or division in self.divisions)
        )


CONTINUING_KINDS: Final = frozenset({SchoolKind.CONTINUING_SCHOOL, SchoolKind.CONTINUING_COLLEGE})

# SOURCE: Art. 15(1)(4) 就讀大專校院以下進修學校年齡逾二十八歲仍未畢業; 15(1)(5) 就讀前款以外學校年齡逾三十三歲仍未畢業.
# The first row that matches counts.
AGE_LIMITS: Final = Dated[tuple[AgeLimitRow, ...]](
    [
        DatedRow(
            REGULATION_2018,
            (
                AgeLimitRow(AgeLimit(28, "15-1-4"), kinds=CONTINUING_KINDS),
                AgeLimitRow(AgeLimit(33, "15-1-5")),
            ),
            Citation(DEFERMENT_REGULATION, "15-1", REGULATION_2018),
        )
    ]
)

# SOURCE: Art. 15(2) 參與實驗教育年齡逾二十四歲仍未完成者，不得緩徵.
EXPERIMENTAL_AGE_LIMIT: Final = Dated(
    [
        DatedRow(
            REGULATION_2018,
            AgeLimit(24, "15-2"),
            Citation(DEFERMENT_REGULATION, "15-2", REGULATION_2018),
        )
    ]
)


@dataclass(frozen=True, slots=True)
class StudyPeriod:
    """Normal years of a level and the years it may be extended by. `nominal_years` None: any 學年制 of the level."""

    level: Level
    normal: int
    extension: int
    nominal_years: int | None = None

    @property
    def longest(self) -> int:
        """Years."""
        return self.normal + self.extension


# SOURCE: roster.md RO-33; the ministry has still to confirm the table, so it only ever warns (docs/adr/0042).
STUDY_PERIODS: Final = Dated[tuple[StudyPeriod, ...]](
    [
        DatedRow(
            REGULATION_2018,
            (
                StudyPeriod(Level.SENIOR_HIGH, 3, 2),
                StudyPeriod(Level.JUNIOR_COLLEGE, 2, 1, nominal_years=2),
                StudyPeriod(Level.JUNIOR_COLLEGE, 5, 2),
                StudyPeriod(Level.BACHELOR, 4, 2),
                StudyPeriod(Level.MASTER, 1, 3),
                StudyPeriod(Level.DOCTORAL, 2, 5),
            ),
            cite(DESIGN_POLICY, "StudyPeriods"),
        )
    ]
)

ConscriptionAge = Literal["before", "within", "past"]


@lru_cache(maxsize=8192)
@rule("RO-14")
def conscription_age(birth_date: date, today: date, law_on: date | None = None) -> ConscriptionAge:
    """Where a man stands on `today` between 1 January of the year he turns 19 and 31 December of the year he turns 36.

    `law_on`: the day whose law is applied, by default `today`.

    SOURCE: Military Service Act Art. 3; age is year less year of birth.
    """
    if not_yet_draftee(birth_date, today, law_on):
        return "before"
    if past_conscription_age(birth_date, today, law_on):
        return "past"
    return "within"


@lru_cache(maxsize=4096)
@rule("RO-23", "RO-24")
def age_limit(kind: SchoolKind, level: Level | None, division: Division, day: date) -> AgeLimit:
    """The limit of Art. 15(1)(4) or (5) for a student of that school on `day`."""
    for row in AGE_LIMITS.on(day).value:
        if row.matches(kind, level, division):
            return row.limit
    raise LookupError(f"the age limits of {day.isoformat()} have no row for {kind} {level} {division}")


@lru_cache(maxsize=64)
@rule("RO-25")
def experimental_age_limit(day: date) -> AgeLimit:
    """The limit of Art. 15(2) on `day`."""
    return EXPERIMENTAL_AGE_LIMIT.on(day).value


@lru_cache(maxsize=8192)
@rule("RO-26")
def last_day_of(birth_date: date, years: int, age_rule: AgeRule = AgeRule.YEAR_END) -> date:
    """The last day on which a man is not yet older than `years`; a deferment never runs past it.

    year_end: 31 December of the year he turns `years` (born 1993-12-31, limit 33: 2026-12-31).
    birthday: that birthday itself; 28 February for one born on the 29th when the year has none.
    """
    year = min(birth_date.year + years, date.max.year)
    if age_rule is AgeRule.YEAR_END:
        return date(year, 12, 31)
    return date(year, birth_date.month, min(birth_date.day, monthrange(year, birth_date.month)[1]))


@rule("RO-26")
def age_counted(birth_date: date, day: date, age_rule: AgeRule = AgeRule.YEAR_END) -> int:
    """His age on `day` as the policy counts it: year less year of birth, or full years."""
    years = day.year - birth_date.year
    if age_rule is AgeRule.BIRTHDAY and (day.month, day.day) < (birth_date.month, birth_date.day):
        return years - 1
    return years


@lru_cache(maxsize=1024)
@rule("RO-33")
def longest_study(level: Level, nominal_years: int | None, day: date) -> int | None:
    """Years a student of `level` may study, extension included; None where the table has no such level.

    A row of the very 學年制 wins over the level's general one.
    """
    general: int | None = None
    for row in STUDY_PERIODS.on(day).value:
        if row.level == level:
            if row.nominal_years is not None and row.nominal_years == nominal_years:
                return row.longest
            if row.nominal_years is None:
                general = row.longest
    return general


@lru_cache(maxsize=8192)
@rule("RO-33")
def end_of_study(enrolled_on: date, years: int) -> date:
    """The last day of a study period of `years` that began on `enrolled_on`: the day before the corresponding day."""
    year = min(enrolled_on.year + years, date.max.year)
    last = monthrange(year, enrolled_on.month)[1]
    if enrolled_on.day > last:
        return date(year, enrolled_on.month, last)
    corresponding = date(year, enrolled_on.month, enrolled_on.day)
    return corresponding if corresponding == date.min else date.fromordinal(corresponding.toordinal() - 1)


@lru_cache(maxsize=256)
@rule("RO-33")
def end_of_term(academic_year: int, term: int) -> date | None:
    """The last day of a term: 31 January for the first, 31 July for the second; None for any other.

    `academic_year` is an ROC year. SOURCE: the academic year runs from 1 August to 31 July.
    """
    year = academic_year + 1912
    if not date.min.year <= year <= date.max.year:
        return None
    if term == 1:
        return date(year, 1, 31)
    if term == 2:
        return date(year, 7, 31)
    return None


@lru_cache(maxsize=1024)
def cite_on(law: str, article: str, day: date) -> Citation:
    """The article in the version in force on `day`, or in the oldest version the suite knows."""
    known = LAWS[law]
    return Citation(law, article, known.version_on(max(day, known.versions[0])))
