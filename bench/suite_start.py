"""`suite_start`: seconds from the command to a suite that says it is ready, on a folder that has run before.

Timed is the process that `make run` becomes once it has found the environment in order (20 ms more): the supervisor,
until `run.json` says ready, which is after the gateway has answered `/readyz`. On all cores, as for a person. Each
round stops the suite in order and starts it anew; the first start, which makes the cluster, is not counted.

The answer that is checked first: the data of the first start is still there (the accounts log in).
"""

import http.client
import json
from collections.abc import Iterator

from bench.place import ENVIRONMENT, Place, conditions
from bench.results import Row, within
from bench.rounds import Side, Slice, contest, timed
from local.stack import Stack

LIMIT = 12.0


def measure(place: Place) -> Iterator[Row]:
    """One row."""
    root = place.fresh() / "suite"
    suite = Stack(root, environment=ENVIRONMENT)
    with timed() as first:
        suite.start()
    suite.stop()

    def start(_round: int) -> Slice:
        with timed() as watch:
            suite.start()
        suite.stop()
        return Slice(watch.seconds, watch.seconds)

    def answer() -> object:
        with suite:
            return log_in(suite)

    measured = contest([Side("ours", answer, start)], place.tell)
    figures = measured.figures("ours")
    yield within(
        "suite_start", "s", figures.median, LIMIT,
        rounds=measured.rounds, spread=[figures.lowest, figures.highest], first_start=first.seconds,
        **conditions(pinned=False),
    )  # fmt: skip


def log_in(suite: Stack, name: str = "school_ntu") -> int:
    """200, or the status with which the suite refuses the account."""
    account = suite.accounts[name]
    body = json.dumps({"username": account["username"], "password": account["password"]})
    connection = http.client.HTTPConnection("127.0.0.1", suite.ports["gateway"], timeout=20)
    try:
        connection.request("POST", "/identity/v1/sessions", body, {"Content-Type": "application/json"})
        status = connection.getresponse().status
    finally:
        connection.close()
    if status != 200:
        raise OSError(f"{name} cannot log in after the second start: {status}")
    return status
