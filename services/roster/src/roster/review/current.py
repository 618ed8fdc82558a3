"""Which of an entry's decisions stands (RO-52): the one that nothing corrects."""

from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import aliased

from roster.review.models import DecisionRecord
from shared.law import rule


@rule("RO-52")
def current(at: datetime | None = None) -> ColumnElement[bool]:
    """The condition on decisions: nothing corrects it, or nothing did at `at`; an entry has one such at the most."""
    newer = aliased(DecisionRecord)
    corrected = select(1).where(newer.corrects == DecisionRecord.id)
    if at is not None:
        corrected = corrected.where(newer.decided_at <= at)
    return ~corrected.exists()
