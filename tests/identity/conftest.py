"""What identity's tests share: cheap hashing, a house with people in it, copied for each test."""

import os

# Before any application starts: the full cost would make a log-in a tenth of a second.
os.environ["MUSTER_ARGON2_COST"] = "low"

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from identity.passwords import Hasher
from identity.seed import Seed, plant
from local.databases import Urls
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


@pytest.fixture(scope="session")
async def furnished(template) -> AsyncIterator[Urls]:
    """A database with keys and people, made once: RSA keys take longer than a test."""
    async with template("identity").copy() as urls:
        async with running("identity", urls, keys=None) as service:
            await plant(service.database, Hasher("low"), Seed.model_validate(SEED))
        yield urls


@asynccontextmanager
async def _house(empty: Template, furnished: Urls) -> AsyncIterator[House]:
    async with empty.copy(furnished) as urls, running("identity", urls, keys=None) as service:
        yield House(service, dict(PASSWORDS), dict(SECRETS))


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
