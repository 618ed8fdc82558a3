"""Correcting what is known of a man: degree, cohort, and his second stage, whose end service credit moves (FE-05)."""

from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.queries import rates_known
from rdss_fee.periods import queries
from rdss_fee.periods.models import ServicemanFacts
from rdss_fee.periods.schemas import FactsIn, ServicemanOut
from rdss_fee.periods.service.knowledge import (
    as_period,
    faults_of,
    hold_man,
    hold_still,
    moment,
    refused,
    tell,
)
from rdss_fee.periods.service.read import get_serviceman
from rdss_fee.periods.states import EventKind
from shared import audit, preconditions
from shared.law import rule
from shared.principals import Principal

_PRICING = ("category", "degree", "cohort", "stage_begins_on", "stage_ends_before")


@rule("FE-02", "FE-05", "FE-13")
async def correct_facts(
    session: AsyncSession, office: Principal, serviceman_id: UUID, seen: int, body: FactsIn
) -> ServicemanOut:
    """Replace what is known of a man; what was known until now stays to be read. His name is as it is received last.

    What changes nothing makes no version. Raises 404, 412; 422 for a stage that ends before it begins, and for one
    that a period of his could not be priced in.
    """
    await hold_still(session)
    man = await hold_man(session, serviceman_id)
    preconditions.require(seen, man.version)
    known, served = await queries.known_of(session, man.id)
    changed = [name for name in _PRICING if getattr(body, name) != getattr(known, name)]
    # Of what stays as it is nothing is asked that was not asked when it became known.
    periods = [as_period(row) for row in served] if changed else []
    if found := faults_of(periods, body, await rates_known(session)):
        raise refused(found, unpriced_at=f"/{changed[0]}" if changed else "")
    if changed or body.name != man.name:
        when = await moment(session)
        told = body.model_dump(mode="json")
        event_id = await tell(session, office, EventKind.FACTS_CORRECTED, man.id, told, when)
        if changed:
            await session.execute(
                update(ServicemanFacts)
                .where(ServicemanFacts.serviceman_id == man.id, ServicemanFacts.version == known.version)
                .values(replaced_at=when.at, replaced_on=when.on)
                .execution_options(synchronize_session=False)
            )
            values = {
                **body.model_dump(include=set(_PRICING)),
                "serviceman_id": man.id,
                "version": known.version + 1,
                "event_id": event_id,
                "known_at": when.at,
                "known_on": when.on,
            }
            await session.execute(insert(ServicemanFacts).values(values))
        if body.name != man.name:
            man.name = body.name
            changed.append("name")
        man.version += 1
        await session.flush()
        await audit.record(session, "serviceman.corrected", "serviceman", man.id, {"changed": changed})
    return await get_serviceman(session, office, man.id)
