"""Handing a refusal over, asking for its review, answering (RO-75). Nothing of it touches the entry or a deferment."""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from roster import lists
from roster.reference.service import working_calendar
from roster.remedies import queries
from roster.remedies.models import RefusalService, ReviewRequest
from roster.remedies.rules import Answer, Bearer, Receiver, RefusalState, days_late, may_answer, remedy_on
from roster.remedies.rules import request_deadline as deadline_of
from roster.remedies.schemas import (
    SORTS,
    AnswerIn,
    RefusalDetail,
    RefusalOut,
    RefusalPage,
    RemedyOut,
    RequestIn,
    RequestOut,
    ServiceIn,
)
from roster.review.models import DecisionRecord
from shared import audit, clock, cursors, preconditions
from shared.deadlines import StepOut
from shared.ids import mask_id
from shared.law import rule
from shared.principals import Principal
from shared.problems import FOUR_EYES, INVALID_CONTENT, NOT_FOUND, Fault, ProblemType

REQUESTED = ProblemType(
    "review_requested",
    409,
    "已申請複核（以一次為限），送達紀錄不得再變更",
    "Review was asked for already, which is once",
)
NOT_SERVED = ProblemType(
    "refusal_not_served", 409, "尚無送達紀錄，請先登錄送達日期", "Not handed over yet: record the day of receipt first"
)
ANSWERED = ProblemType(
    "review_answered", 409, "複核申請已答覆或尚未申請", "There is no request that waits for an answer"
)
NOT_YOUR_HAND = ProblemType(
    "not_your_hand", 403, "僅得登錄由本機關交付之送達", "Only what your own organisation handed over can be recorded"
)

# The county's officer, the township and the school may record at once; no row is there yet that all could lock.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('refusal:' || :decision, 0))")
_COLUMNS = {
    "school": DecisionRecord.school_code,
    "county": DecisionRecord.county_code,
    "township": DecisionRecord.township_code,
}


def _own(caller: Principal) -> tuple[Any, ...]:
    """The organisation's own: the first filter, with row-level security behind it."""
    return (_COLUMNS[caller.org.type] == caller.org.code,)


@rule("RO-75")
async def list_refusals(
    session: AsyncSession,
    caller: Principal,
    *,
    state: RefusalState | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> RefusalPage:
    """The organisation's refusals, by default those whose last day to ask for review comes first at the top."""
    rows = queries.refusals(*_own(caller))
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("refusals", state),
        where=() if state is None else (rows.c.state == state,),
        nullable=("school_code",),
    )
    return RefusalPage(items=[RefusalOut(**_shown(caller, row)) for row in found], next_cursor=next_cursor)


async def get_refusal(session: AsyncSession, caller: Principal, decision_id: UUID) -> RefusalDetail:
    """One refusal with its remedy and the explanation of its last day; raises 404."""
    row = await _row(session, caller, decision_id)
    steps: tuple[Any, ...] = ()
    if row["served_on"] is not None:
        calendar = await working_calendar(session)
        steps = deadline_of(row["served_on"], calendar, row["county_code"]).steps
    remedy = remedy_on(row["decided_on"])
    return RefusalDetail(
        **_shown(caller, row),
        remedy=RemedyOut(
            days=remedy.days,
            text=remedy.text,
            text_en=remedy.text_en,
            citations=[citation.as_dict() for citation in remedy.citations],
        ),
        steps=[StepOut.of(step) for step in steps],
    )


async def _row(session: AsyncSession, caller: Principal, decision_id: UUID) -> RowMapping:
    rows = queries.refusals(*_own(caller))
    found = await session.execute(select(rows).where(rows.c.id == decision_id))
    row = found.mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return row


def _shown(caller: Principal, row: RowMapping) -> dict[str, Any]:
    county = caller.org.type == "county"
    values = {name: row[name] for name in RefusalOut.model_fields if name in row}
    request = None
    if row["received_on"] is not None:
        request = RequestOut(
            **{name: row[name] for name in RequestOut.model_fields if name in row and name != "request_until"}
            | {"request_until": row["asked_until"], "answer_reason": row["answer_reason"] if county else None}
        )
    whole = caller.org.type in ("school", "county")
    return values | {
        "national_id": row["national_id"] if whole else mask_id(row["national_id"]),
        "version": _version(row),
        "request": request,
    }


def _version(row: RowMapping) -> int:
    version: int = row["records"] + row["request_version"]
    return version


async def _held(session: AsyncSession, caller: Principal, decision_id: UUID, seen: int) -> RowMapping:
    """The refusal as it stands; who else records something of it waits. Raises 404, 412."""
    await _row(session, caller, decision_id)
    await session.execute(_LOCK, {"decision": str(decision_id)})
    row = await _row(session, caller, decision_id)
    preconditions.require(seen, _version(row))
    return row


