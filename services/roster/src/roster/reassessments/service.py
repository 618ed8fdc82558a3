"""After an amendment: the undecided entries and past decisions that would be judged otherwise (RO-54)."""

from collections import Counter
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.limits import REGULATION_2018
from roster.hints.reassessing import Difference, Reassessed, reassess
from roster.reassessments.schemas import CountyCount, HintDifference, ReassessedEntry, ReassessmentIn, ReassessmentOut
from roster.review.schemas import HintOut
from shared import cursors
from shared.law import rule
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, Fault


@rule("RO-54")
async def look_again(session: AsyncSession, caller: Principal, body: ReassessmentIn) -> ReassessmentOut:
    """A part of the county's entries, or of all for the administrator, judged under the law of another day.

    Changes nothing. Raises 422 for a day before the oldest law known here, 400 for another search's cursor.
    """
    if body.as_of_law < REGULATION_2018:
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    "law_unknown",
                    f"本系統所存法規最早自{REGULATION_2018.isoformat()}起施行",
                    f"The oldest law known here is of {REGULATION_2018.isoformat()}",
                    pointer="/as_of_law",
                    suggestion=REGULATION_2018.isoformat(),
                )
            ]
        )
    bound = cursors.bound_to("reassessments", body.as_of_law, caller.org.type, caller.org.code)
    after = UUID(cursors.unseal(body.cursor, bound)["id"]) if body.cursor else None
    county = caller.org.type == "county"
    look = await reassess(session, caller.org.code if county else None, body.as_of_law, after, body.limit)
    undecided = Counter(one.entry.county_code for one in look.found if one.decision is None)
    decided = Counter(one.entry.county_code for one in look.found if one.decision is not None)
    return ReassessmentOut(
        as_of_law=body.as_of_law,
        looked_at=look.looked_at,
        remaining=look.remaining,
        undecided=undecided.total(),
        decided=decided.total(),
        counties=[
            CountyCount(county_code=code, undecided=undecided[code], decided=decided[code])
            for code in sorted(undecided.keys() | decided.keys())
        ],
        items=[_item(one) for one in look.found] if county else [],
        next_cursor=cursors.seal({"id": str(look.last)}, bound) if look.remaining else None,
    )


def _item(one: Reassessed) -> ReassessedEntry:
    entry, decision = one.entry, one.decision
    return ReassessedEntry(
        entry_id=entry.id,
        roster_id=entry.roster_id,
        school_code=entry.school_code,
        row_no=entry.row_no,
        state=entry.state,
        judged_as_of=one.day,
        decision_id=None if decision is None else decision.id,
        decision=None if decision is None else decision.decision,
        decision_number=None if decision is None else decision.decision_number,
        differences=[_difference(difference) for difference in one.differences],
    )


def _difference(one: Difference) -> HintDifference:
    told: Any = one.now or one.then
    return HintDifference(
        rule=told.rule,
        article=told.citations[0].as_dict(),
        law_version_then=None if one.then is None else one.then.law_version,
        law_version_now=None if one.now is None else one.now.law_version,
        then=None if one.then is None else HintOut.model_validate(one.then.as_dict(), extra="ignore"),
        now=None if one.now is None else HintOut.model_validate(one.now.as_dict(), extra="ignore"),
    )
