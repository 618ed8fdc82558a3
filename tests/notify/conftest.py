"""A mail server of our own for each test, and what the other services would send."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiosmtpd.smtp import SMTP

from tests.notify.support import MailHandler, Postbox


@pytest.fixture
async def smtp() -> AsyncIterator[Postbox]:
    """A real SMTP server on a free port; how it behaves is set on its `handler`."""
    handler = MailHandler()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="sink", loop=loop, enable_SMTPUTF8=False), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    try:
        yield Postbox(f"smtp://127.0.0.1:{port}", handler, server)
    finally:
        server.close()
