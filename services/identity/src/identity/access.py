"""The one place of identity that crosses the walls between accounts: who logs in is nobody yet.

Audit rows are never deleted and anybody can knock, so knocking alone must leave none: a refusal that found nothing
is rolled back or not `audited`, and told in the log (`log_refusal`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from shared import logs, purposes
from shared.db import Context, Database

NOBODY = Context("anonymous", "none", "none")
log = logs.get(__name__)


@asynccontextmanager
async def logging_in(
    database: Database, context: Context = NOBODY, *, audited: bool = True
) -> AsyncIterator[AsyncSession]:
    """A transaction with the purpose `log_in`: it sees accounts, clients, sessions and failures.

    The purpose is audited when the transaction commits, unless `audited` is False: then the caller audits what
    comes of it.
    """
    async with database.transaction(context) as session:
        await purposes.assume(session, "log_in", "identity", "log_in", audited=audited)
        yield session


def log_refusal(what: str, why: str) -> None:
    """Tell the log of a refusal that leaves no row; never what was shown."""
    log.info("refused", what=what, why=why)
