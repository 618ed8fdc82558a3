"""繳費通知單: what an employer is asked for a month, and the three ways to pay it (FE-30, FE-31, FE-34)."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from rdss_fee.billing.dates import violation_on
from rdss_fee.months import Month
from rdss_fee.papers import codes
from rdss_fee.papers.making import Paper, printed
from rdss_fee.papers.words import AUTHORITY, MonthSum, capitals, cut, figures, in_month, on_day
from shared.law import rule

NAME: Final = "研究發展費繳費通知單"
ASCII_NAME: Final = "notice"
_LABELS: Final = {
    "employer_name": "用人單位",
    "employer_code": "用人單位代碼",
    "payee_bank": "解款行",
    "payee_name": "戶名",
    "authority": "主管機關",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """All that a notice says. `charges` are the sums of its lines by month (`words.by_month`), and `credits` those of
    the same run's credits, which stand beside and are never subtracted (FE-12). What is said of the bank is the
    collection scheme's.
    """

    number: str
    employer_code: str
    employer_name: str
    month: Month
    amount: int
    virtual_account: str
    issued_on: date
    due_on: date
    due_provisional: bool
    bank_code: str
    payee_bank: str
    payee_name: str
    atm_most: int
    charges: tuple[MonthSum, ...]
    credits: tuple[MonthSum, ...] = ()
    authority: str = AUTHORITY

    def __post_init__(self) -> None:
        if sum(one.amount for one in self.charges) != self.amount:
            raise ValueError("a notice asks for the sum of its charges, and nothing is taken off it")


@dataclass(frozen=True, slots=True)
class Way:
    """A way to pay, as the manual's table tells it."""

    name: str
    how: str
    cost: str
    accuracy: str
    convenience: str


@rule("FE-31")
def ways(notice: Notice) -> tuple[Way, ...]:
    """The ways to pay this notice: an ATM takes no more than `atm_most` at a time, and months' payments are not split.

    SOURCE: the manual's table of ways to pay, 研究發展費繳納-4/5.
    """
    bank = cut(notice.payee_bank)
    offered = [
        Way(
            f"{bank}臨櫃繳款",
            f"持本通知單至全省{bank}臨櫃繳款。",
            "無需支付手續費",
            "毋需填寫資料，不會出錯",
            "只能至指定銀行",
        ),
        Way(
            "他行匯款",
            "依本通知單所載之解款行、戶名、銷帳編號（填於帳號欄）、金額，至全省金融機構填寫匯款單後匯款。",
            "需自付匯款費用",
            "易填寫錯誤，請逐項核對",
            "須至金融機構",
        ),
    ]
    if notice.amount <= notice.atm_most:
        offered.append(
            Way(
                "ATM繳費",
                f"使用各金融機構之自動提款機（ATM），選擇「繳費」交易，先輸入{bank}代號（{notice.bank_code}），再輸入"
                f"銷帳編號及繳費金額即可完成；繳費金額最高以{figures(notice.atm_most)}為限。",
                "需自付手續費",
                "易輸入錯誤，請逐項核對",
                "可選擇就近之ATM",
            )
        )
    return tuple(offered)


def _fields(notice: Notice) -> dict[str, Any]:
    return {
        "name": NAME,
        "number": notice.number,
        "authority": cut(notice.authority),
        "employer_name": cut(notice.employer_name),
        "employer_code": notice.employer_code,
        "month": in_month(notice.month),
        "issued_on": on_day(notice.issued_on),
        "due_on": on_day(notice.due_on),
        "due_provisional": notice.due_provisional,
        "amount": figures(notice.amount),
        "capitals": capitals(notice.amount),
        "virtual_account": notice.virtual_account,
        "bank_code": notice.bank_code,
        "payee_bank": cut(notice.payee_bank),
        "payee_name": cut(notice.payee_name),
        "ways": [[way.name, way.how, way.cost, way.accuracy, way.convenience] for way in ways(notice)],
        "no_atm": "" if notice.amount <= notice.atm_most else figures(notice.atm_most),
        "charges": _rows(notice.charges),
        "credits": _rows(notice.credits),
        "credits_total": figures(sum(one.amount for one in notice.credits)),
        "violation_on": on_day(violation_on(notice.month)),
    }


def _rows(sums: tuple[MonthSum, ...]) -> list[list[str]]:
    return [[in_month(one.month), f"{one.count:,}", f"{one.amount:,}"] for one in sums]


@rule("FE-30", "FE-31", "FE-34")
async def make(notice: Notice, font_dir: str) -> bytes:
    """The notice as PDF/A, with the codes of `papers.codes`. Raises as `papers.making.printed`."""
    paper = Paper(
        template="notice",
        dated=notice.issued_on,
        fields=_fields(notice),
        labels=_LABELS,
        code39=codes.code39(notice.virtual_account, notice.amount),
        qr=codes.qr(notice.bank_code, notice.virtual_account, notice.amount),
    )
    return await printed(paper, font_dir)
