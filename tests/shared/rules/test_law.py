"""Citations that cannot be wrong, values with dates, and the register of rules."""

from collections.abc import Iterator
from datetime import date

import pytest

from shared.law import (
    ADMINISTRATIVE_PROCEDURE_ACT,
    DEFERMENT_REGULATION,
    DESIGN_POLICY,
    LAWS,
    RULES,
    SYSTEM_MANUAL,
    Citation,
    Dated,
    DatedRow,
    cite,
    rule,
)

REGULATION_2018 = date(2018, 6, 28)
REGULATION_2019 = date(2019, 7, 26)


@pytest.mark.parametrize(
    ("law", "article", "text", "text_en"),
    [
        (DEFERMENT_REGULATION, "11", "免役禁役緩徵緩召實施辦法第11條", "Article 11"),
        (DEFERMENT_REGULATION, "15-2", "免役禁役緩徵緩召實施辦法第15條第2項", "Article 15, paragraph 2"),
        (
            DEFERMENT_REGULATION,
            "15-1-4",
            "免役禁役緩徵緩召實施辦法第15條第1項第4款",
            "Article 15, paragraph 1, subparagraph 4",
        ),
        # Art. 16 paragraph 1 and Art. 16-1 are two different places.
        (DEFERMENT_REGULATION, "16-1", "免役禁役緩徵緩召實施辦法第16條第1項", "Article 16, paragraph 1"),
        (DEFERMENT_REGULATION, "16/1", "免役禁役緩徵緩召實施辦法第16條之1", "Article 16-1"),
        (
            DEFERMENT_REGULATION,
            "16/1-0-2",
            "免役禁役緩徵緩召實施辦法第16條之1第2款",
            "Article 16-1, subparagraph 2",
        ),
        (ADMINISTRATIVE_PROCEDURE_ACT, "48-4", "行政程序法第48條第4項", "Article 48, paragraph 4"),
        (DESIGN_POLICY, "AgeRule.YEAR_END", "本系統設計政策「AgeRule.YEAR_END」", "AgeRule.YEAR_END"),
        (SYSTEM_MANUAL, "3-1", "在學緩徵作業系統操作說明第3-1點", "step 3-1"),
        (SYSTEM_MANUAL, "update-12", "在學緩徵作業系統操作說明已版更項目第12項", "shipped change 12"),
        (SYSTEM_MANUAL, "planned-1", "在學緩徵作業系統操作說明未來預計更新項目第1項", "planned change 1"),
        (SYSTEM_MANUAL, "intro", "在學緩徵作業系統操作說明簡介", "introduction"),
    ],
)
def test_the_notation_reads_as_an_official_writes(law: str, article: str, text: str, text_en: str):
    citation = cite(law, article)
    assert citation.text == text
    assert citation.text_en.startswith(LAWS[law].name_en)
    assert citation.text_en.endswith(text_en)


@pytest.mark.parametrize(
    "article",
    ["", "0", "015", "15-", "15--4", "15-0", "15-1-0", "15-1-4-2", "16bis1", "16/0", "第15條", "15 -1", "15-1-4\n"],
)
def test_what_is_no_article_is_refused(article: str):
    with pytest.raises(ValueError, match="is not an article"):
        cite(DEFERMENT_REGULATION, article)


@pytest.mark.parametrize(
    ("law", "place"),
    [(SYSTEM_MANUAL, "item-3"), (SYSTEM_MANUAL, "update"), (SYSTEM_MANUAL, "0"), (DESIGN_POLICY, "a b")],
)
def test_what_is_no_place_is_refused(law: str, place: str):
    with pytest.raises(ValueError, match="is not an article"):
        cite(law, place)


def test_an_unknown_law_or_version_is_refused():
    with pytest.raises(ValueError, match="unknown law"):
        cite("regulation", "15")
    with pytest.raises(ValueError, match="unknown law"):
        Citation("regulation", "15", REGULATION_2019)
    with pytest.raises(ValueError, match="no version of 2020-01-01"):
        cite(DEFERMENT_REGULATION, "15", date(2020, 1, 1))


def test_the_newest_version_is_the_default_and_the_old_one_stays_citable():
    assert cite(DEFERMENT_REGULATION, "15").version == REGULATION_2019
    assert cite(DEFERMENT_REGULATION, "15", REGULATION_2018).version == REGULATION_2018
    assert cite(DEFERMENT_REGULATION, "15") != cite(DEFERMENT_REGULATION, "15", REGULATION_2018)


