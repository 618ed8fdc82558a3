"""How the reports for finance stand on sheets and on paper: their headings, and what of a row stands under each."""

from collections.abc import Callable
from datetime import date
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.months import Month
from rdss_fee.papers.words import in_month
from rdss_fee.reports.schemas import AgeingRow, MonthRow, RefundRow, SuspenseRow
from rdss_fee.schemas import month_of
from shared import clock
from shared.csv_out import Sheet, Value
from shared.papers.report import Layout, Report, T
from shared.roc import roc_long

WHY: Final = {
    "bad_number": "帳號有誤",
    "no_notice": "查無通知單",
    "nothing_to_reverse": "無可沖正之款項",
}
STATES: Final = {
    "submitted": "已送件",
    "received": "已收件",
    "approved": "已核准",
    "returned": "已退回",
    "paid": "已撥付",
    "bank_returned": "銀行退匯",
    "withdrawn": "已撤回",
}
_Columns = tuple[tuple[str, int, Callable[[T], Value]], ...]

_MONTH: Final[_Columns[MonthRow]] = (
    ("用人單位代碼", 9, lambda r: r.employer_code),
    ("用人單位", 22, lambda r: r.employer_name),
    ("應繳", 10, lambda r: r.charges),
    ("應退", 10, lambda r: r.credits),
    ("實收", 10, lambda r: r.collected),
    ("溢繳", 10, lambda r: r.overpaid),
    ("未收", 10, lambda r: r.receivable),
    ("得退餘額", 10, lambda r: r.refundable),
)
_AGEING: Final[_Columns[AgeingRow]] = (
    ("用人單位代碼", 9, lambda r: r.employer_code),
    ("用人單位", 20, lambda r: r.employer_name),
    ("通知單數", 6, lambda r: r.notices),
    ("未到期", 9, lambda r: r.not_due),
    ("逾期0至30日", 9, lambda r: r.up_to_30),
    ("逾期31至60日", 9, lambda r: r.up_to_60),
    ("逾期61至90日", 9, lambda r: r.up_to_90),
    ("逾期超過90日", 9, lambda r: r.over_90),
    ("未收合計", 10, lambda r: r.total),
    ("最早繳費期限", 9, lambda r: r.oldest_due_on),
)
_SUSPENSE: Final[_Columns[SuspenseRow]] = (
    ("交易序號", 8, lambda r: r.transaction_id),
    ("入帳日期", 8, lambda r: r.posted_on),
    ("交易日期", 8, lambda r: r.value_on),
    ("銷帳編號", 14, lambda r: r.account),
    ("暫收原因", 12, lambda r: WHY.get(r.why or "", r.why)),
    ("金額", 10, lambda r: r.amount),
    ("暫收餘額", 10, lambda r: r.open),
    ("入帳後日數", 8, lambda r: r.days),
)
_REFUNDS: Final[_Columns[RefundRow]] = (
    ("用人單位代碼", 10, lambda r: r.employer_code),
    ("用人單位", 18, lambda r: r.employer_name),
    ("退費函文字號", 14, lambda r: r.letter_no),
    ("狀態", 6, lambda r: STATES.get(r.state, r.state)),
    ("申請金額", 9, lambda r: r.amount),
    ("已撥付金額", 9, lambda r: r.paid),
    ("郵戳日期", 8, lambda r: r.posted_on),
    ("收件日期", 8, lambda r: r.received_on),
    ("辦理月份", 7, lambda r: None if r.round is None else in_month(Month.of(r.round))),
    ("核定日期", 8, lambda r: r.decided_on),
    ("撥付日期", 8, lambda r: r.paid_on),
    ("撥付參考號", 9, lambda r: r.payment_reference),
)
_AMOUNTS: Final = frozenset(
    {
        "應繳", "應退", "實收", "溢繳", "未收", "得退餘額", "通知單數", "未到期", "逾期0至30日", "逾期31至60日",
        "逾期61至90日", "逾期超過90日", "未收合計", "金額", "暫收餘額", "入帳後日數", "申請金額", "已撥付金額",
    }
)  # fmt: skip


def _report(name: str, ascii_name: str, lines: tuple[str, ...], columns: _Columns[T]) -> Report[T]:
    async def paper(_session: AsyncSession) -> Layout[T]:
        return Layout(name, (*lines, "單位：新臺幣元"), columns, _AMOUNTS)

    sheet = Sheet[T](tuple((heading, value) for heading, _, value in columns))
    return Report(sheet, name, ascii_name, paper)


def _of(month: str | None, words: str) -> tuple[str, ...]:
    return () if month is None else (f"{words}：{in_month(month_of(month))}",)


def _on(today: date) -> str:
    return f"截至{roc_long(today)}"


def month_summary(month: str) -> Report[MonthRow]:
    """Of a billed month."""
    lines = (*_of(month, "繳費年月"), _on(clock.today()), "應繳及應退不得相互沖抵")
    return _report("研究發展費月報表", "fee-month-summary", lines, _MONTH)


def ageing(month: str | None) -> Report[AgeingRow]:
    """As of today."""
    lines = (*_of(month, "繳費年月"), _on(clock.today()))
    return _report("研究發展費應收帳齡分析表", "fee-ageing", lines, _AGEING)


def suspense(month: str | None) -> Report[SuspenseRow]:
    """As of today."""
    lines = (*_of(month, "入帳月份"), _on(clock.today()))
    return _report("研究發展費暫收款明細表", "fee-suspense", lines, _SUSPENSE)


def refunds(month: str | None) -> Report[RefundRow]:
    """As of today."""
    lines = (*_of(month, "辦理月份"), _on(clock.today()))
    return _report("研究發展費退費明細表", "fee-refunds", lines, _REFUNDS)
