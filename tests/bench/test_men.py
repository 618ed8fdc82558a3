"""The rosters that are posted: the service finds nothing wrong with the clean one, and every planted fault."""

from datetime import date

import pytest

from bench.men import Men, spoil
from bench.roster import COLUMNS
from bench.roster_submission_2000 import ours
from bench.roster_submission_2000_faulty import FAULTY
from local.demo.days import plan
from roster.intake.faults import IntakeRejected
from roster.intake.reading import JSON, read_submission
from roster.intake.rules import Reporter, RosterKind

TODAY = date(2026, 11, 21)
COUNT = 200


def read(students: list[dict[str, object]]):
    return read_submission(ours(students), JSON, None, RosterKind.APPLICATION, Reporter.SCHOOL, TODAY)


def test_the_clean_file_is_clean():
    students, draftees = Men(plan(TODAY)).roster(COUNT)
    assert len(read(students).rows) == COUNT
    assert {student["national_id"] for student in students} == {man["national_id"] for man in draftees}
    assert len({student["county_code"] for student in students}) == 5
    assert all(tuple(student) == COLUMNS for student in students)


def test_no_man_comes_twice():
    men = Men(plan(TODAY))
    first, second = ({student["national_id"] for student in men.roster(COUNT)[0]} for _ in range(2))
    assert len(first | second) == 2 * COUNT


def test_every_planted_fault_is_named():
    students, _ = Men(plan(TODAY)).roster(COUNT)
    spoiled, flaws = spoil(students, FAULTY)
    with pytest.raises(IntakeRejected) as refused:
        read(spoiled)
    assert [(fault.row, fault.column, fault.code) for fault in refused.value.faults] == flaws
    assert len({row for row, _, _ in flaws}) == FAULTY == refused.value.total
    assert len([1 for one, other in zip(students, spoiled, strict=True) if one != other]) == FAULTY
