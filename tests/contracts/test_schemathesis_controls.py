"""The controls of test_schemathesis.py: faults planted before a real service, and the same harness finds each."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.problems import CONFLICT, INVALID_CONTENT, MEDIA_TYPE, Fault, ProblemError
from tests.contracts.walls.hostile import PLANTED
from tests.support.fuzz_counts import busy, lacking, unreached

pytestmark = [pytest.mark.xdist_group("fuzz-notify-0"), pytest.mark.timeout(300)]

SEED = 20_261_121
LISTED = "/notify/v1/messages"
EXAMPLES = 16


@dataclass(frozen=True)
class Plant:
    """What is answered in the service's place, and where: to what carries a query, or to all."""

    status: int
    body: bytes
    kind: str
    media: str = "application/json"
    always: bool = False


def _problem(problem: ProblemError) -> bytes:
    return problem.encode(LISTED)


PLANTS = {
    "an internal error": Plant(500, _problem(INVALID_CONTENT()), "ServerError", MEDIA_TYPE),
    "a status that is not in the document": Plant(418, b"{}", "UndefinedStatusCode"),
    "an answer that breaks its schema": Plant(200, b'{"items": [{"id": 5}], "next_cursor": null}', "JsonSchemaError"),
    "another content type": Plant(200, b"<html></html>", "UndefinedContentType", "text/html"),
    "a code that is not in the document": Plant(
        422, _problem(INVALID_CONTENT()).replace(b"invalid_content", b"made_up"), "code: 422 made_up", MEDIA_TYPE
    ),
    "a refusal that the operation does not have": Plant(409, _problem(CONFLICT()), "UndefinedStatusCode", MEDIA_TYPE),
    "a sound request that is refused": Plant(
        422,
        _problem(INVALID_CONTENT(errors=[Fault("string_too_long", "太長", "Too long", column="state")])),
        "refusal: 422 invalid_content",
        MEDIA_TYPE,
    ),
    "an unsound request that is accepted": Plant(200, b'{"items": [], "next_cursor": null}', "AcceptedNegativeData"),
    "a refusal that gives the input back": Plant(
        422,
        _problem(INVALID_CONTENT(errors=[Fault("enum", "不符", "No", value=PLANTED)])),
        "echo:",
        MEDIA_TYPE,
    ),
    "a traceback": Plant(
        400, _problem(INVALID_CONTENT(detail="Traceback (most recent call last)")), "inside: Traceback", MEDIA_TYPE
    ),
    "a refusal without its header": Plant(429, b"{}", "MissingHeaders", MEDIA_TYPE),
    "no token asked for": Plant(200, b'{"items": [], "next_cursor": null}', "token: 200 without one", always=True),
}


class Planter:
    """Stands before the service; passes on what no plant is meant for."""

    def __init__(self) -> None:
        self.plant: Plant | None = None

    def wrap(self, name: str, app: Any) -> Any:
        """The service's application behind this one."""
        return self._before(app) if name == "notify" else app

    def _before(self, app: Any) -> Any:
        async def asked(scope: Any, receive: Any, send: Any) -> None:
            plant = self.plant
            if plant is None or scope["path"] != LISTED or not (plant.always or scope["query_string"]):
                await app(scope, receive, send)
                return
            head = [(b"content-type", plant.media.encode()), (b"content-length", str(len(plant.body)).encode())]
            await send({"type": "http.response.start", "status": plant.status, "headers": head})
            await send({"type": "http.response.body", "body": plant.body})

        return asked


@pytest.fixture(scope="module")
def planted(template, tmp_path_factory) -> Iterator[tuple[Any, Planter]]:
    """Schemathesis in a house whose notify service answers as a plant says."""
    from tests.support.fuzz_house import standing
    from tests.support.fuzz_run import Fuzz

    planter = Planter()
    with standing("notify", template, tmp_path_factory, planter.wrap) as house:
        yield Fuzz(house), planter


@pytest.mark.parametrize("label", PLANTS)
def test_a_planted_fault_is_found(planted, label: str) -> None:
    fuzz, planter = planted
    planter.plant = plant = PLANTS[label]
    if plant.always:
        # The gateway would refuse it first: what is behind it must be asked as the gateway asks.
        fuzz.house.url, url = fuzz.house.services["notify"], fuzz.house.url
    try:
        report = fuzz.run("list_messages", EXAMPLES, SEED)
    finally:
        planter.plant = None
        if plant.always:
            fuzz.house.url = url
    assert any(told.startswith(plant.kind) for told in report.faults.values()), (plant.kind, list(report.faults))


def test_an_operation_that_never_succeeds_is_named(planted) -> None:
    fuzz, planter = planted
    planter.plant = Plant(400, json.dumps({}).encode(), "", always=True)
    try:
        report = fuzz.run("list_messages", 2, SEED)
    finally:
        planter.plant = None
    assert unreached({"list_messages": report}) == ["list_messages"]


def test_a_code_that_only_the_document_or_only_the_table_names_is_found() -> None:
    from tests.support.fuzz_judge import untabled

    codes = {"409": frozenset({"batch_closed", "idempotency_busy"}), "403": frozenset({"four_eyes"})}
    assert untabled(codes | {"422": frozenset({"not_ready"})}, "decide_batch") == {}
    assert untabled(codes | {"422": frozenset({"made_up"})}, "decide_batch") == {
        "in the document only": ["made_up"],
        "in the table only": ["not_ready"],
    }


def test_without_a_plant_there_is_no_fault(planted) -> None:
    fuzz, planter = planted
    planter.plant = None
    report = fuzz.run("list_messages", EXAMPLES, SEED)
    assert not report.faults, str(report)
    assert report.sound


def _enough() -> Any:
    """What a run of ten examples by two roles tells that did all it should."""
    from tests.support.fuzz_run import Report

    sent, asked = Counter(positive=5, negative=5), Counter(school=6, approver=4)
    return Report("list_messages", ("school", "approver"), reached=True, sent=sent, asked=asked)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda report: report.sent.subtract(negative=1), "examples: 9 of 10"),
        (lambda report: report.sent.update(positive=5, negative=-5), "examples: none that is negative"),
        # What Hypothesis calls unsatisfiable: not one sound request could be made.
        (lambda report: report.sent.update(positive=-5, negative=5), "examples: none that is positive"),
        (lambda report: report.asked.pop("approver"), "roles: nobody asked as approver"),
    ],
)
def test_a_run_that_did_too_little_is_named(fault: Callable[[Any], None], told: str) -> None:
    report = _enough()
    assert lacking(report, 10) == []
    fault(report)
    (found,) = lacking(report, 10)
    assert found.startswith(told)


def test_an_operation_of_few_inputs_is_held_to_those_and_must_have_them() -> None:
    report = _enough()
    few = {"list_messages": (6, "planted")}
    assert "the table is wrong" in lacking(report, 10, few)[0]
    report.sent = Counter(positive=6)
    assert lacking(report, 10, few) == []
    report.sent = Counter(positive=5)
    assert lacking(report, 10, few)[0].startswith("examples: 5 of 6")


def test_more_than_a_few_that_were_told_to_come_back_are_too_many() -> None:
    report = _enough()
    report.busy = 5
    told, most = busy([report])
    assert told <= most
    report.busy = 6
    told, most = busy([report])
    assert told > most
    # One in a hundred, of a house that was asked a thousand things.
    report.asked["school"] = 1_000
    assert busy([report])[1] == 10
