"""A whole daemon over real sockets: a stand-in Panel that remembers what it was told, and an engine in memory."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import OctKey

from rookery.wings.app import Wings
from rookery.wings.config import Config, ConfigFile, decode
from rookery.wings.runtime.fake import FakeRuntime, Process
from rookery.wings.servers.server import Server

TOKEN = "b" * 64
UUID = "7f1d9a8e-95a7-4a4a-8a0e-0c1f3a5b7d90"
USER = "1d2c3b4a-0000-4000-8000-00000000000a"


async def game(process: Process) -> int:
    """Comes up, answers lines, ends by `stop` or with the code of `exit N`."""
    await process.say("loading")
    await process.say("Done (1.0s)!")
    while True:
        line = await process.line()
        if line == "stop":
            await process.say("bye")
            return 0
        if line.startswith("exit "):
            return int(line.removeprefix("exit "))
        await process.say(f"got {line}")


async def silent(process: Process) -> int:
    """Never says that it is up."""
    await process.say("loading")
    await process.line()
    return 0


async def script(process: Process) -> int:
    """An installation: says a line and succeeds."""
    await process.say("installing")
    return 0


def configuration(uuid: str = UUID, **changes: Any) -> dict[str, Any]:
    """The document the Panel has about a server; `changes` replace parts of its settings."""
    settings: dict[str, Any] = {
        "uuid": uuid,
        "meta": {"name": "One", "description": ""},
        "suspended": False,
        "environment": {"STARTUP": "./run"},
        "invocation": "./run",
        "skip_egg_scripts": False,
        "build": {
            "memory_limit": 256,
            "swap": 0,
            "io_weight": 500,
            "cpu_limit": 0,
            "threads": None,
            "disk_space": 100,
            "oom_disabled": True,
        },
        "container": {"image": "game", "oom_disabled": True, "requires_rebuild": False},
        "allocations": {"default": {"ip": "127.0.0.1", "port": 25565}, "mappings": {"127.0.0.1": [25565]}},
        "mounts": [],
        "egg": {"id": uuid, "file_denylist": []},
    }
    settings.update(changes)
    process = {
        "startup": {"done": ["Done ("], "user_interaction": [], "strip_ansi": False},
        "stop": {"type": "command", "value": "stop"},
        "configs": [],
    }
    return {"settings": settings, "process_configuration": process}


@dataclass
class Panel:
    """The other side of the remote API; `servers` are the documents it knows, `broken` makes it answer 500."""

    servers: dict[str, dict[str, Any]] = field(default_factory=dict)
    installer: str = "installer"
    broken: bool = False
    port: int = 0
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    runner: web.AppRunner | None = None
    _new: asyncio.Event = field(default_factory=asyncio.Event)

    async def arrive(self) -> None:
        """Start to listen."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/api/remote/{path:.*}", self.answer)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        self.port = self.runner.addresses[0][1]

    async def leave(self) -> None:
        """Be unreachable."""
        if self.runner is not None:
            await self.runner.cleanup()

    async def answer(self, request: web.Request) -> web.Response:
        path, body = request.path.removeprefix("/api/remote"), await request.read()
        assert request.headers["Authorization"] == f"Bearer id.{TOKEN}"
        self.calls.append((request.method, path, json.loads(body) if body else None))
        self._new.set()
        if self.broken:
            return web.Response(status=500)
        match [request.method, *path.strip("/").split("/")]:
            case ["GET", "servers"]:
                data = [{"uuid": uuid, **document} for uuid, document in self.servers.items()]
                meta = {"current_page": 1, "last_page": 1, "per_page": 50, "total": len(data), "from": 1, "to": 1}
                return web.json_response({"data": data, "meta": meta})
            case ["GET", "servers", uuid] if uuid in self.servers:
                return web.json_response(self.servers[uuid])
            case ["GET", "servers", uuid, "install"] if uuid in self.servers:
                return web.json_response(
                    {"container_image": self.installer, "entrypoint": "bash", "script": "echo installing"}
                )
            case ["POST", *_]:
                return web.Response(status=204)
        return web.json_response({"errors": [{"code": "NotFound", "detail": "no", "status": "404"}]}, status=404)

    def told(self, ending: str) -> list[Any]:
        """The bodies posted to addresses with this ending, in order."""
        return [body for method, path, body in self.calls if method == "POST" and path.endswith(ending)]

    async def hears(self, ending: str, count: int = 1) -> list[Any]:
        """Wait until there are that many."""
        async with asyncio.timeout(10):
            while len(self.told(ending)) < count:
                self._new.clear()
                await self._new.wait()
        return self.told(ending)


