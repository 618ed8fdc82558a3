"""All men of a roster with what was decided on each, in one statement: the rows of `list_result_entries`, for reports.

The pages of JSON would ask the database once a thousand rows and build an object with checked members for each; here
the same select is read once, in the same order, and its encrypted IDs are opened by whoever takes the lot, where no
request waits for it (a thread).
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import LargeBinary, Text, cast, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from roster.results.service import men_of, readable
from roster.review.service.common import require_roster
from roster.review.states import Decision, EntryState
from shared import crypto
from shared.law import rule
from shared.principals import Principal

_LOT: Final = 2_000
_STATES: Final = {state.value: state for state in EntryState}
_DECISIONS: Final[dict[str | None, Decision | None]] = {None: None} | {one.value: one for one in Decision}
_SEALED_AS: Final = "entry.national_id"


class Man(msgspec.Struct, frozen=True, gc=False):
    """`ResultEntryOut` member by member, out of our own database and so not checked again; identifiers as text."""

    entry_id: str
    row_no: int
    national_id: str
    name: str
    student_no: str | None
    state: EntryState
    decision: Decision | None
    decided_on: date | None
    decision_number: str | None
    corrects_number: str | None
    issued_on: date | None
    deferment_until: date | None
    reason: str | None


Lot = Callable[[], Sequence[Man]]
"""Some men, once their IDs are opened: asks nobody, so that a thread may do it."""


@rule("RO-61")
async def stream_result_entries(
    session: AsyncSession, principal: Principal, roster_id: UUID
) -> AsyncGenerator[Lot, None]:
    """The men in the order of the school's file, some thousands at a time. Raises 404."""
    await require_roster(session, principal, roster_id)
    men = men_of(principal, roster_id).c
    query = (
        select(
            cast(men.id, Text), men.row_no, type_coerce(men.national_id, LargeBinary), men.name, men.student_no,
            men.state, men.decision, men.decided_on, men.decision_number, men.corrects_number, men.issued_on,
            men.deferment_until, men.reason, men.ground, men.ground_unseen,
        )
        .order_by(men.row_no, men.id)
        .execution_options(yield_per=_LOT)
    )  # fmt: skip
    rows = await session.stream(query)
    async for lot in rows.partitions():
        yield _later(principal, lot)


def _later(principal: Principal, lot: Sequence[Any]) -> Lot:
    def opened() -> Sequence[Man]:
        decrypt = crypto.ring().decrypt
        return [
            Man(
                entry_id, row_no, decrypt(sealed, _SEALED_AS).decode(), name, student_no, _STATES[state],
                _DECISIONS[decision], decided_on, number, corrects, issued_on, until,
                reason if reason is None or readable(principal, ground, unseen) else None,
            )
            for (
                entry_id, row_no, sealed, name, student_no, state, decision, decided_on, number, corrects, issued_on,
                until, reason, ground, unseen,
            ) in lot
        ]  # fmt: skip

    return opened
