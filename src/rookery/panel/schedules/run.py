"""Running schedules: what is due, one task after another, each exactly once with any number of processes.

A task that is owed is a row (`TaskRun`), written in the transaction that says so. Whoever claims the row by a
conditional update runs the task; nobody runs it again, as a command must not be typed twice: when its process dies, the
run is ended as failed. Source: Panel 1.11, `p:schedule:process` and the task job.
"""

from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import delete, exists, select, update

from rookery.panel.backups.service import Backups
from rookery.panel.nodes.client import NodeClient, NodeFailed
from rookery.panel.nodes.models import Node
from rookery.panel.schedules.cron import BadCron
from rookery.panel.schedules.models import Schedule, Task, TaskRun
from rookery.panel.schedules.service import BACKUP, next_run
from rookery.panel.servers.models import Server
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work
from rookery.protocol.problems import Conflict, Problem

log = structlog.get_logger()
LEASE = timedelta(minutes=5)
"""Longer than any action takes; a run claimed before that is of a process that died."""
_AT_ONCE = 50


class NoTasks(Conflict):
    """There is nothing to run."""

    status = 400
    code = "DisplayException"


class UnknownAction(Conflict):
    """A task says something nobody knows to do."""


class Runner:
    """The verbs about runs, in one transaction after another."""

    def __init__(self, work: Work, settings: PanelSettings, nodes: NodeClient, backups: Backups) -> None:
        self._work = work
        self._settings = settings
        self._nodes = nodes
        self._backups = backups

    # By hand

    async def execute(self, schedule: Schedule) -> None:
        """Run the first task now and owe the next.

        Raises:
            NoTasks: there is none.
            Problem: the first task failed; the run has ended.
        """
        work = self._work
        task = await self._task_after(schedule, 0)
        if task is None:
            raise NoTasks("This schedule has no tasks.")
        await self._begin(schedule, work.now)
        await work.db.execute(delete(TaskRun).where(TaskRun.task_id == task.id))
        await self._owe(task, manual=True, claimed=True)
        server, node = await self._place(schedule)
        if schedule.only_when_online and not await self._is_online(server, node):
            await self._end(schedule, task)
            return
        await self._perform(schedule, task, server, node, manual=True)

    # By the clock

    async def begin_due(self) -> int:
        """Start the schedules whose time has come; how many there were."""
        work = self._work
        due = (
            select(Schedule)
            .join(Server, Server.id == Schedule.server_id)
            .where(
                Server.status.is_(None),
                Schedule.is_active.is_(True),
                Schedule.is_processing.is_(False),
                Schedule.next_run_at <= work.now,
            )
            .limit(_AT_ONCE)
        )
        rows = list(await work.db.scalars(due))
        for schedule in rows:
            try:
                await self._begin_one(schedule)
            except BadCron as err:
                log.warning("a schedule never comes again", schedule=schedule.id, reason=err.detail)
                schedule.next_run_at = None
            await work.commit()
        return len(rows)

    async def _begin_one(self, schedule: Schedule) -> None:
        work = self._work
        task = await self._task_after(schedule, 0)
        following = next_run(self._settings, schedule, work.now)
        if task is None:
            schedule.next_run_at = following
            return
        claimed = await work.db.execute(
            update(Schedule)
            .where(
                Schedule.id == schedule.id,
                Schedule.is_processing.is_(False),
                Schedule.is_active.is_(True),
                Schedule.next_run_at == schedule.next_run_at,
            )
            .values(is_processing=True, next_run_at=following, updated_at=work.now)
            .execution_options(synchronize_session=False)
        )
        if claimed.rowcount != 1:  # type: ignore[attr-defined]  # updates have one
            return  # another process was faster
        await work.db.refresh(schedule)
        server, node = await self._place(schedule)
        await self._owe(task, manual=False)
        if schedule.only_when_online and not await self._is_online(server, node):
            await self._end(schedule, task)

    async def due_runs(self) -> list[int]:
        """Numbers of the runs whose time has come, oldest first."""
        statement = (
            select(TaskRun.id)
            .where(TaskRun.due_at <= self._work.now, TaskRun.claimed_at.is_(None))
            .order_by(TaskRun.due_at, TaskRun.id)
            .limit(_AT_ONCE)
        )
        return list(await self._work.db.scalars(statement))

    async def run(self, number: int) -> None:
        """Run an owed task, unless somebody else does."""
        work = self._work
        claimed = await work.db.execute(
            update(TaskRun).where(TaskRun.id == number, TaskRun.claimed_at.is_(None)).values(claimed_at=work.now)
        )
        await work.commit()
        if claimed.rowcount != 1:  # type: ignore[attr-defined]  # updates have one
            return
        found = (
            await work.db.execute(
                select(TaskRun, Task, Schedule)
                .join(Task, Task.id == TaskRun.task_id)
                .join(Schedule, Schedule.id == Task.schedule_id)
                .where(TaskRun.id == number)
            )
        ).first()
        if found is None:
            return  # deleted at this moment
        owed, task, schedule = found
        server, node = await self._place(schedule)
        if (not schedule.is_active and not owed.manual) or server.status is not None:
            await self._end(schedule, task)
            return
        try:
            await self._perform(schedule, task, server, node, manual=owed.manual)
        except Problem as err:
            log.warning("a task failed", schedule=schedule.id, task=task.id, reason=err.detail)

    async def end_forgotten(self) -> None:
        """End runs whose process died, and schedules that say they run with no task owed."""
        work = self._work
        stale = (
            select(TaskRun, Task, Schedule)
            .join(Task, Task.id == TaskRun.task_id)
            .join(Schedule, Schedule.id == Task.schedule_id)
            .where(TaskRun.claimed_at < work.now - LEASE)
            .limit(_AT_ONCE)
        )
        for _, task, schedule in (await work.db.execute(stale)).all():
            log.warning("a task was left unfinished", schedule=schedule.id, task=task.id)
            await self._end(schedule, task)
        owed = exists().where(Task.schedule_id == Schedule.id, TaskRun.task_id == Task.id)
        await work.db.execute(
            update(Schedule)
            .where(Schedule.is_processing.is_(True), ~owed)
            .values(is_processing=False, updated_at=work.now)
            .execution_options(synchronize_session=False)
        )
        await work.commit()

    # Steps

    async def _begin(self, schedule: Schedule, now: datetime) -> None:
        schedule.is_processing = True
        schedule.next_run_at = next_run(self._settings, schedule, now)
        schedule.updated_at = now

    async def _task_after(self, schedule: Schedule, position: int) -> Task | None:
        found: Task | None = await self._work.db.scalar(
            select(Task)
            .where(Task.schedule_id == schedule.id, Task.sequence_id > position)
            .order_by(Task.sequence_id, Task.id)
            .limit(1)
        )
        return found

    async def _place(self, schedule: Schedule) -> tuple[Server, Node]:
        server = await self._work.db.get_one(Server, schedule.server_id)
        return server, await self._work.db.get_one(Node, server.node_id)

    async def _owe(self, task: Task, *, manual: bool, claimed: bool = False) -> None:
        now = self._now()
        task.is_queued, task.updated_at = True, now
        due = now + timedelta(seconds=task.time_offset)
        self._work.add(TaskRun(task_id=task.id, due_at=due, manual=manual, claimed_at=now if claimed else None))
        await self._work.db.flush()

    def _now(self) -> datetime:
        """The moment; a run takes longer than its transaction's clock stands still."""
        return datetime.now(self._work.now.tzinfo)

    async def _is_online(self, server: Server, node: Node) -> bool:
        try:
            found = await self._work.outside(partial(self._nodes.details, node, server.uuid))
        except NodeFailed:
            return False
        return found.get("state", "offline") in ("starting", "running")

    async def _perform(self, schedule: Schedule, task: Task, server: Server, node: Node, *, manual: bool) -> None:
        schedule_id, task_id = schedule.id, task.id
        try:
            await self._act(task, server, node)
        except NodeFailed:
            if not task.continue_on_failure:
                await self._fail(schedule_id, task_id)
                raise
        except Problem:
            await self._fail(schedule_id, task_id)
            raise
        await self._go_on(schedule_id, task_id, manual=manual)

    async def _act(self, task: Task, server: Server, node: Node) -> None:
        work, nodes = self._work, self._nodes
        match task.action:
            case "power":
                await work.outside(partial(nodes.power, node, server.uuid, task.payload))
            case "command":
                await work.outside(partial(nodes.command, node, server.uuid, task.payload))
            case _ if task.action == BACKUP:
                ignored = [line.rstrip("\r") for line in task.payload.split("\n")]
                await self._backups.start(server, name=None, ignored=[line for line in ignored if line], rotate=True)
                await work.commit()
            case _:
                raise UnknownAction(f"There is no action {task.action!r}.")

    async def _fail(self, schedule_id: int, task_id: int) -> None:
        await self._work.db.rollback()
        self._work.forget()
        found = await self._both(schedule_id, task_id)
        if found is not None:
            await self._end(*found)

    async def _go_on(self, schedule_id: int, task_id: int, *, manual: bool) -> None:
        found = await self._both(schedule_id, task_id)
        if found is None:
            return  # deleted meanwhile
        schedule, task = found
        following = await self._task_after(schedule, task.sequence_id)
        if following is None:
            await self._end(schedule, task)
            return
        await self._forget(task)
        await self._work.db.execute(delete(TaskRun).where(TaskRun.task_id == following.id))
        await self._owe(following, manual=manual)
        await self._work.commit()

    async def _both(self, schedule_id: int, task_id: int) -> tuple[Schedule, Task] | None:
        db = self._work.db
        schedule = await db.get(Schedule, schedule_id, populate_existing=True)
        task = await db.get(Task, task_id, populate_existing=True)
        return None if schedule is None or task is None else (schedule, task)

    async def _forget(self, task: Task) -> None:
        task.is_queued = False
        await self._work.db.execute(delete(TaskRun).where(TaskRun.task_id == task.id))

    async def _end(self, schedule: Schedule, task: Task) -> None:
        """The run is over, however it went."""
        await self._forget(task)
        schedule.is_processing = False
        schedule.last_run_at = schedule.updated_at = self._now()
        await self._work.commit()
