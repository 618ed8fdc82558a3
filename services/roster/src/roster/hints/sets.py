"""Sets of hints: what many men of a roster have alike is made, named and stored once."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.hint import Hint
from roster.hints.models import HintRow
from roster.hints.subjects import Subject
from shared.bulk import insertion
from shared.law import rule


@dataclass(frozen=True, slots=True)
class HintSet:
    """The hints of an entry, in their order; `id` None: it has none.

    `bodies` are the hints as JSON, `rows` what is stored of them.
    """

    id: UUID | None
    bodies: list[dict[str, Any]]
    rows: list[dict[str, Any]] = field(repr=False)


class Sets:
    """The sets of some entries; those whose hints are alike get the same one."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], HintSet] = {}

    def of(self, entry: Subject, hints: tuple[Hint, ...]) -> HintSet:
        """The set of `hints` for an entry."""
        # Hints are equal when their values are. True equals 1: a value of a finding is therefore of one type always.
        alike = (entry.roster_id, hints)
        known = self._known.get(alike)
        if known is None:
            known = self._known[alike] = _made(entry, hints)
        return known


def _made(entry: Subject, hints: tuple[Hint, ...]) -> HintSet:
    bodies = [hint.as_dict() for hint in hints]
    if not bodies:
        return HintSet(None, [], [])
    # The name follows from the content (RFC 9562, 5.5): whoever finds the same again names the same set.
    name = uuid.uuid5(entry.roster_id, msgspec.json.encode(bodies).decode())
    rows = [
        {
            "set_id": name,
            "position": position,
            "roster_id": entry.roster_id,
            "school_code": entry.school_code,
            "county_code": entry.stated.county_code,
            "rule": hint.rule,
            "code": hint.code,
            "severity": hint.severity,
            "visible_to_school": hint.visible_to_school,
            "law_version": hint.law_version,
            "body": body,
        }
        for position, (hint, body) in enumerate(zip(hints, bodies, strict=True))
    ]
    return HintSet(name, bodies, rows)


@rule("RO-54")
async def store(session: AsyncSession, found: Iterable[HintSet]) -> None:
    """Store sets, each hint with its rule and the version of the law; those that are there already stay as they are.

    Whoever calls holds the lock of their rosters, or has just made these: no other transaction stores the same.
    """
    rows = [row for one in {one.id: one for one in found}.values() for row in one.rows]
    if rows:
        table = HintRow.__table__
        assert isinstance(table, Table)
        series = {name: [row[name] for row in rows] for name in rows[0]}
        await session.execute(insertion(table, {}, series, keep=True))
