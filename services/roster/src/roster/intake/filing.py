"""Who files a submission: a school its own students, or another organisation the men of a case (RO-70 to RO-72)."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from roster.intake.rules import CaseKind, Reporter
from shared.places import COUNTIES, TOWNSHIPS
from shared.principals import Principal

TOWNSHIP: Final = "township"


@dataclass(frozen=True, slots=True)
class Filer:
    """The school that files; or, where `school_code` is None, the organisation that does and what it files."""

    school_code: str | None = None
    type: str | None = None
    code: str | None = None
    name: str | None = None
    case: CaseKind | None = None

    @classmethod
    def school(cls, code: str) -> Self:
        """A school."""
        return cls(school_code=code)

    @classmethod
    def of(cls, sender: Principal, case: CaseKind) -> Self:
        """The sender's organisation, with the name by which the county knows it."""
        return cls(None, sender.org.type, sender.org.code, name_of(sender.org.type, sender.org.code), case)

    @property
    def columns(self) -> dict[str, str | None]:
        """Whose a row is."""
        return {"school_code": self.school_code, "filer_type": self.type, "filer_code": self.code}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a case's certificate is to the legal tests: its day, and the school it is of (Art. 12-1), if any."""

    issued_on: date | None = None
    school_code: str | None = None


NO_CERTIFICATE: Final = Certificate()


def name_of(org_type: str, code: str) -> str:
    """The name of a township, of a county's education authority or of a county; the code where there is none."""
    if org_type == TOWNSHIP and code in TOWNSHIPS:
        town = TOWNSHIPS[code]
        return f"{COUNTIES[town.county_code].name}{town.name}公所"
    if code in COUNTIES:
        county = COUNTIES[code].name
        return f"{county}主管教育行政機關" if org_type == Reporter.EDUCATION_AUTHORITY else f"{county}政府"
    return code
