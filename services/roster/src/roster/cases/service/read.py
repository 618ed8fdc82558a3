"""Reading cases: what one filed and what the county decided (RO-70, RO-71), what is to be annotated (RO-72)."""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster import lists
from roster.cases import queries
from roster.cases.rules import Scope, period_of
from roster.cases.schemas import CASE_SORTS, CaseDecision, CaseOut, CasePage, CertificateOut, OrderOut, PeriodOut
from roster.intake.deadlines import cessation_deadline
from roster.intake.filing import TOWNSHIP
from roster.intake.models import Entry
from roster.intake.rules import CaseKind, CessationReason, RosterKind
from roster.reference.service import working_calendar
from roster.review.rules import tells_nothing
from shared import cursors
from shared.calendar import WorkingCalendar
from shared.ids import mask_id
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND


@rule("RO-70", "RO-71", "RO-72", "RO-51")
async def list_cases(
    session: AsyncSession, principal: Principal, *, scope: Scope, sort: str, cursor: str | None, limit: int
) -> CasePage:
    """The organisation's cases, any column up or down."""
    found, next_cursor = await lists.page(
        session,
        queries.cases(*queries.own(principal), *queries.within(principal, scope)),
        sort=sort,
        sortable=CASE_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("cases", scope),
    )
    calendar = await working_calendar(session)
    return CasePage(items=[_out(principal, row, calendar) for row in found], next_cursor=next_cursor)


async def get_case(session: AsyncSession, principal: Principal, entry_id: UUID) -> CaseOut:
    """One man; raises 404 for another organisation's."""
    query = select(queries.cases(Entry.id == entry_id, *queries.own(principal)))
    row = (await session.execute(query)).mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return _out(principal, row, await working_calendar(session))


def _out(principal: Principal, row: RowMapping, calendar: WorkingCalendar) -> CaseOut:
    county = principal.org.type == "county"
    named: dict[str, Any] = {name: row[name] for name in CaseOut.model_fields if name in row}
    return CaseOut(
        **named
        | {
            "national_id": row["national_id"] if county else mask_id(row["national_id"]),
            "certificate": None if row["relation"] is None else _certificate(row),
            "induction_order": None if row["order_on"] is None else _order(row),
            "period": None if row["case_kind"] is None else _period(row, calendar),
            "decision": None if row["decision"] is None else _decision(principal, row),
        }
    )


def _certificate(row: RowMapping) -> CertificateOut:
    return CertificateOut(
        issuer=row["issuer"],
        number=row["certificate_no"],
        issued_on=row["certificate_on"],
        school_code=row["certified_school"],
        plan_from=row["plan_from"],
        plan_until=row["plan_until"],
    )


def _order(row: RowMapping) -> OrderOut:
    return OrderOut(number=row["order_no"], issued_on=row["order_on"])


def _period(row: RowMapping, calendar: WorkingCalendar) -> PeriodOut:
    reason = None if row["cessation_reason"] is None else CessationReason(row["cessation_reason"])
    end = None if reason is None else cessation_deadline(reason, row["left_on"], calendar, row["county_code"])
    due = None if end is None else end.due
    found = period_of(CaseKind(row["case_kind"]), RosterKind(row["kind"]), reason, due)
    return PeriodOut(due=due, article=found.citation.text, message=found.message, message_en=found.message_en)


@rule("RO-70", "RO-71")
def _decision(principal: Principal, row: RowMapping) -> CaseDecision:
    """The county's decision. A township that filed the man brings him the refusal (Enforcement Act Art. 40), so it is
    told why; of others' men it is told what the township report tells (RO-51); an authority what a school is told."""
    told = CaseDecision.model_validate(dict(row))
    filed = (row["filer_type"], row["filer_code"]) == (principal.org.type, principal.org.code)
    if principal.org.type == "county" or (principal.org.type == TOWNSHIP and filed):
        return told
    if principal.org.type != TOWNSHIP and tells_nothing(row["ground"], unseen=False):
        return told
    return told.model_copy(update={"ground": None, "reason": None})