@rule("RO-75", "RO-47")
async def record_service(
    session: AsyncSession, caller: Principal, decision_id: UUID, seen: int, body: ServiceIn
) -> RefusalDetail:
    """Record that the refusal reached the man: from that day he may ask for review.

    Township and school record what they handed over themselves, the county what either told it. A later record takes
    the place of an earlier one until review is asked for. Raises 404; 412; 403 `not_your_hand`; 409 once review was
    asked for; 422 for a day before the decision or in the future.
    """
    row = await _held(session, caller, decision_id, seen)
    if caller.org.type != "county" and body.handed_over_by != Bearer(caller.org.type):
        raise NOT_YOUR_HAND()
    if row["received_on"] is not None:
        raise REQUESTED()
    _require_day(body.served_on, row["decided_on"], "served_on")
    deadline = deadline_of(body.served_on, await working_calendar(session), row["county_code"])
    record = RefusalService(
        decision_id=decision_id,
        no=row["records"] + 1,
        **_whose(row),
        handed_over_by=body.handed_over_by,
        manner=body.manner,
        served_on=body.served_on,
        request_until=deadline.due,
        provisional=deadline.provisional,
        recorded_by=caller.sub,
        recorded_org_type=caller.org.type,
    )
    session.add(record)
    await session.flush()
    await audit.record(session, "refusal.served", "decision", decision_id, body.model_dump(mode="json"))
    return await get_refusal(session, caller, decision_id)


@rule("RO-75", "RO-47")
async def request_review(
    session: AsyncSession, caller: Principal, decision_id: UUID, seen: int, body: RequestIn
) -> RefusalDetail:
    """Record the man's request, on the day the authority received it; a late one too, marked so. It suspends nothing.

    Raises 404; 412; 409 before the refusal was handed over and for a second request; 422 for a day before it was
    handed over or in the future.
    """
    row = await _held(session, caller, decision_id, seen)
    if row["received_on"] is not None:
        raise REQUESTED()
    if row["served_on"] is None:
        raise NOT_SERVED()
    _require_day(body.received_on, row["served_on"], "received_on")
    late = days_late(body.received_on, row["request_until"])
    request = ReviewRequest(
        decision_id=decision_id,
        **_whose(row),
        version=1,
        received_on=body.received_on,
        received_by=Receiver(caller.org.type),
        recorded_by=caller.sub,
        request_until=row["request_until"],
        days_late=late,
    )
    session.add(request)
    await session.flush()
    told = {"received_on": body.received_on.isoformat(), "days_late": late}
    await audit.record(session, "review.requested", "decision", decision_id, told)
    return await get_refusal(session, caller, decision_id)


@rule("RO-75", "RO-47")
async def answer_request(
    session: AsyncSession, approver: Principal, decision_id: UUID, seen: int, body: AnswerIn
) -> RefusalDetail:
    """Answer a request for review; `granted` is followed by the correction of the refusal (RO-52), which this is not.

    Raises 404; 412; 409 without a request that waits; 403 `four_eyes` for who recorded it; 422 for a late request that
    is answered otherwise than `inadmissible`.
    """
    row = await _held(session, approver, decision_id, seen)
    request = await session.get(ReviewRequest, decision_id, with_for_update=True)
    if request is None or request.answer is not None:
        raise ANSWERED()
    if request.recorded_by == approver.sub:
        raise FOUR_EYES()
    if not may_answer(body.answer, row["days_late"]):
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    "request_late",
                    "逾期之複核申請應不受理；處分確有錯誤者，得另以更正處分辦理。",
                    "A late request is inadmissible; a refusal that was wrong can be corrected all the same.",
                    pointer="/answer",
                    suggestion=Answer.INADMISSIBLE.value,
                )
            ]
        )
    request.answer, request.answer_number = body.answer, body.answer_number
    request.answer_reason, request.answered_on, request.answered_by = body.answer_reason, clock.today(), approver.sub
    request.version += 1
    await session.flush()
    await audit.record(session, "review.answered", "decision", decision_id, body.model_dump(mode="json"))
    return await get_refusal(session, approver, decision_id)


def _whose(row: RowMapping) -> dict[str, str]:
    return {name: row[name] for name in ("county_code", "school_code", "township_code")}


def _require_day(day: Any, first: Any, field: str) -> None:
    if not first <= day <= clock.today():
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    "day_impossible",
                    f"日期須在{first.isoformat()}至今日之間",
                    f"The day must lie between {first.isoformat()} and today",
                    pointer=f"/{field}",
                )
            ]
        )
