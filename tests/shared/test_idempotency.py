"""A request that is sent twice is done once."""

import asyncio
import json

import pytest
import sqlalchemy

from tests.shared.probe import PLANTED, Probe, owner
from tests.support.tokens import bearer, key

OFFICER = bearer("case_officer")
ANOTHER = bearer("case_officer", sub="another-officer")
THINGS = "/probe/v1/things"


async def post(probe: Probe, headers, body=None, path=THINGS, **more):
    content = json.dumps({"what": "done"} if body is None else body)
    return await probe.http.post(
        path, content=content, headers={**OFFICER, "Content-Type": "application/json", **headers, **more}
    )


async def kept(probe: Probe) -> int:
    return len(await owner(probe.urls, "SELECT 1 FROM idempotency_key"))


async def test_the_same_request_again_gets_the_same_answer_and_does_nothing(probe):
    once = key()
    body = {"what": "做了", "day": "115/09/18", "at": "2026-09-18T08:00:00+08:00"}
    first, again = await post(probe, once, body), await post(probe, once, body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    for name in ("content-type", "location"):
        assert first.headers[name] == again.headers[name]
    assert await probe.effects() == ["做了"]
    assert (await owner(probe.urls, "SELECT count(*) FROM audit_entry WHERE action = 'thing.done'"))[0][0] == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"body": {"what": "other"}},
        {"body": {"what": "done", "twin": None}},
        {"path": THINGS + "?x=1"},
        {"If-Match": '"3"'},
        {"Content-Type": "application/json; charset=utf-8"},
    ],
    ids=str,
)
async def test_the_same_key_for_another_request_is_422(probe, changed):
    once = key()
    assert (await post(probe, once)).status_code == 201
    refused = await post(probe, once, **changed)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert await probe.effects() == ["done"]


async def test_the_same_key_for_another_thing_of_the_same_route_is_422(probe):
    once = key()
    one, two = (f"{THINGS}/00000000-0000-4000-8000-00000000000{n}/again" for n in (1, 2))
    assert (await post(probe, once, path=one)).status_code == 201
    assert (await post(probe, once, path=two)).json()["code"] == "idempotency_key_reused"
    assert (await post(probe, once, path=one)).headers["Idempotent-Replayed"] == "true"


async def test_a_key_belongs_to_its_caller_and_its_route(probe):
    once = key()
    elsewhere = f"{THINGS}/00000000-0000-4000-8000-000000000001/again"
    for headers, path in ((OFFICER, THINGS), (ANOTHER, THINGS), (OFFICER, elsewhere)):
        answer = await post(probe, {**headers, **once}, path=path)
        assert answer.status_code == 201
        assert "Idempotent-Replayed" not in answer.headers
    assert len(await probe.effects()) == 3


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "idempotency_key_missing"),
        ({"Idempotency-Key": ""}, "bad_syntax"),
        ({"Idempotency-Key": "k" * 201}, "bad_syntax"),
    ],
    ids=["none", "empty", "long"],
)
async def test_a_key_that_is_missing_or_unusable_is_400(probe, given, code):
    refused = await post(probe, given)
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert await probe.effects() == []


async def test_a_refused_request_is_not_kept_and_may_be_mended(probe):
    once = key()
    assert (await post(probe, once, {"what": 5})).status_code == 422
    assert (await post(probe, once, {"what": "refused by the work"}, path="/probe/v1/refused")).status_code == 412
    assert await kept(probe) == 0
    assert await probe.effects() == []
    assert (await post(probe, once)).status_code == 201
    assert await probe.effects() == ["done"]


async def test_what_fails_at_commit_is_no_success_and_is_not_kept(probe):
    """The constraint is deferred: the handler has long answered 201 when it bites."""
    assert (await post(probe, key(), {"what": "first", "twin": "t"})).status_code == 201
    once = key()
    failed = await post(probe, once, {"what": "second", "twin": "t"})
    assert (failed.status_code, failed.json()["code"]) == (500, "internal_error")
    assert (await probe.effects(), await kept(probe)) == (["first"], 1)
    await owner(probe.urls, "DELETE FROM effect")
    assert (await post(probe, once, {"what": "second", "twin": "t"})).status_code == 201


async def at_once(probe: Probe, count: int) -> list[int]:
    once = key()
    probe.behaviour.pause = 0.15
    answers = await asyncio.gather(*(post(probe, once) for _ in range(count)))
    return sorted(answer.status_code for answer in answers)


async def test_two_at_once_have_one_effect(probe):
    """The first holds the lock; all others are told that it is being worked on."""
    assert await at_once(probe, 8) == [201] + [409] * 7
    assert await probe.effects() == ["done"]


async def test_a_second_that_comes_while_the_first_is_at_work_is_told_to_wait(probe):
    once = key()
    probe.behaviour.pause = 0.3
    first = asyncio.create_task(post(probe, once))
    await probe.behaviour.inside.wait()
    busy = await post(probe, once)
    assert (busy.status_code, busy.json()["code"], busy.headers["Retry-After"]) == (409, "idempotency_busy", "1")
    assert (await first).status_code == 201
    assert (await post(probe, once)).headers["Idempotent-Replayed"] == "true"
    assert await probe.effects() == ["done"]


async def test_hammered_from_many_sides_there_is_one_effect_a_key(probe):
    """Without any pause, over several rounds: every answer is the one success, its replay, or 409."""
    keys = [key() for _ in range(4)]
    answers = await asyncio.gather(*(post(probe, once, {"what": once["Idempotency-Key"]}) for once in keys * 6))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert sorted(await probe.effects()) == sorted(once["Idempotency-Key"] for once in keys)
    fresh = [a for a in answers if a.status_code == 201 and "Idempotent-Replayed" not in a.headers]
    assert len(fresh) == 4


async def test_without_lock_and_row_there_would_be_two_effects(probe, monkeypatch):
    """Negative control: what the two tests above see is the doing of the lock and of the kept row."""
    said: list[str] = []

    def text(statement: str):
        said.append(statement)
        if "pg_try_advisory_xact_lock" in statement or statement.startswith("INSERT"):
            return sqlalchemy.text("SELECT true")
        return sqlalchemy.text(statement)

    monkeypatch.setattr("shared.idempotency.text", text)
    assert await at_once(probe, 3) == [201] * 3
    assert len(await probe.effects()) == 3
    assert any("pg_try_advisory_xact_lock" in s for s in said)


async def test_a_row_shows_neither_answer_nor_key_nor_request(probe):
    """The planted number stands in the body, the answer and, against all advice, the key."""
    once = {"Idempotency-Key": f"for-{PLANTED}"}
    assert PLANTED in (await post(probe, once, {"what": PLANTED})).text
    assert PLANTED in (await post(probe, once, {"what": PLANTED})).text
    row = (await owner(probe.urls, "SELECT k.*, k::text AS whole FROM idempotency_key k"))[0]
    assert PLANTED not in row["whole"]
    assert PLANTED.encode() not in row["response"]
    # Negative control: it is there to be found, where it was put.
    assert PLANTED in (await owner(probe.urls, "SELECT e::text AS whole FROM effect e"))[0]["whole"]
