"""Counties and townships by household-registration code (戶役政資訊系統代碼: five digits, eight with the
township).

SOURCE: facts.md 4; data/NOTICE names where the township table comes from. A county's letter is that of the
IDs once issued there; it never tells where a household is today.
"""

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from shared.ids import FULL_WIDTH
from shared.law import rule


@dataclass(frozen=True, slots=True)
class County:
    """A municipality, county or city: the authority that decides."""

    code: str
    name: str
    name_en: str
    letter: str


@dataclass(frozen=True, slots=True)
class Township:
    """A township, town, city or district of a county."""

    code: str
    county_code: str
    name: str


COUNTIES: Final[dict[str, County]] = {
    county.code: county
    for county in (
        County("63000", "臺北市", "Taipei City", "A"),
        County("64000", "高雄市", "Kaohsiung City", "E"),
        County("65000", "新北市", "New Taipei City", "F"),
        County("66000", "臺中市", "Taichung City", "B"),
        County("67000", "臺南市", "Tainan City", "D"),
        County("68000", "桃園市", "Taoyuan City", "H"),
        County("10002", "宜蘭縣", "Yilan County", "G"),
        County("10004", "新竹縣", "Hsinchu County", "J"),
        County("10005", "苗栗縣", "Miaoli County", "K"),
        County("10007", "彰化縣", "Changhua County", "N"),
        County("10008", "南投縣", "Nantou County", "M"),
        County("10009", "雲林縣", "Yunlin County", "P"),
        County("10010", "嘉義縣", "Chiayi County", "Q"),
        County("10013", "屏東縣", "Pingtung County", "T"),
        County("10014", "臺東縣", "Taitung County", "V"),
        County("10015", "花蓮縣", "Hualien County", "U"),
        County("10016", "澎湖縣", "Penghu County", "X"),
        County("10017", "基隆市", "Keelung City", "C"),
        County("10018", "新竹市", "Hsinchu City", "O"),
        County("10020", "嘉義市", "Chiayi City", "I"),
        County("09020", "金門縣", "Kinmen County", "W"),
        County("09007", "連江縣", "Lienchiang County", "Z"),
    )
}

# Taoyuan's code before it became a municipality (2014-12-25), still printed in published lists.
_ALIASES: Final = {"10003": "68000"}
_PROVINCES: Final = ("臺灣省", "福建省")
_FOLD: Final = FULL_WIDTH | {ord("台"): ord("臺")}


def _read_townships() -> dict[str, Township]:
    text = (files("shared") / "data" / "townships.csv").read_text(encoding="utf-8-sig")
    rows = csv.DictReader(text.splitlines())
    return {row["township_code"]: Township(row["township_code"], row["county_code"], row["township"]) for row in rows}


TOWNSHIPS: Final[dict[str, Township]] = _read_townships()

_COUNTY_NAMES: Final = [(county.name.translate(_FOLD), county.code) for county in COUNTIES.values()]
# The longest name first, should one name ever begin another.
_TOWNSHIP_NAMES: Final[dict[str, list[tuple[str, str]]]] = {
    code: sorted(
        ((town.name.translate(_FOLD), town.code) for town in TOWNSHIPS.values() if town.county_code == code),
        key=lambda pair: -len(pair[0]),
    )
    for code in COUNTIES
}


def county_by_code(code: str) -> County | None:
    """The county of a five-digit code, Taoyuan's old code included; None for no county's code."""
    return COUNTIES.get(_ALIASES.get(code, code))


@rule("RO-06")
def find_household(text: str) -> tuple[str, str, str] | None:
    """Split 戶籍所在縣市鄉鎮市區村: (county code, township code, the rest as written). None if either is not
    found.

    台 and 臺 are the same, full width and half width too; a province before the county is passed over. Blanks
    between the parts do not matter.
    """
    folded = text.translate(_FOLD)
    at = _skip_blanks(folded, 0)
    for province in _PROVINCES:
        if folded.startswith(province, at):
            at = _skip_blanks(folded, at + len(province))
    for county_name, county_code in _COUNTY_NAMES:
        if not folded.startswith(county_name, at):
            continue
        at = _skip_blanks(folded, at + len(county_name))
        for township_name, township_code in _TOWNSHIP_NAMES[county_code]:
            if folded.startswith(township_name, at):
                return county_code, township_code, text[at + len(township_name) :].strip()
        return None
    return None


def _skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
