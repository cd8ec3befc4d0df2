"""How long a start takes through Panel and node, beside making and starting the same container by hand."""

import json
import subprocess
import time
from datetime import datetime
from typing import Any

from bench.meter import middle
from tests.e2e.machine import GameServer, Machine, until

from rookery.cli.engine import DEFAULT_HOST, Engine

ROUNDS = 7


def run(machine: Machine) -> dict[str, Any]:
    """Milliseconds until the engine has started the container: with us, by hand, and the difference."""
    server = machine.create("Program of your own", memory=128)
    (server.volume / "start.sh").write_text("echo started; exec sleep infinity\n")
    ours, raw = [], []
    try:
        for _ in range(ROUNDS):
            ours.append(through_us(server))
            raw.append(by_hand(server))
            server.power("kill")
            until(lambda: server.state() == "offline", "offline")
    finally:
        server.delete()
    return {
        "with_us_ms": middle(ours),
        "by_hand_ms": middle(raw),
        "added_ms": middle(ours) - middle(raw),
        "limit": 150.0,
    }


def through_us(server: GameServer) -> float:
    began = time.time()
    server.power("start")
    until(lambda: server.state() == "running", "running")
    return (started(server.uuid) - began) * 1000


def by_hand(server: GameServer) -> float:
    """Make and start a container of the same description, then remove it."""
    described = server.container()
    assert described is not None
    body = described["Config"] | {"HostConfig": described["HostConfig"] | {"PortBindings": {}}}
    docker, name = Engine(DEFAULT_HOST), f"{server.uuid}-raw"
    began = time.time()
    docker.post(f"/containers/create?name={name}", body)
    docker.post(f"/containers/{name}/start", {})
    took = (started(name) - began) * 1000
    subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=True)
    return took


def started(name: str) -> float:
    """When the engine says it started a container; Unix time."""
    shown = subprocess.run(["docker", "inspect", name], capture_output=True, text=True, check=True).stdout
    text = json.loads(shown)[0]["State"]["StartedAt"]
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
