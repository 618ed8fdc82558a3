"""Every paragraph and subparagraph of Articles 11 to 16-2 has a rule with code and a test, or a reason for none."""

import copy
import re
from dataclasses import replace
from pathlib import Path

import pytest

from roster.hints.explain import WORDING
from shared.law import DEFERMENT_REGULATION, cite
from tests.support import law_doc
from tests.support.law_doc import Index
from tests.support.law_provisions import PROVISIONS, faults, read

SEED = Path(__file__).parents[3] / "shared" / "seeds" / "deferment-regulation-2018.zh.txt"
# Written out once more: the table may say more of them, it may not lose one. `16/1` is Article 16-1.
ALL = {
    "11-1", "11-2", "11-3", "12-1", "12-2", "13-1", "13-2", "13-3", "14-1", "14-2", "14-3",
    "15-1", "15-1-1", "15-1-2", "15-1-3", "15-1-4", "15-1-5", "15-2",
    "16-1", "16-1-1", "16-1-2", "16-1-3", "16-2", "16-3", "16/1", "16/1-0-1", "16/1-0-2", "16/2",
}  # fmt: skip
NOTHING_TO_DO = {"11-3"}
BY_ARTICLE = {provision.citation.article: provision for provision in PROVISIONS}


@pytest.fixture(scope="module")
def index() -> Index:
    return law_doc.build()


def told(index: Index) -> list[str]:
    return faults(index.described, index.code, index.tests)


def test_every_provision_has_a_rule_with_code_and_a_test_or_a_reason(index: Index):
    assert BY_ARTICLE.keys() == ALL
    assert {article for article, provision in BY_ARTICLE.items() if provision.nothing} == NOTHING_TO_DO
    assert told(index) == []


def test_the_document_has_a_row_for_each_with_its_words(index: Index):
    text = law_doc.render(index)
    rows = [line for line in text.splitlines() if line.startswith("| 第")]
    for provision in PROVISIONS:
        place = provision.citation.text.removeprefix("免役禁役緩徵緩召實施辦法")
        (row,) = [row for row in rows if row.startswith(f"| {place} | {provision.words} |")]
        assert all(rule_id in row for rule_id in provision.rules)
        assert provision.nothing in row
        if provision.rules:
            assert "](../services/roster/src/" in row
            assert "](../tests/" in row


def plain(text: str) -> str:
    """Without what typesetting adds: blanks, line ends, brackets of one width or the other."""
    return re.sub(r"\s", "", text).replace("（", "(").replace("）", ")")


def test_the_words_are_the_seeds_and_all_of_them():
    if not SEED.is_file():
        pytest.skip("the amendment's text is not here")
    text = SEED.read_text("utf-8").rpartition("部分條文修正條文\n")[2]
    began, ended = text.index("第 十 一 條"), text.index("第十七條")
    lines = [plain(line) for line in text[began:ended].splitlines()]
    # A paragraph or subparagraph a line, behind the number of its article or its own.
    numbers = r"^(?:第[一二三四五六十]+條(?:之一)?|-?[一二三四五]、|-$)"
    found = [re.sub(numbers, "", line) for line in lines]
    assert sorted(filter(None, found)) == sorted(plain(BY_ARTICLE[article].words) for article in ALL - {"16/2"})


def test_a_hint_quotes_the_same_words():
    quoted = {article: words for (law, article), words in WORDING.items() if law == DEFERMENT_REGULATION}
    whole = {article: words for article, words in quoted.items() if "…" not in words and article in BY_ARTICLE}
    assert len(whole) > 10
    assert {article: plain(BY_ARTICLE[article].words) for article in whole} == {
        article: plain(words) for article, words in whole.items()
    }


# Negative controls.


def test_control_a_provision_whose_rule_lost_its_test_is_told(index: Index):
    robbed = copy.deepcopy(index)
    del robbed.tests["RO-34"]
    assert told(robbed) == ["13-3: RO-34 lacks code or a test"]
    robbed = copy.deepcopy(index)
    del robbed.code["RO-25"]
    assert told(robbed) == ["15-2: RO-25 lacks code or a test"]


def test_control_a_rule_that_stands_nowhere_and_an_unknown_one_are_told(index: Index):
    planted = copy.deepcopy(index)
    planted.described["RO-34"] = replace(
        planted.described["RO-34"], sources=(cite(DEFERMENT_REGULATION, "13-3"), cite(DEFERMENT_REGULATION, "12-2"))
    )
    assert told(planted) == ["RO-34 cites 12-2 and stands at no provision of it"]
    del planted.described["RO-34"]
    assert told(planted) == ["13-3: RO-34 is no rule of the specification"]


@pytest.mark.parametrize("row", ["11-1,甲,RO-01,why", "11-1,甲,,", "11-1,,RO-01,", "11-1,甲,RO-01,\n11-1,甲,RO-01,"])
def test_a_bad_row_of_the_table_is_refused(tmp_path: Path, row: str):
    path = tmp_path / "provisions.csv"
    path.write_text(f"article,words,rules,nothing_to_implement\n{row}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="11-1 is not described well"):
        read(path)
