"""What a cell of a sheet says in its column: the text that a person would have typed there, or what is wrong with it.

A number is never taken for something else than its digits. Where those are not what was meant, because a program
turned a date into a count of days or dropped a zero, the cell is faulty.
"""

from functools import cache

from roster.intake.columns import Column
from roster.intake.faults import CellError, printable
from roster.intake.sheets.book import Cell, Day, Flag, Number
from shared.law import rule

# A number of five digits in a column that takes months: ROC years between which no count of days since 1900 is a date
# of study (80/01 is 1921, 200/12 is 1955).
_FIRST_YEAR, _LAST_YEAR = 80, 200
_RETYPE = "請將此欄設為「文字」格式後重新輸入"
_RETYPE_EN = "Format the column as text and type it again"


@cache
def _error(code: str, message: str, message_en: str) -> CellError:
    # One for all cells: the checker remembers what it made of it.
    return CellError(code, message, message_en)


@rule("RO-06")
def meaning(cell: Cell, column: Column) -> str | CellError:
    """The cell's text as the checker reads it in `column`, or what is wrong with it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Number):
        return _showing(_number(cell, column), cell.text)
    if isinstance(cell, Day):
        return _showing(_day(cell, column), cell.iso)
    if isinstance(cell, Flag):
        if column.written == "flag":
            return "true" if cell.value else "false"
        return _error(
            "cell_is_flag",
            f"儲存格為 TRUE／FALSE，不是此欄的內容；{_RETYPE}。",
            f"The cell holds TRUE or FALSE, which is nothing for this column. {_RETYPE_EN}.",
        )
    return _odd(cell.why, printable(cell.shown))


def _showing(outcome: str | CellError, found: str) -> str | CellError:
    if isinstance(outcome, str):
        return outcome
    return CellError(outcome.code, outcome.message, outcome.message_en, found=found)


def _number(cell: Number, column: Column) -> str | CellError:
    if not cell.whole:
        return _error(
            "number_inexact",
            f"儲存格為帶小數或超過 15 位的數字，原來的內容可能已失真；{_RETYPE}。",
            "The cell holds a number with a fraction or of more than 15 digits: what was typed may be lost. "
            f"{_RETYPE_EN}.",
        )
    if column.dated:
        if len(cell.text) == 5 and not (column.months and _FIRST_YEAR <= int(cell.text[:3]) <= _LAST_YEAR):
            return _error(
                "date_as_number",
                "儲存格為 5 位數字，可能是日期的序列值；請將儲存格設為日期格式，或改填文字（如 095/01/31）。",
                "The cell holds a number of five digits, perhaps a date as the program counts days. Format the cell as "
                "a date, or write text (095/01/31).",
            )
        return cell.text
    if cell.dressed and column.written == "text":
        return _error(
            "number_dressed",
            f"儲存格是數字，畫面上的其他字元來自數字格式，並非內容；{_RETYPE}完整內容。",
            f"The cell holds a number; the other characters that it shows come from its format. {_RETYPE_EN}, whole.",
        )
    return cell.text


def _day(cell: Day, column: Column) -> str | CellError:
    if not column.dated:
        return _error(
            "cell_is_date",
            f"儲存格已被試算表轉為日期，原來的內容已遺失；{_RETYPE}。",
            f"The program turned this cell into a date: what was typed is lost. {_RETYPE_EN}.",
        )
    if cell.short_year:
        return _error(
            "date_two_digit_year",
            "日期只顯示兩位數的西元年，易與民國年混淆；請改為四位數西元年或民國年格式，並核對年份。",
            "The date shows two digits of the Gregorian year, which look like a ROC year. Show four digits, or the ROC "
            "year, and check it.",
        )
    return cell.iso


def _odd(why: str, shown: str) -> CellError:
    if why == "error":
        return _error(
            "cell_error",
            f"儲存格為錯誤值（{shown}），請更正公式或改填正確內容。",
            f"The cell holds an error value ({shown}). Correct the formula, or write what belongs there.",
        )
    if why == "formula":
        return _error(
            "formula_without_value",
            "儲存格為公式，但檔案未存計算結果；請以試算表軟體開啟並存檔，或貼上為「值」。",
            "The cell holds a formula whose result was not saved. Open and save the file in a spreadsheet program, or "
            "paste the value.",
        )
    if why == "covered":
        return _error(
            "cell_covered",
            "此格被合併儲存格蓋住，沒有自己的內容；請取消合併，每一列各自填寫。",
            "A combined cell covers this one, which has no content of its own. Take it apart and fill in each row.",
        )
    if why == "moment":
        return _error(
            "cell_is_moment",
            "儲存格含有時刻或時間長度，無法確定是哪一日；請只填日期。",
            "The cell holds a time of day or a duration, so that the day is uncertain. Write the date only.",
        )
    return _error(
        "date_impossible",
        "日期不存在（例如 2 月 30 日），請更正。",
        "There is no such day (like 30 February). Correct it.",
    )
