"""Console fan-out: one server that prints 2,000 lines a second to 100 viewers; processor time per delivered message."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.meter import below, cpu_seconds
from tests.e2e.machine import Machine, free_ports

HERE = Path(__file__).parent
RATE, VIEWERS, SECONDS = 2000, 100, 6
PRINTER = """
import sys, time
sys.stdin.readline()
text = "[12:00:00] [Server thread/INFO]: a line of a game server as long as such lines usually are, number "
number, began = 0, time.monotonic()
while True:
    due = int((time.monotonic() - began) * {rate})
    sys.stdout.write("".join(f"{{text}}{{n}}\\n" for n in range(number, due)))
    sys.stdout.flush()
    number = due
    time.sleep(0.005)
"""


def run(machine: Machine) -> dict[str, Any]:
    """Microseconds of processor time per message: the node's, the bare loop's, and their ratio."""
    ours, lost = node(machine)
    bare = yardstick()
    return {"node_us": ours, "bare_us": bare, "ratio": ours / bare, "delivered": 1 - lost, "limit": 2.0}


def node(machine: Machine) -> tuple[float, float]:
    """Microseconds per message, and the part of the printed lines that did not arrive."""
    server = machine.create("Program of your own", memory=256, image="~rookery/python:latest", skip_scripts=True)
    try:
        (server.volume / "start.sh").write_text("exec python3 -u printer.py\n")
        (server.volume / "printer.py").write_text(PRINTER.format(rate=RATE))
        server.start()
        found = machine.api("GET", f"/api/client/servers/{server.identifier}/websocket")["data"]
        pids = below(machine.status()["wings"]["pid"])
        job = {"url": found["socket"], "origin": machine.url, "token": found["token"]}
        with watching(job) as viewers:
            server.machine.api("POST", f"/api/client/servers/{server.identifier}/command", {"command": "go"})
            return measured(viewers, pids)
    finally:
        server.power("kill")
        server.delete()


def yardstick() -> float:
    """Microseconds per message of the bare loop."""
    (port,) = free_ports(1)
    words = [sys.executable, str(HERE / "bare_console.py"), str(port), str(RATE)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as bare:
        assert bare.stdout is not None
        assert bare.stdin is not None
        bare.stdout.readline()
        with watching({"url": f"ws://127.0.0.1:{port}/ws", "origin": "http://127.0.0.1"}) as viewers:
            bare.stdin.write("go\n")
            bare.stdin.flush()
            figure, _ = measured(viewers, [bare.pid])
        bare.kill()
    return figure


def watching(job: dict[str, Any]) -> subprocess.Popen[str]:
    """A process of viewers that are all in."""
    viewers = subprocess.Popen(
        [sys.executable, str(HERE / "viewers.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert viewers.stdin is not None
    assert viewers.stdout is not None
    viewers.stdin.write(json.dumps(job | {"viewers": VIEWERS, "seconds": SECONDS}) + "\n")
    viewers.stdin.flush()
    assert viewers.stdout.readline() == "ready\n"
    return viewers


def measured(viewers: subprocess.Popen[str], pids: list[int]) -> tuple[float, float]:
    """Microseconds per message until the viewers are done, and the part of the lines that did not arrive."""
    assert viewers.stdout is not None
    before = cpu_seconds(pids)
    messages = json.loads(viewers.stdout.readline())["messages"]
    spent = cpu_seconds(pids) - before
    expected = RATE * VIEWERS * SECONDS
    return spent / messages * 1e6, max(0.0, 1 - messages / expected)
