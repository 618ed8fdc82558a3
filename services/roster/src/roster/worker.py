"""The worker process: `python -m roster.worker`."""

from collections.abc import Mapping

from roster.hints.service import REJUDGE, Rejudge
from roster.registry.client import RegistryClient
from roster.registry.delivery import Annotate, ReportToTownship
from roster.registry.lookup import Lookup
from roster.registry.service import ANNOTATE, LOOKUP, TOWNSHIP_REPORT
from roster.report_jobs.jobs import EXPIRE, MAKE
from roster.report_jobs.making import ExpireReport, MakeReport
from shared import http, jobs
from shared.db import Database
from shared.settings import Settings
from shared.worker import main


def handlers(settings: Settings, database: Database, client: http.AsyncClient) -> Mapping[str, jobs.Handler]:
    """What this service's jobs are done by."""
    registry = RegistryClient(settings, client)
    return {
        REJUDGE: Rejudge(database),
        LOOKUP: Lookup(database, registry),
        ANNOTATE: Annotate(database, registry),
        TOWNSHIP_REPORT: ReportToTownship(database, registry),
        MAKE: MakeReport(database, settings.font_dir),
        EXPIRE: ExpireReport(database),
    }


if __name__ == "__main__":
    main("roster", handlers)
