"""Correcting what is known of a period, and withdrawing one that never was: the past stays to be read (FE-13)."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.periods import queries
from rdss_fee.periods.models import Serviceman, ServicePeriod
from rdss_fee.periods.rules import Period
from rdss_fee.periods.schemas import PeriodChange, PeriodOut, WithdrawalIn
from rdss_fee.periods.service.knowledge import (
    PERIOD_WITHDRAWN,
    as_period,
    correct_period,
    hold_man,
    hold_still,
    moment,
    tell,
    withdraw_known,
)
from rdss_fee.periods.service.read import get_period
from rdss_fee.periods.states import EventKind
from rdss_fee.tenancy import own
from shared import audit, preconditions
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND


async def hold_period(
    session: AsyncSession, caller: Principal, period_id: UUID, seen: int | None
) -> tuple[Serviceman, ServicePeriod]:
    """A period that is known, with its man, both as they stand until the transaction ends; first thing in it.

    Raises 404, for another employer's too; 412 for another version than was `seen`; 409 for one that was withdrawn.
    """
    await hold_still(session)
    mine = own(caller, ServicePeriod.employer_code)
    found = await queries.newest_row(session, period_id, *mine)
    if found is None:
        raise NOT_FOUND()
    man = await hold_man(session, found.serviceman_id)
    known = await queries.newest_row(session, period_id, *mine)
    assert known is not None
    if seen is not None:
        preconditions.require(seen, known.version)
    if known.replaced_at is not None:
        raise PERIOD_WITHDRAWN()
    return man, known


@rule("FE-05", "FE-13")
async def correct(
    session: AsyncSession, office: Principal, period_id: UUID, seen: int, change: PeriodChange
) -> PeriodOut:
    """Replace what is known of a period; its employer stays, for another employer's is another period.

    What changes nothing makes no version. Raises 404, 412; 409 for one that was withdrawn; 422 where the man's periods
    could not stand so.
    """
    man, known = await hold_period(session, office, period_id, seen)
    wanted = Period(known.employer_code, change.begins_on, change.begun_by, change.ends_before, change.ended_by)
    before = as_period(known)
    if wanted == before:
        return await get_period(session, office, period_id)
    ended = (wanted.begins_on, wanted.begun_by) == (before.begins_on, before.begun_by) and wanted.ends_before
    when = await moment(session)
    event_id = await tell(
        session,
        office,
        EventKind.PERIOD_ENDED if ended else EventKind.PERIOD_CORRECTED,
        man.id,
        {**change.model_dump(mode="json"), "version": known.version},
        when,
        period=(period_id, known.employer_code),
    )
    await correct_period(session, man, known, wanted, event_id, when)
    await audit.record(session, "service_period.corrected", "service_period", period_id, {"version": known.version + 1})
    return await get_period(session, office, period_id)


@rule("FE-05", "FE-13")
async def withdraw(
    session: AsyncSession, office: Principal, period_id: UUID, seen: int, body: WithdrawalIn
) -> PeriodOut:
    """Say that a period never was: the next run gives back what was billed for it. Raises 404, 409, 412."""
    man, known = await hold_period(session, office, period_id, seen)
    when = await moment(session)
    told = {"reason": body.reason, "version": known.version}
    whose = (period_id, known.employer_code)
    await tell(session, office, EventKind.PERIOD_WITHDRAWN, man.id, told, when, period=whose)
    await withdraw_known(session, man, known, when)
    await audit.record(session, "service_period.withdrawn", "service_period", period_id, told)
    return await get_period(session, office, period_id)
