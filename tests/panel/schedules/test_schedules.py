"""Schedules and tasks by the client API, and their runs by the clock, on a real database with a stand-in node."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from tests.panel.conftest import Site

from rookery.panel.activity.models import ActivityLog
from rookery.panel.backups.models import Backup
from rookery.panel.clock import Clock
from rookery.panel.schedules.models import Schedule, Task, TaskRun
from rookery.panel.schedules.run import LEASE
from rookery.panel.servers.models import Server

pytestmark = pytest.mark.anyio
NIGHTLY = {"name": "Nightly", "minute": "30", "hour": "4", "day_of_month": "*", "month": "*", "day_of_week": "1-5"}
PAST = datetime(2020, 1, 1, tzinfo=UTC)


class Scheduled:
    """A server of alice's with a schedule, and a clock that ticks when told."""

    def __init__(self, site: Site, server: dict[str, Any]) -> None:
        self.site, self.server = site, server
        self.clock = Clock(site.panel)
        self.schedule = 0

    async def call(self, method: str, path: str = "", body: Any = None, *, who: str = "alice_key") -> Any:
        address = f"/api/client/servers/{self.server['identifier']}/schedules{path}"
        return await self.site.call(method, address, body, key=self.site.ids[who])

    async def task(self, action: str = "command", payload: str | None = "say hi", offset: Any = 0, **more: Any) -> int:
        body = {"action": action, "payload": payload, "time_offset": offset, **more}
        made = await self.call("POST", f"/{self.schedule}/tasks", body)
        assert made.status == 200, made.text
        return int(made.json["attributes"]["id"])

    async def make_due(self) -> None:
        await self.change(next_run_at=PAST)

    async def change(self, **values: Any) -> None:
        async with self.site.panel.sessions() as session:
            await session.execute(update(Schedule).where(Schedule.id == self.schedule).values(**values))
            await session.commit()

    async def tick(self) -> None:
        await self.clock.tick()
        await self.clock.settle()

    async def state(self) -> Schedule:
        rows = [row for row in await self.site.rows(Schedule) if row.id == self.schedule]
        found: Schedule = rows[0]
        return found

    @property
    def sent(self) -> list[Any]:
        """What the node was told to do."""
        return [body for method, _, body in self.site.daemon.calls if method == "POST"]

    async def order(self) -> list[str]:
        rows = await self.site.rows(Task)
        return [row.payload for row in sorted(rows, key=lambda row: row.sequence_id)]


@pytest.fixture
async def scheduled(site: Site) -> AsyncIterator[Scheduled]:
    """The Panel under test has no clock of its own, so that each test says when it ticks."""
    found = Scheduled(site, await site.server())
    made = await found.call("POST", "", {**NIGHTLY, "is_active": True})
    assert made.status == 200, made.text
    found.schedule = made.json["attributes"]["id"]
    site.daemon.calls.clear()
    yield found
    await found.clock.settle()


# Writing


async def test_a_schedule_is_made_shown_changed_and_deleted(scheduled: Scheduled) -> None:
    shown = (await scheduled.call("GET", f"/{scheduled.schedule}")).json["attributes"]
    assert shown["cron"] == {name: NIGHTLY[name] for name in shown["cron"]}
    assert (shown["is_active"], shown["is_processing"], shown["last_run_at"]) == (True, False, None)
    changed = await scheduled.call("POST", f"/{scheduled.schedule}", {**NIGHTLY, "name": "Other", "hour": "5"})
    assert changed.json["attributes"]["is_active"] is False  # what is missing is off
    assert changed.json["attributes"]["next_run_at"] != shown["next_run_at"]
    assert (await scheduled.call("DELETE", f"/{scheduled.schedule}")).status == 204
    assert (await scheduled.call("GET", f"/{scheduled.schedule}")).status == 404
    events = [(row.event, row.properties) for row in await scheduled.site.rows(ActivityLog)]
    assert ("server:schedule.create", {"name": "Nightly"}) in events
    assert ("server:schedule.update", {"name": "Nightly", "active": False}) in events
    assert ("server:schedule.delete", {"name": "Other"}) in events


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"name": None}, 422, ("ValidationException", "name", "required")),
        ({"name": "n" * 192}, 422, ("ValidationException", "name", "max")),
        ({"minute": 5}, 422, ("ValidationException", "minute", "string")),
        ({"day_of_week": None}, 422, ("ValidationException", "day_of_week", "required")),
        ({"is_active": ""}, 422, ("ValidationException", "is_active", "filled")),
        ({"hour": "noon"}, 400, ("DisplayException", "", "")),
        ({"minute": "@daily"}, 400, ("DisplayException", "", "")),
        ({"day_of_month": "31", "month": "2", "day_of_week": "?"}, 400, ("DisplayException", "", "")),
    ],
)
async def test_a_bad_schedule_is_refused_by_name(
    scheduled: Scheduled, changes: dict[str, Any], status: int, code: tuple[str, str, str]
) -> None:
    answer = await scheduled.call("POST", "", {**NIGHTLY, **changes})
    assert (answer.status, answer.codes) == (status, [code])
    assert len(await scheduled.site.rows(Schedule)) == 1


