"""Words of the roster and the two age limits that decide whether a man belongs on one.

SOURCE: 免役禁役緩徵緩召實施辦法 Art. 11, 13, 14, 16; Military Service Act (兵役法) Art. 3;
roster.md RO-02, RO-04, RO-10, RO-14; contract.md "Roster columns".
"""

from datetime import date
from enum import StrEnum
from typing import Final

from shared.law import MILITARY_SERVICE_ACT, Dated, DatedRow, cite, rule


class RosterKind(StrEnum):
    """What a submission asks for (RO-02)."""

    APPLICATION = "application"
    EXTENSION = "extension"
    REAPPLICATION = "reapplication"
    CESSATION = "cessation"


class Level(StrEnum):
    """學制. The order of the members is the order of RO-22: `rank` compares two levels."""

    SENIOR_HIGH = "senior_high"
    JUNIOR_COLLEGE = "junior_college"
    BACHELOR = "bachelor"
    MASTER = "master"
    DOCTORAL = "doctoral"

    @property
    def rank(self) -> int:
        """0 for senior_high up to 4 for doctoral."""
        return _LEVEL_RANK[self.value]


_LEVEL_RANK = {level.value: rank for rank, level in enumerate(Level)}


class Division(StrEnum):
    """部別."""

    DAY = "day"
    CONTINUING = "continuing"


class CessationReason(StrEnum):
    """Why a deferment ends (Art. 16 and 16-1; RO-04). Who may report which is in `deadlines.py`."""

    GRADUATED = "graduated"
    ON_LEAVE = "on_leave"
    WITHDREW = "withdrew"
    EXPELLED = "expelled"
    EXPERIMENTAL_COMPLETED = "experimental_completed"
    EXPERIMENTAL_LEFT = "experimental_left"
    EXPERIMENTAL_PERMIT_REVOKED = "experimental_permit_revoked"
    TRAINED_TO_RESERVE = "trained_to_reserve"
    TRAINED_REPLACEMENT = "trained_replacement"


class CaseKind(StrEnum):
    """What is filed by others than schools (RO-70, RO-71, RO-72): 實驗教育, 證明書 of school or authority, 寒暑訓."""

    EXPERIMENTAL_EDUCATION = "experimental_education"
    SCHOOL_CERTIFICATE = "school_certificate"
    EXPERIMENTAL_CERTIFICATE = "experimental_certificate"
    VACATION_TRAINING = "vacation_training"


CERTIFICATES: Final = frozenset({CaseKind.SCHOOL_CERTIFICATE, CaseKind.EXPERIMENTAL_CERTIFICATE})
"""Of men who hold an induction order already (Art. 12): decided on their own, ahead of any roster, and urgent."""

EXPERIMENTAL: Final = frozenset({CaseKind.EXPERIMENTAL_EDUCATION, CaseKind.EXPERIMENTAL_CERTIFICATE})
"""Of men who are enrolled at no senior high school (未入學高級中等學校取得學籍者)."""


class Relation(StrEnum):
    """Who comes to the township (Art. 11-2, 12, 14-2): 學生本人、戶長或其家屬."""

    STUDENT = "student"
    HOUSEHOLDER = "householder"
    FAMILY = "family"


class Reporter(StrEnum):
    """Who hands a cessation in (RO-04): organisation types of the token, and the man himself."""

    SCHOOL = "school"
    EDUCATION_AUTHORITY = "education_authority"
    COUNTY = "county"
    MAN = "man"


# Art. 3 gives the first and the last age at which a man is of conscription age. No older text of it is on record
# here, so the row has no beginning.
CONSCRIPTION_AGES: Dated[tuple[int, int]] = Dated(
    [DatedRow(date.min, (19, 36), cite(MILITARY_SERVICE_ACT, "3"))],
)


def age_in_year(birth_date: date, day: date) -> int:
    """Age as the Military Service Act counts it: year less year of birth, whatever the day (Art. 3)."""
    return day.year - birth_date.year


@rule("RO-10")
def past_conscription_age(birth_date: date, day: date, law_on: date | None = None) -> bool:
    """True from 1 January of the year after the one in which he turns 36 (Act Art. 3).

    `law_on`: the day whose law is applied, by default `day`.
    """
    return age_in_year(birth_date, day) > CONSCRIPTION_AGES.on(law_on or day).value[1]


@rule("RO-14")
def not_yet_draftee(birth_date: date, day: date, law_on: date | None = None) -> bool:
    """True until 31 December of the year in which he turns 18 (Act Art. 3).

    In a posted roster this is a warning, never a faulty cell (RO-33). `law_on` as for `past_conscription_age`.
    """
    return age_in_year(birth_date, day) < CONSCRIPTION_AGES.on(law_on or day).value[0]
