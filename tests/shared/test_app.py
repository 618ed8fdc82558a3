"""What is the same in all services: ids, counts, health, and what is answered when nothing else answers."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from local.databases import prepare
from local.postgres import Postgres
from shared import migrations
from shared.app import create_service
from tests.shared.probe import PLANTED, Probe, furnish, owner, probing, served
from tests.shared.test_problems import is_problem
from tests.support.databases import in_thread
from tests.support.faults_processes import frozen
from tests.support.services import settings_for
from tests.support.starvation import Stopwatch
from tests.support.tokens import bearer, key

OFFICER = bearer("case_officer")
THINGS = "/probe/v1/things"


@pytest.mark.parametrize("given", [str(uuid.UUID(int=2**127 + 7)), uuid.UUID(int=2**127 + 8).hex])
async def test_a_request_id_is_taken_over(quiet, given):
    assert (await quiet.http.get("/healthz", headers={"X-Request-Id": given})).headers["x-request-id"] == given


@pytest.mark.parametrize("given", [PLANTED, f"{PLANTED}-{PLANTED}", "王小明", "x" * 5_000, "", "a1b2c3d4e5", "é" * 32])
async def test_free_text_is_no_request_id(quiet, given):
    answer = await quiet.http.get("/healthz", headers={"X-Request-Id": given.encode()})
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])


async def test_the_request_id_stands_in_the_answer_the_audit_row_and_the_log(probe, said):
    given = str(uuid.uuid4())
    await probe.http.post(THINGS, json={"what": "x"}, headers={**OFFICER, **key(), "X-Request-Id": given})
    rows = await owner(probe.urls, "SELECT request_id FROM audit_entry")
    assert [row["request_id"] for row in rows] == [given]
    assert (await probe.http.get("/nowhere", headers={"X-Request-Id": given})).headers["x-request-id"] == given
    broken = await probe.http.get("/probe/v1/boom", headers={**OFFICER, "X-Request-Id": given})
    assert broken.headers["x-request-id"] == given
    assert {line["request_id"] for line in said()} == {given}


async def test_what_breaks_is_answered_without_detail_and_logged_without_words(quiet, said):
    answer = await quiet.http.get("/probe/v1/boom", headers=OFFICER)
    is_problem(answer, 500, "internal_error")
    logged = said()
    for secret in (PLANTED, "王小明"):
        assert secret not in answer.text + json.dumps(logged, ensure_ascii=False)
    line, request = logged
    assert (line["event"], request["event"]) == ("internal_error", "request")
    kinds = [part for part in line["exception"] if not part.startswith(" ")]
    assert kinds == ["builtins.RuntimeError", "sqlalchemy.exc.DBAPIError"]
    assert any(part.endswith(" boom") for part in line["exception"])


async def test_half_an_answer_breaks_the_connection(quiet, said):
    """What is missing must be seen to be missing."""
    async with served(quiet.app) as url, httpx.AsyncClient(base_url=url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/probe/v1/half", headers=OFFICER)
        assert (await client.get("/healthz")).status_code == 200
    logged = said()
    assert "internal_error" in {line["event"] for line in logged}
    assert PLANTED not in json.dumps(logged)


async def test_a_client_that_goes_away_is_no_error_of_ours(quiet, said):
    async with served(quiet.app) as url:
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = "POST /probe/v1/files HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 900\r\n"
        writer.write(f"{head}Authorization: {OFFICER['Authorization']}\r\n\r\nabc".encode())
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.1)
    logged = said()
    assert {line["level"] for line in logged} == {"info"}
    assert [line["status"] for line in logged if line["event"] == "request"] == [400]


async def counted(probe: Probe) -> dict[tuple[str, str, str], float]:
    text = (await probe.http.get("/metrics")).text
    return {
        (s.labels["method"], s.labels["route"], s.labels["status"]): s.value
        for family in families(text)
        for s in family.samples
        if s.name == "muster_requests_total"
    }


async def test_what_is_counted_stays_countable(quiet):
    """Whatever is asked for, in whatever method: routes by their template, the rest under one name."""
    before = await counted(quiet)
    for n in range(30):
        await quiet.http.get(f"{THINGS}/{uuid.uuid4()}", headers=OFFICER)
        await quiet.http.get(f"/nowhere/{n}", headers=OFFICER)
        await quiet.http.request(f"METHOD{n}", f"{THINGS}/{uuid.uuid4()}", headers=OFFICER)
        await quiet.http.request(f"METHOD{n}", f"/nowhere/{n}", headers=OFFICER)
    after = await counted(quiet)
    grown = {labels: after[labels] - before.get(labels, 0) for labels in after}
    new = {labels: value for labels, value in grown.items() if value and labels[1] != "/metrics"}
    assert new == {
        ("GET", "/probe/v1/things/{number}", "200"): 30,
        ("GET", "unmatched", "404"): 30,
        ("other", "/probe/v1/things/{number}", "405"): 30,
        ("other", "unmatched", "404"): 30,
    }


async def test_the_log_names_the_route_and_not_the_address(quiet, said):
    await quiet.http.get(f"{THINGS}?name=王小明", headers=OFFICER)
    await quiet.http.get("/healthz")
    (line,) = said()
    assert (line["route"], line["status"]) == (THINGS, 200)
    assert {"service", "request_id", "method", "ms", "timestamp", "level"} <= line.keys()
    assert "王小明" not in json.dumps(line, ensure_ascii=False)


async def test_health_and_readiness(quiet):
    assert (await quiet.http.get("/healthz")).json() == {"status": "ok"}
    ready = await quiet.http.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"database": "ok", "keys": "ok"})


async def test_a_service_that_keeps_its_document_gives_that(probe_urls, tmp_path):
    kept = tmp_path / "openapi.json"
    kept.write_text('{"openapi":"3.1.0","paths":{}}')
    app = create_service(settings_for("notify", probe_urls), [], title="x", description="x", interface=kept)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
        answer = await client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.text == kept.read_text()


async def test_every_operation_is_described(quiet):
    document = (await quiet.http.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert not {"/healthz", "/readyz", "/metrics"} & document["paths"].keys()
    make = document["paths"][THINGS]["post"]
    assert (make["operationId"], make["x-roles"]) == ("make_thing", ["case_officer"])
    assert {"201", "400", "401", "403", "409", "413", "415", "422", "500", "503"} <= make["responses"].keys()
    change = document["paths"][f"{THINGS}/{{number}}"]["put"]
    assert {"404", "412", "428"} <= change["responses"].keys()


# -- the database goes away ------------------------------------------------------------------------------------------


@pytest.fixture
async def alone(tmp_path):
    """The probe with a PostgreSQL of its own, which may be stopped."""
    server = Postgres(tmp_path / "data", settings={"fsync": "off"})
    server.start()
    try:
        urls = in_thread(prepare(server.admin_url, ["notify"], "alone", {}))["notify"]
        await asyncio.to_thread(migrations.upgrade, "notify", urls.owner)
        await furnish(urls)
        async with probing(urls) as running:
            yield running, server
    finally:
        server.stop()


async def timed(probe: Probe, method: str = "GET") -> tuple[httpx.Response, float]:
    """The answer, and the seconds that it took of this thread's own time: application and caller share it."""
    watch = Stopwatch()
    if method == "GET":
        answer = await probe.http.get(THINGS, headers=OFFICER)
    else:
        answer = await probe.http.post(THINGS, json={"what": "x"}, headers={**OFFICER, **key()})
    return answer, watch.seconds