async def test_a_month_that_is_missing_is_every_month(scheduled: Scheduled) -> None:
    made = await scheduled.call("POST", "", {name: NIGHTLY[name] for name in NIGHTLY if name != "month"})
    assert made.json["attributes"]["cron"]["month"] == "*"


async def test_tasks_keep_a_gapless_order(scheduled: Scheduled) -> None:
    first = await scheduled.task(payload="a")
    await scheduled.task(payload="b")
    await scheduled.task(payload="c", sequence_id=1)
    await scheduled.task(payload="d", sequence_id=40)
    assert await scheduled.order() == ["c", "a", "b", "d"]
    body = {"action": "command", "payload": "a", "time_offset": 0}
    await scheduled.call("POST", f"/{scheduled.schedule}/tasks/{first}", {**body, "sequence_id": 4})
    assert await scheduled.order() == ["c", "b", "d", "a"]
    await scheduled.call("POST", f"/{scheduled.schedule}/tasks/{first}", {**body, "sequence_id": 1})
    assert await scheduled.order() == ["a", "c", "b", "d"]
    assert (await scheduled.call("DELETE", f"/{scheduled.schedule}/tasks/{first}")).status == 204
    assert [row.sequence_id for row in await scheduled.site.rows(Task)] == [2, 1, 3]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"action": None}, ("action", "required")),
        ({"action": "dance"}, ("action", "in")),
        ({"payload": None}, ("payload", "required_unless")),
        ({"time_offset": 901}, ("time_offset", "max")),
        ({"time_offset": None}, ("time_offset", "required")),
        ({"sequence_id": 0}, ("sequence_id", "min")),
    ],
)
async def test_a_bad_task_is_refused_by_name(scheduled: Scheduled, changes: Any, code: tuple[str, str]) -> None:
    body = {"action": "command", "payload": "x", "time_offset": 0, **changes}
    answer = await scheduled.call("POST", f"/{scheduled.schedule}/tasks", body)
    assert answer.status == 422
    assert ("ValidationException", *code) in answer.codes
    assert await scheduled.site.rows(Task) == []


async def test_ten_tasks_at_most_however_they_come(scheduled: Scheduled) -> None:
    body = {"action": "command", "payload": "x", "time_offset": 0}
    answers = await asyncio.gather(*(scheduled.call("POST", f"/{scheduled.schedule}/tasks", body) for _ in range(25)))
    assert sorted(answer.status for answer in answers) == [200] * 10 + [400] * 15
    assert sorted(row.sequence_id for row in await scheduled.site.rows(Task)) == list(range(1, 11))


async def test_no_backup_task_where_no_backups_are_allowed(site: Site, scheduled: Scheduled) -> None:
    async with site.panel.sessions() as session:
        await session.execute(update(Server).values(backup_limit=0))
        await session.commit()
    body = {"action": "backup", "payload": "", "time_offset": 0}
    answer = await scheduled.call("POST", f"/{scheduled.schedule}/tasks", body)
    assert (answer.status, answer.codes[0][0]) == (403, "HttpForbiddenException")


async def test_rights_of_subusers(site: Site, scheduled: Scheduled) -> None:
    await site.share(scheduled.server["id"], site.ids["bob"], "schedule.read")
    task = await scheduled.task()
    assert (await scheduled.call("GET", who="bob_key")).status == 200
    for method, path, code in [
        ("POST", "", "AccessDeniedHttpException"),
        ("POST", f"/{scheduled.schedule}", "AccessDeniedHttpException"),
        ("POST", f"/{scheduled.schedule}/execute", "AccessDeniedHttpException"),
        ("DELETE", f"/{scheduled.schedule}", "AccessDeniedHttpException"),
        ("POST", f"/{scheduled.schedule}/tasks", "AccessDeniedHttpException"),
        ("DELETE", f"/{scheduled.schedule}/tasks/{task}", "HttpForbiddenException"),
    ]:
        answer = await scheduled.call(method, path, {}, who="bob_key")
        assert (answer.status, answer.codes[0][0]) == (403, code), path


