"""Game servers outlive us: Wings and Panel are killed while somebody plays, and come back as if nothing had been."""

import json
import subprocess
import time

import pytest
from tests.e2e.machine import CHECKS, GAMES, Machine, until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

BOT = ["docker", "run", "--rm", "--network", "host", "-v", f"{CHECKS}:/checks:ro", "rookery/minecraft:latest"]


@pytest.mark.parametrize("halves", [("wings",), ("panel",), ("wings", "panel")])
def test_a_player_stays_while_our_processes_are_killed(machine: Machine, halves: tuple[str, ...]) -> None:
    server = machine.create(machine.import_egg(GAMES / "egg-minecraft-flying-squid.json"))
    try:
        server.start()
        before = server.container()
        assert before is not None
        words = [*BOT, "node", "/checks/minecraft_bot.js", "127.0.0.1", str(server.port)]
        words += ["--name", "Player", "--say", "hello", "--hear", "we are back", "--wait", "90"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as player:
            with server.console() as console:
                console.wait_for("<Player> hello")
            killed = {half: machine.kill(half) for half in halves}
            for half, pid in killed.items():
                until(lambda half=half, pid=pid: came_back(machine, half, pid), f"the return of {half}", 60)
            until(lambda: server.state() == "running", "adoption", 30)
            with server.console() as console:
                console.wait_for("<Player> hello")  # what was said before is still known
                console.command("say we are back")
                console.wait_for("we are back")
                said, _ = player.communicate(timeout=90)
        assert json.loads(said.splitlines()[-1])["ok"], said
        after = server.container()
        assert after is not None
        assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
        time.sleep(0.2)
        server.stop()
    finally:
        server.delete()


def came_back(machine: Machine, half: str, killed: int) -> bool:
    found = machine.status()[half]
    return bool(found and found["pid"] != killed and found["answers"])
