"""`idle_memory`: what each web process of a suite holds in memory while nobody asks anything, a row each (`of`).

The figure is RSS, which counts the pages of shared libraries in full: what a container's limit sees when the process
stands alone. PSS, which shares them out among the suite's processes, stands beside it. Measured ten seconds after the
suite is ready, on the second start, so that no migration has run in it; the median of five looks two seconds apart,
because the kernel still takes back pages. 1 MB = 1,048,576 bytes.

Learnt: of roster's 108 MB, 83 are what every service loads (SQLAlchemy 31, FastAPI 11, cryptography 6.5, httpx 6), 17
its own modules, 4 its routes, 2 the database. Making the OpenAPI document, which the gateway asks for, took 8 MB that
were never given back: it is a file now. The authorities for TLS were 3.5 MB, read by every service for calls that none
made. One arena for all threads, giving back what malloc keeps, and code without columns spare nothing or half a
megabyte.
"""

import statistics
import time
from collections.abc import Iterator

from bench.machine import memory
from bench.place import ENVIRONMENT, Place, conditions
from bench.results import Row, within
from local.stack import Stack
from local.suite import services

LIMIT = 110.0
SETTLE = 10.0
LOOKS, PAUSE = 5, 2.0


def measure(place: Place) -> Iterator[Row]:
    """A row for every service and one for the gateway."""
    suite = Stack(place.fresh() / "suite", environment=ENVIRONMENT)
    with suite:
        place.tell("first start")
    with suite:
        time.sleep(SETTLE)
        looks = []
        for _ in range(LOOKS):
            time.sleep(PAUSE)
            looks.append({name: memory(suite.pids[name]) for name in ("gateway", *services())})
    for name in looks[0]:
        held = [look[name] for look in looks]
        known = [one for one in held if one is not None]
        if not known:
            yield Row("idle_memory", "MB", "lower", None, "limit", LIMIT, skipped="no /proc on this machine",
                      extra={"of": name})  # fmt: skip
            continue
        yield within(
            "idle_memory", "MB", statistics.median(one.rss for one in known), LIMIT,
            of=name, measure="RSS", pss=statistics.median(one.pss for one in known), **conditions(pinned=False),
        )  # fmt: skip
