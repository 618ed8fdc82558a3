"""Refusals with all that is recorded of them (RO-75)."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, case, func, literal, or_, select
from sqlalchemy.orm import aliased

from roster.intake.models import Entry
from roster.intake.rules import RosterKind
from roster.remedies.models import RefusalService, ReviewRequest
from roster.remedies.rules import RefusalState
from roster.review.models import DecisionRecord
from roster.review.states import Decision

# What has no last day yet sorts behind all that have one.
NO_DAY = date(9999, 12, 31)


def refusals(*own: ColumnElement[bool]) -> Subquery:
    """Refusals that stand, and those corrected since of which review was asked for, each with the last record of its
    handing over and its request. A refused cessation leaves the man deferred: it is none.
    """
    newer = aliased(RefusalService)
    last = (
        select(1)
        .where(newer.decision_id == RefusalService.decision_id, newer.no > RefusalService.no)
        .correlate(RefusalService)
    )
    correcting = aliased(DecisionRecord)
    corrected = select(1).where(correcting.corrects == DecisionRecord.id).exists()
    state = case(
        (ReviewRequest.answer.is_not(None), literal(RefusalState.ANSWERED.value)),
        (ReviewRequest.decision_id.is_not(None), literal(RefusalState.REVIEW_PENDING.value)),
        (RefusalService.decision_id.is_not(None), literal(RefusalState.DELIVERED.value)),
        else_=literal(RefusalState.UNDELIVERED.value),
    )
    columns: list[Any] = [
        DecisionRecord.id,
        DecisionRecord.id.label("decision_id"),
        DecisionRecord.entry_id,
        DecisionRecord.roster_id,
        DecisionRecord.kind,
        DecisionRecord.school_code,
        DecisionRecord.county_code,
        DecisionRecord.township_code,
        DecisionRecord.decision_number,
        DecisionRecord.issued_on,
        DecisionRecord.decided_on,
        Entry.village,
        Entry.national_id,
        Entry.name,
        RefusalService.handed_over_by,
        RefusalService.manner,
        RefusalService.served_on,
        RefusalService.request_until,
        RefusalService.provisional,
        RefusalService.recorded_at,
        func.coalesce(RefusalService.no, 0).label("records"),
        ReviewRequest.received_on,
        ReviewRequest.received_by,
        ReviewRequest.request_until.label("asked_until"),
        ReviewRequest.days_late,
        ReviewRequest.answer,
        ReviewRequest.answer_number,
        ReviewRequest.answer_reason,
        ReviewRequest.answered_on,
        func.coalesce(ReviewRequest.version, 0).label("request_version"),
        func.coalesce(RefusalService.request_until, NO_DAY).label("due_on"),
        corrected.label("corrected"),
        state.label("state"),
    ]
    return (
        select(*columns)
        .join(Entry, Entry.id == DecisionRecord.entry_id)
        .outerjoin(
            RefusalService,
            and_(RefusalService.decision_id == DecisionRecord.id, ~last.exists()),
        )
        .outerjoin(ReviewRequest, ReviewRequest.decision_id == DecisionRecord.id)
        .where(
            DecisionRecord.decision == Decision.REJECTED,
            DecisionRecord.kind != RosterKind.CESSATION,
            or_(~corrected, ReviewRequest.decision_id.is_not(None)),
            *own,
        )
        .subquery("refusals")
    )