# Running


async def test_a_due_schedule_runs_its_tasks_in_order(scheduled: Scheduled) -> None:
    await scheduled.task(payload="second", sequence_id=1)
    await scheduled.task(payload="first", sequence_id=1)
    await scheduled.task(action="power", payload="restart")
    await scheduled.make_due()
    for _ in range(3):
        await scheduled.tick()
    assert scheduled.sent == [{"commands": ["first"]}, {"commands": ["second"]}, {"action": "restart"}]
    state = await scheduled.state()
    assert state.last_run_at is not None
    assert state.next_run_at is not None
    assert state.next_run_at > datetime.now(UTC)
    assert not state.is_processing
    assert not any(task.is_queued for task in await scheduled.site.rows(Task))
    assert await scheduled.site.rows(TaskRun) == []


async def test_a_run_is_one_run_with_many_clocks(scheduled: Scheduled) -> None:
    await scheduled.task(payload="once")
    await scheduled.make_due()
    clocks = [Clock(scheduled.site.panel) for _ in range(8)]
    for _ in range(3):
        await asyncio.gather(*(clock.tick() for clock in clocks))
        await asyncio.gather(*(clock.settle() for clock in clocks))
    assert scheduled.sent == [{"commands": ["once"]}]


async def test_a_task_waits_for_its_offset(scheduled: Scheduled) -> None:
    await scheduled.task(payload="later", offset=900)
    await scheduled.make_due()
    await scheduled.tick()
    assert scheduled.sent == []
    assert (await scheduled.site.rows(Task))[0].is_queued
    assert (await scheduled.state()).is_processing
    await _pass_time(scheduled.site, due_at=PAST)
    await scheduled.tick()
    assert scheduled.sent == [{"commands": ["later"]}]


async def _pass_time(site: Site, **values: Any) -> None:
    async with site.panel.sessions() as session:
        await session.execute(update(TaskRun).values(**values))
        await session.commit()


async def test_a_schedule_without_tasks_is_not_looked_at_each_minute(scheduled: Scheduled) -> None:
    await scheduled.make_due()
    await scheduled.tick()
    state = await scheduled.state()
    assert state.next_run_at is not None
    assert state.next_run_at > datetime.now(UTC)
    assert (state.last_run_at, state.is_processing) == (None, False)


async def test_a_command_that_failed_is_not_sent_again_and_ends_the_run(scheduled: Scheduled) -> None:
    await scheduled.task(payload="a")
    await scheduled.task(payload="b")
    await scheduled.make_due()
    scheduled.site.daemon.answer(502, {"error": "no"})
    for _ in range(3):
        await scheduled.tick()
    assert scheduled.sent == [{"commands": ["a"]}]
    state = await scheduled.state()
    assert (state.is_processing, state.last_run_at is not None) == (False, True)


async def test_a_task_may_say_that_the_next_runs_anyway(scheduled: Scheduled) -> None:
    await scheduled.task(payload="a", continue_on_failure=True)
    await scheduled.task(payload="b")
    await scheduled.make_due()
    scheduled.site.daemon.answer(502, {"error": "no"})
    for _ in range(3):
        await scheduled.tick()
    assert scheduled.sent == [{"commands": ["a"]}, {"commands": ["b"]}]


@pytest.mark.parametrize(("state", "ran"), [("offline", False), ("stopping", False), ("running", True)])
async def test_only_when_online(scheduled: Scheduled, state: str, ran: bool) -> None:
    await scheduled.task(payload="a")
    await scheduled.change(only_when_online=True)
    await scheduled.make_due()
    scheduled.site.daemon.answer(200, {"state": state})
    await scheduled.tick()
    assert scheduled.sent == ([{"commands": ["a"]}] if ran else [])
    found = await scheduled.state()
    assert (found.is_processing, found.last_run_at is not None) == (False, True)


async def test_a_suspended_servers_schedules_rest(scheduled: Scheduled) -> None:
    await scheduled.task(payload="a")
    async with scheduled.site.panel.sessions() as session:
        await session.execute(update(Server).values(status="suspended"))
        await session.commit()
    await scheduled.make_due()
    await scheduled.tick()
    assert scheduled.sent == []


