"""A checked row, and the checks that need more than one cell: its kind, today, its neighbours, who sends it."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

import msgspec

from roster.intake.deadlines import may_report
from roster.intake.rules import CessationReason, Division, Level, Reporter, past_conscription_age
from shared.law import rule
from shared.places import COUNTIES, TOWNSHIPS
from shared.roc import roc


class Row(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One student as the school stated him. None: not stated. `number` is the row in the sender's file."""

    number: int
    national_id: str
    name: str
    birth_date: date
    county_code: str
    township_code: str
    village: str | None = None
    division: Division | None = None
    level: Level | None = None
    nominal_years: int | None = None
    department: str | None = None
    class_year: int | None = None
    student_no: str | None = None
    enrolled_on: date | None = None
    expected_graduation_on: date | None = None
    extended_until: date | None = None
    extension_reason: str | None = None
    cessation_reason: CessationReason | None = None
    left_on: date | None = None
    overseas_compatriot: bool | None = None
    experimental_education: bool | None = None
    status_recognised: bool | None = None
    prior_graduated_level: Level | None = None
    prior_graduated_on: date | None = None
    moi_approval_no: str | None = None
    remarks: str | None = None


FIELDS = tuple(name for name in Row.__struct_fields__ if name != "number")


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of one row that concerns the cell of `field`."""

    field: str
    code: str
    message: str
    message_en: str
    suggestion: str | None = None


Names = Callable[[str], str]
"""From a field to the heading under which the sender wrote it."""


@rule("RO-04")
def _reporter_findings(row: Row, reporter: Reporter) -> Iterable[Finding]:
    reason = row.cessation_reason
    if reason is not None and not may_report(reason, reporter):
        yield Finding(
            "cessation_reason",
            "reason_not_yours",
            "此消滅原因依規定由其他機關通報，貴單位不得填報；請更正原因或刪除此列。",
            "This reason is for another authority to report. Correct the reason or remove the row.",
        )


@rule("RO-10")
def _age_findings(row: Row, today: date) -> Iterable[Finding]:
    birth: date | None = row.birth_date
    if birth is None:
        return
    if birth > today:
        yield Finding(
            "birth_date",
            "birth_in_future",
            "出生日期晚於今日，請更正。",
            "The birth date lies in the future. Correct it.",
        )
    elif past_conscription_age(birth, today):
        yield Finding(
            "birth_date",
            "past_conscription_age",
            "已逾 36 歲之年 12 月 31 日，非役齡男子（兵役法第 3 條）；請刪除此列，或更正出生日期。",
            "He is past 31 December of the year he turned 36 and no longer liable (Military Service Act Art. 3). "
            "Remove the row or correct the birth date.",
        )


@rule("RO-06")
def _household_findings(row: Row) -> Iterable[Finding]:
    county, township = row.county_code, row.township_code
    if county is None or township is None or TOWNSHIPS[township].county_code == county:
        return
    town = TOWNSHIPS[township]
    yield Finding(
        "township_code",
        "township_not_in_county",
        f"鄉鎮市區（{town.name}，屬{COUNTIES[town.county_code].name}）不在所填縣市（{COUNTIES[county].name}）內，"
        "請更正其一。",
        f"The township {township} lies in {COUNTIES[town.county_code].name_en}, not in {COUNTIES[county].name_en}. "
        "Correct one of the two.",
        None,
    )


# The first date may not be later than the second; the code is that of the fault. SOURCE: RO-33, last sentence, for the
# first pair; the others contradict themselves in the same way.
_ORDER = (
    ("enrolled_on", "expected_graduation_on", "graduation_before_enrolment"),
    ("birth_date", "enrolled_on", "enrolment_before_birth"),
    ("enrolled_on", "extended_until", "extension_before_enrolment"),
    ("enrolled_on", "left_on", "left_before_enrolment"),
    ("birth_date", "left_on", "left_before_birth"),
)


@rule("RO-33")
def _order_findings(row: Row, named: Names) -> Iterable[Finding]:
    for earlier, later, code in _ORDER:
        first, second = getattr(row, earlier), getattr(row, later)
        if first is None or second is None or first <= second:
            continue
        one, other = named(earlier), named(later)
        # The dates are quoted only where they tell nothing about his person.
        quoted = "" if earlier == "birth_date" else f"（{roc(first)} 與 {roc(second)}）"
        yield Finding(
            earlier,
            code,
            f"「{one}」晚於「{other}」{quoted}，請更正其一。",
            f"{one} is later than {other}. Correct one of the two.",
        )


@rule("RO-04")
def _leaving_findings(row: Row, today: date) -> Iterable[Finding]:
    # Art. 16(2): the notice comes after the student has left, 自學生離校之日起三十日內.
    left_on = row.left_on
    if left_on is not None and left_on > today:
        yield Finding(
            "left_on",
            "left_in_future",
            "離校日期晚於今日；應於學生離校後通報，請更正。",
            "The day of leaving lies in the future; a man is reported after he left. Correct it.",
        )


def findings(row: Row, reporter: Reporter, today: date, named: Names) -> Iterable[Finding]:
    """What is wrong with a row whose single cells were read; a cell that could not be read is None here."""
    yield from _age_findings(row, today)
    yield from _household_findings(row)
    yield from _order_findings(row, named)
    yield from _leaving_findings(row, today)
    yield from _reporter_findings(row, reporter)


@rule("RO-08")
def canonical_line(row: Row) -> bytes:
    """What a row says, for "the same content" of RO-08: the JSON of what is stated, in the order of `FIELDS`.

    Its number does not count, and the charset, format and way in which a date was written are gone by now. A field that
    is not stated is left out, so that a column added to the table later leaves older digests as they are.
    """
    # The number stands first, and there is no comma in it.
    return b"{" + msgspec.json.encode(row).partition(b",")[2]


@rule("RO-08")
def canonical_digest(lines: Iterable[bytes]) -> bytes:
    """SHA-256 of what rows say (their `canonical_line`), in whatever order. Kind, year and term are the caller's."""
    return hashlib.sha256(b"".join((b"muster roster rows 1\n", *[line + b"\n" for line in sorted(lines)]))).digest()