@asynccontextmanager
async def stopped(server: Postgres) -> AsyncIterator[None]:
    await asyncio.to_thread(server.stop)
    yield
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def hanging(server: Postgres) -> AsyncIterator[None]:
    assert server.pid is not None
    with frozen(server.pid):
        yield


@pytest.mark.parametrize("away", [stopped, hanging])
async def test_while_the_database_is_away_everyone_is_told_to_come_back(alone, away):
    """Away under load: only success or 503 with Retry-After, each soon; success soon after its return."""
    probe, server = alone
    answers: list[tuple[httpx.Response, float]] = []
    done = asyncio.Event()

    async def load(method: str) -> None:
        while not done.is_set():
            answers.append(await timed(probe, method))
            await asyncio.sleep(0.02)

    async def until_told(*statuses: int) -> float:
        """Wait until these were answered from now on; the seconds."""
        watch, known = Stopwatch(), len(answers)
        async with asyncio.timeout(60):
            while not {answer.status_code for answer, _ in answers[known:]}.issuperset(statuses):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return watch.seconds

    tasks = [asyncio.create_task(load(method)) for method in ("GET", "POST") * 3]
    await until_told(200, 201)
    async with away(server):
        await asyncio.sleep(0.7)
        watch = Stopwatch()
        ready = await probe.http.get("/readyz")
        assert (ready.status_code, (await probe.http.get("/healthz")).status_code) == (503, 200)
        assert ready.json()["database"] != "ok"
        assert watch.seconds < 2
        await until_told(503)
        await asyncio.sleep(0.7)
    assert await until_told(200) < 5
    done.set()
    await asyncio.gather(*tasks)
    for answer, took in answers:
        if answer.status_code not in (200, 201):
            assert is_problem(answer, 503, "unavailable")
            assert answer.headers["Retry-After"] == "2"
            assert took < 2
    # Nothing acknowledged was lost, nothing refused was done.
    made = sum(answer.status_code == 201 for answer, _ in answers)
    assert len(await probe.effects()) == made


async def test_a_database_without_a_free_connection_is_503_in_time(probe_urls):
    async with probing(probe_urls, pool_size=1) as probe:
        probe.behaviour.pause = 3
        held = [asyncio.create_task(timed(probe, "POST")) for _ in range(2)]
        await asyncio.sleep(0.3)
        answer, took = await timed(probe)
        is_problem(answer, 503, "unavailable")
        assert took < 2.5
        await asyncio.gather(*held)
        assert (await timed(probe))[0].status_code == 200


FAIL = "DO $$ BEGIN RAISE EXCEPTION 'A123456789' USING ERRCODE = '{}'; END $$"


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        *((FAIL.format(state), 503) for state in ("57014", "57P01", "53300", "55P03", "40001", "40P01", "08006")),
        ("SELECT pg_terminate_backend(pg_backend_pid())", 503),
        *((FAIL.format(state), 500) for state in ("23505", "22012", "42501", "P0001", "XX000")),
        ("SELECT nothing", 500),
        (f"SELECT '{PLANTED}'::int", 500),
    ],
)
async def test_a_passing_failure_is_503_and_our_own_mistake_500(quiet, said, statement, status):
    answer = await quiet.http.get("/probe/v1/sql", params={"statement": statement}, headers=OFFICER)
    is_problem(answer, status, "unavailable" if status == 503 else "internal_error")
    logged = said()
    expected = "database_unavailable" if status == 503 else "internal_error"
    assert [line["event"] for line in logged] == [expected, "request"]
    assert PLANTED not in json.dumps(logged)
    assert (await quiet.http.get("/probe/v1/sql?statement=SELECT+1", headers=OFFICER)).json() == "1"
