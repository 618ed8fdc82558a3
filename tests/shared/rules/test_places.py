"""The table of counties and townships, and the household cell of the paper roster (facts.md 4, RO-06)."""

import os
from collections import Counter
from pathlib import Path

import pytest

from shared.places import COUNTIES, TOWNSHIPS, county_by_code, find_household

# facts.md 4: letter and number of townships of each county.
TABLE = {
    "63000": ("A", "臺北市", 12),
    "64000": ("E", "高雄市", 38),
    "65000": ("F", "新北市", 29),
    "66000": ("B", "臺中市", 29),
    "67000": ("D", "臺南市", 37),
    "68000": ("H", "桃園市", 13),
    "10002": ("G", "宜蘭縣", 12),
    "10004": ("J", "新竹縣", 13),
    "10005": ("K", "苗栗縣", 18),
    "10007": ("N", "彰化縣", 26),
    "10008": ("M", "南投縣", 13),
    "10009": ("P", "雲林縣", 20),
    "10010": ("Q", "嘉義縣", 18),
    "10013": ("T", "屏東縣", 33),
    "10014": ("V", "臺東縣", 16),
    "10015": ("U", "花蓮縣", 13),
    "10016": ("X", "澎湖縣", 6),
    "10017": ("C", "基隆市", 7),
    "10018": ("O", "新竹市", 3),
    "10020": ("I", "嘉義市", 2),
    "09020": ("W", "金門縣", 6),
    "09007": ("Z", "連江縣", 4),
}


def test_the_table_is_the_published_one():
    towns = Counter(town.county_code for town in TOWNSHIPS.values())
    assert {code: (c.letter, c.name, towns[code]) for code, c in COUNTIES.items()} == TABLE
    assert len(TOWNSHIPS) == 368
    assert all(town.code.startswith(town.county_code) and len(town.code) == 8 for town in TOWNSHIPS.values())
    assert all(code == town.code for code, town in TOWNSHIPS.items())
    names = [county.name for county in COUNTIES.values()] + [town.name for town in TOWNSHIPS.values()]
    assert not any("台" in name for name in names)


def test_the_table_is_the_real_one():
    here = Path(__file__).parents[3]
    folder = Path(os.environ.get("MUSTER_DATA_DIR") or here.parent / "shared" / "data")
    if not (folder / "townships.csv").exists():
        pytest.skip(f"the real data is not at {folder}")
    carried = here / "shared" / "src" / "shared" / "data" / "townships.csv"
    assert carried.read_bytes() == (folder / "townships.csv").read_bytes()


def test_taoyuan_s_old_code_is_an_alias_on_input():
    taoyuan = county_by_code("10003")
    assert taoyuan is not None
    assert taoyuan.code == "68000"
    assert county_by_code("68000") is taoyuan
    assert county_by_code("63000999") is None
    assert county_by_code("") is None
    assert "10003" not in COUNTIES


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("臺北市大安區龍泉里", ("63000", "63000030", "龍泉里")),
        ("台北市大安區龍泉里", ("63000", "63000030", "龍泉里")),
        ("　台北市 大安區　龍泉里 ", ("63000", "63000030", "龍泉里")),
        ("臺北市大安區", ("63000", "63000030", "")),
        ("桃園市龜山區大崗里", ("68000", "68000070", "大崗里")),
        ("新竹市東區", ("10018", "10018010", "")),
        ("新竹縣東區", None),
        ("臺灣省嘉義縣阿里山鄉香林村", ("10010", "10010180", "香林村")),
        ("福建省連江縣南竿鄉", ("09007", "09007010", "")),
        ("雲林縣台西鄉台西村", ("10009", "10009160", "台西村")),
        ("屏東縣霧台鄉", ("10013", "10013270", "")),
        ("嘉義市東區", ("10020", "10020010", "")),
        ("臺北市", None),
        ("大安區", None),
        ("臺北市龍泉里", None),
        ("臺北縣板橋市", None),
        ("", None),
        ("王小明", None),
    ],
)
def test_the_household_cell_is_split_by_name(written: str, found: tuple[str, str, str] | None):
    assert find_household(written) == found


@pytest.mark.rule("RO-06")
def test_every_township_is_found_by_its_own_name():
    for town in TOWNSHIPS.values():
        county = COUNTIES[town.county_code]
        for written in (county.name + town.name, (county.name + town.name).replace("臺", "台")):
            assert find_household(written + "測試村") == (county.code, town.code, "測試村")
