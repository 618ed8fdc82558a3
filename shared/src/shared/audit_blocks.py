"""What is hashed when audit rows are sealed: one row, one block, and the ids a block speaks of.

Anybody can compute it again, in any language. A *row* is one line of JSON, an array of ten:

    [id, at, sub, org_type, org_code, action, entity, entity_id, data, request_id]

`at` is the microseconds since 1970-01-01 UTC; `data` has its names sorted by code point, on every level, and its
numbers as PostgreSQL prints them; `request_id` may be null. UTF-8, no blanks; of a text only `"`, `\\` and what is
below U+0020 are escaped (`\\b \\t \\n \\f \\r`, else `\\u00xx` in lower case). The row's digest is SHA-256 of that.
Where `data` has more than 200 brackets it stands as the text that PostgreSQL prints, and an eleventh item is `"text"`.

A *block's* `rows_digest` is SHA-256 of its rows' digests one after the other, by id; its `digest` is SHA-256 of

    ["muster.audit.block.v1", service, number, previous, upto_id, row_count, ids, awaited, rows_digest, sealed_at]

with digests in lower-case hexadecimal, `ids` and `awaited` as arrays of `[first, after the last]`, and `previous` the
digest of the block before; the first has 32 zero bytes there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import audit_ranges as ranges
from shared.audit_ranges import Ranges

GENESIS = bytes(32)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# So many bytes of each row's digest stand in its block: they tell which row was changed, `rows_digest` that one was.
MARK = 8
# What is nested deeper than Python would follow must not stop the sealing.
_BRACKETS = 200

_DECODER = msgspec.json.Decoder(float_hook=msgspec.Raw)
_ENCODER = msgspec.json.Encoder(order="sorted")

# A time that no calendar of ours can hold was not written by us: it reads as none, and so as changed.
_AT = "CASE WHEN {0} BETWEEN '0001-01-01' AND '9999-12-31' THEN (extract(epoch FROM {0}) * 1000000)::bigint END"
ROW_COLUMNS = f"id, {_AT.format('at')}, sub, org_type, org_code, action, entity, entity_id, data::text, request_id"
BLOCK_COLUMNS = (
    "number, previous, upto_id, row_count, ids::text AS ids, awaited::text AS awaited, rows_digest, row_marks,"
    f" {_AT.format('sealed_at')} AS sealed_at, digest"
)
# Rows are read by id, a page at a time. Left to itself the planner may gather all that follow, for each page anew.
BY_ID = "set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true)"
_NEWEST = text(f"SELECT {BLOCK_COLUMNS} FROM audit_block ORDER BY number DESC LIMIT 1")  # noqa: S608
_ROWS = text(
    f"SELECT a.* FROM unnest(CAST(:firsts AS bigint[]), CAST(:ends AS bigint[])) AS r (first, after) CROSS JOIN LATERAL"  # noqa: S608
    f" (SELECT {ROW_COLUMNS} FROM audit_entry WHERE id >= r.first AND id < r.after ORDER BY id LIMIT :limit) AS a"
    " ORDER BY 1 LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class Block:
    """One sealed block. `upto_id`: no later block holds a smaller id, but for those that are still `awaited`.

    `awaited` are ids that were given out and not seen yet, because their transaction is still running or was rolled
    back. What is neither in a block nor awaited below `upto_id` will never be there.
    """

    service: str
    number: int
    previous: bytes
    upto_id: int
    row_count: int
    ids: Ranges
    awaited: Ranges
    rows_digest: bytes
    row_marks: bytes
    sealed_at: int | None
    digest: bytes = b""

    def computed(self) -> bytes:
        """The digest that this block must have."""
        content = [
            "muster.audit.block.v1", self.service, self.number, self.previous.hex(), self.upto_id, self.row_count,
            self.ids, self.awaited, self.rows_digest.hex(), self.sealed_at,
        ]  # fmt: skip
        return hashlib.sha256(_ENCODER.encode(content)).digest()

    def sealed(self) -> "Block":
        """The same with its digest."""
        return replace(self, digest=self.computed())


def row_line(row: Sequence[Any]) -> bytes:
    """The canonical line of one row as `ROW_COLUMNS` selects it."""
    values = list(row)
    data: str = values[8]
    if data.count("{") + data.count("[") > _BRACKETS:
        values.append("text")
    else:
        values[8] = _DECODER.decode(data)
    return _ENCODER.encode(values)


def row_digest(row: Sequence[Any]) -> bytes:
    """The digest of one row as `ROW_COLUMNS` selects it."""
    return hashlib.sha256(row_line(row)).digest()


def micros(at: datetime) -> int:
    """Microseconds since 1970-01-01 UTC."""
    return (at - EPOCH) // timedelta(microseconds=1)


async def rows_in(session: AsyncSession, ids: Ranges, limit: int) -> Sequence[Any]:
    """At most `limit` rows with one of `ids`, by id."""
    found = await session.execute(
        _ROWS, {"firsts": [first for first, _ in ids], "ends": [after for _, after in ids], "limit": limit}
    )
    return found.all()


async def newest_block(session: AsyncSession, service: str) -> Block | None:
    """The block with the highest number."""
    row = (await session.execute(_NEWEST)).one_or_none()
    return None if row is None else block_of(service, row)


def block_of(service: str, row: Any) -> Block:
    """A block as `BLOCK_COLUMNS` selects it."""
    return Block(
        service=service,
        number=row.number,
        previous=row.previous,
        upto_id=row.upto_id,
        row_count=row.row_count,
        ids=ranges.read(row.ids),
        awaited=ranges.read(row.awaited),
        rows_digest=row.rows_digest,
        row_marks=row.row_marks,
        sealed_at=row.sealed_at,
        digest=row.digest,
    )
