"""Signing keys: two live, published, rotated without an outage (ID-05)."""

import asyncio
import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from identity.tokens.key_store import KeyStore, TooSoon, ensure_keys, rotate
from shared import clock
from shared.jwks import HttpKeys
from shared.tokens import KeySet, TokenError, Verifier
from tests.identity.support import bearer
from tests.support.services import running
from tests.support.tokens import ISSUER

JWKS = "/identity/v1/.well-known/jwks.json"
LATER = timedelta(minutes=11)


def kid_of(tokens: dict[str, Any]) -> str:
    """Which key signed."""
    return str(json.loads(urlsafe_b64decode(tokens["access_token"].split(".")[0] + "=="))["kid"])


@pytest.mark.rule("ID-05")
async def test_two_keys_are_published_and_nothing_secret(house):
    answer = await house.http.get(JWKS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=60"
    keys = answer.json()["keys"]
    assert len(keys) == 2
    for key in keys:
        assert set(key) == {"kty", "n", "e", "kid", "alg", "use"}
        assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert len(KeySet.from_jwks(answer.json())) == 2
    assert kid_of(await house.log_in("officer")) in {key["kid"] for key in keys}


@pytest.mark.rule("ID-05")
async def test_private_keys_are_sealed(house):
    rows = await house.rows("SELECT private_pem FROM signing_key")
    assert len(rows) == 2
    assert all(b"PRIVATE" not in row["private_pem"] for row in rows)


@pytest.mark.rule("ID-05")
async def test_rotation_without_an_outage(house):
    """A verifier of another service, which reads the keys only every five minutes, never refuses a good token."""
    fetched = 0

    async def fetch():
        nonlocal fetched
        fetched += 1
        return (await house.http.get(JWKS)).content

    elsewhere = HttpKeys(fetch)
    await elsewhere.refresh()
    store = house.service.app.state.minter.keys
    before = await house.log_in("officer")
    start = clock.now() + LATER
    with time_machine.travel(start) as now:
        old = await house.log_in("officer")
        active, standby = await rotate(house.service.database)
        # This process has not read the keys again: it signs with the retired key, which is still published.
        lagging = await house.log_in("officer")
        assert kid_of(lagging) == kid_of(before)
        await store.read()
        new = await house.log_in("officer")
        assert kid_of(new) == active != kid_of(old)
        verifier = Verifier(elsewhere, ISSUER, now=lambda: clock.now().timestamp())
        for tokens in (old, lagging, new):
            assert (await verifier.verify_async(tokens["access_token"])).sub
            assert (await house.http.get("/identity/v1/me", headers=bearer(tokens["access_token"]))).status_code == 200
        assert fetched == 1, "the next key was known before it signed"
        published = {key["kid"] for key in (await house.http.get(JWKS)).json()["keys"]}
        assert published == {kid_of(old), active, standby}
        assert [await house.rows("SELECT kid FROM signing_key WHERE private_pem IS NULL")][0][0]["kid"] == kid_of(old)
        now.shift(timedelta(minutes=15, seconds=1))
        await store.read()
        published = {key["kid"] for key in (await house.http.get(JWKS)).json()["keys"]}
        assert published == {active, standby}
        await elsewhere.refresh()
        with pytest.raises(TokenError, match="unknown_key"):
            Verifier(elsewhere, ISSUER, now=lambda: start.timestamp() + 1).verify(old["access_token"])


@pytest.mark.rule("ID-05")
async def test_a_fresh_key_does_not_sign(house):
    with time_machine.travel(clock.now() + LATER):
        await rotate(house.service.database)
        with pytest.raises(TooSoon) as told:
            await rotate(house.service.database)
        assert timedelta(0) < told.value.ready_at - clock.now() <= timedelta(minutes=10)
    rows = await house.rows("SELECT active_from IS NULL AS standby, retired_at IS NOT NULL AS retired FROM signing_key")
    assert sorted((r["standby"], r["retired"]) for r in rows) == [(False, False), (False, True), (True, False)]


@pytest.mark.rule("ID-05")
async def test_keys_long_gone_are_removed(house):
    start = clock.now()
    for n in (1, 2, 3):
        with time_machine.travel(start + n * timedelta(minutes=30)):
            await rotate(house.service.database)
    assert len(await house.rows("SELECT 1 FROM signing_key")) == 3


@pytest.mark.rule("ID-05")
async def test_processes_that_start_at_once_make_one_pair(identity_urls):
    async with running("identity", identity_urls, keys=None) as one:
        pass
    async with running("identity", identity_urls, keys=None) as one:
        await asyncio.gather(*(ensure_keys(one.database) for _ in range(3)))
        kids = {key["kid"] for key in (await one.http.get(JWKS)).json()["keys"]}
        async with running("identity", identity_urls, keys=None) as other:
            assert {key["kid"] for key in (await other.http.get(JWKS)).json()["keys"]} == kids


@pytest.mark.rule("ID-05")
async def test_a_key_of_another_process_is_looked_for(house, monkeypatch):
    """A token signed by a process that rotated first: read again at once, but not for every made-up name."""
    store: KeyStore = house.service.app.state.minter.keys
    reads = []
    read = store.read

    async def counted():
        reads.append(1)
        await read()

    monkeypatch.setattr(store, "read", counted)
    monkeypatch.setattr(store, "_read_at", 0.0)
    for _ in range(3):
        assert await store.find("made-up") is None
    assert len(reads) == 1


@pytest.mark.rule("ID-05")
async def test_keys_at_hand_stay_in_force_while_the_database_is_away(house, monkeypatch):
    store: KeyStore = house.service.app.state.minter.keys
    kids = [key["kid"] for key in store.published["keys"]]

    class Away:
        def transaction(self, _context):
            raise ConnectionError

    monkeypatch.setattr(store, "_database", Away())
    monkeypatch.setattr("identity.tokens.key_store.REREAD_SECONDS", 0.01)
    task = asyncio.create_task(store.keep_fresh())
    await asyncio.sleep(0.05)
    assert not task.done()
    task.cancel()
    assert [key["kid"] for key in store.published["keys"]] == kids
    assert store.loaded
