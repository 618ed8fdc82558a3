"""What a process counts, for Prometheus: requests by route template, jobs by kind and end, audit rows unsealed."""

from functools import lru_cache

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

REQUESTS = Counter("muster_requests_total", "Requests answered", ["method", "route", "status"])
LATENCY = Histogram(
    "muster_request_seconds",
    "Seconds from request to answer",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
JOBS = Counter("muster_jobs_total", "Job attempts by how they ended", ["kind", "end"])
AUDIT_BLOCKS = Gauge("muster_audit_blocks", "Sealed blocks of audit rows")
AUDIT_WAITING = Gauge("muster_audit_rows_waiting", "Audit rows that are not sealed yet")
AUDIT_OLDEST = Gauge("muster_audit_oldest_waiting_seconds", "Age of the oldest audit row that is not sealed yet")


@lru_cache(maxsize=4_096)
def of_request(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Where requests of one kind are counted, and where timed: every request asks."""
    return REQUESTS.labels(method, route, status), LATENCY.labels(method, route)


def exposition() -> tuple[bytes, str]:
    """The metrics of this process and their content type."""
    return generate_latest(), CONTENT_TYPE_LATEST
