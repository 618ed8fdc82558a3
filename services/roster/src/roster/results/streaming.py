"""All men of a roster with what was decided on each, in one statement: the rows of `list_result_entries`, for reports.

The pages of JSON would ask the database once a thousand rows and build an object with checked members for each; here
the same select is read once, in the same order, straight from the driver, and handed on column by column. Its encrypted
IDs are opened by whoever takes the lot, where no request waits for it (a thread).
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, cast, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.results.service import men_of, readable
from roster.review.service.common import require_roster
from roster.review.states import Decision, EntryState
from roster.words import word
from shared import crypto
from shared.csv_out import Value
from shared.law import rule
from shared.principals import Principal
from shared.statements import Statement, driver

_LOT: Final = 2_000
_STATES: Final = {state.value: word(state) for state in EntryState}
_DECISIONS: Final[dict[str | None, str | None]] = {None: None, **{one.value: word(one) for one in Decision}}
_SEALED_AS: Final = "entry.national_id"

Lot = Callable[[], Sequence[Sequence[Value]]]
"""The columns of some men, as `reports.result_entries` heads them: asks nobody, so that a thread may open the IDs."""


@rule("RO-61")
async def stream_result_entries(
    session: AsyncSession, principal: Principal, roster_id: UUID
) -> AsyncGenerator[Lot, None]:
    """The men in the order of the school's file, some thousands at a time. Raises 404."""
    await require_roster(session, principal, roster_id)
    men = men_of(principal, bindparam("roster_id", type_=Uuid())).c
    chosen = select(
        men.row_no, men.national_id, men.name, men.student_no, men.state, men.decision, men.decided_on,
        men.decision_number, men.corrects_number, men.issued_on, men.deferment_until, men.reason, men.ground,
        men.ground_unseen, cast(men.id, Text),
    )  # fmt: skip
    statement = Statement(chosen.order_by(men.row_no, men.id))
    async for lot in statement.lots(await driver(session), _LOT, roster_id=roster_id):
        yield partial(_columns, principal, lot)


def _columns(principal: Principal, lot: Sequence[Any]) -> Sequence[Sequence[Value]]:
    (
        row_nos, sealed, names, student_nos, states, decisions, decided_on, numbers, corrects, issued_on, until,
        reasons, grounds, unseen, ids,
    ) = zip(*lot, strict=True)  # fmt: skip
    decrypt = crypto.ring().decrypt
    told = zip(reasons, grounds, unseen, strict=True)
    return (
        row_nos,
        [decrypt(man, _SEALED_AS).decode() for man in sealed],
        names,
        student_nos,
        [_STATES[state] for state in states],
        [_DECISIONS[decision] for decision in decisions],
        decided_on,
        numbers,
        corrects,
        issued_on,
        until,
        [why if why is None or readable(principal, ground, hidden) else None for why, ground, hidden in told],
        ids,
    )
