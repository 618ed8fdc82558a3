"""The web process: `uvicorn --factory notify.main:create_app`."""

from importlib.resources import files

from fastapi import FastAPI

from notify.events import HANDLERS
from notify.inbox.routes import router as inbox
from notify.messages.routes import router as messages
from shared.app import create_service
from shared.event_door import receiver
from shared.settings import Settings, load
from shared.tokens import KeySource


def create_app(settings: Settings | None = None, *, keys: KeySource | None = None) -> FastAPI:
    """The notify service; `settings` and `keys` are given by tests."""
    return create_service(
        settings or load("notify"),
        [receiver(HANDLERS), messages, inbox],
        title="通知服務 Notifications",
        description="Takes the other services' events and turns them into messages to people.",
        keys=keys,
        interface=files("notify") / "openapi.json",
    )
