"""What the worker does by the calendar: the run of the 15th, violations, reminders (FE-10, FE-39, FE-40).

Each looks at the day and does what is due by it, once: run twice it does nothing more, and what was missed for days is
caught up. So it is enough to look often; a day that has begun is noticed within `every` seconds.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Final

from rdss_fee.billing.service.begin_run import ask_due
from rdss_fee.schedule import repeating
from rdss_fee.violations.daily import find_violations, remind
from shared import clock, jobs, purposes
from shared.db import Context, Database
from shared.law import rule

Work = Callable[[Database, date], Awaitable[None]]
_SYSTEM: Final = Context.system("rdss-fee")


@rule("FE-10")
async def ask_for_the_run(database: Database, day: date) -> None:
    """Have the run of the next month previewed from its 15th on; two people check and issue it."""
    async with database.transaction(_SYSTEM) as session:
        # Looked at every minute: what comes of it is on record as the run that was asked for.
        await purposes.assume(session, "billing", "billing_run", day, audited=False)
        await ask_due(session, day)


WORKS: Final[Mapping[str, Work]] = {
    "billing.monthly": ask_for_the_run,
    "violations.daily": find_violations,
    "reminders.daily": remind,
}


class ByTheDay:
    """The handler of one of `WORKS`."""

    def __init__(self, database: Database, work: Work) -> None:
        self._database = database
        self._work = work

    async def __call__(self, _job: jobs.Job) -> None:
        """Do what is due today."""
        await self._work(self._database, clock.today())


def handlers(database: Database, every: int) -> dict[str, jobs.Handler]:
    """A handler for each, which comes again `every` so many seconds."""
    return {kind: repeating(database, kind, every, ByTheDay(database, work)) for kind, work in WORKS.items()}
