"""A service under test: its real application on a real database, called over ASGI."""

import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from local.databases import Urls
from shared.db import Database
from shared.settings import Settings
from tests.support.tokens import ISSUER, KEYS

FIELD_KEYS = json.dumps(
    {
        "active": "t1",
        "keys": {"t1": base64.b64encode(os.urandom(32)).decode()},
        "index": base64.b64encode(os.urandom(32)).decode(),
    }
)


def settings_for(service: str, urls: Urls, **changes) -> Settings:
    """Settings as the supervisor would give them, with nothing listening behind the addresses."""
    values: dict[str, Any] = {
        "service": service,
        "database_url": SecretStr(urls.app),
        "env": "local",
        "issuer": ISSUER,
        "identity_url": "http://127.0.0.1:1",
        "roster_url": "http://127.0.0.1:1",
        "notify_url": "http://127.0.0.1:1",
        "gateway_url": "http://127.0.0.1:1",
        "registry_url": "http://127.0.0.1:1",
        "smtp_url": "smtp://127.0.0.1:1",
        "field_keys": SecretStr(FIELD_KEYS),
        "client_id": f"svc_{service}",
        "client_secret": SecretStr("unused"),
        "log_level": "WARNING",
    }
    return Settings(**(values | changes))


@dataclass
class Service:
    """A running service: its application, an HTTP client into it, its database."""

    app: FastAPI
    http: httpx.AsyncClient
    urls: Urls
    settings: Settings

    @property
    def database(self) -> Database:
        """The service's own pool (application role)."""
        database: Database = self.app.state.database
        return database


# A service's dialect and what it has compiled; statements are kept by the dialect that compiled them.
_COMPILED: dict[str, tuple[Any, Any]] = {}


def _keep_compiled(service: str, engine: Any) -> None:
    """Let this engine find the statements that the service's engines of earlier tests have compiled.

    A process compiles a statement once; a test that starts the service anew would do it again, 50 ms in most tests.
    """
    engine.dialect, engine._compiled_cache = _COMPILED.setdefault(service, (engine.dialect, engine._compiled_cache))


@asynccontextmanager
async def running(service: str, urls: Urls, *, keys=KEYS, **changes) -> AsyncIterator[Service]:
    """Start `service` on the database at `urls`."""
    settings = settings_for(service, urls, **changes)
    app = import_module(f"{service.replace('-', '_')}.main").create_app(settings, keys=keys)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        _keep_compiled(service, app.state.database.engine.sync_engine)
        yield Service(app, client, urls, settings)
