"""Real games through their whole life, as their players see them: installed, started, joined, stopped, deleted."""

import json
import subprocess
from typing import Any

import pytest
from tests.e2e.machine import CHECKS, GAMES, Console, GameServer, Machine, check_words

pytestmark = [pytest.mark.engine, pytest.mark.timeout(420)]

PLANS: dict[str, dict[str, Any]] = json.loads((CHECKS / "games.json").read_text())
ELSEWHERE = ("172.18.0.1", "uid 988")
"""The bridge and the user of another node than this one."""
OURS = {"egg-luanti.json": "Luanti", "egg-openttd.json": "OpenTTD", "egg-mumble.json": "Mumble"}


@pytest.mark.parametrize("file", ["egg-minecraft-flying-squid.json", "egg-java-lobby.json", "egg-probe.json", *OURS])
def test_a_game_lives_from_creation_to_deletion(machine: Machine, file: str) -> None:
    name = machine.import_egg(GAMES / file)
    live_through(machine, name, PLANS[file])


@pytest.mark.parametrize("file", OURS)
def test_a_bundled_egg_lives_from_creation_to_deletion(machine: Machine, file: str) -> None:
    chosen = {"SUPERUSER_PASSWORD": "rookery-super"} if file == "egg-mumble.json" else {}
    live_through(machine, OURS[file], PLANS[file], **chosen)


def live_through(machine: Machine, egg: str, plan: dict[str, Any], **environment: str) -> None:
    server = machine.create(egg, memory=plan["memory"], **environment)
    for name, text in plan.get("files", {}).items():
        (server.volume / name).write_text(text)
    try:
        server.start()
        with server.console() as console:
            for text in plan.get("shown", []):
                if not any(word in text for word in ELSEWHERE):
                    console.wait_for(text.replace("{port}", str(server.port)), 10)
            for check in plan["checks"]:
                pass_check(server, check, console)
                for text in check.get("console", []):
                    console.wait_for(text, 150)  # a client that was cut off is missed after a while
            for command, answer in plan.get("commands", []):
                console.command(command)
                console.wait_for(answer, 30)
        server.stop()
    finally:
        server.delete()
    listed = machine.api("GET", "/api/application/servers")["data"]
    assert server.uuid not in [each["attributes"]["uuid"] for each in listed]


def pass_check(server: GameServer, check: dict[str, Any], console: Console) -> None:
    """Run a client of the game; one that was too slow on a busy machine tries again, as its player would."""
    said = ""
    for _ in range(3):
        status, said = run_client(server, check, console)
        if status == 0:
            return
    raise AssertionError(said)


def run_client(server: GameServer, check: dict[str, Any], console: Console) -> tuple[int, str]:
    """Exit status and words of a client; where the plan says so, the console speaks once the player is there."""
    words = check_words(check["run"], server)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=CHECKS) as client:
        if "meanwhile" in check:
            console.lines.clear()
            for text in check["console"][:-1]:
                console.wait_for(text, 60)
            console.command(check["meanwhile"][1])
        said, _ = client.communicate(timeout=90)
    return client.returncode, said
