"""Crossing tenants on purpose.

Row-level security shows a transaction its own organisation's rows only. The few works that need more (judging a man
against his other rosters, delivering to the registry) *assume a purpose*: each purpose has a policy of its own in
the tables it needs, only the modules named in the import contract may import this one, and every use leaves an
audit row.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import audit
from shared.db import context_of


async def assume(session: AsyncSession, purpose: str, entity: str, entity_id: object, *, audited: bool = True) -> None:
    """From here to the end of the transaction (or `drop`) see what the policies of `purpose` show.

    `audited=False` is for what anybody on the network can ask for as often as he likes: the caller leaves an audit
    row of its own for whatever came of it, and none when nothing did.
    """
    await session.execute(text("SELECT set_config('app.purpose', :p, true)"), {"p": purpose})
    if audited:
        await audit.record(session, f"purpose.{purpose}", entity, entity_id, {"for": context_of(session).sub})


async def drop(session: AsyncSession) -> None:
    """See one's own organisation's rows only, again."""
    await session.execute(text("SELECT set_config('app.purpose', '', true)"))