async def test_a_run_whose_process_died_is_ended_and_not_repeated(scheduled: Scheduled) -> None:
    await scheduled.task(payload="a", offset=900)
    await scheduled.make_due()
    await scheduled.tick()
    now = datetime.now(UTC)
    await _pass_time(scheduled.site, due_at=PAST, claimed_at=now - LEASE - timedelta(seconds=5))
    await scheduled.tick()
    assert (await scheduled.state()).is_processing
    await scheduled.clock.end_forgotten()
    assert not (await scheduled.state()).is_processing
    assert not (await scheduled.site.rows(Task))[0].is_queued
    assert scheduled.sent == []


async def test_a_schedule_that_says_it_runs_but_owes_nothing_is_freed(scheduled: Scheduled) -> None:
    await scheduled.change(is_processing=True)
    await scheduled.clock.end_forgotten()
    assert not (await scheduled.state()).is_processing


async def test_a_backup_task_makes_room_for_itself(scheduled: Scheduled) -> None:
    site = scheduled.site
    async with site.panel.sessions() as session:
        await session.execute(update(Server).values(backup_limit=2))
        for at, locked in enumerate([True, False]):
            session.add(
                Backup(
                    server_id=scheduled.server["id"],
                    uuid=f"0000000{at}-0000-4000-8000-000000000000",
                    name=f"old {at}",
                    ignored_files=[],
                    disk="wings",
                    is_locked=locked,
                    is_successful=True,
                    completed_at=PAST,
                    created_at=PAST,
                )
            )
        await session.commit()
    await scheduled.task(action="backup", payload="*.log\n\ncache/")
    await scheduled.make_due()
    await scheduled.tick()
    assert [call[0] for call in site.daemon.calls] == ["DELETE", "POST"]
    assert scheduled.sent[0]["ignore"] == "*.log\ncache/"
    rows = [row for row in await site.rows(Backup) if row.deleted_at is None]
    assert [row.is_locked for row in rows] == [True, False]
    assert not (await scheduled.state()).is_processing


# By hand


async def test_execute_runs_the_first_task_at_once_and_owes_the_rest(scheduled: Scheduled) -> None:
    await scheduled.change(is_active=False)
    await scheduled.task(payload="now", offset=900)
    await scheduled.task(payload="then")
    answer = await scheduled.call("POST", f"/{scheduled.schedule}/execute")
    assert (answer.status, answer.json) == (202, [])
    assert scheduled.sent[:1] == [{"commands": ["now"]}]
    await scheduled.tick()
    assert scheduled.sent == [{"commands": ["now"]}, {"commands": ["then"]}]


async def test_execute_says_why_it_failed_and_leaves_nothing_running(scheduled: Scheduled) -> None:
    empty = await scheduled.call("POST", f"/{scheduled.schedule}/execute")
    assert (empty.status, empty.codes[0][0]) == (400, "DisplayException")
    await scheduled.task(payload="now")
    scheduled.site.daemon.answer(502, {"error": "no"})
    answer = await scheduled.call("POST", f"/{scheduled.schedule}/execute")
    assert (answer.status, answer.codes[0][0]) == (502, "DaemonConnectionException")
    assert not (await scheduled.state()).is_processing
    assert "server:schedule.execute" not in [row.event for row in await scheduled.site.rows(ActivityLog)]


async def test_execute_of_an_offline_server_that_must_be_online_does_nothing(scheduled: Scheduled) -> None:
    await scheduled.task(payload="now")
    await scheduled.change(only_when_online=True)
    scheduled.site.daemon.answer(200, {"state": "offline"})
    answer = await scheduled.call("POST", f"/{scheduled.schedule}/execute")
    assert (answer.status, scheduled.sent) == (202, [])


# Cleaning up


async def test_a_backup_nobody_reported_on_counts_as_failed(scheduled: Scheduled) -> None:
    site = scheduled.site
    for age, number in ((timedelta(hours=7), 1), (timedelta(hours=5), 2)):
        async with site.panel.sessions() as session:
            session.add(
                Backup(
                    server_id=scheduled.server["id"],
                    uuid=f"0000000{number}-0000-4000-8000-000000000000",
                    name="x",
                    ignored_files=[],
                    disk="wings",
                    created_at=datetime.now(UTC) - age,
                )
            )
            await session.commit()
    await scheduled.clock.clean()
    assert [row.completed_at is not None for row in await site.rows(Backup)] == [True, False]
