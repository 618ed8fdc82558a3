"""What an employer posts to claim a refund: the letter (退費函文) and the receipt it signs (退款收據) (FE-38).

Ready to print: what the system knows stands on them, and there is room for what it does not: the seals, signatures,
the account that the money is to go to.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from rdss_fee.papers.making import Paper, printed
from rdss_fee.papers.words import AUTHORITY, capitals, cut, figures
from rdss_fee.refunds.rules import PaperKind
from shared.law import rule

_LABELS: Final = {
    "employer_name": "用人單位",
    "employer_code": "用人單位代碼",
    "letter_no": "發文字號",
    "authority": "受文者",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """All that the papers of a claim say."""

    employer_code: str
    employer_name: str
    letter_no: str
    amount: int
    entered_on: date
    authority: str = AUTHORITY


def _fields(claim: Claim, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "employer_code": claim.employer_code,
        "employer_name": cut(claim.employer_name),
        "letter_no": cut(claim.letter_no),
        "amount": figures(claim.amount),
        "capitals": capitals(claim.amount),
        "authority": cut(claim.authority),
    }


@dataclass(frozen=True, slots=True)
class PaperForm:
    """One of the two: its template, and the names its file is kept under."""

    template: str
    name: str
    ascii_name: str

    @rule("FE-38")
    async def make(self, claim: Claim, font_dir: str) -> bytes:
        """The form made out for `claim`, as PDF/A. Raises as `papers.making.printed`."""
        paper = Paper(template=self.template, dated=claim.entered_on, fields=_fields(claim, self.name), labels=_LABELS)
        return await printed(paper, font_dir)


LETTER: Final = PaperForm("refund_letter", "研究發展費退費函文", "refund-letter")
RECEIPT: Final = PaperForm("refund_receipt", "研究發展費退款收據", "refund-receipt")
FORMS: Final = {PaperKind.LETTER: LETTER, PaperKind.SIGNED_RECEIPT: RECEIPT}
"""By the paper that comes of it."""
