"""One machine of an operator: `rookery up` with its own directory, ports and engine objects, and the APIs as anybody sees them."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from rookery.cli.network import name_of

ROOT = Path(__file__).resolve().parents[2]
GAMES = ROOT / "tests" / "compat" / "games"
CHECKS = GAMES / "checks"
PASSWORD = "correct horse battery"
GIB = 1024


class ApiError(Exception):
    """An API answered with a failure."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body[:2000]}")
        self.status = status
        self.body = body


def free_ports(number: int) -> list[int]:
    """Ports of loopback that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(number):
            trial = stack.enter_context(socket.socket())
            trial.bind(("127.0.0.1", 0))
            found.append(int(trial.getsockname()[1]))
        return found


def until(question: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """The first answer that counts as true."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {seconds:.0f} s; last: {answer!r}")
        time.sleep(0.1)


class Console:
    """A viewer of a server's console, who remembers what came."""

    def __init__(self, socket_: ClientConnection) -> None:
        self._socket = socket_
        self.lines: list[str] = []
        self.states: list[str] = []
        self.events: list[tuple[str, list[str]]] = []

    def send(self, event: str, *words: str) -> None:
        self._socket.send(json.dumps({"event": event, "args": list(words)}))

    def command(self, line: str) -> None:
        self.send("send command", line)

    def drain(self, seconds: float = 0.2) -> None:
        """Take in what comes within `seconds`."""
        with contextlib.suppress(TimeoutError):
            while True:
                frame = json.loads(self._socket.recv(timeout=seconds))
                event, args = frame["event"], frame.get("args") or []
                self.events.append((event, args))
                if event in {"console output", "install output", "daemon message"}:
                    self.lines += args
                if event == "status":
                    self.states += args

    def shows(self, text: str) -> bool:
        self.drain()
        return any(text in line for line in self.lines)

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        until(lambda: self.shows(text), f"the console line {text!r}", seconds)

    def wait_for_state(self, state: str, seconds: float = 60.0) -> None:
        def reached() -> bool:
            self.drain()
            return bool(self.states) and self.states[-1] == state

        until(reached, f"the state {state!r}", seconds)


class Machine:
    """A running instance."""

    def __init__(self, home: Path) -> None:
        self.home = home
        panel, wings, sftp, *games = free_ports(13)
        self.panel_port, self.wings_port, self.sftp_port, self.game_ports = panel, wings, sftp, games
        self.url = f"http://127.0.0.1:{panel}"
        self.environment = {
            **os.environ,
            "ROOKERY_HOME": str(home),
            "ROOKERY_PANEL_LISTEN": f"127.0.0.1:{panel}",
            "ROOKERY_WINGS_LISTEN": f"127.0.0.1:{wings}",
            "ROOKERY_SFTP_LISTEN": f"127.0.0.1:{sftp}",
            "ROOKERY_GAME_PORTS": ",".join(map(str, games)),
            "ROOKERY_ADMIN_PASSWORD": PASSWORD,
            # Requests per minute: tests ask more often than people.
            "ROOKERY_LIMIT_APPLICATION": "100000",
            "ROOKERY_LIMIT_CLIENT": "100000",
            "ROOKERY_TRUSTED_PROXIES": "127.0.0.1",
        }
        self._application_key = ""
        self._client_key = ""

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `rookery …` for this instance."""
        done = subprocess.run(
            [sys.executable, "-m", "rookery.cli", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"rookery {' '.join(words)}: {done.stdout}{done.stderr}{self.logs()}")
        return done

    def up(self) -> str:
        return self.command("up", "--detach").stdout

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.command("status", "--json", check=False).stdout)
        return found

    def logs(self) -> str:
        """The end of both halves' output, for the report of a failure."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}"
            for path in sorted((self.home / "logs").glob("*.log"))
        )

    def kill(self, half: str) -> int:
        """End a half without warning; its process id."""
        pid: int = self.status()[half]["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def api(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Any:
        """The decoded answer of an API to its administrator's key.

        Raises:
            ApiError: the answer is a failure.
        """
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {key or self.key_for(path)}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as err:
            raise ApiError(err.code, err.read().decode(errors="replace")) from None
        return json.loads(text) if text else None

    def node(self, path: str) -> Any:
        """The node's answer to a question of its Panel."""
        token = re.search(r"^token: (\S+)$", (self.home / "wings" / "config.yml").read_text(), re.MULTILINE)
        assert token is not None
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.wings_port}{path}", headers={"Authorization": f"Bearer {token[1]}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def key_for(self, path: str) -> str:
        if path.startswith("/api/application"):
            self._application_key = self._application_key or self.new_key("application")
            return self._application_key
        self._client_key = self._client_key or self.new_key("client")
        return self._client_key

    def new_key(self, kind: str) -> str:
        return self.command("panel", "key", "create", "--user", "admin", "--type", kind).stdout.strip()

    def egg(self, name: str) -> tuple[int, int]:
        """Nest and egg of that name."""
        for nest in self.api("GET", "/api/application/nests?include=eggs")["data"]:
            for egg in nest["attributes"]["relationships"]["eggs"]["data"]:
                if egg["attributes"]["name"] == name:
                    return nest["attributes"]["id"], egg["attributes"]["id"]
        raise AssertionError(f"there is no egg {name!r}")

    def import_egg(self, path: Path) -> str:
        """Import an egg file of the tests; its name."""
        self.command("panel", "egg", "import", str(path))
        return str(json.loads(path.read_text())["name"])

    def free_allocation(self) -> tuple[int, int]:
        """Identifier and port of an address no server has."""
        node = self.api("GET", "/api/application/nodes")["data"][0]["attributes"]["id"]
        found = self.api("GET", f"/api/application/nodes/{node}/allocations?per_page=100")["data"]
        free = next(entry["attributes"] for entry in found if not entry["attributes"]["assigned"])
        return free["id"], free["port"]

    def create(self, egg_name: str, **options: Any) -> "GameServer":
        """Create a server, as `order` does, and wait until it is installed."""
        server = self.order(egg_name, **options)
        server.wait_until_installed()
        return server

    def order(
        self,
        egg_name: str,
        *,
        memory: int = 512,
        image: str | None = None,
        skip_scripts: bool = False,
        oom_disabled: bool = True,
        **environment: str,
    ) -> "GameServer":
        """Create a server; its installation goes on."""
        nest, egg_id = self.egg(egg_name)
        egg = self.api("GET", f"/api/application/nests/{nest}/eggs/{egg_id}?include=variables")["attributes"]
        variables = egg["relationships"]["variables"]["data"]
        defaults = {each["attributes"]["env_variable"]: each["attributes"]["default_value"] for each in variables}
        allocation, port = self.free_allocation()
        made = self.api(
            "POST",
            "/api/application/servers",
            {
                "name": f"{egg_name} of a test",
                "user": 1,
                "egg": egg_id,
                "docker_image": image or egg["docker_image"],
                "startup": egg["startup"],
                "environment": defaults | environment,
                "skip_scripts": skip_scripts,
                "oom_disabled": oom_disabled,
                "limits": {"memory": memory, "swap": 0, "disk": 2 * GIB, "io": 500, "cpu": 100},
                "feature_limits": {"databases": 0, "allocations": 0, "backups": 0},
                "allocation": {"default": allocation},
            },
        )["attributes"]
        return GameServer(self, made["id"], made["uuid"], made["identifier"], port, defaults | environment)