@pytest.mark.parametrize(
    ("day", "version"),
    [("2018-06-28", REGULATION_2018), ("2019-07-25", REGULATION_2018), ("2019-07-26", REGULATION_2019)],
)
def test_the_version_in_force_on_a_day(day: str, version: date):
    assert LAWS[DEFERMENT_REGULATION].version_on(date.fromisoformat(day)) == version


def test_before_the_first_version_there_is_no_law():
    with pytest.raises(LookupError):
        LAWS[DEFERMENT_REGULATION].version_on(date(2018, 6, 27))


def test_a_citation_goes_out_whole():
    assert cite(DEFERMENT_REGULATION, "15-1-5").as_dict() == {
        "law": "deferment_regulation",
        "article": "15-1-5",
        "version": "2019-07-26",
        "text": "免役禁役緩徵緩召實施辦法第15條第1項第5款",
        "text_en": (
            "Regulations on Exemption, Disqualification, Deferment and Call-up Deferment,"
            " Article 15, paragraph 1, subparagraph 5"
        ),
    }


def test_every_law_lists_its_versions_oldest_first():
    for code, law in LAWS.items():
        assert code == law.code
        assert law.versions
        assert list(law.versions) == sorted(set(law.versions))


OLD = DatedRow(date(2018, 6, 28), 28, cite(DEFERMENT_REGULATION, "15-1-4", REGULATION_2018))
NEW = DatedRow(date(2019, 7, 26), 30, cite(DEFERMENT_REGULATION, "15-1-4"))


@pytest.mark.parametrize(
    ("day", "row"),
    [("2018-06-28", OLD), ("2019-07-25", OLD), ("2019-07-26", NEW), ("2026-01-01", NEW)],
)
def test_a_dated_value_on_the_day_before_and_the_day_of_a_change(day: str, row: DatedRow[int]):
    # The order in which the rows are written does not matter.
    assert Dated([NEW, OLD]).on(date.fromisoformat(day)) is row


def test_before_the_first_row_there_is_no_value():
    with pytest.raises(LookupError, match="2018-06-28"):
        Dated([OLD, NEW]).on(date(2018, 6, 27))


@pytest.mark.parametrize("rows", [[], [OLD, OLD]])
def test_dated_values_must_be_decidable(rows: list[DatedRow[int]]):
    with pytest.raises(ValueError, match="a different day for each"):
        Dated(rows)


@pytest.fixture
def register() -> Iterator[dict[str, list[tuple[str, str, int]]]]:
    """The register of rules, put back as it was when the test ends."""
    before = {rule_id: list(places) for rule_id, places in RULES.items()}
    yield RULES
    RULES.clear()
    RULES.update(before)


async def test_functions_coroutines_and_classes_are_registered_and_unchanged(
    register: dict[str, list[tuple[str, str, int]]],
):
    def plain() -> int:
        return 1

    async def waiting() -> int:
        return 2

    class Room:
        @rule("ZZ-04")
        def method(self) -> int:
            return 3

        @rule("ZZ-05")
        @staticmethod
        def still() -> int:
            return 4

    assert rule("ZZ-01", "ZZ-02")(plain) is plain
    assert rule("ZZ-02")(waiting) is waiting
    assert rule("ZZ-03")(Room) is Room
    assert (plain(), await waiting(), Room().method(), Room.still()) == (1, 2, 3, 4)

    here = "test_functions_coroutines_and_classes_are_registered_and_unchanged.<locals>"
    names = {rule_id: [place[1] for place in places] for rule_id, places in register.items() if rule_id > "ZZ"}
    assert names == {
        "ZZ-01": [f"{here}.plain"],
        "ZZ-02": [f"{here}.plain", f"{here}.waiting"],
        "ZZ-03": [f"{here}.Room"],
        "ZZ-04": [f"{here}.Room.method"],
        "ZZ-05": [f"{here}.Room.still"],
    }
    assert all(place[0] == __name__ and place[2] > 0 for place in register["ZZ-02"])


def test_a_module_loaded_again_stands_once(register: dict[str, list[tuple[str, str, int]]]):
    def decide() -> None: ...

    rule("ZZ-09")(decide)
    rule("ZZ-09")(decide)
    assert len(register["ZZ-09"]) == 1


@pytest.mark.parametrize("ids", [(), ("RO24",), ("RO-24", "RO-2"), ("ro-24",), ("RO-24 ",)])
def test_what_is_no_rule_id_is_refused(ids: tuple[str, ...]):
    with pytest.raises(ValueError, match="rule"):
        rule(*ids)


def test_what_has_no_name_is_refused():
    with pytest.raises(TypeError):
        rule("ZZ-01")(5)
