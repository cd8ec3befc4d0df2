"""Client API: schedules of a server and their tasks. Source: Panel 1.11 client API, schedules and tasks."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.api.access import InPanel, InWork, ServerAccess, ServerFor, read_inputs
from rookery.panel.api.envelope import answer, collection, item, no_content, wire_time
from rookery.panel.api.problems import ApiProblem, not_found
from rookery.panel.api.route import WorkRoute
from rookery.panel.schedules import service
from rookery.panel.schedules.models import Schedule, Task
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import Checker, Inputs, as_bool, validate
from rookery.panel.validation.rules import number_of
from rookery.panel.work import Work

router = APIRouter(prefix="/api/client/servers/{server}/schedules", route_class=WorkRoute, tags=["client: schedules"])
_TASK = {
    "action": "required|in:command,power,backup",
    "time_offset": "required|numeric|min:0|max:900",
    "sequence_id": "sometimes|required|numeric|min:1",
    "continue_on_failure": "sometimes|required|boolean",
}


async def _schedule(request: Request, work: Work, server: Server) -> Schedule | None:  # noqa: ARG001
    number = request.path_params["schedule"]
    return await work.db.get(Schedule, int(number)) if number.isdecimal() and len(number) < 10 else None


async def _schedule_of_task(request: Request, work: Work, server: Server) -> Schedule | None:
    schedule = await _schedule(request, work, server)
    if schedule is None or await _find_task(request, work, schedule) is None:
        return None
    return schedule


async def _find_task(request: Request, work: Work, schedule: Schedule) -> Task | None:
    number = request.path_params["task"]
    task = await work.db.get(Task, int(number)) if number.isdecimal() and len(number) < 10 else None
    return task if task is not None and task.schedule_id == schedule.id else None


async def _task(request: Request, work: Work, schedule: Schedule) -> Task:
    task = await _find_task(request, work, schedule)
    if task is None:
        raise not_found()
    return task


Reader = Annotated[ServerAccess, Depends(ServerFor("schedule.read"))]
Creator = Annotated[ServerAccess, Depends(ServerFor("schedule.create"))]
ReaderOfOne = Annotated[ServerAccess, Depends(ServerFor("schedule.read", child=_schedule))]
Updater = Annotated[ServerAccess, Depends(ServerFor("schedule.update", child=_schedule))]
Remover = Annotated[ServerAccess, Depends(ServerFor("schedule.delete", child=_schedule))]
TaskUpdater = Annotated[ServerAccess, Depends(ServerFor("schedule.update", child=_schedule_of_task))]
TaskRemover = Annotated[ServerAccess, Depends(ServerFor(child=_schedule_of_task))]


def _task_shape(row: Task) -> dict[str, Any]:
    return item(
        "schedule_task",
        {
            "id": row.id,
            "sequence_id": row.sequence_id,
            "action": row.action,
            "payload": row.payload,
            "time_offset": row.time_offset,
            "is_queued": row.is_queued,
            "continue_on_failure": row.continue_on_failure,
            "created_at": wire_time(row.created_at),
            "updated_at": wire_time(row.updated_at),
        },
    )


def _shape(row: Schedule, tasks: Sequence[Task]) -> dict[str, Any]:
    return item(
        "server_schedule",
        {
            "id": row.id,
            "name": row.name,
            "cron": {
                name: getattr(row, f"cron_{name}")
                for name in ("day_of_week", "day_of_month", "month", "hour", "minute")
            },
            "is_active": row.is_active,
            "is_processing": row.is_processing,
            "only_when_online": row.only_when_online,
            "last_run_at": wire_time(row.last_run_at),
            "next_run_at": wire_time(row.next_run_at),
            "created_at": wire_time(row.created_at),
            "updated_at": wire_time(row.updated_at),
            "relationships": {"tasks": collection([_task_shape(task) for task in tasks])},
        },
    )


async def _shown(work: Work, row: Schedule) -> Response:
    tasks = await work.db.scalars(select(Task).where(Task.schedule_id == row.id).order_by(Task.sequence_id, Task.id))
    return answer(_shape(row, list(tasks)))


def _values(inputs: Inputs) -> dict[str, Any]:
    """Name, times and switches, checked; a month that is missing is every month."""
    rules = {name: "required|string" for name in service.CRON if name != "month"}
    validate(inputs, {"name": "required|string|max:191", "is_active": "filled|boolean", **rules})
    month = inputs.get("month")
    return {
        **{name: inputs[name] for name in rules},
        "name": inputs["name"],
        "month": str(month) if isinstance(month, str | int) and not isinstance(month, bool) else "*",
        "is_active": as_bool(inputs.get("is_active")),
        "only_when_online": bool(inputs.get("only_when_online")) and inputs["only_when_online"] != "0",
    }


@router.get("")
async def index(work: InWork, access: Reader) -> Response:
    """All schedules with their tasks."""
    schedules = list(
        await work.db.scalars(select(Schedule).where(Schedule.server_id == access.server.id).order_by(Schedule.id))
    )
    tasks: dict[int, list[Task]] = {schedule.id: [] for schedule in schedules}
    for task in await work.db.scalars(
        select(Task).where(Task.schedule_id.in_(tasks)).order_by(Task.sequence_id, Task.id)
    ):
        tasks[task.schedule_id].append(task)
    return answer(collection([_shape(schedule, tasks[schedule.id]) for schedule in schedules]))


@router.post("")
async def create(request: Request, work: InWork, panel: InPanel, access: Creator) -> Response:
    """A new schedule."""
    values = _values(await read_inputs(request))
    row = Schedule(server_id=access.server.id, is_processing=False)
    service.write(work, panel.settings, row, values)
    work.add(row)
    await work.db.flush()
    work.record("server:schedule.create", access.server, row, name=row.name)
    return await _shown(work, row)


@router.get("/{schedule}")
async def view(work: InWork, access: ReaderOfOne) -> Response:
    """One schedule."""
    return await _shown(work, access.child)


@router.post("/{schedule}")
async def update(request: Request, work: InWork, panel: InPanel, access: Updater) -> Response:
    """Overwrite a schedule."""
    row: Schedule = access.child
    values, name = _values(await read_inputs(request)), row.name
    service.write(work, panel.settings, row, values)
    work.record("server:schedule.update", access.server, row, name=name, active=row.is_active)
    return await _shown(work, row)


@router.post("/{schedule}/execute")
async def execute(work: InWork, panel: InPanel, access: Updater) -> Response:
    """Run a schedule now, active or not."""
    row: Schedule = access.child
    await panel.runner(work).execute(row)
    work.record("server:schedule.execute", access.server, row, name=row.name)
    return answer([], 202)


@router.delete("/{schedule}")
async def remove(work: InWork, access: Remover) -> Response:
    """Delete a schedule and its tasks."""
    row: Schedule = access.child
    work.record("server:schedule.delete", access.server, row, name=row.name)
    await work.db.delete(row)
    return no_content()


def _draft(inputs: Inputs) -> service.TaskDraft:
    checker = Checker(inputs).check({"action": _TASK["action"], "payload": "nullable|string", **_TASK})
    if inputs.get("payload") is None and inputs.get("action") != service.BACKUP:
        checker.fail("payload", "required_unless", "The payload field is required, unless the action is backup.")
    checker.done()
    position = inputs.get("sequence_id")
    return service.TaskDraft(
        action=inputs["action"],
        payload=inputs.get("payload") or "",
        time_offset=_whole(inputs["time_offset"]),
        continue_on_failure=as_bool(inputs.get("continue_on_failure")),
        position=None if position is None else _whole(position),
    )


def _whole(value: Any) -> int:
    """A number of a form, rounded as databases do."""
    return int((number_of(value) or 0) + 0.5)


def _recorded(row: Task) -> dict[str, Any]:
    return {"action": row.action, "payload": row.payload}


@router.post("/{schedule}/tasks")
async def create_task(request: Request, work: InWork, panel: InPanel, access: Updater) -> Response:
    """A new task."""
    schedule: Schedule = access.child
    draft = _draft(await read_inputs(request))
    task = await service.add_task(work, panel.settings, access.server, schedule, draft)
    work.record("server:task.create", access.server, schedule, task, name=schedule.name, **_recorded(task))
    return answer(_task_shape(task))


@router.post("/{schedule}/tasks/{task}")
async def update_task(request: Request, work: InWork, access: TaskUpdater) -> Response:
    """Overwrite a task."""
    schedule: Schedule = access.child
    task = await _task(request, work, schedule)
    draft, before = _draft(await read_inputs(request)), _recorded(task)
    await service.change_task(work, access.server, schedule, task, draft)
    work.record("server:task.update", access.server, schedule, task, name=schedule.name, **before)
    return answer(_task_shape(task))


@router.delete("/{schedule}/tasks/{task}")
async def remove_task(request: Request, work: InWork, access: TaskRemover) -> Response:
    """Delete a task."""
    schedule: Schedule = access.child
    if not access.allows("schedule.update"):
        raise ApiProblem(403, "HttpForbiddenException", "You do not have permission to change this schedule.")
    task = await _task(request, work, schedule)
    work.record("server:task.delete", access.server, schedule, task, name=schedule.name, **_recorded(task))
    await service.remove_task(work, schedule, task)
    return no_content()
