"""What the gateway counts, for Prometheus. Labels are route templates and fixed words, never a caller's text."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "muster_gateway_requests_total",
    "Requests answered",
    ["upstream", "route", "method", "status", "rate"],
)
SECONDS = Histogram(
    "muster_gateway_request_seconds",
    "Seconds from the request's head to the end of the answer",
    ["upstream", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
IN_FLIGHT = Gauge("muster_gateway_in_flight", "Requests being answered", ["upstream"])
UPSTREAM_READY = Gauge("muster_gateway_upstream_ready", "1 while the upstream's /readyz answers 200", ["upstream"])
FAILURES = Counter("muster_gateway_failures_total", "Exchanges that did not end well", ["upstream", "why"])
REFUSED_TOKENS = Counter("muster_gateway_refused_tokens_total", "Tokens refused, by reason", ["reason"])
