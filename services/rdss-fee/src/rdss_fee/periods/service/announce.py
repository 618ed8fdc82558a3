"""Announcing periods: a man who is not known yet is registered, one who is gets the period (FE-05)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import Table, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.accounts.service import misfits, schemes_from
from rdss_fee.billing.queries import rates_known
from rdss_fee.billing.rates import Rates
from rdss_fee.periods import queries
from rdss_fee.periods.models import ServiceEvent, Serviceman, ServicemanFacts, ServicePeriod
from rdss_fee.periods.reading import Row
from rdss_fee.periods.rules import Period, PeriodFault
from rdss_fee.periods.schemas import Announced, AnnouncedRow, PeriodIn, RowFault
from rdss_fee.periods.service.knowledge import (
    WORDS,
    Moment,
    Priced,
    as_period,
    faults_of,
    hold_still,
    moment,
    overlaps,
    refused,
    unnamed,
)
from rdss_fee.periods.states import EventKind, EventState
from rdss_fee.reference import queries as employers
from shared import audit, bulk, clock, crypto
from shared.db import Base
from shared.ids import IdKind, read_id
from shared.law import rule
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, Fault

# Of two announcements at once each would find the same man unknown.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('rdss_fee.announcing', 0))")
_FACTS = ("name", "category", "degree", "cohort", "stage_begins_on", "stage_ends_before")


@dataclass(slots=True)
class _Man:
    """A man as he stands while rows are judged: as he is known, or as the first of them registers him (`row`)."""

    id: UUID
    national_id: str
    facts: Mapping[str, Any]
    priced: Priced
    row: int | None = None
    # Each with where it is found: a path, or a row.
    periods: list[tuple[Period, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A row that stands: its period's id, whose it is."""

    row: Row
    item: PeriodIn
    man: _Man
    id: UUID


@rule("FE-05", "FE-13", "FE-23")
async def announce(session: AsyncSession, office: Principal, rows: Sequence[Row], *, each: bool) -> Announced:
    """Make periods known: all of them or none, or of `each` what became of it.

    What is wrong with a row is told with its number: a number that is no man's national ID, an employer that is not
    known or whose number fits no virtual account, days that cannot be, days that overlap others of the man, a month
    without a rate, what is stated of him otherwise than it is known. Raises 422 where not `each`.
    """
    await hold_still(session)
    await session.execute(_ONE_AT_A_TIME)
    items = [row.item for row in rows if row.item is not None]
    places = await _employers(session, {item.employer_code for item in items})
    men = await _men(session, items)
    rates = await rates_known(session)
    when = await moment(session)
    taken: list[_Taken] = []
    results: dict[int, AnnouncedRow] = {}
    wrong: list[Fault] = []
    for row in rows:
        found = list(row.faults) if row.item is None else _judge(row, row.item, men, places, rates)
        if row.item is None or found:
            wrong += found
            results[row.number] = _refused(row, found)
            continue
        one = _take(row, row.item, men)
        taken.append(one)
        results[row.number] = AnnouncedRow(
            row=row.number,
            outcome="announced",
            registered=one.man.row == row.number,
            serviceman_id=one.man.id,
            period_id=one.id,
        )
    if wrong and not each:
        raise INVALID_CONTENT(errors=wrong)
    if taken:
        await _write(session, office, taken, when)
    return Announced(announced=len(taken), refused=len(rows) - len(taken), items=list(results.values()))


def _refused(row: Row, found: Iterable[Fault]) -> AnnouncedRow:
    told = [
        RowFault(
            code=one.code,
            pointer=one.pointer,
            message=one.message,
            message_en=one.message_en,
            suggestion=one.suggestion,
        )
        for one in found
    ]
    return AnnouncedRow(row=row.number, outcome="refused", errors=told[:100])


async def _employers(session: AsyncSession, codes: set[str]) -> dict[str, bool]:
    """Of each employer that is known, whether its number fits the accounts of the scheme in force and later ones."""
    numbers = await employers.numbers(session, codes)
    schemes = await schemes_from(session, clock.today())
    return {code: not misfits(number, schemes) for code, number in numbers.items()}


