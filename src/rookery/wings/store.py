"""The node's SQLite file: reports owed to the Panel and what users did here, until the Panel has them."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, path TEXT NOT NULL, body TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS activities (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT, server TEXT NOT NULL, event TEXT NOT NULL, metadata TEXT,
    ip TEXT, timestamp TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class OwedReport:
    """One message the Panel has not acknowledged; those of one `subject` are delivered in order."""

    id: int
    subject: str
    path: str
    body: Any


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One thing a user did; `timestamp` is RFC 3339 in UTC."""

    user: str | None
    server: str
    event: str
    metadata: dict[str, Any]
    ip: str
    timestamp: str
    id: int = 0


class Store:
    """Blocking; one connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA synchronous=NORMAL")
        columns = {row[1] for row in self._db.execute("PRAGMA table_info(activities)")}
        if columns and "metadata" not in columns:
            self._db.execute("ALTER TABLE activities RENAME TO activities_unreadable")
        self._db.executescript(_SCHEMA)

    def owe(self, subject: str, path: str, body: Any) -> None:
        """Keep a report until it is acknowledged."""
        with self._lock:
            self._db.execute(
                "INSERT INTO reports (subject, path, body, at) VALUES (?, ?, ?, ?)",
                (subject, path, json.dumps(body), time.time()),
            )

    def owed(self) -> list[OwedReport]:
        """The oldest report of each subject."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, subject, path, body FROM reports WHERE id IN (SELECT MIN(id) FROM reports GROUP BY subject)"
                " ORDER BY id LIMIT 100"
            ).fetchall()
        return [OwedReport(row[0], row[1], row[2], json.loads(row[3])) for row in rows]

    def counts(self) -> tuple[int, int]:
        """How many reports and how many rows of activity wait."""
        with self._lock:
            return tuple(
                self._db.execute("SELECT (SELECT COUNT(*) FROM reports), (SELECT COUNT(*) FROM activities)").fetchone()
            )

    def settle(self, report: OwedReport) -> None:
        """Forget a report that was acknowledged or refused for good."""
        with self._lock:
            self._db.execute("DELETE FROM reports WHERE id = ?", (report.id,))

    def record(self, row: ActivityRow) -> None:
        """Keep what a user did."""
        with self._lock:
            self._db.execute(
                "INSERT INTO activities (user, server, event, metadata, ip, timestamp) VALUES (?, ?, ?, ?, ?, ?)",
                (row.user, row.server, row.event, json.dumps(row.metadata), row.ip, row.timestamp),
            )

    def activities(self, *, sftp: bool, most: int) -> list[ActivityRow]:
        """The oldest rows of SFTP or of everything else."""
        comparison = "LIKE" if sftp else "NOT LIKE"
        with self._lock:
            rows = self._db.execute(
                f"SELECT user, server, event, metadata, ip, timestamp, id FROM activities"  # noqa: S608 - two constants
                f" WHERE event {comparison} 'server:sftp.%' ORDER BY id LIMIT ?",
                (most,),
            ).fetchall()
        return [ActivityRow(row[0], row[1], row[2], json.loads(row[3] or "{}"), row[4], row[5], row[6]) for row in rows]

    def forget(self, ids: Sequence[int]) -> None:
        """Delete activity rows, however many."""
        with self._lock:
            for at in range(0, len(ids), 500):
                self._delete(ids[at : at + 500])

    def _delete(self, ids: Iterable[int]) -> None:
        self._db.executemany("DELETE FROM activities WHERE id = ?", [(each,) for each in ids])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
