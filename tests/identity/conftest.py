"""What identity's tests share: cheap hashing, a house with people in it, copied for each test."""

import os

# Before any application starts: the full cost would make a log-in a tenth of a second.
os.environ["MUSTER_ARGON2_COST"] = "low"

import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from identity.passwords import Hasher
from identity.seed import Seed, plant
from local.databases import Urls, plain
from tests.identity.support import ACCOUNTS, CLIENTS, ORGANISATIONS, House
from tests.support.databases import Template
from tests.support.services import running

PASSWORDS = {account["username"]: secrets.token_urlsafe(15) for account in ACCOUNTS}
SECRETS = {client["client_id"]: secrets.token_urlsafe(32) for client in CLIENTS}
SEED = {
    "organisations": ORGANISATIONS,
    "accounts": [{**account, "password": PASSWORDS[account["username"]]} for account in ACCOUNTS],
    "clients": [{**client, "client_secret": SECRETS[client["client_id"]]} for client in CLIENTS],
}
_numbers = itertools.count()


@pytest.fixture(scope="session")
async def furnished(template) -> AsyncIterator[Urls]:
    """A database with keys and people, made once: RSA keys take longer than a test."""
    empty = template("identity")
    urls = await empty.clone()
    async with running("identity", urls, keys=None) as service:
        await plant(service.database, Hasher("low"), Seed.model_validate(SEED))
    yield urls
    await empty.drop(urls)


@asynccontextmanager
async def _house(empty: Template, furnished: Urls) -> AsyncIterator[House]:
    source = furnished.app.rpartition("/")[2]
    name = f"{source}_{next(_numbers)}"
    owner = empty.urls.app.rpartition("/")[2] + "_owner"
    admin = await asyncpg.connect(plain(empty.admin_url))
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" OWNER "{owner}"')
        urls = Urls(app=furnished.app.replace(source, name), owner=furnished.owner.replace(source, name))
        async with running("identity", urls, keys=None) as service:
            yield House(service, dict(PASSWORDS), dict(SECRETS))
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@pytest.fixture
async def house(template, furnished: Urls) -> AsyncIterator[House]:
    """identity with administrators, an auditor, officers of two counties, a newcomer and two systems."""
    async with _house(template("identity"), furnished) as made:
        yield made


@pytest.fixture(scope="session")
async def quiet_house(template, furnished: Urls) -> AsyncIterator[House]:
    """The same for all tests that leave people, systems and keys as they are."""
    async with _house(template("identity"), furnished) as made:
        yield made
