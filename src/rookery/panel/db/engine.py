"""Engine and sessions: SQLite by default, MariaDB and PostgreSQL by URL."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from rookery.panel.db import sqlite

Sessions = async_sessionmaker[AsyncSession]


def make_engine(url: str) -> AsyncEngine:
    """An engine for `url`; SQLite gets its write-ahead log, foreign keys and patience."""
    if not url.startswith("sqlite"):
        # Whoever waited for a row must see what the one before wrote, so no transaction reads an older state.
        return create_async_engine(
            url,
            pool_pre_ping=True,
            pool_recycle=1800,
            pool_size=10,
            max_overflow=20,
            isolation_level="READ COMMITTED",
        )
    engine = create_async_engine(url, connect_args={"timeout": 30, "async_creator_fn": sqlite.connect})

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def make_sessions(engine: AsyncEngine) -> Sessions:
    """Sessions whose objects stay readable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)
