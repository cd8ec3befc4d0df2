"""What follows when a process ends that nobody stopped."""

import pytest
from tests.wings.conftest import UUID, Daemon, MakeDaemon

pytestmark = pytest.mark.anyio
BANNER = "---------- Detected server process in a crashed state! ----------"


async def crash(daemon: Daemon, code: int) -> None:
    assert (await daemon.call("POST", f"/api/servers/{UUID}/commands", {"commands": [f"exit {code}"]}))[0] == 204


async def test_a_crash_is_shown_and_the_server_started_again(daemon: Daemon) -> None:
    await daemon.power("start", "running")
    async with daemon.view() as viewer:
        await viewer.until("status", "running")
        await crash(daemon, 3)
        await viewer.until("status", "offline")
        await viewer.until("status", "running")
        said = "\n".join(viewer.lines())
        assert BANNER in said
        assert "Exit code: 3" in said
        assert "Out of memory: false" in said


async def test_a_second_crash_soon_after_is_the_last(daemon: Daemon) -> None:
    await daemon.power("start", "running")
    async with daemon.view() as viewer:
        await viewer.until("status", "running")
        for _ in range(2):
            await crash(daemon, 1)
            await viewer.until("status", "offline")
            if viewer.seen.count(("status", ["running"])) == 1:
                await viewer.until("status", "running")
        while not any("last crash occurred less than 60 seconds ago" in line for line in viewer.lines()):
            await viewer.until("console output")
    assert daemon.server().state == "offline"


async def test_a_clean_end_counts_as_a_crash_unless_the_node_says_otherwise(make_daemon: MakeDaemon) -> None:
    daemon = await make_daemon(system={"crash_detection": {"detect_clean_exit_as_crash": False}})
    await daemon.power("start", "running")
    async with daemon.view() as viewer:
        await viewer.until("status", "running")
        await crash(daemon, 0)
        await viewer.until("status", "offline")
        await viewer.send("send stats")
        await viewer.until("stats")
        assert not any("crashed" in line for line in viewer.lines())


async def test_without_crash_detection_it_stays_down(make_daemon: MakeDaemon) -> None:
    daemon = await make_daemon(system={"crash_detection": {"enabled": False}})
    await daemon.power("start", "running")
    async with daemon.view() as viewer:
        await viewer.until("status", "running")
        await crash(daemon, 1)
        await viewer.until("status", "offline")
        while not any("crash detection is disabled" in line for line in viewer.lines()):
            await viewer.until("console output")
    assert daemon.server().state == "offline"
