"""A request's transaction: the FastAPI side of `shared.db`."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from shared.auth import current_principal
from shared.db import Context, Database


def database_of(request: Request) -> Database:
    """The service's database, for routes that open a transaction themselves."""
    database: Database = request.app.state.database
    return database


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """The request's transaction, committed before the answer leaves (hence `scope="function"`)."""
    principal = await current_principal(request)
    async with database_of(request).transaction(Context.of(principal)) as session:
        yield session


async def get_anonymous_session(request: Request) -> AsyncIterator[AsyncSession]:
    """A transaction for the few routes without a token (log-in, token, keys)."""
    async with database_of(request).transaction(Context("anonymous", "none", "none")) as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
AnonymousSession = Annotated[AsyncSession, Depends(get_anonymous_session, scope="function")]
