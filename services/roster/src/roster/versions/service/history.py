"""What the histories of entries, rosters and deferments have in common: former states, who ended them, pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.versions.models import History
from roster.versions.past import Ids, stood, was
from roster.versions.rules import Act
from roster.versions.schemas import By, ChangeOut, ChangePage, FieldChange
from shared import cursors
from shared.auth import Principal
from shared.db import Base, context_of


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a row was from `since` until `until` (None: it is so now), and who ended it."""

    row: dict[str, Any]
    since: datetime
    until: datetime | None
    ended_by: By | None

    def covers(self, at: datetime) -> bool:
        """Whether the row was this at `at`."""
        return self.since <= at and (self.until is None or at < self.until)


async def stretches(session: AsyncSession, principal: Principal, model: type[Base], ids: Ids) -> list[Stretch]:
    """Every state of these rows, former and present, the oldest first; as far as row-level security shows them."""
    former = await session.execute(
        was(
            model,
            ids,
            History.valid_from.label("h_from"),
            History.valid_until.label("h_until"),
            History.changed_by.label("h_sub"),
            History.changed_org_type.label("h_org_type"),
            History.changed_org_code.label("h_org_code"),
        )
    )
    found = [
        Stretch(
            dict(row),
            row["h_from"],
            row["h_until"],
            told_of(principal, row["h_org_type"], row["h_org_code"], row["h_sub"]),
        )
        for row in former.mappings()
    ]
    present = await session.execute(select(stood(model, ids, None)))
    found += [Stretch(dict(row), row["changed_at"], None, None) for row in present.mappings()]
    return sorted(found, key=lambda stretch: stretch.since)


def told_of(principal: Principal, org_type: str, org_code: str, sub: str) -> By:
    """Who did something, as `principal` may know: the account of his own organisation's people only."""
    mine = (org_type, org_code) == (principal.org.type, principal.org.code)
    return By(org_type=org_type, org_code=org_code, sub=sub if mine else None)


def who_changed(*of_rows: Iterable[Stretch]) -> dict[datetime, By]:
    """Who acted at each instant at which any of these rows stopped being what it was."""
    return {s.until: s.ended_by for rows in of_rows for s in rows if s.until is not None and s.ended_by is not None}


def change(at: datetime, by: By | None, action: Act, changes: Iterable[dict[str, Any]] = ()) -> ChangeOut:
    """One line of a history."""
    return ChangeOut(at=at, by=by, action=action, changes=[FieldChange(**one) for one in changes])


def page_of(
    session: AsyncSession, lines: Sequence[ChangeOut], cursor: str | None, limit: int, *bound: object
) -> ChangePage:
    """A page of a history, which only ever grows at its end."""
    context = context_of(session)
    sealed_to = cursors.bound_to("history", *bound, context.org_type, context.org_code)
    start = 0 if cursor is None else int(cursors.unseal(cursor, sealed_to)["after"])
    end = start + limit
    more = cursors.seal({"after": end}, sealed_to) if end < len(lines) else None
    return ChangePage(items=list(lines[start:end]), next_cursor=more)
