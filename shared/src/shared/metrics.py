"""What a process counts, for Prometheus: requests by route template, jobs by kind and end, audit rows unsealed."""

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


def exposition() -> tuple[bytes, str]:
    """The metrics of this process and their content type."""
    return generate_latest(), CONTENT_TYPE_LATEST
