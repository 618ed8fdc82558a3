"""What the law asks of a filing by others than schools, and which period it sets (RO-70, RO-71, RO-72). Pure.

SOURCE: 免役禁役緩徵緩召實施辦法 (2018-06-28) Art. 11(2), 12, 14(2), 14(3), 16, 16-1.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from roster.intake.deadlines import CESSATIONS
from roster.intake.rules import CaseKind, CessationReason, RosterKind
from shared.law import DEFERMENT_REGULATION, Citation, Dated, DatedRow, rule
from shared.problems import Fault
from shared.roc import EPOCH

_VERSION: Final = date(2018, 6, 28)


def _cited(article: str) -> Citation:
    return Citation(DEFERMENT_REGULATION, article, _VERSION)


DAYS_IN_CAMP: Final = Dated([DatedRow(_VERSION, 30, _cited("16/1-0-2"))])
"""停止訓練時在營時間逾三十日: more than these make him a trained replacement soldier (Art. 16-1(2))."""

FILED_UNDER: Final[dict[tuple[CaseKind, RosterKind], Citation]] = {
    (CaseKind.EXPERIMENTAL_EDUCATION, RosterKind.APPLICATION): _cited("11-2"),
    (CaseKind.EXPERIMENTAL_EDUCATION, RosterKind.EXTENSION): _cited("14-2"),
    (CaseKind.EXPERIMENTAL_EDUCATION, RosterKind.REAPPLICATION): _cited("14-3"),
    (CaseKind.EXPERIMENTAL_EDUCATION, RosterKind.CESSATION): _cited("16-3"),
    (CaseKind.SCHOOL_CERTIFICATE, RosterKind.APPLICATION): _cited("12-1"),
    (CaseKind.EXPERIMENTAL_CERTIFICATE, RosterKind.APPLICATION): _cited("12-2"),
    (CaseKind.VACATION_TRAINING, RosterKind.CESSATION): _cited("16/1"),
}
"""What may be filed, and the article it rests on."""


class Scope(StrEnum):
    """Which men a list shows: those one filed oneself (to a county: filed with it), those of a township's households
    on whom the county decided, and those whose annotation the township has still to make (Art. 16-1)."""

    FILED = "filed"
    HOUSEHOLD = "household"
    TO_ANNOTATE = "to_annotate"


@dataclass(frozen=True, slots=True)
class Period:
    """When a filing is due and by which article; `due` None: the law sets no period."""

    due: date | None
    citation: Citation

    @property
    def message(self) -> str:
        """For people, zh-TW."""
        if self.due is None:
            return f"{self.citation.text}未定辦理期間，無逾期問題。"
        return f"依{self.citation.text}，應於 {self.due.isoformat()} 前通知。"

    @property
    def message_en(self) -> str:
        """The same in English."""
        if self.due is None:
            return f"{self.citation.text_en} sets no period: there is no deadline."
        return f"Under {self.citation.text_en}, to be notified by {self.due.isoformat()}."


@rule("RO-70", "RO-71", "RO-72")
def period_of(case: CaseKind, kind: RosterKind, reason: CessationReason | None, due: date | None) -> Period:
    """The period of a filing, with its article: only Art. 16(3) sets one, for those who left or lost the permit.

    `due` is the day reckoned for this man (`intake.deadlines.cessation_deadline`).
    """
    cited = FILED_UNDER[case, kind]
    if reason is not None:
        cited = _cited(CESSATIONS[reason].article)
    return Period(due, cited)


@rule("RO-72")
def long_enough_in_camp(days: int, on: date) -> bool:
    """在營時間逾三十日: thirty-one days make him a trained replacement soldier, thirty do not."""
    return days > DAYS_IN_CAMP.on(max(on, _VERSION)).value


@rule("RO-72")
def camp_faults(reason: CessationReason, days: int | None, on: date, pointer: str) -> Iterable[Fault]:
    """What is wrong with a man's days in camp: needed, and more than thirty, of one whose training was interrupted."""
    limit = DAYS_IN_CAMP.on(max(on, _VERSION))
    if reason is not CessationReason.TRAINED_REPLACEMENT:
        if days is not None:
            yield Fault(
                "days_not_asked",
                "訓練期滿結訓者不計在營日數，請刪除此項。",
                "Who finished the training has no days in camp to state: leave them out.",
                pointer=f"{pointer}/days_in_camp",
            )
    elif days is None or not long_enough_in_camp(days, on):
        cited = limit.citation
        yield Fault(
            "days_in_camp_too_few",
            f"停止訓練者在營時間須逾 {limit.value} 日，始以已訓補充兵列管並廢止緩徵（{cited.text}）；"
            "請填明日數，未逾者請刪除此列。",
            f"Whose training was interrupted must have been in camp for more than {limit.value} days "
            f"({cited.text_en}): state them, or remove him.",
            pointer=f"{pointer}/days_in_camp",
        )


@rule("RO-70")
def term_of(day: date) -> tuple[int, int]:
    """The ROC academic year and term of a day: August to January is the first, February to July the second.

    A case belongs to no school's term; the roster it stands on names the one it was filed in.
    """
    if day.month >= 8:
        return day.year - EPOCH, 1
    return day.year - EPOCH - 1, 1 if day.month == 1 else 2
