"""計費資料明細: the lines of a notice or of a credit statement, man by man and month by month (FE-30).

As a report of a list of lines that a route streams (`report`), or whole (`make`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.rules import LineKind, Reason
from rdss_fee.billing.schemas import LineOut
from rdss_fee.months import Month
from rdss_fee.papers.words import cut, figures, in_month
from shared.csv_out import BOM, Sheet, Value
from shared.law import rule
from shared.papers.document import Column, Document
from shared.papers.forms import Form
from shared.papers.making import Rows
from shared.papers.making import make as bound
from shared.papers.report import Layout, Report
from shared.roc import roc

NAME: Final = "研究發展費計費資料明細"
ASCII_NAME: Final = "fee-lines"
KINDS: Final = {LineKind.CHARGE: "應繳", LineKind.CREDIT: "應退"}
REASONS: Final = {
    Reason.ADVANCE: "次月應繳",
    Reason.NOT_YET_BILLED: "本月以前應計入而未計入",
    Reason.BILLED_TOO_MUCH: "本月以前不應計入而已計入",
}
"""The manual's words (研究發展費繳納-2/5)."""
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the lines: whose they are, of which month, and what they come to, each kind by itself."""

    employer_code: str
    employer_name: str
    month: Month
    charges: int
    credits: int
    count: int


def _month(line: LineOut) -> str:
    return in_month(Month.of(line.month))


def _days(line: LineOut) -> str:
    return f"{line.days}／{line.days_in_month}"


_COLUMNS: Final[tuple[tuple[str, int, Callable[[LineOut], Value]], ...]] = (
    ("身分證字號", 9, lambda one: one.national_id),
    ("姓名", 11, lambda one: one.serviceman_name),
    ("計費月份", 8, _month),
    ("服役日數／當月日數", 8, _days),
    ("月費率（元）", 7, lambda one: one.rate),
    ("應計金額（元）", 8, lambda one: one.entitled),
    ("已計金額（元）", 8, lambda one: one.billed),
    ("應繳／應退", 6, lambda one: KINDS[one.kind]),
    ("金額（元）", 8, lambda one: one.amount),
    ("事由", 18, lambda one: REASONS[one.reason]),
)


_AMOUNTS: Final = frozenset({"月費率（元）", "應計金額（元）", "已計金額（元）", "金額（元）"})


SHEET: Final = Sheet[LineOut](
    (
        ("身分證字號", lambda one: one.national_id),
        ("姓名", lambda one: one.serviceman_name),
        ("計費月份", _month),
        ("服役日數", lambda one: one.days),
        ("當月日數", lambda one: one.days_in_month),
        ("月費率", lambda one: one.rate),
        ("應計金額", lambda one: one.entitled),
        ("已計金額", lambda one: one.billed),
        ("應繳／應退", lambda one: KINDS[one.kind]),
        ("金額", lambda one: one.amount),
        ("事由", lambda one: REASONS[one.reason]),
    )
)


def _layout(heading: Heading) -> Layout[LineOut]:
    return Layout(
        f"{NAME}　{in_month(heading.month)}",
        (
            f"用人單位：{cut(heading.employer_name)}（{heading.employer_code}）",
            f"共 {heading.count:,} 筆",
            f"應繳合計：{figures(heading.charges)}",
            f"應退合計：{figures(heading.credits)}（應繳及應退不得相互沖抵）",
        ),
        _COLUMNS,
        _AMOUNTS,
    )


@rule("FE-12", "FE-30")
def report(heading: Heading) -> Report[LineOut]:
    """The report of a list of lines, for `shared.exports.Export`."""

    async def paper(_session: AsyncSession) -> Layout[LineOut]:
        return _layout(heading)

    return Report(SHEET, NAME, ASCII_NAME, paper)


@rule("FE-12", "FE-30")
async def make(form: Form, heading: Heading, lines: Iterable[LineOut], on: date, font_dir: str) -> bytes:
    """All lines as PDF, XLSX, ODS or CSV, dated `on`. Raises as `shared.papers.making.make`; ValueError for JSON."""
    if form is Form.CSV:
        return BOM + SHEET.headings() + SHEET.rows(list(lines))
    made_at = (on - date(1970, 1, 1)).days * _DAY
    if form is Form.PDF:
        layout = _layout(heading)
        lines_above = (*layout.lines, f"列印日期：{roc(on)}")
        rows = Rows(layout.values)
        document = Document(NAME, layout.title, lines_above, layout.papered, made_at)
    elif form in (Form.XLSX, Form.ODS):
        rows = Rows([value for _, value in SHEET.columns])
        document = Document(NAME, NAME, (), tuple(Column(name) for name, _ in SHEET.columns), made_at)
    else:
        raise ValueError("a detail is no JSON")
    rows.add(lines)
    return await bound(form, document, rows, font_dir)
