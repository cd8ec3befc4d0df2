"""One request or one job: all of its writes commit together at the end, or none do.

What must happen on a node happens after the commit and before the answer; when it fails, its compensation runs in a
transaction of its own and the failure becomes the answer. No network call is ever made inside a transaction.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from rookery.panel.activity.models import ActivityLog, ActivitySubject
from rookery.panel.db.base import Base
from rookery.panel.db.engine import Sessions
from rookery.protocol.problems import Problem

log = structlog.get_logger()
MORPHS = {
    "allocations": "allocation",
    "api_keys": "api_key",
    "backups": "backup",
    "databases": "database",
    "eggs": "egg",
    "egg_variables": "egg_variable",
    "schedules": "schedule",
    "servers": "server",
    "user_ssh_keys": "ssh_key",
    "tasks": "task",
    "users": "user",
}
"""Table to the wire's name of a subject."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does the work: a user, or the system with `user_id` None."""

    user_id: int | None = None
    ip: str = "127.0.0.1"
    api_key_id: int | None = None


Step = Callable[[], Awaitable[Any]]
Compensation = Callable[["Work"], Awaitable[None]]


@dataclass(slots=True)
class Work:
    """The transaction, who acts, when, and what follows the commit."""

    db: AsyncSession
    sessions: Sessions
    actor: Actor = Actor()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _steps: list[tuple[Step, Compensation | None]] = field(default_factory=list)
    _records: list[tuple[ActivityLog, list[tuple[str, Base, int | None]]]] = field(default_factory=list)

    def add(self, row: Base) -> None:
        """Write a new row with the rest."""
        self.db.add(row)

    def record(self, event: str, *subjects: Base, **properties: Any) -> None:
        """Write an activity about `subjects` in the same transaction."""
        entry = ActivityLog(
            event=event,
            ip=self.actor.ip,
            actor_type="user" if self.actor.user_id else None,
            actor_id=self.actor.user_id,
            api_key_id=self.actor.api_key_id,
            properties=properties or [],
            timestamp=self.now,
        )
        # Rows that exist keep their number here: after a rollback it could not be read any more.
        self._records.append((entry, [(MORPHS[row.__tablename__], row, _number(row)) for row in subjects]))

    def call(self, step: Step, *, otherwise: Compensation | None = None) -> None:
        """Do `step` after the commit; when it fails, do `otherwise` and let the failure be the answer."""
        self._steps.append((step, otherwise))

    async def outside(self, step: Step) -> Any:
        """Do a step on the network now, with no transaction open; what was written so far is committed first.

        For actions whose record is written only when they worked.
        """
        await self.db.commit()
        return await step()

    async def commit(self) -> None:
        """Commit, then carry out the steps in order.

        Raises:
            Problem: a step failed; its compensation has run.
        """
        await self._write_records()
        await self.db.commit()
        steps, self._steps = self._steps, []
        for step, otherwise in steps:
            try:
                await step()
            except Problem:
                if otherwise is not None:
                    await self._compensate(otherwise)
                raise

    async def keep_records(self) -> None:
        """Write the noted activities alone, after everything else was rolled back."""
        self._steps = []
        await self._write_records()
        await self.db.commit()

    def forget(self) -> None:
        """Drop what was noted, after a rollback."""
        self._steps, self._records = [], []

    async def _write_records(self) -> None:
        records, self._records = self._records, []
        if not records:
            return
        self.db.add_all([entry for entry, _ in records])
        await self.db.flush()
        for entry, subjects in records:
            for kind, row, number in subjects:
                self.db.add(
                    ActivitySubject(activity_log_id=entry.id, subject_type=kind, subject_id=number or _number(row))
                )

    async def _compensate(self, otherwise: Compensation) -> None:
        async with self.sessions() as session:
            undo = Work(session, self.sessions, self.actor, self.now)
            await otherwise(undo)
            await undo.commit()


def _number(row: Base) -> int | None:
    found: int | None = row.id  # type: ignore[attr-defined]  # every subject has one
    return found