async def _men(session: AsyncSession, items: Sequence[PeriodIn]) -> dict[str, _Man]:
    """Those of the men that are known, held, with their periods; by national ID."""
    ring = crypto.ring()
    wanted = {read_id(item.national_id).value for item in items}
    known = await queries.known_by_index(session, [ring.blind_index(value) for value in wanted])
    ids = [man.id for man in known.values()]
    facts, served = await queries.facts_of(session, ids), await queries.periods_of(session, ids)
    return {
        man.national_id: _Man(
            man.id,
            man.national_id,
            {"name": man.name, **{name: getattr(facts[man.id], name) for name in _FACTS if name != "name"}},
            facts[man.id],
            periods=[(as_period(row), f"/rdss-fee/v1/service-periods/{row.id}") for row in served.get(man.id, ())],
        )
        for man in known.values()
    }


def _judge(row: Row, item: PeriodIn, men: Mapping[str, _Man], places: Mapping[str, bool], rates: Rates) -> list[Fault]:
    return [
        replace(fault, row=row.number, pointer=f"{row.place}{fault.pointer}")
        for fault in _faults(item, men, places, rates)
    ]


def _faults(item: PeriodIn, men: Mapping[str, _Man], places: Mapping[str, bool], rates: Rates) -> Iterator[Fault]:
    reading = read_id(item.national_id)
    if reading.kind is not IdKind.national_id or not reading.valid:
        yield Fault("national_id_invalid", "身分證字號格式或檢查碼不符", "No valid national ID", pointer="/national_id")
    elif reading.sex != "male":
        yield Fault("not_male", "非男性之身分證字號", "The national ID is not a man's", pointer="/national_id")
    if item.employer_code not in places:
        yield Fault(
            "employer_unknown",
            "查無此用人單位，請先登錄",
            "There is no such employer: register it first",
            pointer="/employer_code",
            suggestion="/rdss-fee/v1/employers",
        )
    elif not places[item.employer_code]:
        yield Fault(
            "employer_number_too_wide",
            "該用人單位之編號超出虛擬帳號編碼寬度，請先調整編碼規則",
            "The employer's number does not fit the virtual accounts: change the collection scheme first",
            pointer="/employer_code",
            suggestion="/rdss-fee/v1/collection-schemes",
        )
    man = men.get(reading.value)
    if man is not None:
        yield from _differing(item, man)
    beside = [] if man is None else man.periods
    known = [one for one, _ in beside]
    for fault in faults_of([_period(item)], item if man is None else man.priced, rates, known):
        yield _told(fault, [where for _, where in beside])


def _told(fault: PeriodFault, where: Sequence[str]) -> Fault:
    pointer, message, message_en = WORDS[fault.code]
    # The announced period is the first; what it overlaps is one of those behind it.
    other = max(fault.at, fault.other or 0)
    return Fault(fault.code, message, message_en, pointer=pointer, suggestion=where[other - 1] if other else None)


def _differing(item: PeriodIn, man: _Man) -> Iterator[Fault]:
    for name in _FACTS:
        stated = getattr(item, name)
        # An end of the stage that is left out is not stated.
        if stated == man.facts[name] or (name == "stage_ends_before" and stated is None):
            continue
        if man.row is not None:
            yield Fault(
                "rows_differ",
                f"與第 {man.row} 列所載同一役男之資料不同",
                f"Row {man.row} states it otherwise of the same man",
                pointer=f"/{name}",
            )
        else:
            yield Fault(
                "facts_differ",
                "與已登錄之役男資料不同；如須更正，請先更正該役男資料",
                "It is known otherwise of the man: correct what is known of him first",
                pointer=f"/{name}",
                suggestion=f"/rdss-fee/v1/servicemen/{man.id}/facts",
            )


def _period(item: PeriodIn) -> Period:
    return Period(item.employer_code, item.begins_on, item.begun_by, item.ends_before, item.ended_by)


def _take(row: Row, item: PeriodIn, men: dict[str, _Man]) -> _Taken:
    value = read_id(item.national_id).value
    man = men.get(value)
    if man is None:
        facts = {name: getattr(item, name) for name in _FACTS}
        man = men[value] = _Man(uuid4(), value, facts, item, row.number)
    one = _Taken(row, item, man, uuid4())
    man.periods.append((_period(item), f"row {row.number}"))
    return one


