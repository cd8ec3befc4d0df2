"""Boot and the list of servers: adopt what runs, start what ran, and let one broken server not stop the others."""

import asyncio
import json
import uuid

import pytest
from tests.wings.conftest import UUID, MakeDaemon, Panel, configuration

from rookery.wings.runtime.base import ContainerSpec

pytestmark = pytest.mark.anyio


async def test_a_running_server_is_adopted_and_its_console_goes_on(make_daemon: MakeDaemon) -> None:
    first = await make_daemon()
    await first.power("start", "running")
    container = (await first.runtime.container(UUID).status()).id
    await first.stop()
    second = await make_daemon()
    await second.becomes("running")
    assert (await second.runtime.container(UUID).status()).id == container
    async with second.view() as viewer:
        await viewer.send("send logs")
        await viewer.until("console output", "Done (1.0s)!")
        await viewer.send("send command", "hello")
        await viewer.until("console output", "got hello")


async def test_a_server_that_ended_while_nobody_looked_is_started_again(make_daemon: MakeDaemon) -> None:
    first = await make_daemon()
    await first.power("start", "running")
    await first.stop()
    assert json.loads((first.folder / "states.json").read_text()) == {UUID: "running"}
    await first.runtime.container(UUID).remove()
    second = await make_daemon()
    await second.becomes("running")


async def test_a_server_that_was_stopped_stays_so(make_daemon: MakeDaemon) -> None:
    first = await make_daemon()
    await first.power("start", "running")
    await first.power("stop", "offline")
    await first.stop()
    second = await make_daemon()
    await asyncio.sleep(0.1)
    assert second.server().state == "offline"


async def test_a_document_that_makes_no_sense_costs_only_its_own_server(panel: Panel, make_daemon: MakeDaemon) -> None:
    broken = str(uuid.uuid4())
    panel.servers = {broken: {"process_configuration": 5}, **panel.servers}
    daemon = await make_daemon()
    status, found = await daemon.call("GET", "/api/servers")
    assert status == 200
    assert [one["configuration"]["uuid"] for one in found] == [UUID]


async def test_a_new_server_installs_and_tells_the_panel(panel: Panel, make_daemon: MakeDaemon) -> None:
    daemon, new = await make_daemon(), str(uuid.uuid4())
    panel.servers[new] = configuration(new)
    status, _ = await daemon.call("POST", "/api/servers", {"uuid": new, "start_on_completion": True})
    assert status == 202
    assert await panel.hears(f"/servers/{new}/install") == [{"successful": True, "reinstall": False}]
    await daemon.becomes("running", new)
    assert (daemon.folder / "data" / new).is_dir()


async def test_an_installation_that_cannot_run_is_reported_as_failed_and_starts_nothing(
    panel: Panel, make_daemon: MakeDaemon
) -> None:
    daemon, new = await make_daemon(), str(uuid.uuid4())
    panel.servers[new], panel.installer = configuration(new), "ghost"
    await daemon.call("POST", "/api/servers", {"uuid": new, "start_on_completion": True})
    assert await panel.hears(f"/servers/{new}/install") == [{"successful": False, "reinstall": False}]
    assert daemon.server(new).state == "offline"


async def test_a_server_the_panel_does_not_know_is_not_made(panel: Panel, make_daemon: MakeDaemon) -> None:
    daemon, new = await make_daemon(), str(uuid.uuid4())
    status, _ = await daemon.call("POST", "/api/servers", {"uuid": new, "start_on_completion": False})
    assert status == 500
    assert (await daemon.call("GET", f"/api/servers/{new}"))[0] == 404
    assert not (daemon.folder / "data" / new).exists()


async def test_deleting_leaves_neither_process_nor_files_nor_viewers(make_daemon: MakeDaemon) -> None:
    daemon = await make_daemon()
    await daemon.power("start", "running")
    (daemon.folder / "data" / UUID / "world").mkdir(parents=True, exist_ok=True)
    async with daemon.view() as viewer:
        assert (await daemon.call("DELETE", f"/api/servers/{UUID}"))[0] == 204
        await viewer.until("deleted")
    assert (await daemon.call("GET", f"/api/servers/{UUID}"))[0] == 404
    async with asyncio.timeout(5):
        while (daemon.folder / "data" / UUID).exists() or await daemon.runtime.names(("Service", "Pterodactyl")):
            await asyncio.sleep(0.01)


async def test_a_foreign_container_is_left_alone(make_daemon: MakeDaemon) -> None:
    daemon = await make_daemon()
    container = await daemon.runtime.create(ContainerSpec("somebody-elses", "game"))
    await container.start()
    await daemon.stop()
    await make_daemon()
    assert (await container.status()).running
