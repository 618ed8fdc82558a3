"""Every rule of this version has code and a test that name it, and docs/law.md says where."""

import copy
import csv
from pathlib import Path

import pytest

from shared.law import cite
from tests.support import law_doc
from tests.support.law_doc import Index, MarkError, Place
from tests.support.law_rules import RULES_DESCRIBED, Described, read

# What this version promises, written out once more: the table may grow, it may not lose one of these.
PROMISED = {
    *(f"RO-{number:02d}" for number in (1, 2, *range(4, 9), 10, *range(16, 19), *range(20, 37))),
    *(f"RO-{number:02d}" for number in (*range(40, 50), 51, 56, 57, 60)),
    *(f"ID-{number:02d}" for number in range(1, 6)),
    *(f"GW-{number:02d}" for number in (1, 2, 3, 5, 7)),
    *(f"NO-{number:02d}" for number in (1, 3, 6)),
}

IMPOSSIBLE = Described("RO-99", True, (cite("deferment_regulation", "99"),), "測試", "planted")


@pytest.fixture(scope="module")
def index() -> Index:
    return law_doc.build()


def test_every_rule_of_this_version_has_code_and_a_test(index: Index):
    told = law_doc.faults(index)
    assert not told, "\n".join(["", *told])


def test_the_document_is_fresh(index: Index):
    assert law_doc.DOCUMENT.exists(), "run python -m tests.support.law_doc"
    assert law_doc.DOCUMENT.read_text(encoding="utf-8") == law_doc.render(index), "run python -m tests.support.law_doc"


def test_the_table_asks_for_all_that_was_promised():
    assert {rule_id for rule_id, described in RULES_DESCRIBED.items() if described.required} >= PROMISED


def test_every_source_of_every_rule_is_in_the_document(index: Index):
    text = law_doc.render(index)
    assert all(f"| {rule_id} |" in text for rule_id in RULES_DESCRIBED)
    assert "| 第15條第1項第4款 | RO-23 |" in text
    assert text.index("| 第11條第1項 |") < text.index("| 第15條第1項第4款 |") < text.index("| 第16條之1 |")


# Negative controls: what the tests above are there to see.


def test_control_a_required_rule_without_code_or_test_is_told(index: Index):
    planted = copy.deepcopy(index)
    planted.described["RO-99"] = IMPOSSIBLE
    assert [fault for fault in law_doc.faults(planted) if fault.startswith("RO-99")] == [
        "RO-99 (planted) has no @rule in the code",
        "RO-99 (planted) has no @pytest.mark.rule on a test",
    ]
    planted.code["RO-99"] = [Place("roster/x.py", "roster.x.decide")]
    assert [fault for fault in law_doc.faults(planted) if fault.startswith("RO-99")] == [
        "RO-99 (planted) has no @pytest.mark.rule on a test",
    ]


def test_control_a_rule_that_lost_its_code_is_told(index: Index):
    robbed = copy.deepcopy(index)
    del robbed.code["RO-36"]
    assert any(fault.startswith("RO-36") for fault in law_doc.faults(robbed))
    assert not any(fault.startswith("RO-36") for fault in law_doc.faults(index))


def test_control_an_id_that_is_no_rule_is_told(index: Index):
    slipped = copy.deepcopy(index)
    slipped.code["RO-98"] = [Place("services/roster/src/roster/x.py", "roster.x.decide")]
    assert law_doc.faults(slipped)[-1] == (
        "RO-98 is named in the code (services/roster/src/roster/x.py) but is no rule of the specification"
    )


def test_control_a_moved_function_makes_the_document_stale(index: Index):
    moved = copy.deepcopy(index)
    moved.code["RO-36"] = [Place("shared/src/shared/elsewhere.py", "shared.elsewhere.months_after")]
    assert law_doc.render(moved) != law_doc.render(index)


MARKED = '''
import pytest
pytestmark = [pytest.mark.rule("RO-01"), pytest.mark.slow]

@pytest.mark.rule("RO-02", "RO-03")
@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.rule("RO-04"))])
async def test_one(x): ...

class TestRoom:
    pytestmark = pytest.mark.rule("RO-05")
    @pytest.mark.rule("RO-06")
    def test_two(self): ...

def helper():
    """@pytest.mark.rule("RO-07")"""
'''


def test_marks_are_read_wherever_pytest_reads_them(tmp_path: Path):
    (tmp_path / "test_sample.py").write_text(MARKED)
    (tmp_path / "conftest.py").write_text('import pytest\n@pytest.mark.rule("RO-08")\ndef test_no(): ...\n')
    found = law_doc.test_places(tmp_path, tmp_path)
    assert {rule_id: [place.name for place in places] for rule_id, places in found.items()} == {
        "RO-01": ["test_one", "TestRoom"],
        "RO-02": ["test_one"],
        "RO-03": ["test_one"],
        "RO-04": ["test_one"],
        "RO-05": ["TestRoom::test_two"],
        "RO-06": ["TestRoom::test_two"],
    }


def test_a_mark_that_cannot_be_read_is_refused(tmp_path: Path):
    (tmp_path / "test_sample.py").write_text("import pytest\n@pytest.mark.rule(*IDS)\ndef test_one(): ...\n")
    with pytest.raises(MarkError, match=r"test_sample\.py:2"):
        law_doc.test_places(tmp_path, tmp_path)


@pytest.mark.parametrize(
    "row",
    [
        ["RO-01", "yes", "no_such_law:1", "甲", "a"],
        ["RO-01", "yes", "deferment_regulation:0", "甲", "a"],
        ["RO-01", "maybe", "deferment_regulation:1", "甲", "a"],
        ["RO-01", "yes", "", "甲", "a"],
        ["RO-00", "yes", "deferment_regulation:1", "甲", "a"],
    ],
)
def test_a_bad_row_of_the_table_is_refused(tmp_path: Path, row: list[str]):
    path = tmp_path / "rules.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "required", "sources", "title", "title_en"])
        writer.writerow(["RO-00", "", "deferment_regulation:1", "零", "zero"])
        writer.writerow(row)
    with pytest.raises(ValueError):
        read(path)
