"""The daemon's API about servers, over real sockets."""

import pytest
from tests.wings.conftest import UUID, Daemon, configuration

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic abc"])
async def test_without_the_nodes_token_nothing_is_shown(daemon: Daemon, header: str) -> None:
    status, body = await daemon.call("GET", "/api/servers", headers={"Authorization": header})
    assert status in (401, 403)
    assert UUID not in str(body)


async def test_a_server_is_shown_as_it_is(daemon: Daemon) -> None:
    await daemon.power("start", "running")
    status, found = await daemon.call("GET", f"/api/servers/{UUID}")
    assert status == 200
    assert (found["state"], found["is_suspended"]) == ("running", False)
    assert found["utilization"]["uptime"] >= 0
    assert found["configuration"]["uuid"] == UUID


@pytest.mark.parametrize("body", ["", "[]", "{", '{"action": 5}', '{"action": "fly"}', "null"])
async def test_a_power_action_that_is_none_is_refused(daemon: Daemon, body: str) -> None:
    status, found = await daemon.call(
        "POST", f"/api/servers/{UUID}/power", data=body, headers={"Content-Type": "application/json"}
    )
    assert status in (400, 422)
    assert "error" in found
    assert daemon.server().state == "offline"


async def test_commands_reach_a_running_server_and_no_other(daemon: Daemon) -> None:
    address = f"/api/servers/{UUID}/commands"
    assert (await daemon.call("POST", address, {"commands": ["a"]}))[0] == 502
    await daemon.power("start", "running")
    assert (await daemon.call("POST", address, {"commands": ["a", "b"]}))[0] == 204
    _, found = await daemon.call("GET", f"/api/servers/{UUID}/logs")
    assert found["data"][:2] == ["loading", "Done (1.0s)!"]


async def test_a_sync_takes_over_what_changed_at_the_panel(daemon: Daemon) -> None:
    daemon.panel.servers[UUID] = configuration(invocation="./other", build={"memory_limit": 512, "disk_space": 7})
    assert (await daemon.call("POST", f"/api/servers/{UUID}/sync"))[0] == 204
    server = daemon.server()
    assert server.configuration.build.memory_limit == 512
    assert server.volume.limit == 7 << 20


async def test_a_sync_that_fails_changes_nothing(daemon: Daemon) -> None:
    daemon.panel.servers.clear()
    assert (await daemon.call("POST", f"/api/servers/{UUID}/sync"))[0] == 500
    assert daemon.server().configuration.build.memory_limit == 256


@pytest.mark.parametrize("path", ["/api/servers/nonsense", "/nothing", "/api/servers/%00"])
async def test_what_is_not_there_is_404(daemon: Daemon, path: str) -> None:
    assert (await daemon.call("GET", path))[0] == 404
