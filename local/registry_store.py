"""The registry stand-in's store: one SQLite file, synchronised to disk before anything is acknowledged."""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS draftee (national_id TEXT PRIMARY KEY, facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL,
    national_id TEXT NOT NULL, event TEXT NOT NULL, received_at TEXT NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 1, UNIQUE (stream, source, id));
CREATE INDEX IF NOT EXISTS event_man ON event (stream, national_id, seq);
CREATE TABLE IF NOT EXISTS annotation (
    national_id TEXT PRIMARY KEY, content TEXT NOT NULL, seq INTEGER NOT NULL, changed_at TEXT NOT NULL);
"""
_BOOKKEEPING = frozenset({"action", "national_id"})


class Store:
    """Population, annotations and everything that was ever sent; JSON in, JSON out."""

    def __init__(self, file: Path) -> None:
        # The file holds national IDs: nobody but its owner reads it.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def put_draftees(
        self, rows: Iterable[Mapping[str, Any]], planted: Mapping[str, Mapping[str, Any]], at: str
    ) -> None:
        """Add or replace men by national ID, all or none; `planted` are annotations they already carry."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT INTO draftee VALUES (?, ?) ON CONFLICT DO UPDATE SET facts = excluded.facts",
                [(row["national_id"], json.dumps(row, ensure_ascii=False)) for row in rows],
            )
            for national_id, content in planted.items():
                self._annotate(national_id, content, self._next_seq(), at)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def draftees(self, national_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The known ones of `national_ids`."""
        rows = self._db.execute(
            "SELECT national_id, facts FROM draftee WHERE national_id IN (SELECT value FROM json_each(?))",
            (json.dumps(national_ids),),
        )
        return {national_id: json.loads(facts) for national_id, facts in rows}

    def annotations_of(self, national_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Their current annotations."""
        rows = self._db.execute(
            "SELECT national_id, content FROM annotation WHERE national_id IN (SELECT value FROM json_each(?))",
            (json.dumps(national_ids),),
        )
        return {national_id: json.loads(content) for national_id, content in rows}

    def keep(self, stream: str, national_id: str, event: Mapping[str, Any], at: str) -> bool:
        """Keep and apply an event once; False (and one more delivery counted) when it is known already.

        An annotation event's data is laid over the man's annotation as it is: the stand-in repairs nothing,
        so that a wrong field sent by the suite is seen here.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            kept = self._db.execute(
                "INSERT INTO event (stream, source, id, national_id, event, received_at) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (stream, source, id) DO UPDATE "
                "SET deliveries = deliveries + 1 RETURNING seq, deliveries",
                (stream, event["source"], event["id"], national_id, json.dumps(event, ensure_ascii=False), at),
            ).fetchone()
            new: bool = kept[1] == 1
            data = event["data"]
            if new and stream == "annotation" and data["action"] != "none":
                fields = {name: value for name, value in data.items() if name not in _BOOKKEEPING}
                before = self.annotations_of([national_id]).get(national_id, {})
                self._annotate(national_id, {**before, **fields}, kept[0], at)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return new

    def annotations(self, since: int, national_ids: Sequence[str] | None = None) -> dict[str, Any]:
        """Men with an annotation or any event about one, in the order of their last event or change."""
        rows = self._db.execute(
            "SELECT m.national_id, a.content, a.changed_at, max(m.seq) AS last FROM ("
            " SELECT national_id, seq FROM event WHERE stream = 'annotation'"
            " UNION ALL SELECT national_id, seq FROM annotation) m"
            " LEFT JOIN annotation a ON a.national_id = m.national_id"
            " WHERE ?1 IS NULL OR m.national_id IN (SELECT value FROM json_each(?1))"
            " GROUP BY m.national_id HAVING last > ?2 ORDER BY last",
            (None if national_ids is None else json.dumps(national_ids), since),
        ).fetchall()
        history = self._history([row[0] for row in rows])
        items = [
            {
                "national_id": national_id,
                "annotation": None if content is None else json.loads(content),
                "changed_at": changed_at,
                "history": history.get(national_id, []),
            }
            for national_id, content, changed_at, _last in rows
        ]
        return {"items": items, "next_cursor": str(rows[-1][3]) if rows else None}

    def township_reports(self, since: int) -> dict[str, Any]:
        """Every report, oldest first."""
        rows = self._db.execute(
            "SELECT seq, event, received_at, deliveries FROM event "
            "WHERE stream = 'township_report' AND seq > ? ORDER BY seq",
            (since,),
        ).fetchall()
        items = [{**_shown(event, at, deliveries)} for _seq, event, at, deliveries in rows]
        return {"items": items, "next_cursor": str(rows[-1][0]) if rows else None}

    def _history(self, national_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        history: dict[str, list[dict[str, Any]]] = {}
        for national_id, event, at, deliveries in self._db.execute(
            "SELECT national_id, event, received_at, deliveries FROM event WHERE stream = 'annotation' "
            "AND national_id IN (SELECT value FROM json_each(?)) ORDER BY seq",
            (json.dumps(national_ids),),
        ):
            history.setdefault(national_id, []).append(_shown(event, at, deliveries))
        return history

    def _annotate(self, national_id: str, content: Mapping[str, Any], seq: int, at: str) -> None:
        self._db.execute(
            "INSERT INTO annotation VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "content = excluded.content, seq = excluded.seq, changed_at = excluded.changed_at",
            (national_id, json.dumps(content, ensure_ascii=False), seq, at),
        )

    def _next_seq(self) -> int:
        # Planted annotations take their place in the same sequence, so that a cursor sees them too.
        self._db.execute("INSERT INTO sqlite_sequence SELECT 'event', 0 WHERE NOT EXISTS "
                         "(SELECT 1 FROM sqlite_sequence WHERE name = 'event')")  # fmt: skip
        self._db.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'event'")
        found: tuple[int] = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
        return found[0]


def _shown(event: str, received_at: str, deliveries: int) -> dict[str, Any]:
    whole = json.loads(event)
    return {
        "event_id": whole["id"],
        "source": whole["source"],
        "type": whole["type"],
        "time": whole.get("time"),
        "data": whole["data"],
        "received_at": received_at,
        "deliveries": deliveries,
    }
