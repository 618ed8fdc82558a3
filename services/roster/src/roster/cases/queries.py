"""Named selects of cases: men that others than schools filed, and the decisions that townships receive."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.cases.models import CaseFile
from roster.cases.rules import Scope
from roster.intake.filing import TOWNSHIP
from roster.intake.models import Entry, Roster
from roster.intake.rules import CERTIFICATES, CaseKind
from roster.review.current import current
from roster.review.models import DecisionRecord
from roster.review.states import Decision, EntryState
from shared.principals import Principal

_OF_ENTRY = (
    Entry.id, Entry.roster_id, Entry.filer_type, Entry.filer_code, Entry.certified_school, Entry.national_id,
    Entry.name, Entry.county_code, Entry.township_code, Entry.filed_on, Entry.state, Entry.cessation_reason,
    Entry.left_on,
)  # fmt: skip
_OF_FILE = (
    CaseFile.case_kind, CaseFile.relation, CaseFile.issuer, CaseFile.certificate_no, CaseFile.certificate_on,
    CaseFile.plan_from, CaseFile.plan_until, CaseFile.order_no, CaseFile.order_on, CaseFile.days_in_camp,
    CaseFile.annotated_at,
)  # fmt: skip
_OF_DECISION = (
    DecisionRecord.decision, DecisionRecord.decision_number, DecisionRecord.issued_on, DecisionRecord.decided_on,
    DecisionRecord.deferment_until, DecisionRecord.ground, DecisionRecord.reason,
)  # fmt: skip


def filed_by(principal: Principal) -> tuple[ColumnElement[bool], ...]:
    """The entries of men whom the organisation itself filed."""
    return (Entry.filer_type == principal.org.type, Entry.filer_code == principal.org.code)


def own(principal: Principal) -> tuple[ColumnElement[bool], ...]:
    """The cases that are the organisation's: those it filed; to a county those filed with it; to a township also the
    men of its households on whom the county decided (RO-51)."""
    if principal.org.type == "county":
        return (Entry.county_code == principal.org.code, Entry.filer_type.is_not(None))
    filed = and_(*filed_by(principal))
    if principal.org.type != TOWNSHIP:
        return (filed,)
    return (or_(filed, and_(Entry.township_code == principal.org.code, Entry.state == EntryState.DECIDED)),)


def within(principal: Principal, scope: Scope) -> tuple[ColumnElement[bool], ...]:
    """Those of `own` that a list shows."""
    if scope is Scope.TO_ANNOTATE:
        return (
            CaseFile.case_kind == CaseKind.VACATION_TRAINING,
            CaseFile.annotated_at.is_(None),
            DecisionRecord.decision == Decision.APPROVED,
        )
    if principal.org.type != TOWNSHIP:
        return ()
    if scope is Scope.HOUSEHOLD:
        return (Entry.township_code == principal.org.code, Entry.state == EntryState.DECIDED)
    return (Entry.filer_type == principal.org.type,)


def cases(*where: ColumnElement[bool]) -> Subquery:
    """Men with what was filed beside them and what was decided."""
    return (
        select(
            *_OF_ENTRY,
            *_OF_FILE,
            *_OF_DECISION,
            # A roster of a school's is not a township's to see; the decision on its own man is.
            func.coalesce(Roster.kind, DecisionRecord.kind).label("kind"),
            func.coalesce(CaseFile.case_kind.in_(CERTIFICATES), False).label("urgent"),
        )
        .outerjoin(CaseFile, CaseFile.entry_id == Entry.id)
        .outerjoin(Roster, Roster.id == Entry.roster_id)
        .outerjoin(DecisionRecord, and_(DecisionRecord.entry_id == Entry.id, current()))
        .where(*where)
        .subquery("cases")
    )


async def entries_of(session: AsyncSession, submission_id: UUID) -> Sequence[UUID]:
    """The entries that a submission made, in the order of its rows."""
    query = (
        select(Entry.id)
        .join(Roster, Roster.id == Entry.roster_id)
        .where(Roster.submission_id == submission_id)
        .order_by(Entry.row_no, Entry.id)
    )
    return (await session.scalars(query)).all()
