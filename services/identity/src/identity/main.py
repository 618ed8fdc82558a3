"""`uvicorn --factory identity.main:create_app`: the identity service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import APIRouter, Depends, FastAPI

from identity.accounts import routes as accounts
from identity.clients import routes as clients
from identity.organisations import routes as organisations
from identity.passwords import Hasher, cost_for
from identity.tokens import routes as tokens
from identity.tokens.key_store import KeyStore
from identity.tokens.minter import Minter
from shared.app import create_service
from shared.settings import Settings, load
from shared.tokens import KeySource

# Everything that takes a token also asks whether the session behind it still lives.
behind_token = APIRouter(dependencies=[Depends(tokens.still_live)])
for _module in (accounts, organisations, clients):
    behind_token.include_router(_module.router)


def create_app(settings: Settings | None = None, *, keys: KeySource | None = None) -> FastAPI:
    """The application. It checks tokens by its own keys, unless a test brings others."""
    settings = settings or load("identity")
    store = KeyStore()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await store.open(app.state.database)
        fresh = asyncio.create_task(store.keep_fresh())
        try:
            yield
        finally:
            fresh.cancel()

    app = create_service(
        settings,
        [tokens.router, tokens.guarded, behind_token],
        title="帳號服務 Identity",
        description="Accounts, organisations, machine clients, and the tokens they are known by.",
        keys=keys if keys is not None else store,
        interface=files("identity") / "openapi.json",
        lifespan=lifespan,
    )
    app.state.hasher = Hasher(cost_for(settings.env))
    app.state.minter = Minter(settings.issuer, store)
    return app
