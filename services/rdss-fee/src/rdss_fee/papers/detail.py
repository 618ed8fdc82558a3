"""計費資料明細: the lines of a notice or of a credit statement, man by man and month by month (FE-30)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.rules import LineKind, Reason
from rdss_fee.billing.schemas import LineOut
from rdss_fee.months import Month
from rdss_fee.papers.words import cut, figures, in_month
from shared.csv_out import Sheet, Value
from shared.law import rule
from shared.papers.report import Layout, Report

NAME: Final = "研究發展費計費資料明細"
ASCII_NAME: Final = "fee-lines"
KINDS: Final = {LineKind.CHARGE: "應繳", LineKind.CREDIT: "應退"}
REASONS: Final = {
    Reason.ADVANCE: "次月應繳",
    Reason.NOT_YET_BILLED: "本月以前應計入而未計入",
    Reason.BILLED_TOO_MUCH: "本月以前不應計入而已計入",
}
"""The manual's words (研究發展費繳納-2/5)."""


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
def report(heading: Callable[[AsyncSession], Awaitable[Heading]]) -> Report[LineOut]:
    """The report of a list of lines, for `shared.exports.Listed`; `heading` is asked for on paper only."""

    async def paper(session: AsyncSession) -> Layout[LineOut]:
        return _layout(await heading(session))

    return Report(SHEET, NAME, ASCII_NAME, paper)