class Viewer:
    """One console websocket."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.seen: list[tuple[str, list[str]]] = []

    async def send(self, event: str, *args: str) -> None:
        await self.ws.send_json({"event": event, "args": list(args)})

    async def until(self, event: str, *args: str) -> list[str]:
        """Read until an event comes, with these arguments if any are given; its arguments."""
        async with asyncio.timeout(10):
            while True:
                found = json.loads(await self.ws.receive_str())
                name, given = found["event"], found.get("args") or []
                self.seen.append((name, given))
                if name == event and (not args or list(args) == given):
                    return given

    async def sign_in(self, token: str) -> None:
        await self.send("auth", token)
        await self.until("auth success")

    def lines(self) -> list[str]:
        """Console lines seen so far."""
        return [args[0] for name, args in self.seen if name == "console output"]


@dataclass
class Daemon:
    """A running node and a client with the Panel's rights."""

    panel: Panel
    runtime: FakeRuntime
    folder: Path
    config: dict[str, Any]
    port: int = 0
    wings: Wings | None = None
    http: aiohttp.ClientSession | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    async def start(self) -> None:
        """Boot; returns when the API listens and all servers are as they were."""
        config = decode(Config, self.config)
        self._stop = asyncio.Event()
        self.wings = Wings(ConfigFile(self.folder / "config.yml", config), self.runtime)
        self._task = asyncio.create_task(self.wings.run(self._stop))
        self.http = aiohttp.ClientSession(f"http://127.0.0.1:{self.port}", headers={"Authorization": f"Bearer {TOKEN}"})
        async with asyncio.timeout(10):
            while True:
                if self._task.done():
                    await self._task
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with self.http.get("/api/system") as answer:
                        if answer.status == 200 and ("POST", "/servers/reset", None) in self.panel.calls:
                            return
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """End as by a signal."""
        if self.http is not None:
            await self.http.close()
        if self._task is not None:
            self._stop.set()
            await self._task
            self._task = None

    def server(self, uuid: str = UUID) -> Server:
        assert self.wings is not None
        return self.wings.registry.get(uuid)

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Status and body, decoded where it is JSON."""
        assert self.http is not None
        if body is not None:
            options["json"] = body
        async with self.http.request(method, path, **options) as answer:
            text = await answer.text()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text

    async def power(self, action: str, state: str, uuid: str = UUID) -> None:
        """Send a power action and wait for the state."""
        assert (await self.call("POST", f"/api/servers/{uuid}/power", {"action": action}))[0] == 202
        await self.becomes(state, uuid)

    async def becomes(self, state: str, uuid: str = UUID) -> None:
        """Wait until the server is in a state."""
        server = self.server(uuid)
        async with asyncio.timeout(10):
            while server.state != state:
                await asyncio.sleep(0.005)

    def token(self, *permissions: str, uuid: str = UUID, **changes: Any) -> str:
        """A console token as the Panel signs it."""
        now = int(time.time())
        payload = {
            "iss": "http://panel",
            "aud": ["http://node"],
            "iat": now,
            "nbf": now - 300,
            "exp": now + 600,
            "jti": "11" * 16,
            "unique_id": secrets.token_hex(8),
            "user_uuid": USER,
            "server_uuid": uuid,
            "permissions": list(permissions or ("*",)),
        }
        return signed({**payload, **changes})

    @contextlib.asynccontextmanager
    async def view(self, *permissions: str, uuid: str = UUID, sign_in: bool = True) -> AsyncIterator[Viewer]:
        """A websocket to a server, signed in."""
        assert self.http is not None
        headers = {"Origin": self.config["remote"]}
        async with self.http.ws_connect(f"/api/servers/{uuid}/ws", headers=headers) as ws:
            viewer = Viewer(ws)
            if sign_in:
                await viewer.sign_in(self.token(*permissions, uuid=uuid))
            yield viewer


def signed(payload: Mapping[str, Any], secret: str = TOKEN) -> str:
    """A token with exactly these claims; they may break every rule of the protocol."""
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, dict(payload), OctKey.import_key(secret.encode()))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
async def panel() -> AsyncIterator[Panel]:
    """A Panel that knows one server."""
    found = Panel({UUID: configuration()})
    await found.arrive()
    yield found
    await found.leave()


MakeDaemon = Callable[..., Awaitable[Daemon]]


@pytest.fixture
async def make_daemon(panel: Panel, tmp_path: Path) -> AsyncIterator[MakeDaemon]:
    """Starts daemons on one folder and one engine; keywords are parts of the configuration."""
    runtime = FakeRuntime({"game": game, "silent": silent, "installer": script}, images=["game", "silent", "installer"])
    running: list[Daemon] = []

    async def make(**changes: Any) -> Daemon:
        port = free_port()
        owner = {"uid": os.getuid(), "gid": os.getgid()}
        folders = {
            name: str(tmp_path / name) for name in ("data", "archive_directory", "backup_directory", "tmp_directory")
        }
        config: dict[str, Any] = {
            "token_id": "id",
            "token": TOKEN,
            "remote": f"http://127.0.0.1:{panel.port}",
            "api": {"host": "127.0.0.1", "port": port},
            "system": {
                "root_directory": str(tmp_path),
                "log_directory": str(tmp_path / "logs"),
                **folders,
                "user": owner,
                "sftp": {"bind_address": "127.0.0.1", "bind_port": free_port()},
            },
        }
        for name in ("logs/install", "data", "archive_directory", "backup_directory", "tmp_directory"):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
        for key, value in changes.items():
            config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
        daemon = Daemon(panel, runtime, tmp_path, config, port)
        running.append(daemon)
        await daemon.start()
        return daemon

    yield make
    for daemon in running:
        await daemon.stop()
    await runtime.shut_down()


@pytest.fixture
async def daemon(make_daemon: MakeDaemon) -> Daemon:
    """A node with one server that is offline."""
    return await make_daemon()
