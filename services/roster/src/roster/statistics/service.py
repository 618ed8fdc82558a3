"""Counting what arrived and what became of it: a county's own, or the nation's (RO-62)."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, Integer, RowMapping, and_, func, literal, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.checker import KIND_NAMES
from roster.intake.models import Entry, Roster
from roster.intake.rules import RosterKind
from roster.reference import service as reference
from roster.reference.models import School
from roster.review.current import current
from roster.review.models import DecisionRecord
from roster.review.queries import GONE
from roster.review.rules import Decision, EntryState
from roster.review.service.common import own
from roster.statistics.rules import PROCESSING_MONTHS, overdue_through
from roster.statistics.schemas import By, Figures, Group, StatisticsOut
from shared import clock, purposes
from shared.deadlines import CitationOut
from shared.law import rule
from shared.places import COUNTIES, TOWNSHIPS
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, Fault
from shared.roc import EPOCH

_UNDECIDED = (EntryState.RECEIVED, EntryState.IN_REVIEW, EntryState.ON_HOLD, EntryState.FOR_APPROVAL)
_LONGEST_DAYS = 3_660
# The key of what townships, education authorities and counties filed (RO-70 to RO-72).
_NO_SCHOOL = "-"


@rule("RO-62")
async def figures(
    session: AsyncSession,
    principal: Principal,
    *,
    from_on: date | None,
    to_on: date | None,
    kind: RosterKind | None,
    by: By | None,
) -> StatisticsOut:
    """The county's own figures, or for the Ministry those of all counties; by default of this calendar year.

    The Ministry's are sums only: which men they count is not shown. Raises 422 for a period that ends before it begins
    or is longer than ten years, and for a county that asks by county.
    """
    today = clock.today()
    first, last = from_on or date(today.year, 1, 1), to_on or today
    national = principal.org.type != "county"
    by = by or (By.COUNTY if national else By.KIND)
    _check(first, last, by, national)
    where: list[ColumnElement[bool]] = [Entry.filed_on.between(first, last), Entry.state.not_in(GONE)]
    if kind is not None:
        where.append(Roster.kind == kind)
    if national:
        await purposes.assume(session, "statistics", "statistics", f"{first}/{last}")
    else:
        where += own(principal)
    through = overdue_through(today, await reference.working_calendar(session))
    key = _KEYS[by]
    counted = (
        select(key.label("key"), func.grouping(key).label("is_total"), *_sums(through))
        .select_from(Entry)
        .join(Roster, Roster.id == Entry.roster_id)
        .outerjoin(DecisionRecord, and_(DecisionRecord.entry_id == Entry.id, current()))
        .where(*where)
        .group_by(func.grouping_sets(key, literal_column("()")))
        .order_by(key)
    )
    rows = (await session.execute(counted)).mappings().all()
    if national:
        await purposes.drop(session)
    total = next(row for row in rows if row["is_total"])
    names = await _names(session, by, [row["key"] for row in rows if not row["is_total"]])
    return StatisticsOut(
        from_on=first,
        to_on=last,
        by=by,
        at=clock.now(),
        overdue_through=through,
        overdue_by=CitationOut(**PROCESSING_MONTHS.on(today).citation.as_dict()),
        total=Figures(**_told(total)),
        groups=[Group(key=row["key"], name=names[row["key"]], **_told(row)) for row in rows if not row["is_total"]],
    )


def _check(first: date, last: date, by: By, national: bool) -> None:
    faults = []
    if last < first:
        faults.append(Fault("period_empty", "迄日早於起日", "The period ends before it begins", column="to_on"))
    elif (last - first).days > _LONGEST_DAYS:
        faults.append(Fault("period_too_long", "期間以10年為限", "A period has at most ten years", column="from_on"))
    if by is By.COUNTY and not national:
        faults.append(
            Fault("by_county", "僅內政部得依縣市統計", "Only the Ministry's figures are by county", column="by")
        )
    if by is By.TOWNSHIP and national:
        faults.append(Fault("by_township", "全國統計不分鄉鎮市區", "National figures are not by township", column="by"))
    if faults:
        raise INVALID_CONTENT(errors=faults)


_KEYS: dict[By, ColumnElement[str]] = {
    By.KIND: Roster.kind.expression,
    By.SCHOOL: func.coalesce(Roster.school_code, _NO_SCHOOL),
    By.TOWNSHIP: Entry.township_code.expression,
    By.MONTH: func.to_char(Entry.filed_on, "YYYY-MM"),
    By.COUNTY: Roster.county_code.expression,
}


def _sums(through: date) -> list[ColumnElement[Any]]:
    def count(*which: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(*which) if which else func.count()

    # A decision that is being corrected stands until it is (RO-52).
    open_ = Entry.corrects.is_(None)
    # Days are whole numbers; of an even number of men the lower of the two in the middle.
    days = (DecisionRecord.decided_on - Entry.filed_on).cast(Integer)
    return [
        count().label("filed"),
        *(count(Entry.state == state, open_).label(state.value) for state in _UNDECIDED),
        count(DecisionRecord.decision == Decision.APPROVED).label("approved"),
        count(DecisionRecord.decision == Decision.REJECTED).label("rejected"),
        count(Entry.filed_on > Roster.deadline).label("late"),
        count(Entry.state.in_(_UNDECIDED), open_, Entry.filed_on <= literal(through, Date)).label("overdue"),
        func.percentile_disc(0.5).within_group(days).label("median_days"),
    ]


def _told(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in Figures.model_fields}


async def _names(session: AsyncSession, by: By, keys: list[str]) -> dict[str, str]:
    if by is By.SCHOOL:
        found = await session.execute(select(School.code, School.name).where(School.code.in_(keys)))
        return {_NO_SCHOOL: "非由學校送件"} | {row.code: row.name for row in found}
    if by is By.KIND:
        return {key: KIND_NAMES[RosterKind(key)] for key in keys}
    if by is By.COUNTY:
        return {key: COUNTIES[key].name for key in keys}
    if by is By.TOWNSHIP:
        return {key: TOWNSHIPS[key].name for key in keys}
    return {key: f"{int(key[:4]) - EPOCH}年{int(key[5:])}月" for key in keys}
