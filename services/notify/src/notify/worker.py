"""The worker process: `python -m notify.worker`."""

from collections.abc import Mapping

from notify.messages.deliver import Sender
from notify.messages.service import SEND
from shared import http, jobs
from shared.db import Database
from shared.settings import Settings
from shared.worker import main


def handlers(settings: Settings, database: Database, _client: http.AsyncClient) -> Mapping[str, jobs.Handler]:
    """What this service's jobs are done by."""
    return {SEND: Sender(settings, database)}


if __name__ == "__main__":
    main("notify", handlers)
