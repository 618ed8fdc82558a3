"""The write-back preview: what deciding a batch now would do, by the plan that deciding itself carries out (RO-53)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.deferments import service as deferments
from roster.deferments.models import Deferment
from roster.deferments.rules import ANNOTATION_FIELDS, Annotation, AnnotationAction, DefermentAction
from roster.intake.models import Roster
from roster.registry.facts import Period, township_report
from roster.review import told
from roster.review.models import Batch
from roster.review.preview_schemas import (
    BatchPreview,
    PreviewAnnotation,
    PreviewCounts,
    PreviewEnding,
    PreviewEntry,
    PreviewField,
    PreviewReport,
    PreviewRestored,
)
from roster.review.rules import BATCH_TRANSITIONS, BatchAction, BatchState, Decision, Refusal, may_decide
from roster.review.schemas import Refused
from roster.review.service import common, numbers, plan_batch
from roster.review.service.plan_batch import Planned, Sound
from shared import clock, cursors
from shared.db import context_of
from shared.law import rule
from shared.principals import Principal
from shared.problems import FOUR_EYES, NOT_FOUND, ProblemType

_Values = Mapping[str, str | bool | None]
_FIELDS = ("county_code", "school_code", *ANNOTATION_FIELDS, "liable_for_induction")


@rule("RO-53")
async def preview_batch(
    session: AsyncSession, caller: Principal, batch_id: UUID, *, cursor: str | None, limit: int
) -> BatchPreview:
    """What `decide` would do with the batch now, for whoever of the county asks.

    Changes and holds nothing; what it says is as good as the moment it was asked. Raises 404; 409 `batch_closed` for
    a batch that can no longer be decided.
    """
    batch = await session.scalar(select(Batch).where(Batch.id == batch_id, *common.own_batches(caller)))
    roster = None if batch is None else await session.get(Roster, batch.roster_id)
    if batch is None or roster is None:
        raise NOT_FOUND()
    if (BatchState(batch.state), BatchAction.DECIDE) not in BATCH_TRANSITIONS:
        raise common.batch_closed(batch.state)
    today = clock.today()
    facts = await plan_batch.read_only(session, roster, batch, today)
    number = (await numbers.get_settings(session, batch.county_code)).next_number if facts.needs_number else None
    planned = plan_batch.plan(facts, number, today)
    page, next_cursor = _page(session, batch_id, planned, cursor, limit)
    held = await _Held.of(session, batch.county_code, facts, page)
    makers = await common.makers(session, batch)
    return BatchPreview(
        items=[_entry(one, held) for one in page],
        next_cursor=next_cursor,
        batch_id=batch.id,
        roster_id=batch.roster_id,
        kind=facts.kind,
        state=BatchState(batch.state),
        version=batch.version,
        decided_on=today,
        next_number=number,
        counts=_counts(planned),
        refusals=_refusals(caller, makers, planned),
    )


def _page(
    session: AsyncSession, batch_id: UUID, planned: Sequence[Planned], cursor: str | None, limit: int
) -> tuple[list[Planned], str | None]:
    """A page of the plan, which is made whole: whether the batch can be decided hangs on its last man too."""
    context = context_of(session)
    bound = cursors.bound_to("preview", batch_id, context.org_type, context.org_code)
    if cursor is not None:
        after = cursors.unseal(cursor, bound)
        place = (after["row"], UUID(after["id"]))
        planned = [one for one in planned if (one.row["row_no"], one.row["id"]) > place]
    page = list(planned[:limit])
    if len(planned) <= limit:
        return page, None
    last = page[-1].row
    return page, cursors.seal({"row": last["row_no"], "id": str(last["id"])}, bound)


@dataclass(frozen=True, slots=True)
class _Held:
    """What the registry holds of the men of a page, as far as this county told it."""

    county_code: str
    told: Mapping[bytes, RowMapping]
    versions: Mapping[UUID, int]
    deferments: Mapping[bytes, list[Deferment]]

    @classmethod
    async def of(
        cls, session: AsyncSession, county_code: str, facts: plan_batch.Facts, page: Sequence[Planned]
    ) -> "_Held":
        men = [one.row["national_id_index"] for one in page]
        ids = [deferment.id for man in men for deferment in facts.deferments.get(man, ())]
        return cls(
            county_code,
            await told.annotations(session, men),
            await told.newest_versions(session, ids),
            facts.deferments,
        )

    def before(self, index: bytes, sound: Sound) -> _Values | None:
        """The annotation before the decision; None for a man who has none.

        What another county told since is not seen: then it is the one that the rules of RO-49 go by.
        """
        last = self.told.get(index)
        # An ended deferment may have been given one version more, which ended it in our books only.
        seen = all(
            one.version <= self.versions.get(one.id, 0) + (one.revoked_on is not None)
            for one in self.deferments.get(index, ())
        )
        if last is not None and seen:
            return {name: _text(last[name]) for name in _FIELDS}
        found = sound.foreseen.effects.before
        if found is None:
            return None
        ours = sound.foreseen.standing.ours
        return {
            "county_code": None if ours is None else ours.county_code,
            "school_code": None if ours is None else ours.school_code,
            **_annotation(found),
            "liable_for_induction": None,
        }


def _annotation(annotation: Annotation) -> dict[str, str | None]:
    return {name: _text(getattr(annotation, name)) for name in ANNOTATION_FIELDS}


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _entry(planned: Planned, held: _Held) -> PreviewEntry:
    row, sound = planned.row, planned.sound
    shown: dict[str, Any] = {
        "entry_id": row["id"],
        "row_no": row["row_no"],
        "national_id": row["national_id"],
        "name": row["name"],
        "decision": planned.draft.decision,
        "decision_number": planned.draft.decision_number,
        "number_proposed": planned.number_allocated,
        "refusals": [_refused(refusal) for refusal in planned.refusals],
        "issued_on": None,
        "deferment_until": None,
        "deferment": None,
        "annotation": None,
        "ends": [],
        "restores": [],
        "township_report": None,
    }
    if sound is not None:
        shown |= {
            "issued_on": sound.man.decided.issued_on,
            "deferment_until": sound.man.decided.deferment_until,
            "deferment": sound.foreseen.effects.deferment,
            "annotation": _shown_annotation(sound, held),
            "ends": [
                PreviewEnding(
                    school_code=one.deferment.school_code,
                    decision_number=one.deferment.decision_number,
                    deferred_until=one.until,
                    revoked_on=one.revoked_on,
                    ended_reason=one.reason,
                )
                for one in _endings(sound)
            ],
            "restores": [
                PreviewRestored(
                    school_code=one.deferment.school_code,
                    decision_number=one.deferment.decision_number,
                    deferred_until=one.until,
                )
                for one in sound.foreseen.beside
                if one.revoked_on is None
            ],
            "township_report": _report(sound),
        }
    return PreviewEntry(**shown)


def _endings(sound: Sound) -> list[deferments.Ending]:
    """What ends beside the deferment that the decision is about, by it or by what it puts right."""
    put_right = [
        deferments.Ending(one.deferment, one.until, one.revoked_on, one.ended_reason)
        for one in sound.foreseen.beside
        if one.revoked_on is not None and one.ended_reason is not None
    ]
    return deferments.endings(sound.man, sound.foreseen) + put_right


@rule("RO-49", "RO-53")
def _shown_annotation(sound: Sound, held: _Held) -> PreviewAnnotation:
    caused, man = sound.foreseen.effects, sound.man
    before = held.before(man.entry["national_id_index"], sound)
    after = before
    if caused.annotation is not AnnotationAction.NONE:
        assert caused.after is not None
        ours = None if caused.deferment is DefermentAction.GRANT else sound.foreseen.standing.ours
        after = {
            "county_code": held.county_code,
            "school_code": man.school if ours is None else ours.school_code,
            **_annotation(caused.after),
            "liable_for_induction": caused.liable_for_induction,
        }
    if after is None:
        return PreviewAnnotation(action=caused.annotation, why=caused.why, fields=[])
    return PreviewAnnotation(
        action=caused.annotation,
        why=caused.why,
        fields=[
            PreviewField(
                field=name,
                before=None if before is None else before[name],
                after=after[name],
                change="created" if before is None else "kept" if before[name] == after[name] else "changed",
            )
            for name in _FIELDS
        ],
    )


def _report(sound: Sound) -> PreviewReport:
    man, books = sound.man, sound.foreseen.effects.books
    row, decided = man.entry, man.decided
    line = township_report(
        national_id=row["national_id"],
        name=row["name"],
        county_code=row["county_code"],
        township_code=row["township_code"],
        village=row["village"],
        kind=man.kind,
        decision=decided.decision,
        decision_number=decided.decision_number,
        issued_on=decided.issued_on,
        decided_on=decided.decided_on,
        period=None if books is None else Period(books.deferment_from, books.deferment_until, books.revoked_on),
        corrects_number=decided.corrects_number,
    )
    return PreviewReport.model_validate(line)


def _counts(planned: Sequence[Planned]) -> PreviewCounts:
    caused = [one.sound.foreseen.effects for one in planned if one.sound is not None]
    decisions = [one.draft.decision for one in planned if one.sound is not None]
    actions = [effects.annotation for effects in caused]
    return PreviewCounts(
        entries=len(planned),
        approved=decisions.count(Decision.APPROVED),
        rejected=decisions.count(Decision.REJECTED),
        refused=len(planned) - len(caused),
        annotations_created=actions.count(AnnotationAction.CREATE),
        annotations_modified=actions.count(AnnotationAction.MODIFY),
        annotations_untouched=actions.count(AnnotationAction.NONE),
        liable_for_induction=sum(effects.liable_for_induction for effects in caused),
    )


def _refusals(caller: Principal, makers: Collection[str], planned: Sequence[Planned]) -> list[Refused]:
    found: list[Refused] = []
    if "approver" in caller.roles and not may_decide(makers, caller.sub):
        found.append(_whole(FOUR_EYES, "submitted_by"))
    if any(one.refusals for one in planned):
        found.append(_whole(common.NOT_READY, "items"))
    return found


def _whole(kind: ProblemType, field: str) -> Refused:
    return Refused(code=kind.code, field=field, message=kind.title, message_en=kind.title_en)


def _refused(refusal: Refusal) -> Refused:
    return Refused(code=refusal.code, field=refusal.field, message=refusal.message, message_en=refusal.message_en)
