"""What one cell may hold. Each reader takes the cell's text, never blank, and gives a value or raises `CellError`.

Readers know nothing of other cells, of the roster's kind or of today; `rows.py` does.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date

from roster.intake.faults import CellError
from shared.ids import IdKind, read_id
from shared.law import rule
from shared.places import COUNTIES, TOWNSHIPS, county_by_code, find_household
from shared.roc import DateTextError, parse_date, parse_date_or_month

# Characters that start a formula in spreadsheet programs, their full-width forms included. A leading tab or carriage
# return hides one.
_FORMULA_STARTS = frozenset("=@＝＠\t\r")
_SIGNS = frozenset("+-＋－")
# After + or -, a call or a DDE link makes a formula; +886-2-1234 and -無- do not. The look-behind and the possessive
# quantifiers make it read every word once, however long.
_CALL = re.compile(r"[|!]|(?<!\w)[^\WA-Za-z]*+[A-Za-z]\w*+\(")

# Controls, line and paragraph separators, bidirectional overrides, half surrogates: none belongs in a cell. Variation
# selectors, joiners and private-use characters do, in names.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_INVISIBLE = frozenset({"Cf", "Mn", "Me", "Zs"})
_LOST = frozenset("?？\ufffd")

_NUMBERS = {char: number for number, char in enumerate("一二三四五六七八", 1)}
_SMALL = re.compile(r"(?:第)?([1-8一二三四五六七八])(?:年級|年制|學年制|學年|年|級)?")
_CLASS_YEAR_AT_END = re.compile(r"(.*?[^0-9０-９一二三四五六七八九十])\s*第?([1-8１-８一二三四五六七八])\s*(?:年級)?")


@rule("RO-06")
def refuse_formula(text: str, signs_too: bool) -> None:
    """Raise for a cell that a spreadsheet program would run.

    `signs_too` refuses every leading + or - as well (names); without it, only those that start a call or a link.
    """
    if text[:1].isalnum():
        return
    first = text.lstrip(" \u3000")[:1]
    if first in _FORMULA_STARTS or (first in _SIGNS and (signs_too or _CALL.search(text))):
        raise CellError(
            "formula",
            "儲存格內容為公式或以公式符號（= + - @）開頭，請改填公式的結果（值）。",
            "The cell holds a formula or starts like one (= + - @): put its plain value instead.",
        )


def _refuse_controls(text: str) -> None:
    if _CONTROL.search(text):
        raise CellError(
            "control_character",
            "儲存格含有控制字元、換行或不完整的字元，請刪除後重新輸入。",
            "The cell holds control characters, line breaks or half a character: remove them and type it again.",
        )


@rule("RO-10")
def read_national_id(text: str) -> str:
    """A man's national ID, half width and upper case.

    Resident numbers are recognised first, whatever their check digit, and a woman's second digit before the checksum:
    each man of the list gets the one message that helps.
    """
    reading = read_id(text)
    if reading.kind in (IdKind.resident_new, IdKind.resident_old):
        raise CellError(
            "resident_number",
            "此為統一證號（居留證號）；持有人在臺灣無戶籍，非役男，不列入緩徵名冊，請刪除此列。",
            "This is a resident number: its holder has no household registration and is no draftee. Remove the row.",
        )
    if reading.kind is not IdKind.national_id:
        raise CellError(
            "national_id_format",
            "身分證字號應為 1 個英文字母加 9 個數字（第 2 碼為 1），請依身分證更正。",
            "A national ID is one letter and nine digits, the first of which is 1. Correct it from the ID card.",
        )
    if reading.sex != "male":
        raise CellError(
            "not_male",
            "身分證字號第 2 碼為 2（女性），非役男；請刪除此列，或依身分證更正字號。",
            "The second digit is 2, a woman's: no draftee. Remove the row, or correct the ID from the ID card.",
        )
    if not reading.valid:
        raise CellError(
            "national_id_checksum",
            "身分證字號檢查碼不符，字號有誤，請依身分證更正。",
            "The check digit does not fit: the national ID is mistyped. Correct it from the ID card.",
        )
    return reading.value


@rule("RO-06")
def read_name(text: str) -> str:
    """The name exactly as received, blanks, variants and private-use characters included."""
    _refuse_controls(text)
    if not text[:1].isalnum() and all(unicodedata.category(char) in _INVISIBLE for char in text):
        raise CellError("required", "姓名不得空白，請填姓名。", "The name is empty: fill it in.")
    if not _LOST.isdisjoint(text):
        raise CellError(
            "name_character_lost",
            "姓名含有問號或取代字元，原字可能於轉檔時遺失；請以 UTF-8 重新匯出並確認姓名用字。",
            "The name holds a question mark or a replacement character: a character was probably lost on export. "
            "Export as UTF-8 and check the name.",
        )
    return text


def read_text(text: str) -> str:
    """One line of text without its outer blanks."""
    text = text.strip()
    _refuse_controls(text)
    return text


def read_remarks(text: str) -> str:
    """Text that may run over several lines; their ends become \\n."""
    text = text.strip().replace("\r\n", "\n").replace("\r", "\n")
    _refuse_controls(text.replace("\n", " "))
    return text


_DATE_MESSAGES = {
    "date_format": (
        "日期格式無法辨識，請填民國（如 095/01/31、0950131）或西元（如 2006-01-31）日期。",
        "This is not a date. Write an ROC date (095/01/31, 0950131) or an ISO date (2006-01-31).",
    ),
    "date_impossible": (
        "日期不存在（例如 2 月 30 日），請更正。",
        "There is no such day (like 30 February). Correct it.",
    ),
    "roc_year_zero": (
        "民國年不得為 0，請更正年份。",
        "There is no ROC year 0. Correct the year.",
    ),
}


def _date_reader(parse: Callable[[str], date]) -> Callable[[str], date]:
    def read(text: str) -> date:
        try:
            return parse(text)
        except DateTextError as error:
            message, message_en = _DATE_MESSAGES[error.code]
            raise CellError(error.code, message, message_en) from None

    return read


read_date = _date_reader(parse_date)
read_date_or_month = _date_reader(parse_date_or_month)


def read_small_number(text: str) -> int:
    """1 to 8: 3, ３, 三, 三年級, 4年制."""
    found = _SMALL.fullmatch("".join(unicodedata.normalize("NFKC", text).split()))
    if not found:
        raise CellError("number_range", "請填 1 至 8 的整數。", "Write a whole number from 1 to 8.")
    return _number(found[1])


def _number(char: str) -> int:
    return _NUMBERS.get(char) or int(char)


@rule("RO-06")
def read_county(text: str) -> str:
    """A county's five-digit code; Taoyuan's old one (10003) becomes today's."""
    value = unicodedata.normalize("NFKC", text).strip()
    county = county_by_code(value)
    if county is not None:
        return county.code
    named = value.replace("台", "臺")
    suggestion = next((c.code for c in COUNTIES.values() if c.name == named), None)
    if suggestion is None and value.isdecimal() and county_by_code(value.zfill(5)) is not None:
        suggestion = value.zfill(5)
    raise CellError(
        "county_unknown",
        "縣市代碼不存在，請填戶役政資訊系統 5 碼代碼（如 63000 臺北市）；以 0 開頭者不可省略 0。",
        "There is no such county. Write the five-digit household-registration code (63000 is Taipei), with its "
        "leading zero.",
        suggestion,
    )


