"""The worker process: `python -m rdss_fee.worker`."""

from collections.abc import Mapping

from rdss_fee import daily
from rdss_fee.billing.jobs import COMPUTE
from rdss_fee.billing.service.compute_run import ComputeRun
from rdss_fee.payments import dropping
from rdss_fee.schedule import ensure, repeating
from shared import http, jobs
from shared.db import Database
from shared.settings import Settings
from shared.worker import main


def handlers(settings: Settings, database: Database, client: http.AsyncClient) -> Mapping[str, jobs.Handler]:
    """What this service's jobs are done by."""
    # On one machine the day may be moved by hand, and whoever does waits for what comes of it.
    every = 2 if settings.env == "local" else 60
    found: dict[str, jobs.Handler] = {COMPUTE: ComputeRun(database), **daily.handlers(database, every)}
    if settings.bank_drop_dir:
        dropped = dropping.TakeDropped(database, settings.bank_drop_dir)
        found[dropping.KIND] = repeating(database, dropping.KIND, dropping.EVERY, dropped)
    return found


if __name__ == "__main__":
    main("rdss-fee", handlers, ensure)
