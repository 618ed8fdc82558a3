"""`python -m identity.seed < seed.json`: organisations, accounts and clients that a suite starts with.

Adds what is missing and leaves what is there: an account keeps its password, roles and addresses. A client whose
secret differs takes the one given, because the services log in with it. Running it again changes nothing and hashes
nothing. Exit code 2 for input that cannot be used; it is never echoed, for it holds secrets.
"""

import asyncio
import sys
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import Account
from identity.accounts.rules import LONGEST_PASSWORD, SHORTEST_PASSWORD
from identity.accounts.schemas import NewAccount
from identity.accounts.service.create_account import add_account
from identity.clients.rules import SHORTEST_SECRET
from identity.clients.schemas import NewClient
from identity.clients.service import add_client, adopt_secret
from identity.organisations.schemas import NewOrganisation
from identity.organisations.service import add_organisation
from identity.passwords import Hasher, cost_for
from identity.schemas import OrgKeyIn
from shared import crypto, logs
from shared.db import Context, Database
from shared.problems import ProblemError
from shared.schemas import In
from shared.settings import load

# The Ministry's context: it keeps everybody's accounts.
SEEDER = Context("identity.seed", "moi", "moi")
UNUSABLE = 2


def _org(value: object) -> object:
    if isinstance(value, str):
        kind, _, code = value.partition(":")
        return {"type": kind, "code": code}
    return value


SeedOrg = Annotated[OrgKeyIn, BeforeValidator(_org)]


class SeedOrganisation(NewOrganisation):
    """An organisation; without an English name its Chinese one stands for both."""

    name_en: str = Field(default="", max_length=200)


class SeedAccount(NewAccount):
    """An account with its first password."""

    name: str = Field(max_length=100)
    org: SeedOrg
    password: str = Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD, repr=False)
    must_change_password: bool = True


class SeedClient(NewClient):
    """A client with its secret."""

    org: SeedOrg
    client_secret: str = Field(min_length=SHORTEST_SECRET, max_length=200, repr=False)


class Seed(In):
    """Everything a suite starts with."""

    organisations: list[SeedOrganisation] = Field(default=[], max_length=10_000)
    accounts: list[SeedAccount] = Field(default=[], max_length=10_000)
    clients: list[SeedClient] = Field(default=[], max_length=10_000)


async def plant(database: Database, hasher: Hasher, seed: Seed) -> dict[str, int]:
    """Add what is missing, in one transaction; how many of each were added or, for clients, given a secret."""
    async with database.transaction(SEEDER) as session:
        known = set(await session.scalars(select(Account.username)))
    missing = [account for account in seed.accounts if account.username not in known]
    # Hashed before the transaction, as many at once as there are processors.
    hashes = await asyncio.gather(*(hasher.hash(account.password) for account in missing))
    async with database.transaction(SEEDER) as session:
        organisations = [await add_organisation(session, _organisation(o)) for o in seed.organisations]
        accounts = [await _add(session, a, h) for a, h in zip(missing, hashes, strict=True)]
        clients = [await _add_client(session, client) for client in seed.clients]
    return {"organisations": sum(organisations), "accounts": sum(accounts), "clients": sum(clients)}


def _organisation(given: SeedOrganisation) -> NewOrganisation:
    return NewOrganisation(type=given.type, code=given.code, name=given.name, name_en=given.name_en or given.name)


async def _add(session: AsyncSession, given: SeedAccount, password_hash: str) -> bool:
    new = NewAccount(**given.model_dump(exclude={"name", "password", "must_change_password"}))
    added = await add_account(session, new, password_hash, must_change_password=given.must_change_password)
    return added is not None


async def _add_client(session: AsyncSession, given: SeedClient) -> bool:
    new = NewClient(**given.model_dump(exclude={"client_secret"}))
    if await add_client(session, new, given.client_secret) is not None:
        return True
    return await adopt_secret(session, given.client_id, given.client_secret)


async def main() -> int:
    """Plant what standard input holds; the process's exit code."""
    settings = load("identity")
    logs.configure("identity-seed", settings.log_level)
    log = logs.get(__name__)
    try:
        seed = Seed.model_validate_json(sys.stdin.buffer.read())
    except ValidationError as error:
        places = sorted({"/".join(map(str, e["loc"])) for e in error.errors(include_input=False)})
        log.error("seed_unusable", at=places[:20])
        return UNUSABLE
    crypto.install(crypto.load(settings.field_keys.get_secret_value(), settings.field_keys_dir))
    database = Database(settings.database_url.get_secret_value(), application="identity-seed")
    try:
        added = await plant(database, Hasher(cost_for(settings.env), queue=10_000), seed)
    except ProblemError as error:
        log.error("seed_refused", code=error.type.code, errors=[e.code for e in error.errors])
        return UNUSABLE
    finally:
        await database.close()
    log.info("seeded", **added)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
