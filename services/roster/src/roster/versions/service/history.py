"""What the histories of entries, rosters and deferments have in common: former states, who ended them, pages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.versions import queries
from roster.versions.models import History, RosterVersion
from roster.versions.past import Ids, stood, was
from roster.versions.rules import Act
from roster.versions.schemas import By, ChangeOut, ChangePage, FieldChange
from shared import cursors
from shared.db import Base, context_of
from shared.principals import Principal


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a row was from `since` until `until` (None: it is so now), and who ended it."""

    row: dict[str, Any]
    since: datetime
    until: datetime | None
    ended_by: By | None


def standing_at(found: Sequence[Stretch], instants: Iterable[datetime]) -> Iterator[list[Stretch]]:
    """For each of the `instants`, in order, the stretches (the oldest first) that cover it; each is looked at once."""
    standing: list[Stretch] = []
    begun = 0
    for at in instants:
        first_new = begun
        while begun < len(found) and found[begun].since <= at:
            begun += 1
        so_far = (*standing, *found[first_new:begun])
        standing = [stretch for stretch in so_far if stretch.until is None or at < stretch.until]
        yield standing


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
            # Nobody is known where a release before migration 0004 added hints and said not who did.
            told_of(principal, row["h_org_type"], row["h_org_code"], row["h_sub"]) if row["h_org_type"] else None,
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


def sender(principal: Principal, row: Mapping[str, Any], version: RosterVersion | None) -> By:
    """Whose file a version of the roster (or entry) `row` is: its school's, or who else filed it (docs/adr/0047).

    A release that kept no versions kept no account either.
    """
    org_type = row["filer_type"] or "school"
    org_code = row["filer_code"] if row["filer_type"] else row["school_code"]
    if version is None:
        return By(org_type=org_type, org_code=org_code, sub=None)
    return told_of(principal, org_type, org_code, version.received_by)


def made_by(version: RosterVersion) -> By | None:
    """The county whose transfer made the roster; its officer is told to no one who can read that roster (RO-29)."""
    code = queries.county_that_made(version)
    return None if code is None else By(org_type="county", org_code=code, sub=None)


def who_changed(*of_rows: Iterable[Stretch]) -> dict[datetime, By]:
    """Who acted at each instant at which any of these rows stopped being what it was."""
    return {s.until: s.ended_by for rows in of_rows for s in rows if s.until is not None and s.ended_by is not None}


async def who_changed_row(
    session: AsyncSession, principal: Principal, model: type[Base], row_id: UUID, instants: Iterable[datetime]
) -> dict[datetime, By]:
    """Who changed a row at which of the `instants`; what the row was then is not read."""
    found = await session.execute(
        select(History.valid_until, History.changed_org_type, History.changed_org_code, History.changed_by).where(
            History.table_name == model.__tablename__,
            History.row_id == row_id,
            History.valid_until.in_(list(instants)),
        )
    )
    return {at: told_of(principal, org_type, org_code, sub) for at, org_type, org_code, sub in found}


def change(at: datetime, by: By | None, action: Act, changes: Iterable[dict[str, Any]] = ()) -> ChangeOut:
    """One line of a history."""
    return ChangeOut(at=at, by=by, action=action, changes=[FieldChange(**one) for one in changes])


def told_before(session: AsyncSession, cursor: str | None, *bound: object) -> datetime | None:
    """The instant of the last line that was told on the page before; None: this page is the first."""
    return None if cursor is None else datetime.fromisoformat(cursors.unseal(cursor, _sealed_to(session, bound))["at"])


def page_of(session: AsyncSession, lines: Sequence[ChangeOut], limit: int, *bound: object) -> ChangePage:
    """A page of a history, which only ever grows at its end; `lines`: those after `told_before`, one more if any."""
    items = list(lines[:limit])
    more = cursors.seal({"at": items[-1].at.isoformat()}, _sealed_to(session, bound)) if len(lines) > limit else None
    return ChangePage(items=items, next_cursor=more)


def _sealed_to(session: AsyncSession, bound: tuple[object, ...]) -> str:
    context = context_of(session)
    return cursors.bound_to("history-at", *bound, context.org_type, context.org_code)
