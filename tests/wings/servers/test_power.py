"""Power actions of a whole daemon: one at a time, from any state, as viewers and the Panel see them."""

import asyncio
import contextlib

import pytest
from tests.wings.conftest import UUID, Daemon, configuration

from rookery.protocol.problems import Conflict
from rookery.protocol.states import PowerAction, ProcessState
from rookery.wings.panel import client
from rookery.wings.servers import power
from rookery.wings.servers.power import Busy, signal_name
from rookery.wings.servers.server import SyncFailed

pytestmark = pytest.mark.anyio


async def test_a_start_is_watched_from_the_checks_to_the_ready_line(daemon: Daemon) -> None:
    async with daemon.view() as viewer:
        await viewer.send("set state", "start")
        await viewer.until("console output", "Done (1.0s)!")
        states = [args[0] for name, args in viewer.seen if name == "status"]
        assert states == ["offline", "starting", "running"]
        assert [line for line in viewer.lines() if "Daemon" not in line] == ["loading", "Done (1.0s)!"]
        assert (await viewer.until("stats"))[0].startswith('{"memory_bytes":')


async def test_a_stop_sends_the_command_and_waits_for_the_end(daemon: Daemon) -> None:
    await daemon.power("start", "running")
    async with daemon.view() as viewer:
        await viewer.send("set state", "stop")
        await viewer.until("status", "offline")
        assert "bye" in viewer.lines()
        assert "stopping" in [args[0] for name, args in viewer.seen if name == "status"]


async def test_a_restart_is_a_new_process(daemon: Daemon) -> None:
    await daemon.power("start", "running")
    first = (await daemon.runtime.container(UUID).status()).id
    await daemon.power("restart", "running")
    async with asyncio.timeout(5):
        while (await daemon.runtime.container(UUID).status()).id == first or daemon.server().power.busy:
            await asyncio.sleep(0.01)
    await daemon.becomes("running")


async def test_a_kill_ends_a_process_that_does_not_stop(daemon: Daemon) -> None:
    daemon.panel.servers[UUID]["process_configuration"]["stop"] = {"type": "command", "value": "unheard"}
    await daemon.power("start", "running")
    server = daemon.server()
    stopping = asyncio.create_task(server.power.act(PowerAction.STOP))
    await daemon.becomes("stopping")
    with pytest.raises(Busy):
        await server.power.act(PowerAction.RESTART)
    await server.power.act(PowerAction.KILL)
    await stopping
    await daemon.becomes("offline")


async def test_a_stop_that_takes_too_long_becomes_a_kill(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "STOP_SECONDS", 0.05)
    daemon.panel.servers[UUID]["process_configuration"]["stop"] = {"type": "command", "value": "unheard"}
    await daemon.power("start", "running")
    await daemon.power("stop", "offline")
    assert daemon.server().last_exit.code == 137


async def test_a_second_start_is_refused_and_disturbs_nothing(daemon: Daemon) -> None:
    await daemon.power("start", "running")
    server = daemon.server()
    with pytest.raises(Conflict, match="running"):
        await server.power.act(PowerAction.START)
    assert server.state is ProcessState.RUNNING


async def test_stopping_while_a_start_prepares_cancels_the_start(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def slow(*_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(daemon.runtime, "fetch", slow)
    server = daemon.server()
    starting = asyncio.create_task(server.power.act(PowerAction.START))
    await reached.wait()
    await server.power.act(PowerAction.STOP)
    await starting
    assert server.state is ProcessState.OFFLINE
    assert not server.power.busy
    assert await daemon.runtime.names(("Service", "Pterodactyl")) == []


async def test_a_start_that_fails_says_why_and_is_no_crash(daemon: Daemon) -> None:
    daemon.panel.servers[UUID] = configuration(container={"image": "ghost"})
    async with daemon.view() as viewer:
        await viewer.send("set state", "start")
        await viewer.until("status", "starting")
        await viewer.until("status", "offline")
        assert any("ghost" in line and "could not be started" in line for line in viewer.lines())
        await asyncio.sleep(0.05)
        assert not any("crashed" in line for line in viewer.lines())


async def test_a_suspended_server_does_not_start(daemon: Daemon) -> None:
    daemon.panel.servers[UUID] = configuration(suspended=True)
    await daemon.call("POST", f"/api/servers/{UUID}/sync")
    status, body = await daemon.call("POST", f"/api/servers/{UUID}/power", {"action": "start"})
    assert (status, body["error"]) == (400, "Cannot start or restart a server that is suspended.")


async def test_suspending_stops_a_running_server(daemon: Daemon) -> None:
    await daemon.power("start", "running")
    daemon.panel.servers[UUID] = configuration(suspended=True)
    assert (await daemon.call("POST", f"/api/servers/{UUID}/sync"))[0] == 204
    await daemon.becomes("offline")


async def test_a_panel_that_is_down_does_not_keep_a_server_from_starting(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RETRY_SECONDS", 0.05)
    await daemon.panel.leave()
    async with daemon.view() as viewer:
        await viewer.send("set state", "start")
        await viewer.until("status", "running")
        assert any("last known configuration" in line for line in viewer.lines())


async def test_a_panel_that_says_no_does(daemon: Daemon) -> None:
    daemon.panel.servers.clear()
    server = daemon.server()
    with pytest.raises(SyncFailed):
        await server.power.act(PowerAction.START)
    assert server.state is ProcessState.OFFLINE


async def test_two_hundred_actions_at_random_leave_a_server_that_works(daemon: Daemon) -> None:
    server = daemon.server()
    actions = [list(PowerAction)[(number * 7 + number // 3) % 4] for number in range(200)]

    async def act(number: int, action: PowerAction) -> None:
        await asyncio.sleep(number * 0.002)
        with contextlib.suppress(Conflict):
            await server.power.act(action)

    async with asyncio.timeout(30):
        await asyncio.gather(*(act(number, action) for number, action in enumerate(actions)))
        await server.power.act(PowerAction.KILL)
    assert server.state is ProcessState.OFFLINE
    await daemon.power("start", "running")
    await daemon.power("stop", "offline")


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("C", "SIGINT"),
        ("^C", "SIGINT"),
        ("SIGINT", "SIGINT"),
        ("sigterm", "SIGTERM"),
        ("SIGABRT", "SIGABRT"),
        ("15", "SIGTERM"),
        ("nonsense", "SIGKILL"),
        ("", "SIGKILL"),
    ],
)
def test_signals_by_their_names(value: str, sent: str) -> None:
    assert signal_name(value) == sent
