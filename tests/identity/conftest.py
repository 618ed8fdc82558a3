"""What identity's tests share: cheap hashing, people who can log in."""

import os

# Before any application starts: the full cost would make a log-in a tenth of a second.
os.environ["MUSTER_ARGON2_COST"] = "low"

import secrets
from collections.abc import AsyncIterator

import pytest

from identity.passwords import Hasher
from identity.seed import Seed, plant
from tests.identity.support import ACCOUNTS, CLIENTS, ORGANISATIONS, House


@pytest.fixture
async def house(identity) -> AsyncIterator[House]:
    """identity with an administrator, an auditor, a second administrator, an officer, a newcomer and two systems."""
    seed = {
        "organisations": ORGANISATIONS,
        "accounts": [{**account, "password": secrets.token_urlsafe(15)} for account in ACCOUNTS],
        "clients": [{**client, "client_secret": secrets.token_urlsafe(32)} for client in CLIENTS],
    }
    await plant(identity.database, Hasher("low"), Seed.model_validate(seed))
    yield House(
        identity,
        {account["username"]: account["password"] for account in seed["accounts"]},
        {client["client_id"]: client["client_secret"] for client in seed["clients"]},
    )