async def _write(session: AsyncSession, office: Principal, taken: Sequence[_Taken], when: Moment) -> None:
    new = [one for one in taken if one.man.row == one.row.number]
    known = {one.man.id for one in taken} - {one.man.id for one in new}
    if new:
        await _register(session, office, [one.man for one in new], when)
    if known:
        await session.execute(
            update(Serviceman)
            .where(Serviceman.id.in_(known))
            .values(version=Serviceman.version + 1)
            .execution_options(synchronize_session=False)
        )
    query = select(Serviceman.id, Serviceman.no).where(Serviceman.id.in_({one.man.id for one in taken}))
    numbers = {row.id: row.no for row in await session.execute(query)}
    events = [uuid4() for _ in taken]
    await session.execute(
        bulk.insertion(
            _table(ServiceEvent),
            _as_told(EventKind.PERIOD_ANNOUNCED, office, when),
            {
                "id": events,
                "serviceman_id": [one.man.id for one in taken],
                "period_id": [one.id for one in taken],
                "employer_code": [one.item.employer_code for one in taken],
                "data": [_said(one.item) for one in taken],
            },
        )
    )
    try:
        await session.execute(
            bulk.insertion(
                _table(ServicePeriod),
                {"version": 1, "known_at": when.at, "known_on": when.on},
                {
                    "id": [one.id for one in taken],
                    "serviceman_id": [one.man.id for one in taken],
                    "serviceman_no": [numbers[one.man.id] for one in taken],
                    "employer_code": [one.item.employer_code for one in taken],
                    "begins_on": [one.item.begins_on for one in taken],
                    "begun_by": [one.item.begun_by.value for one in taken],
                    "ends_before": [one.item.ends_before for one in taken],
                    "ended_by": [None if one.item.ended_by is None else one.item.ended_by.value for one in taken],
                    "event_id": events,
                },
            )
        )
    except IntegrityError as error:
        if overlaps(error):
            raise refused([PeriodFault("period_overlaps", 0)]) from None
        raise
    await audit.record_many(
        session,
        [
            audit.row(session, "service_period.announced", "service_period", one.id, {"serviceman": str(one.man.id)})
            for one in taken
        ],
    )


async def _register(session: AsyncSession, office: Principal, men: Sequence[_Man], when: Moment) -> None:
    """Write men who are not known yet, with their facts."""
    ring = crypto.ring()
    events = [uuid4() for _ in men]
    await session.execute(
        bulk.insertion(
            _table(Serviceman),
            {"version": 1, "registered_by": office.sub, "registered_at": when.at},
            {
                "id": [man.id for man in men],
                "national_id": [man.national_id for man in men],
                "national_id_index": [ring.blind_index(man.national_id) for man in men],
                "name": [man.facts["name"] for man in men],
            },
        )
    )
    await session.execute(
        bulk.insertion(
            _table(ServiceEvent),
            _as_told(EventKind.REGISTERED, office, when),
            {
                "id": events,
                "serviceman_id": [man.id for man in men],
                "data": [unnamed({name: man.facts[name] for name in _FACTS}) for man in men],
            },
        )
    )
    columns = {name: [man.facts[name] for man in men] for name in _FACTS if name != "name"}
    await session.execute(
        bulk.insertion(
            _table(ServicemanFacts),
            {"version": 1, "known_at": when.at, "known_on": when.on},
            {"serviceman_id": [man.id for man in men], "event_id": events, **columns},
        )
    )


def _table(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


def _as_told(kind: EventKind, office: Principal, when: Moment) -> dict[str, Any]:
    """What the events of an announcement have alike: an office's are confirmed at once."""
    return {
        "kind": kind.value,
        "state": EventState.CONFIRMED.value,
        "needs_confirmation": False,
        "entered_by": office.sub,
        "entered_at": when.at,
        "entered_on": when.on,
        "confirmed_by": office.sub,
        "confirmed_at": when.at,
        "confirmed_on": when.on,
    }


def _said(item: PeriodIn) -> dict[str, Any]:
    return unnamed(
        {
            "begins_on": item.begins_on,
            "begun_by": item.begun_by.value,
            "ends_before": item.ends_before,
            "ended_by": None if item.ended_by is None else item.ended_by.value,
        }
    )
