"""Whom the decision of a batch is told: the school that filed it, or who else did (Art. 13, 16-1; docs/adr/0048)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from roster import event_types
from roster.intake.models import Roster
from roster.intake.rules import CaseKind, Reporter
from roster.review.models import Batch
from roster.review.rules import Decision
from shared import events, jobs
from shared.law import rule


@rule("RO-48", "RO-70", "RO-71", "RO-72")
async def tell(
    session: AsyncSession,
    batch: Batch,
    roster: Roster,
    data: event_types.BatchDecidedData,
    records: Sequence[dict[str, Any]],
) -> None:
    """Publish what was decided to whoever is to know; `records` are the decisions of the batch."""
    facts = data.model_dump()
    if roster.case_kind is None:
        await events.publish(session, event_types.BATCH_DECIDED, batch.id, data, priority=jobs.URGENT)
    elif roster.filer_type == Reporter.EDUCATION_AUTHORITY:
        notice = event_types.NoticeDecidedData(**facts, authority_code=roster.filer_code)
        await events.publish(session, event_types.NOTICE_DECIDED, batch.id, notice, priority=jobs.URGENT)
    elif roster.case_kind != CaseKind.VACATION_TRAINING:
        case = event_types.CaseDecidedData(**facts, case_kind=roster.case_kind, township_code=roster.filer_code)
        await events.publish(session, event_types.CASE_DECIDED, batch.id, case, priority=jobs.URGENT)
    else:
        of_batch = {name: facts[name] for name in event_types.BatchFacts.model_fields}
        towns = Counter(r["township_code"] for r in records if r["decision"] == Decision.APPROVED)
        for township, men in sorted(towns.items()):
            forwarded = event_types.TrainingForwardedData(
                **of_batch, township_code=township, headcount=men, decided_on=data.decided_on
            )
            await events.publish(session, event_types.TRAINING_FORWARDED, batch.id, forwarded, priority=jobs.URGENT)
