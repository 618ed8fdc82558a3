"""The manual's items 13 and 14, across services: identity's accounts, roster's 陳核, notify's mail.

The three applications stand in one process, each on a database of its own; their outboxes are emptied by the workers'
own handlers, and the mail goes to a mail server over SMTP.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP

from identity.organisations.rules import HOMES
from identity.passwords import Hasher
from identity.seed import Seed, plant
from shared import events, http
from shared.jobs import Worker
from shared.tokens import KeySet, StaticKeys
from tests.notify.support import MailHandler, Postbox, text_of, work
from tests.support import rosters
from tests.support.rosters import County, men
from tests.support.services import Service, running, settings_for
from tests.support.tokens import KEY

ADDRESSES = {"identity_url": "http://identity", "notify_url": "http://notify"}
PEOPLE = {
    "officer": ("case_officer", "63000"),
    "chief": ("approver", "63000"),
    "deputy_chief": ("approver", "63000"),
    "chief_elsewhere": ("approver", "65000"),
}


@dataclass
class Office:
    """A county's people, logged in by their own passwords, and what makes the services tell each other."""

    county: County
    identity: Service
    notify: Service
    box: Postbox
    people: dict[str, dict[str, str]]
    outboxes: list[Worker]

    async def told(self) -> None:
        """All events are delivered and all mail is handed over."""
        for outbox in self.outboxes:
            while await outbox.run_once():
                pass
        await work(self.notify, self.box)

    async def submitted(self, first: int, count: int = 2) -> Any:
        """A roster that the officer submits for approval, and the mail that this sent."""
        roster_id = (await self.county.post(men(first, count)))["63000"]
        await self.county.answered(roster_id)
        officer = self.people["officer"]
        await self.county.do(f"/rosters/{roster_id}/open", officer)
        await self.county.approve_clean(roster_id)
        await self.told()
        self.box.handler.mails.clear()
        self.box.handler.envelopes.clear()
        batch = await self.county.submit(roster_id, officer)
        await self.told()
        return batch

    async def wants_mail(self, name: str, wanted: bool) -> None:
        """個人帳號維護: the tick box, set by the person himself."""
        who = self.people[name]
        me = await self.identity.http.get("/identity/v1/me", headers=who)
        changed = await self.identity.http.patch(
            "/identity/v1/me", json={"system_mail": wanted}, headers={**who, "If-Match": me.headers["ETag"]}
        )
        assert (changed.status_code, changed.json()["system_mail"]) == (200, wanted), changed.text
        await self.told()


def _seed(password: str, secret: str) -> Seed:
    counties = sorted({code for _, code in PEOPLE.values()})
    keys = [*(("county", code) for code in counties), *(("service", name) for name in ("identity", "roster"))]
    accounts = [
        {"name": name, "username": name, "roles": [role], "org": f"{HOMES[role]}:{code}", "password": password,
         "display_name": f"職員{name}", "email": f"{name}@example.test", "must_change_password": False}
        for name, (role, code) in PEOPLE.items()
    ]  # fmt: skip
    clients = [
        {"name": f"svc_{name}", "client_id": f"svc_{name}", "roles": ["service"], "org": f"service:{name}",
         "client_secret": secret}
        for name in ("identity", "roster")
    ]  # fmt: skip
    organisations = [{"type": kind, "code": code, "name": code, "name_en": code} for kind, code in keys]
    return Seed.model_validate({"organisations": organisations, "accounts": accounts, "clients": clients})


@pytest.fixture(scope="module")
async def office(template, with_keys, with_schools, tmp_path_factory) -> AsyncIterator[Office]:
    """The three services, furnished once."""
    password, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSTER_ARGON2_COST", "low")
        rosters.set_today(patch, tmp_path_factory.mktemp("mail"))
        async with AsyncExitStack() as stack:

            async def started(name: str, of: Any = None, **how: Any) -> Service:
                urls = await stack.enter_async_context(template(name).copy(of))
                return await stack.enter_async_context(running(name, urls, **how))

            identity = await started("identity", with_keys, keys=None)
            await plant(identity.database, Hasher("low"), _seed(password, secret))
            # What `County` does for schools goes by the tests' key; whoever has logged in, by identity's.
            keys = StaticKeys(KeySet([KEY.public(), identity.app.state.minter.keys.signer.public()]))
            roster, notify = await started("roster", with_schools, keys=keys), await started("notify", keys=keys)
            doors = {f"http://{s.settings.service}": httpx.ASGITransport(app=s.app) for s in (identity, notify)}
            client = await stack.enter_async_context(httpx.AsyncClient(mounts=doors))
            people = {}
            for name in PEOPLE:
                body = {"username": name, "password": password}
                answer = await client.post("http://identity/identity/v1/sessions", json=body)
                assert answer.status_code == 200, answer.text
                people[name] = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            outboxes = [_outbox(service, client, secret) for service in (identity, roster)]
            handler, loop = MailHandler(), asyncio.get_running_loop()
            server = await loop.create_server(lambda: SMTP(handler, hostname="sink", loop=loop), "127.0.0.1", 0)
            stack.callback(server.close)
            box = Postbox(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", handler, server)
            yield Office(County(roster), identity, notify, box, people, outboxes)


def _outbox(service: Service, client: httpx.AsyncClient, secret: str) -> Worker:
    """The worker of a service, as far as it tells the others."""
    name = service.settings.service
    settings = settings_for(name, service.urls, client_secret=secret, **ADDRESSES)
    deliver = events.deliverer(settings, client, http.ServiceTokens(settings, client))
    return Worker(service.database, name, {events.DELIVER: deliver})


@pytest.mark.rule("NO-03")
async def test_item_13_approvers_are_mailed_when_the_officer_has_submitted(office):
    """(13)新增決行人員可在承辦人點選陳核後收到系統通知信件。"""
    batch = await office.submitted(1)
    assert office.box.to() == ["chief@example.test", "deputy_chief@example.test"]
    for mail in office.box.mails:
        assert "國立臺灣大學115學年度第1學期申請緩徵名冊陳核 2 人" in mail["subject"]
        assert f"陳核編號：{batch['id']}" in text_of(mail)


@pytest.mark.rule("NO-03", "ID-02")
async def test_item_14_everybody_ticks_whether_he_wants_the_systems_mail(office):
    """(14)「個人帳號維護」新增可勾選是否願意收到系統通知信件。"""
    await office.wants_mail("deputy_chief", False)
    await office.submitted(11)
    assert office.box.to() == ["chief@example.test"]
    # In his inbox it stands all the same: he declined mail, not his work.
    inbox = await office.notify.http.get("/notify/v1/inbox?limit=1", headers=office.people["deputy_chief"])
    assert "陳核 2 人" in inbox.json()["items"][0]["title"]
    await office.wants_mail("deputy_chief", True)
    await office.submitted(21)
    assert office.box.to() == ["chief@example.test", "deputy_chief@example.test"]
