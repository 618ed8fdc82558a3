"""Telling the registry what was decided: annotations (RO-49) and the townships' reports (RO-51).

Delivered at least once; each event's id follows from the decision's, so that the registry applies it once. A man's
annotations are delivered in the order in which they were decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import and_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from roster.deferments.models import Deferment, DefermentChange
from roster.intake.models import Entry
from roster.intake.rules import RosterKind
from roster.registry.client import RegistryClient
from roster.registry.facts import Period, township_report
from roster.review.models import DecisionRecord
from roster.review.states import Decision
from shared import audit, jobs, purposes
from shared.db import Context, Database
from shared.law import rule

SOURCE: Final = "/roster"
CREATED: Final = "muster.roster.annotation.created.v1"
MODIFIED: Final = "muster.roster.annotation.modified.v1"
REPORTED: Final = "muster.roster.township_report.filed.v1"

# A decision's change of the deferment that it is about; of others that it ended or restored the registry is not told.
_ABOUT = and_(
    DefermentChange.decision_id == DecisionRecord.id, DefermentChange.deferment_id == DecisionRecord.deferment_id
)
_EARLIER = text(
    "SELECT EXISTS (SELECT 1 FROM deferment_change c JOIN deferment d ON d.id = c.deferment_id"
    " JOIN job j ON j.kind = 'registry.annotate' AND j.key = c.decision_id::text AND j.state <> 'done'"
    " WHERE d.national_id_index = :man AND c.decision_id <> :decision"
    " AND (c.at, c.deferment_version) < (:at, :version))"
)

_UNREPORTED = text(
    "SELECT EXISTS (SELECT 1 FROM job WHERE kind = 'registry.township_report' AND key = :decision AND state <> 'done')"
)


@dataclass(frozen=True, slots=True)
class Annotate:
    """The handler of annotations."""

    database: Database
    registry: RegistryClient

    @rule("RO-49")
    async def __call__(self, job: jobs.Job) -> None:
        """Deliver the annotation of one decision. Raises RetryLater while an earlier one of the same man waits."""
        decision_id = UUID(job.payload["decision_id"])
        async with self.database.transaction(Context.system("roster")) as session:
            await purposes.assume(session, "deliver", "decision", decision_id)
            event = await annotation_event(session, decision_id)
        await self.registry.send("/v1/annotations", event)
        await _delivered(self.database, job, "annotation.delivered", decision_id)


@dataclass(frozen=True, slots=True)
class ReportToTownship:
    """The handler of township reports."""

    database: Database
    registry: RegistryClient

    @rule("RO-51")
    async def __call__(self, job: jobs.Job) -> None:
        """Deliver the report of one decision, approved or rejected."""
        decision_id = UUID(job.payload["decision_id"])
        async with self.database.transaction(Context.system("roster")) as session:
            await purposes.assume(session, "deliver", "decision", decision_id)
            event = await township_event(session, decision_id)
        await self.registry.send("/v1/township-reports", event)
        await _delivered(self.database, job, "township_report.delivered", decision_id)


async def _delivered(database: Database, job: jobs.Job, action: str, decision_id: UUID) -> None:
    async with database.transaction(Context.system("roster")) as session:
        await audit.record(session, action, "decision", decision_id)
        await jobs.finish(session, job)


@rule("RO-49", "RO-50")
async def annotation_event(session: AsyncSession, decision_id: UUID) -> dict[str, Any]:
    """The CloudEvent that writes one decision's annotation; needs the purpose `deliver`.

    Number and date are the first decision's, or those that its correction gave it (RO-52); the decision's own stand
    under `decision`. The summary is
    whole, however long. Raises RetryLater while an earlier annotation of the man has not been delivered.
    """
    found = await session.execute(
        select(DecisionRecord, DefermentChange, Deferment)
        .join(DefermentChange, _ABOUT)
        .join(Deferment, Deferment.id == DefermentChange.deferment_id)
        .where(DecisionRecord.id == decision_id)
    )
    row = found.one_or_none()
    if row is None:
        raise jobs.GiveUp("the decision changed no deferment")
    decision, change, deferment = row
    waits = {
        "man": deferment.national_id_index,
        "decision": decision_id,
        "at": change.at,
        "version": change.deferment_version,
    }
    if await session.scalar(_EARLIER, waits):
        raise jobs.RetryLater("an earlier annotation of the same man has not been delivered")
    revoked_for = change.ended_reason
    if change.revoked_on is not None and revoked_for is None:
        # A release before migration 0007 wrote the change.
        revoked_for = await session.scalar(select(Entry.cessation_reason).where(Entry.id == decision.entry_id))
    data = {
        "action": change.annotation_action,
        "national_id": deferment.national_id,
        "county_code": decision.county_code,
        "school_code": deferment.school_code,
        "decision_number": change.decision_number or deferment.decision_number,
        "issued_on": _iso(change.issued_on or deferment.issued_on),
        "deferment_from": _iso(deferment.deferred_from),
        "deferment_until": _iso(change.until_after),
        "summary": change.summary,
        "revoked_on": _iso(change.revoked_on),
        "revoked_for": revoked_for,
        "liable_for_induction": change.liable_for_induction,
        "version": change.deferment_version,
        "decision": {
            "id": str(decision.id),
            "kind": decision.kind,
            "decision_number": decision.decision_number,
            "issued_on": _iso(decision.issued_on),
            "decided_on": _iso(decision.decided_on),
            "corrects": None if decision.corrects is None else str(decision.corrects),
        },
    }
    return _event(decision, CREATED if change.annotation_action == "create" else MODIFIED, "annotation", data)


@rule("RO-51")
async def township_event(session: AsyncSession, decision_id: UUID) -> dict[str, Any]:
    """The CloudEvent that reports one decision to the household's township; needs the purpose `deliver`.

    Raises RetryLater while the decision that it corrects has not been reported (RO-52).
    """
    found = await session.execute(
        select(DecisionRecord, Entry.national_id, Entry.name, Entry.village, DefermentChange, Deferment)
        .join(Entry, Entry.id == DecisionRecord.entry_id)
        .outerjoin(DefermentChange, _ABOUT)
        .outerjoin(Deferment, Deferment.id == DefermentChange.deferment_id)
        .where(DecisionRecord.id == decision_id)
    )
    row = found.one_or_none()
    if row is None:
        raise jobs.GiveUp("there is no such decision")
    decision: DecisionRecord = row.DecisionRecord
    if decision.corrects is not None and await session.scalar(_UNREPORTED, {"decision": str(decision.corrects)}):
        raise jobs.RetryLater("the decision that this one corrects has not been reported")
    change: DefermentChange | None = row.DefermentChange
    granted = None if change is None else Period(row.Deferment.deferred_from, change.until_after, change.revoked_on)
    data = township_report(
        national_id=row.national_id,
        name=row.name,
        county_code=decision.county_code,
        township_code=decision.township_code,
        village=row.village,
        kind=RosterKind(decision.kind),
        decision=Decision(decision.decision),
        decision_number=decision.decision_number,
        issued_on=decision.issued_on,
        decided_on=decision.decided_on,
        period=granted,
        corrects_number=decision.corrects_number,
    )
    return _event(decision, REPORTED, "township_report", data)


def _event(decision: DecisionRecord, name: str, role: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        # The same for every delivery of this decision, whatever becomes of the job.
        "id": str(uuid5(decision.id, role)),
        "source": SOURCE,
        "type": name,
        "subject": str(decision.id),
        "time": decision.decided_at.isoformat(),
        "datacontenttype": "application/json",
        "data": dict(data),
    }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
