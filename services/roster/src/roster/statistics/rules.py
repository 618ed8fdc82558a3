"""When a county has let a man wait too long (RO-62).

SOURCE: 行政程序法第51條第1項、第2項: an authority sets and publishes how long each kind of application takes; where it
set nothing, two months. No law sets a period for deciding on a deferment, so the two months apply.
"""

from datetime import date, timedelta
from typing import Final

from shared.calendar import WorkingCalendar
from shared.law import ADMINISTRATIVE_PROCEDURE_ACT, Citation, Dated, DatedRow, rule
from shared.periods import months_after

_VERSION: Final = date(2021, 1, 20)

PROCESSING_MONTHS: Final = Dated([DatedRow(_VERSION, 2, Citation(ADMINISTRATIVE_PROCEDURE_ACT, "51-2", _VERSION))])
"""未依前項規定訂定處理期間者，其處理期間為二個月。"""

_DAY: Final = timedelta(days=1)


@rule("RO-62")
def overdue_through(today: date, calendar: WorkingCalendar) -> date:
    """Who arrived on this day or before it and is undecided today has waited longer than the law allows."""
    months = PROCESSING_MONTHS.on(today).value
    # A later arrival is never due earlier, so the first day found is the last there is.
    arrived = today
    while months_after(arrived, months, calendar).due >= today:
        arrived -= _DAY
    return arrived
