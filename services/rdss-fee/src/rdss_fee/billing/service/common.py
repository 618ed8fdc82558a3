"""What the use cases of runs share."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.accounts import service as accounts
from rdss_fee.accounts.models import CollectionScheme
from rdss_fee.accounts.numbers import Scheme
from rdss_fee.billing.dates import Due, due_on, run_on
from rdss_fee.billing.models import BillingRun
from rdss_fee.months import Month
from shared import preconditions
from shared.calendar import WorkingCalendar
from shared.law import rule
from shared.problems import NOT_FOUND, ProblemError, ProblemType
from shared.roc import roc

RUN_OPEN = ProblemType("run_open", 409, "另有計費作業尚未發布或取消", "Another run is open: issue or drop it first")
RUN_TOO_EARLY = ProblemType("run_too_early", 409, "尚未到該月份之計費日", "That month is billed later")
RUN_TOO_LATE = ProblemType(
    "run_too_late", 409, "已逾該月份繳費期限，差額由次月計費", "That month is past its due day: the next run bills it"
)
RUN_CLOSED = ProblemType("run_closed", 409, "計費作業之狀態不允許此動作", "The run's state does not allow that")
RUN_UNCHECKED = ProblemType(
    "run_unchecked", 409, "請先由一人檢視試算結果，再由另一人發布", "Somebody has to check the preview first"
)
MONTH_ISSUED = ProblemType(
    "month_issued",
    409,
    "該月份已發布，其後之異動由次月計費",
    "That month is issued: what is new waits for the next run",
)
SCHEME_MISSING = ProblemType(
    "scheme_missing", 409, "尚未設定該月份之虛擬帳號編碼", "No collection scheme for that month"
)
SYSTEM_SUB = "service:rdss-fee"

_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('rdss_fee.knowledge', 0))")


async def locked(session: AsyncSession, run_id: UUID, seen: int | None = None) -> BillingRun:
    """A run, which nobody else changes meanwhile; 404 where there is none, 412 where it is not the version `seen`."""
    run = await session.get(BillingRun, run_id, with_for_update=True)
    if run is None:
        raise NOT_FOUND()
    if seen is not None:
        preconditions.require(seen, run.version)
    return run


async def fix_cut(session: AsyncSession) -> datetime:
    """The instant until which a run knows what there is to know.

    Whoever changes what is known holds the lock from before the change until it is committed (`periods.service`), so
    none that is under way can have an earlier instant than this one and be seen later.
    """
    await session.execute(_ALONE)
    now: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return now


@rule("FE-10", "FE-11")
def refuse_out_of_season(month: Month, today: date, calendar: WorkingCalendar) -> Due:
    """When `month` is due. Raises 409 before the 15th of the month before, and after it was due: an employer cannot pay
    by a day that has passed, and the next run bills what this one did not.
    """
    due = due_on(month, calendar)
    if today < run_on(month):
        raise _dated(RUN_TOO_EARLY, "計費日為", "It is billed on", run_on(month))
    if today > due.day:
        raise _dated(RUN_TOO_LATE, "繳費期限為", "It was due on", due.day)
    return due


def _dated(kind: ProblemType, said: str, said_en: str, day: date) -> ProblemError:
    return kind(detail=f"{said} {roc(day)}。", detail_en=f"{said_en} {day.isoformat()}.")


@rule("FE-21")
async def scheme_of(session: AsyncSession, month: Month) -> tuple[CollectionScheme, Scheme]:
    """How the accounts of a month's notices are made; raises 409 `scheme_missing`."""
    row = await accounts.scheme_for(session, month)
    if row is None:
        raise SCHEME_MISSING(
            detail="請先以 POST /rdss-fee/v1/collection-schemes 設定。",
            detail_en="Set one first with POST /rdss-fee/v1/collection-schemes.",
        )
    return row, accounts.scheme_of(row)
