"""What the Panel does by itself: schedules and cleaning up. Any number of processes may run a clock at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog
from sqlalchemy import delete, update
from sqlalchemy.exc import SQLAlchemyError

from rookery.panel.activity.models import ActivityLog
from rookery.panel.backups.models import Backup
from rookery.panel.db.base import ENCRYPTER
from rookery.panel.mail.service import deliver, due_mails
from rookery.panel.panel import Panel
from rookery.panel.schedules.run import Runner
from rookery.panel.work import Work

log = structlog.get_logger()
T = TypeVar("T")
_TICK_SECONDS = 1.0
_CLEAN_SECONDS = 1800.0
_STALE_SECONDS = 30.0
_PARALLEL = 20
"""Tasks of schedules one process runs at once."""


class Clock:
    """Looks every second for what is due; `serve` runs until it is cancelled."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._slots = asyncio.Semaphore(_PARALLEL)
        self._running: set[asyncio.Task[None]] = set()
        self._taken: set[int] = set()
        self._mailing: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Tick until cancelled; what runs then is left to its lease."""
        ENCRYPTER.set(self._panel.encrypter)
        last_clean = last_stale = float("-inf")
        try:
            while True:
                started = time.monotonic()
                if started - last_clean >= _CLEAN_SECONDS:
                    last_clean = started
                    await self._guarded(self.clean)
                if started - last_stale >= _STALE_SECONDS:
                    last_stale = started
                    await self._guarded(self.end_forgotten)
                await self._guarded(self.tick)
                self._mail()
                await asyncio.sleep(max(_TICK_SECONDS - (time.monotonic() - started), 0.05))
        finally:
            for task in self._running:
                task.cancel()

    async def tick(self) -> None:
        """Begin the schedules that are due, and run the tasks that are."""
        await self._with_runner(Runner.begin_due)
        for number in await self._with_runner(Runner.due_runs):
            if number not in self._taken:
                self._taken.add(number)
                task = asyncio.create_task(self._run(number), name=f"schedule-task:{number}")
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def end_forgotten(self) -> None:
        """Free what a process that died left behind."""
        await self._with_runner(Runner.end_forgotten)

    def _mail(self) -> None:
        """Deliver beside everything else: a mail server may be slow."""
        if self._mailing is None or self._mailing.done():
            self._mailing = asyncio.create_task(self._guarded(self.deliver), name="mail")
            self._running.add(self._mailing)
            self._mailing.add_done_callback(self._running.discard)

    async def deliver(self) -> None:
        """Deliver the mails that are due."""
        async with self._panel.sessions() as session:
            await self._panel.refresh(session)
            for number in await due_mails(Work(session, self._panel.sessions)):
                await deliver(Work(session, self._panel.sessions), self._panel.settings, number)

    async def settle(self) -> None:
        """Wait until the tasks begun so far have ended."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, number: int) -> None:
        try:
            async with self._slots:
                await self._guarded(lambda: self._with_runner(lambda runner: runner.run(number)))
        finally:
            self._taken.discard(number)

    async def _with_runner(self, verb: Callable[[Runner], Awaitable[T]]) -> T:
        async with self._panel.sessions() as session:
            await self._panel.refresh(session)
            return await verb(self._panel.runner(Work(session, self._panel.sessions)))

    async def _guarded(self, step: Callable[[], Awaitable[object]]) -> None:
        """A step whose failure is logged and ends nothing else."""
        try:
            await step()
        except (SQLAlchemyError, OSError) as err:
            log.warning("the clock could not use the database", reason=str(err))
        except Exception as err:
            log.exception("a step of the clock failed unexpectedly", exc_info=err)

    async def clean(self) -> None:
        """Call backups and moves failed that nobody reported on, and delete old activity."""
        settings = self._panel.settings
        async with self._panel.sessions() as session:
            work = Work(session, self._panel.sessions)
            if settings.backup_prune_minutes > 0:
                before = work.now - timedelta(minutes=settings.backup_prune_minutes)
                await session.execute(
                    update(Backup)
                    .where(Backup.completed_at.is_(None), Backup.deleted_at.is_(None), Backup.created_at <= before)
                    .values(is_successful=False, completed_at=work.now, updated_at=work.now)
                )
            await self._panel.transfers(work).end_forgotten()
            if settings.activity_days > 0:
                before = work.now - timedelta(days=settings.activity_days)
                await session.execute(delete(ActivityLog).where(ActivityLog.timestamp <= before))
            await work.commit()
