"""Entries as the deciding county is shown them now, as JSON that the database writes (docs/adr/0066).

The same as `service.show.entry_out` for a county and for now; a property test holds the two together. What only this
program knows is left out and put in front by `completed`: the national ID, which is encrypted, and the township's name.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    FromClause,
    Label,
    LargeBinary,
    ScalarSelect,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from roster.deferments.models import Deferment
from roster.hints.models import HintRow
from roster.intake.rules import RosterKind
from roster.registry.models import RegistryFact
from roster.remedies.rules import remedies
from roster.review import queries
from roster.review.current import current
from roster.review.models import BatchEntry, DecisionRecord
from roster.review.rules import BatchState, Decision, EntryState
from roster.review.schemas import CorrectionOut, DecisionOut, DefermentOut, DraftOut, EntryOut, ReturnedOut
from shared import crypto
from shared.ids import mask_id
from shared.places import TOWNSHIPS

_PUT_IN = ("national_id", "township")
_UNTOUCHED = DraftOut().model_dump_json()
# The remedies that the law has known, each with its first day; their number changes with the law, the statement not.
_REMEDY_DAYS, _REMEDY_TEXTS = bindparam("remedy_days", type_=ARRAY(Date)), bindparam("remedy_texts", type_=ARRAY(Text))
_TOWNSHIPS = {code: township.name.encode() for code, township in TOWNSHIPS.items()}
_TODAY = bindparam("today", type_=Date)


def values(today: date) -> dict[str, Any]:
    """What the statements of `as_json` take of their own."""
    days, texts = zip(*remedies(), strict=True)
    return {"today": today, "remedy_days": days, "remedy_texts": texts}


def as_json(entry: FromClause) -> tuple[Label[Any], ...]:
    """The columns that `completed` reads, of rows that hold an entry's columns and its roster's `proposed_number`."""
    cells = entry.c
    gone = _is_one_of(cells.state, queries.GONE)
    drafted = case(
        (_is_one_of(cells.state, (EntryState.IN_REVIEW, EntryState.ON_HOLD)), cells.proposed_number), else_=null()
    )
    of_county = {
        "latest_deferment": _latest_deferment(entry),
        "registry": _registry(entry),
        "draft": _draft(cells.officer_draft, drafted),
        "returned": _returned(entry),
        "approver_draft": _draft(cells.approver_draft, None),
        "correction": _correction(entry),
    }
    special: dict[str, ColumnElement[Any]] = {
        "hints": _hints(entry),
        "decision": _decision(entry),
        **{name: case((gone, null()), else_=value) for name, value in of_county.items()},
    }
    shown = select(
        *(
            (special[name] if name in special else cells[name] if name in cells else null()).label(name)
            for name in EntryOut.model_fields
            if name not in _PUT_IN
        )
    ).correlate(entry)
    return (
        # As bytes: nobody reads them on their way out.
        func.convert_to(cast(_object(shown), Text), "UTF8", type_=LargeBinary).label("shown"),
        cells.national_id.label("sealed_id"),
        cells.township_code.label("lives_in"),
        gone.label("gone"),
    )


def completed(row: Mapping[Any, Any]) -> bytes:
    """One entry as JSON in UTF-8, of a row of `as_json`."""
    man = crypto.ring().decrypt(row["sealed_id"], "entry.national_id")
    if row["gone"]:
        man = mask_id(man.decode()).encode()
    # Neither an ID nor a township's name holds anything that JSON escapes.
    return b'{"national_id":"%b","township":"%b",%b' % (man, _TOWNSHIPS[row["lives_in"]], row["shown"][1:])


def _is_one_of(cell: ColumnElement[str], states: Iterable[str]) -> ColumnElement[bool]:
    # IN with a list is compiled anew with each list.
    return or_(*(cell == state for state in states))


def _object(row: Select[Any]) -> ScalarSelect[Any]:
    """A row as a JSON object; none: null."""
    of = row.subquery()
    return select(func.row_to_json(of.table_valued())).scalar_subquery()


def _instant(at: ColumnElement[Any], zone: str) -> ColumnElement[Any]:
    """As Python writes it: the fraction whole, or none. PostgreSQL's own form leaves out a fraction's last zeros."""
    written = func.to_char(func.timezone("UTC", at), 'YYYY-MM-DD"T"HH24:MI:SS.US')
    return func.replace(written, ".000000", "", type_=Text).concat(zone)


def _hints(entry: FromClause) -> ColumnElement[Any]:
    body: ColumnElement[Any] = HintRow.body.op("-", return_type=JSONB)(literal("visible_to_school", Text))
    found = select(func.json_agg(aggregate_order_by(body, HintRow.position))).where(HintRow.set_id == entry.c.hint_set)
    return func.coalesce(found.correlate(entry).scalar_subquery(), func.json_build_array())


def _draft(stored: ColumnElement[Any], proposed: ColumnElement[Any] | None) -> ColumnElement[Any]:
    draft: ColumnElement[Any] = cast(literal(_UNTOUCHED), JSONB)
    if proposed is not None:
        # Before what is stored, so that a number that was chosen stands, and a roster is looked up once.
        draft = draft.op("||", return_type=JSONB)(func.jsonb_build_object("decision_number", proposed))
    # None is stored as JSON's null too.
    return case((func.jsonb_typeof(stored) == "object", draft.op("||", return_type=JSONB)(stored)), else_=null())


def _named(model: Any, table: FromClause, **special: ColumnElement[Any]) -> list[Label[Any]]:
    return [(special[name] if name in special else table.c[name]).label(name) for name in model.model_fields]


def _decision(entry: FromClause) -> ColumnElement[Any]:
    record = DecisionRecord
    known = func.unnest(_REMEDY_DAYS, _REMEDY_TEXTS).table_valued("since", "text", name="remedy").render_derived()
    remedy = select(known.c.text).where(known.c.since <= record.decided_on).order_by(known.c.since.desc()).limit(1)
    refused = and_(record.decision == Decision.REJECTED, record.kind != RosterKind.CESSATION)
    found = select(
        *_named(
            DecisionOut,
            record.__table__,
            remedy=case((refused, remedy.correlate(record).scalar_subquery()), else_=null()),
        )
    )
    return _object(found.where(record.entry_id == entry.c.id, current()).correlate(entry))


def _latest_deferment(entry: FromClause) -> ColumnElement[Any]:
    its = Deferment
    active = and_(its.revoked_on.is_(None), its.deferred_from <= _TODAY, its.deferred_until >= _TODAY)
    found = select(*_named(DefermentOut, its.__table__, active=active))
    found = found.where(its.national_id_index == entry.c.national_id_index).correlate(entry)
    return _object(found.order_by(its.created_at.desc(), its.id).limit(1))


def _registry(entry: FromClause) -> ColumnElement[Any]:
    fact = RegistryFact.__table__
    told = func.jsonb_build_object("known", fact.c.known, "as_of", _instant(fact.c.as_of, "+00:00"))
    found = select(fact.c.facts.op("||", return_type=JSONB)(told))
    return found.where(fact.c.entry_id == entry.c.id).correlate(entry).scalar_subquery()


def _returned(entry: FromClause) -> ColumnElement[Any]:
    left = BatchEntry.__table__
    found = select(
        *_named(
            ReturnedOut,
            left,
            returned_at=_instant(left.c.left_at, "Z"),
            returned_by=left.c.left_by,
            approver_draft=_draft(left.c.approver_draft, None),
        )
    )
    found = found.where(left.c.entry_id == entry.c.id, left.c.left_as == BatchState.RETURNED).correlate(entry)
    return _object(found.order_by(left.c.left_at.desc()).limit(1))


def _correction(entry: FromClause) -> ColumnElement[Any]:
    cells = entry.c
    stated = {
        "corrects": cells.corrects,
        "reason_for_correction": cells.correction_reason,
        "taken_up_by": cells.correction_by,
    }
    pairs = [part for name in CorrectionOut.model_fields for part in (literal(name, Text), stated[name])]
    return case((cells.corrects.is_not(None), func.json_build_object(*pairs)), else_=null())