@rule("RO-06")
def read_township(text: str) -> str:
    """A township's eight-digit code. Whether it lies in the row's county is for `rows.py`."""
    value = unicodedata.normalize("NFKC", text).strip()
    if value in TOWNSHIPS:
        return value
    raise CellError(
        "township_unknown",
        "鄉鎮市區代碼不存在，請填戶役政資訊系統 8 碼代碼（如 63000010 臺北市松山區）。",
        "There is no such township. Write the eight-digit household-registration code (63000010 is Songshan, Taipei).",
        lambda: _nearest_township(value),
    )


def _nearest_township(value: str) -> str | None:
    """What was probably meant: a lost leading zero, Taoyuan's old prefix, or else how the county's codes run."""
    for meant in (value.zfill(8), "68000" + value[5:] if value[:5] == "10003" else ""):
        town = TOWNSHIPS.get(meant)
        if town is not None:
            return town.code
    county = county_by_code(value[:5])
    if county is None:
        return None
    codes = [code for code, town in TOWNSHIPS.items() if town.county_code == county.code]
    return f"{min(codes)}–{max(codes)}（{county.name}）"


@rule("RO-06")
def read_household(text: str) -> tuple[str, str, str | None]:
    """戶籍所在縣市鄉鎮市區村 as one cell: county code, township code, the rest."""
    _refuse_controls(text.replace("\n", " ").replace("\r", " "))
    found = find_household("".join(text.splitlines()).strip())
    if found is None:
        raise CellError(
            "household_unsplittable",
            "無法由戶籍欄辨識縣市與鄉鎮市區，請填全名（如 臺北市大安區龍安里），或改填縣市、鄉鎮市區代碼。",
            "County and township cannot be read from this cell. Write their full names, or use the code columns.",
        )
    county, township, rest = found
    return county, township, rest or None


@rule("RO-06")
def read_department_and_year(text: str) -> tuple[str, int]:
    """系科年級 as one cell: 資訊工程學系三年級, 資訊工程學系3, 電機系四."""
    value = read_text(text)
    found = _CLASS_YEAR_AT_END.fullmatch(value)
    if not found:
        raise CellError(
            "class_year_unsplittable",
            "無法由系科年級欄分出年級，請於末尾填年級（如 資訊工程學系三年級），或分填系科、年級兩欄。",
            "The year cannot be read from the end of this cell. Write 資訊工程學系三年級, or use two columns.",
        )
    return found[1].strip(), _number(unicodedata.normalize("NFKC", found[2]))
