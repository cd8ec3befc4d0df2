"""Schedules of servers and their tasks."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rookery.panel.db.base import Base, BigId, Id, Timestamps, UtcTime


class Schedule(Timestamps, Base):
    """When something is done on a server."""

    __tablename__ = "schedules"
    __table_args__ = (Index(None, "is_active", "next_run_at"),)
    id: Mapped[Id]
    server_id: Mapped[int] = mapped_column(ForeignKey("servers.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(191))
    cron_day_of_week: Mapped[str] = mapped_column(String(191))
    cron_month: Mapped[str] = mapped_column(String(191))
    cron_day_of_month: Mapped[str] = mapped_column(String(191))
    cron_hour: Mapped[str] = mapped_column(String(191))
    cron_minute: Mapped[str] = mapped_column(String(191))
    is_active: Mapped[bool]
    is_processing: Mapped[bool]
    only_when_online: Mapped[bool] = mapped_column(default=False)
    last_run_at: Mapped[datetime | None] = mapped_column(UtcTime)
    next_run_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Task(Timestamps, Base):
    """One step of a schedule; `time_offset` in seconds after the step before."""

    __tablename__ = "tasks"
    __table_args__ = (Index(None, "schedule_id", "sequence_id"),)
    id: Mapped[Id]
    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedules.id", ondelete="CASCADE"))
    sequence_id: Mapped[int]
    action: Mapped[str] = mapped_column(String(191))
    payload: Mapped[str] = mapped_column(Text)
    time_offset: Mapped[int]
    is_queued: Mapped[bool]
    continue_on_failure: Mapped[bool] = mapped_column(default=False)


class TaskRun(Base):
    """A task that is owed: written with `is_queued`, gone when the task ended; `claimed_at` says somebody runs it."""

    __tablename__ = "task_runs"
    id: Mapped[BigId]
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), unique=True)
    due_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    manual: Mapped[bool] = mapped_column(default=False)
    """Started by a person: goes on although the schedule is not active."""
    claimed_at: Mapped[datetime | None] = mapped_column(UtcTime)
