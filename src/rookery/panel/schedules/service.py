"""Schedules and tasks as people write them: when, what, in which order. Source: Panel 1.11 client API, schedules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update

from rookery.panel.schedules.cron import parse
from rookery.panel.schedules.models import Schedule, Task
from rookery.panel.servers.limits import hold
from rookery.panel.servers.models import Server
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work
from rookery.protocol.problems import Conflict, Denied

CRON = ("minute", "hour", "day_of_month", "month", "day_of_week")
BACKUP = "backup"


class TooManyTasks(Conflict):
    """The schedule has as many tasks as one may have."""

    status = 400
    code = "ServiceLimitExceededException"


class NoBackups(Denied):
    """The server may have no backups, so no task can make one."""

    status = 403
    code = "HttpForbiddenException"

    def __init__(self) -> None:
        super().__init__("A backup cannot be a task, as this server may have no backups.")


@dataclass(frozen=True, slots=True)
class TaskDraft:
    """What a task is to be; `position` None is the last, or for a task that exists the one it has."""

    action: str
    payload: str
    time_offset: int
    continue_on_failure: bool
    position: int | None = None


def next_run(settings: PanelSettings, schedule: Schedule, now: datetime) -> datetime:
    """When a schedule runs next, in the zone of the installation.

    Raises:
        BadCron: it cannot be read, or never comes true.
    """
    cron = parse(*(getattr(schedule, f"cron_{name}") for name in CRON))
    return cron.next_after(now, ZoneInfo(settings.timezone))


def write(work: Work, settings: PanelSettings, schedule: Schedule, values: Mapping[str, Any]) -> None:
    """Take over name, times and switches of a schedule, a new one too; switching it on or off ends what it is doing.

    Raises:
        BadCron: the times cannot be read, or never come.
    """
    schedule.name = values["name"]
    for name in CRON:
        setattr(schedule, f"cron_{name}", values[name])
    if bool(schedule.is_active) != values["is_active"]:
        schedule.is_processing = False
    schedule.is_active = values["is_active"]
    schedule.only_when_online = values["only_when_online"]
    schedule.next_run_at = next_run(settings, schedule, work.now)
    schedule.updated_at = work.now


async def add_task(work: Work, settings: PanelSettings, server: Server, schedule: Schedule, draft: TaskDraft) -> Task:
    """A new task at its place; those after it move on.

    Raises:
        TooManyTasks: the schedule is full.
        NoBackups: see there.
    """
    await hold(work, server)
    mine = Task.schedule_id == schedule.id
    if (await work.db.scalar(select(func.count()).where(mine)) or 0) >= settings.schedule_task_limit:
        raise TooManyTasks(f"A schedule can have at most {settings.schedule_task_limit} tasks.")
    _check_action(server, draft)
    last = await work.db.scalar(select(func.max(Task.sequence_id)).where(mine)) or 0
    position = last + 1
    if draft.position is not None and draft.position <= last:
        position = draft.position
        await _move(work, schedule, position, None, +1)
    task = Task(schedule_id=schedule.id, sequence_id=position, is_queued=False, **_columns(draft))
    work.add(task)
    schedule.updated_at = work.now
    await work.db.flush()
    return task


async def change_task(work: Work, server: Server, schedule: Schedule, task: Task, draft: TaskDraft) -> None:
    """Overwrite a task; those between its old and its new place close up.

    Raises:
        NoBackups: see there.
    """
    _check_action(server, draft)
    old, new = task.sequence_id, draft.position or task.sequence_id
    if new < old:
        await _move(work, schedule, new, old - 1, +1)
    elif new > old:
        await _move(work, schedule, old + 1, new, -1)
    task.sequence_id = new
    for name, value in _columns(draft).items():
        setattr(task, name, value)
    task.updated_at = schedule.updated_at = work.now


async def remove_task(work: Work, schedule: Schedule, task: Task) -> None:
    """Delete a task; those after it move up."""
    await _move(work, schedule, task.sequence_id + 1, None, -1)
    await work.db.delete(task)
    schedule.updated_at = work.now


def _check_action(server: Server, draft: TaskDraft) -> None:
    if draft.action == BACKUP and server.backup_limit == 0:
        raise NoBackups


def _columns(draft: TaskDraft) -> dict[str, Any]:
    return {
        "action": draft.action,
        "payload": draft.payload,
        "time_offset": draft.time_offset,
        "continue_on_failure": draft.continue_on_failure,
    }


async def _move(work: Work, schedule: Schedule, first: int, last: int | None, by: int) -> None:
    condition = [Task.schedule_id == schedule.id, Task.sequence_id >= first]
    if last is not None:
        condition.append(Task.sequence_id <= last)
    await work.db.execute(update(Task).where(*condition).values(sequence_id=Task.sequence_id + by))