class GameServer:
    """A game server of a machine."""

    def __init__(
        self, machine: Machine, number: int, uuid: str, identifier: str, port: int, environment: dict[str, str]
    ) -> None:
        self.machine, self.number, self.uuid, self.identifier, self.port = machine, number, uuid, identifier, port
        self.environment = environment

    @property
    def volume(self) -> Path:
        return self.machine.home / "wings" / "volumes" / self.uuid

    def details(self) -> dict[str, Any]:
        found: dict[str, Any] = self.machine.api("GET", f"/api/client/servers/{self.identifier}")["attributes"]
        return found

    def wait_until_installed(self, seconds: float = 120.0) -> None:
        def installed() -> bool:
            status = self.machine.api("GET", f"/api/application/servers/{self.number}")["attributes"]["status"]
            assert status != "install_failed", self.machine.logs()
            return status is None

        until(installed, "the end of the installation", seconds)

    def state(self) -> str:
        """What the node says now; the Panel's own answer may be 20 seconds old."""
        return str(self.machine.node(f"/api/servers/{self.uuid}")["state"])

    def power(self, signal_: str) -> None:
        self.machine.api("POST", f"/api/client/servers/{self.identifier}/power", {"signal": signal_})

    def start(self, seconds: float = 90.0) -> None:
        self.power("start")
        try:
            until(lambda: self.state() == "running", "the state running", seconds)
        except AssertionError as err:
            said = subprocess.run(["docker", "logs", self.uuid], capture_output=True, text=True, check=False)
            raise AssertionError(f"{err}; it is {self.state()}; {said.stdout[-2000:]}{self.machine.logs()}") from None

    def stop(self, seconds: float = 60.0) -> None:
        self.power("stop")
        until(lambda: self.state() == "offline", "the state offline", seconds)

    @contextlib.contextmanager
    def console(self) -> Iterator[Console]:
        """A console with the last lines already asked for."""
        found = self.machine.api("GET", f"/api/client/servers/{self.identifier}/websocket")["data"]
        with connect(found["socket"], origin=self.machine.url, max_size=None) as opened:  # type: ignore[arg-type]
            console = Console(opened)
            console.send("auth", found["token"])
            until(
                lambda: console.drain() or any(name == "auth success" for name, _ in console.events), "auth success", 10
            )
            console.send("send logs")
            yield console

    def container(self) -> dict[str, Any] | None:
        """What `docker inspect` says about the container; None when there is none."""
        done = subprocess.run(["docker", "inspect", self.uuid], capture_output=True, text=True, check=False)
        found: dict[str, Any] | None = json.loads(done.stdout)[0] if done.returncode == 0 else None
        return found

    def delete(self) -> None:
        """Delete it and see that nothing of it is left."""
        self.machine.api("DELETE", f"/api/application/servers/{self.number}")
        until(lambda: self.container() is None, "the end of the container", 30)
        until(lambda: not self.volume.exists(), "the end of the volume", 30)


def check_words(words: list[str], server: GameServer) -> list[str]:
    """A check of games.json for a server: what stands in braces filled in."""
    found = [word.replace("{port}", str(server.port)).replace("{checks}", str(CHECKS)) for word in words]
    return [re.sub(r"{env:(\w+)}", lambda match: server.environment[match[1]], word) for word in found]


@contextlib.contextmanager
def running() -> Iterator[Machine]:
    """A machine from `rookery up` to the removal of everything it made."""
    home = Path(tempfile.mkdtemp(prefix="rookery-e2e-"))
    machine = Machine(home)
    try:
        machine.up()
        yield machine
    finally:
        machine.command("down", check=False)
        volumes = home / "wings" / "volumes"
        for folder in volumes.iterdir() if volumes.exists() else ():
            for container in (folder.name, f"{folder.name}_installer"):
                subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=False)
        subprocess.run(["docker", "network", "rm", name_of(home)], capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)
