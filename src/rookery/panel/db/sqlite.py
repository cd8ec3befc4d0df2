"""SQLite's driver with one trip to its thread per statement.

The stock cursor is opened, executed, read and closed in four trips, and each wakes two threads; those trips were more
than a third of what a page of the client API costs.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Self

import aiosqlite


class OneTripCursor:
    """What SQLAlchemy needs of a cursor: rows are read where the statement runs, and kept."""

    arraysize = 1

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:
        """Run one statement and read all it gives."""
        return await self._trip(lambda cursor: cursor.execute(sql, parameters))

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> Self:
        """Run a statement for each set of parameters."""
        return await self._trip(lambda cursor: cursor.executemany(sql, parameters))

    async def fetchall(self) -> list[Any]:
        """The rows, once."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing to close: the real cursor ended with its statement."""

    async def _trip(self, step: Callable[[sqlite3.Cursor], object]) -> Self:
        await self._connection._execute(self._run, step)  # type: ignore[no-untyped-call]  # noqa: SLF001  # the driver's own way to its thread
        return self

    def _run(self, step: Callable[[sqlite3.Cursor], object]) -> None:
        cursor = self._connection._conn.cursor()  # noqa: SLF001  # we are in the driver's thread here
        try:
            step(cursor)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else []
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


class OneTripConnection(aiosqlite.Connection):
    """A connection whose cursors make one trip."""

    def cursor(self) -> OneTripCursor:  # type: ignore[override]  # SQLAlchemy is the only caller
        """A cursor for one statement."""
        return OneTripCursor(self)


def connect(database: str, **options: Any) -> OneTripConnection:
    """A connection that opens when awaited, on a thread that does not keep the process."""
    connection = OneTripConnection(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # noqa: SLF001  # as SQLAlchemy does for the stock connection
    return connection
