"""Schemathesis over every operation behind the real gateway: real services, real PostgreSQL, a token for every role.

Each operation is asked first what must succeed, then what its document calls sound and unsound, near to things that
are there (tests/support/fuzz_cases.py). Whatever is answered must be in the document and in the table of refusals
(tests/support/fuzz_refusals.py). The seed is fixed in `make test` and random in `make soak`; it is told when a test
fails, and MUSTER_FUZZ_SEED sets it.
"""

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.fuzz_counts import busy, lacking, unreached
from tests.support.openapi_doc import FOLDER
from tests.support.soak import examples, soak

# The house takes its time on a machine that does other things as well; an operation takes two or three seconds.
pytestmark = [pytest.mark.soak, pytest.mark.timeout(300 if not soak() else 7200)]

SEED = int(os.environ.get("MUSTER_FUZZ_SEED") or (int.from_bytes(os.urandom(4), "big") if soak() else 20_261_121))
EXAMPLES = examples(30, 300)
METHODS = ("get", "post", "put", "patch", "delete")
KEPT: dict[str, Any] = json.loads((FOLDER / "gateway.json").read_text(encoding="utf-8"))
# So that the workers have as much to do each.
PARTS = 2


def _operations() -> Iterator[tuple[str, str]]:
    """House, operation; a house is one service in one worker, named by service and part."""
    for path, item in KEPT["paths"].items():
        service = path.split("/")[1]
        for method in METHODS:
            if method in item:
                name = item[method]["operationId"]
                part = zlib.crc32(name.encode()) % PARTS if service == "roster" else 0
                yield f"{service}-{part}", name


OPERATIONS = [
    pytest.param(house, name, id=name, marks=pytest.mark.xdist_group(f"fuzz-{house}"))
    for house, name in sorted(_operations())
]
HOUSES = sorted({house for house, _ in _operations()})


class Street:
    """One house at a time, for as long as the operations that are asked for are its own; every report there was."""

    def __init__(self, *how: Any) -> None:
        self.reports: dict[str, dict[str, Any]] = {}
        self._how = how
        self._stack = ExitStack()
        self._at = ""
        self._fuzz: Any = None

    def fuzz(self, house: str) -> Any:
        """Schemathesis in `house`."""
        # Not above: every worker reads this file, and importing Schemathesis takes a second.
        from tests.support.fuzz_house import standing
        from tests.support.fuzz_run import Fuzz

        if self._at != house:
            self.leave()
            self._fuzz = Fuzz(self._stack.enter_context(standing(house.rpartition("-")[0], *self._how)))
            self._at = house
        return self._fuzz

    def leave(self) -> None:
        """End the house."""
        self._at = ""
        self._stack.close()


@pytest.fixture(scope="module")
def street(template, tmp_path_factory) -> Iterator[Street]:
    """Where the houses stand."""
    made = Street(template, tmp_path_factory)
    try:
        yield made
    finally:
        made.leave()


@pytest.mark.parametrize("house, name", OPERATIONS)
def test_every_answer_is_in_the_document_and_in_the_table(street: Street, house: str, name: str) -> None:
    report = street.fuzz(house).run(name, EXAMPLES, SEED)
    street.reports.setdefault(house, {})[name] = report
    print(report.summary)
    assert not report.faults, f"MUSTER_FUZZ_SEED={SEED}\n{report}"
    assert lacking(report, EXAMPLES) == [], f"MUSTER_FUZZ_SEED={SEED}"


@pytest.mark.parametrize("house", [pytest.param(h, marks=pytest.mark.xdist_group(f"fuzz-{h}")) for h in HOUSES])
def test_every_operation_reached_its_success(street: Street, house: str) -> None:
    """Last of each house: those that never did, by name; of those that were asked for in this run."""
    if house not in street.reports:
        pytest.skip("none of its operations was asked for")
    assert unreached(street.reports[house]) == []
    told, most = busy(street.reports[house].values())
    print(f"{house}: {told} requests were told to come back and came; {most} may be")
    assert told <= most
