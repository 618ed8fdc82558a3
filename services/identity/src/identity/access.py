"""The one place of identity that crosses the walls between accounts: who logs in is nobody yet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from shared import purposes
from shared.db import Context, Database

NOBODY = Context("anonymous", "none", "none")


@asynccontextmanager
async def logging_in(database: Database, context: Context = NOBODY) -> AsyncIterator[AsyncSession]:
    """A transaction with the purpose `log_in`: it sees accounts, clients, sessions and failures, and is audited."""
    async with database.transaction(context) as session:
        await purposes.assume(session, "log_in", "identity", "log_in")
        yield session
