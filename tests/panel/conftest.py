"""A whole Panel over a real socket and a real database, with a stand-in daemon that remembers what it was asked."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import pytest
import uvicorn
from aiohttp import web
from sqlalchemy import select

from rookery.panel.accounts import service as accounts
from rookery.panel.accounts.models import User
from rookery.panel.app import create_app, make_panel
from rookery.panel.db.migrate import migrate
from rookery.panel.eggs.service import import_egg, make_nest
from rookery.panel.nodes.models import Allocation, Location, Node
from rookery.panel.nodes.service import new_node
from rookery.panel.panel import Panel
from rookery.panel.servers.models import Subuser
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work
from rookery.protocol.eggs import read_egg

PASSWORD = "correct horse battery"
EGG: dict[str, Any] = {
    "meta": {"version": "PTDL_v2", "update_url": None},
    "name": "Echo",
    "author": "dev@example.com",
    "description": "Echo server",
    "features": ["pid_limit"],
    "docker_images": {"One": "images.example.com/one:1", "Two": "images.example.com/two:1"},
    "file_denylist": ["*.secret"],
    "startup": "./echo {{SERVER_PORT}} {{MOTD}} {{SECRET}}",
    "config": {
        "files": json.dumps(
            {
                "echo.ini": {
                    "parser": "ini",
                    "find": {"net.port": "{{server.build.default.port}}", "net.motd": "{{env.MOTD}}", "net.n": 5},
                }
            }
        ),
        "startup": '{"done": "listening"}',
        "logs": "{}",
        "stop": "^C",
    },
    "scripts": {"installation": {"script": "#!/bin/ash\n", "container": "alpine:3", "entrypoint": "ash"}},
    "variables": [
        {
            "name": "Greeting",
            "description": "Shown on connect",
            "env_variable": "MOTD",
            "default_value": "hi",
            "user_viewable": True,
            "user_editable": True,
            "rules": "required|string|max:10",
        },
        {
            "name": "Secret",
            "description": "",
            "env_variable": "SECRET",
            "default_value": "s3",
            "user_viewable": False,
            "user_editable": False,
            "rules": "nullable|string",
        },
    ],
}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Answer:
    """An HTTP answer, read."""

    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def codes(self) -> list[tuple[str, str, str]]:
        """Code, field and rule of each error."""
        return [
            (e["code"], e.get("meta", {}).get("source_field", ""), e.get("meta", {}).get("rule", ""))
            for e in self.json["errors"]
        ]


@dataclass
class Daemon:
    """A node that answers as told and remembers its calls."""

    port: int
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    """The bodies as they came."""
    urls: list[str] = field(default_factory=list)
    """The addresses as they came."""
    status: int = 204
    body: Any = None

    def answer(self, status: int, body: Any = None) -> None:
        self.status, self.body = status, body


@dataclass
class Site:
    """The Panel under test."""

    panel: Panel
    url: str
    http: aiohttp.ClientSession
    daemon: Daemon
    ids: dict[str, Any] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> Answer:
        sent = {"Accept": "application/json", **(headers or {})}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        options: dict[str, Any] = (
            {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        )
        async with (session or self.http).request(
            method, self.url + path, headers=sent, allow_redirects=False, **options
        ) as response:
            return Answer(response.status, response.headers, await response.text())

    async def within(self, step: Any) -> Any:
        """Run `step(work)` in a transaction."""
        async with self.panel.sessions() as session:
            work = Work(session, self.panel.sessions)
            found = await step(work)
            await work.commit()
            return found

    async def user(self, name: str, *, admin: bool = False) -> User:
        user: User = await self.within(
            lambda work: accounts.create_user(
                work,
                self.panel.settings,
                username=name,
                email=f"{name}@example.com",
                password=PASSWORD,
                root_admin=admin,
            )
        )
        return user

    async def key(self, user: User, kind: int, **grants: int) -> str:
        async def make(work: Work) -> str:
            rights = {name: grants.get(name, grants.get("every", 3)) for name in accounts.RESOURCES}
            key, secret = await accounts.create_key(
                work, user, kind=kind, memo="test", grants=rights if kind == accounts.APPLICATION_KEY else None
            )
            return f"{key.identifier}{secret}"

        found: str = await self.within(make)
        return found

    async def rows(self, model: Any) -> list[Any]:
        async with self.panel.sessions() as session:
            return list(await session.scalars(select(model).order_by(model.id)))

    async def share(self, server_id: int, user: User, *permissions: str) -> None:
        async def make(work: Work) -> None:
            work.add(Subuser(server_id=server_id, user_id=user.id, permissions=list(permissions)))

        await self.within(make)

    @property
    def node_token(self) -> str:
        return str(self.ids["node_token"])

    def draft(self, **changes: Any) -> dict[str, Any]:
        """The body that creates a server."""
        return {
            "name": "Lobby",
            "user": self.ids["alice"].id,
            "egg": self.ids["egg"],
            "docker_image": "images.example.com/one:1",
            "startup": EGG["startup"],
            "environment": {"MOTD": "hello"},
            "limits": {"memory": 512, "swap": 0, "disk": 1024, "io": 500, "cpu": 100},
            "feature_limits": {"databases": 1, "allocations": 2, "backups": 3},
            "allocation": {"default": self.ids["allocations"][0]},
            **changes,
        }

    async def server(self, **changes: Any) -> dict[str, Any]:
        """A server that is created and installed."""
        made = await self.call("POST", "/api/application/servers", self.draft(**changes), key=self.ids["app_key"])
        assert made.status == 201, made.text
        attributes: dict[str, Any] = made.json["attributes"]
        done = await self.call(
            "POST",
            f"/api/remote/servers/{attributes['uuid']}/install",
            {"successful": True, "reinstall": False},
            key=self.node_token,
        )
        assert done.status == 204, done.text
        return attributes


class Browser:
    """Keeps cookies and sends the token our forms carry."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        await self.call("GET", "/sanctum/csrf-cookie")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def call(self, method: str, path: str, body: object = None, *, token: bool = True) -> Answer:
        return await self.site.call(method, path, body, headers=self._headers(token=token), session=self.http)

    def _headers(self, *, token: bool) -> dict[str, str]:
        jar = {cookie.key: cookie.value for cookie in self.http.cookie_jar}
        return {"X-XSRF-TOKEN": jar.get("XSRF-TOKEN", "")} if token else {}

    async def sign_in(self, name: str, password: str = PASSWORD) -> Answer:
        return await self.call("POST", "/auth/login", {"user": name, "password": password})

    async def form(self, method: str, path: str, fields: Any = None, *, token: bool = True) -> Answer:
        """Send a form as a page does."""
        data = fields if isinstance(fields, aiohttp.FormData) else urlencode(fields or {}, doseq=True).encode()
        headers = {"Accept": "text/html", **self._headers(token=token)}
        if isinstance(data, bytes):
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with self.http.request(
            method, self.site.url + path, headers=headers, data=data, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.text())

    async def page(self, path: str) -> Answer:
        """Open a page."""
        return await self.form("GET", path)

    async def after(self, answer: Answer) -> list[tuple[str, int]]:
        """The kinds of the notices on the page a form leads to, each with how many items it lists."""
        assert answer.status == 302, answer.text[:300]
        page = await self.page(answer.headers["Location"].removeprefix(self.site.url))
        shown = page.text.partition('id="alerts"')[2].partition('id="notes"')[0]
        blocks = re.findall(r'<div class="alert alert-(\w+)">(.*?)</div>', shown)
        return [(kind, text.count("<li>")) for kind, text in blocks]


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


async def _daemon() -> tuple[Daemon, web.AppRunner]:
    daemon = Daemon(free_port())

    async def take(request: web.Request) -> web.Response:
        raw = await request.read()
        daemon.raw.append(raw)
        daemon.urls.append(request.raw_path)
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        daemon.calls.append((request.method, request.path, body))
        if daemon.body is not None:
            return web.json_response(daemon.body, status=daemon.status)
        return web.Response(status=daemon.status)

    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", daemon.port).start()
    return daemon, runner


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """Settings of the Panel under test beside the usual ones; modules override it."""
    return {}


@pytest.fixture
async def site(tmp_path: Path, more_settings: dict[str, Any]) -> AsyncIterator[Site]:
    """A Panel with an administrator, users, a node with addresses, and an egg."""
    port = free_port()
    settings = PanelSettings(
        home=tmp_path,
        url=f"http://127.0.0.1:{port}",
        database=os.environ.get("ROOKERY_TEST_DATABASE", ""),
        bcrypt_rounds=4,
        node_timeout=3,
        jobs="worker",  # tests tick a clock themselves
        node_connect_timeout=1,
        **more_settings,
    )
    panel = make_panel(settings)
    await migrate(panel.engine)
    daemon, runner = await _daemon()
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), host="127.0.0.1", port=port, log_level="warning", ws="none", loop="none")
    )
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        site = Site(panel, settings.url, http, daemon)
        await _furnish(site)
        yield site
    server.should_exit = True
    await running
    await panel.nodes.close()
    await panel.engine.dispose()
    await runner.cleanup()


async def _furnish(site: Site) -> None:
    ids = site.ids
    ids["admin"] = await site.user("admin", admin=True)
    for name in ("alice", "bob", "carol"):
        ids[name] = await site.user(name)
    ids["app_key"] = await site.key(ids["admin"], accounts.APPLICATION_KEY)
    ids["alice_key"] = await site.key(ids["alice"], accounts.CLIENT_KEY)
    ids["bob_key"] = await site.key(ids["bob"], accounts.CLIENT_KEY)
    ids["admin_key"] = await site.key(ids["admin"], accounts.CLIENT_KEY)

    async def place(work: Work) -> None:
        location = Location(short="here", long="Here")
        work.add(location)
        await work.db.flush()
        nodes: list[Node] = []
        for name, listen in (("one", site.daemon.port), ("two", free_port())):
            node = new_node(
                name=name,
                location_id=location.id,
                fqdn="127.0.0.1",
                scheme="http",
                memory=4096,
                disk=10_000,
                daemon_listen=listen,
                daemon_base="/var/lib/pterodactyl/volumes",
            )
            work.add(node)
            nodes.append(node)
        await work.db.flush()
        addresses = [Allocation(node_id=nodes[0].id, ip="127.0.0.1", port=port) for port in range(30001, 30006)]
        addresses.append(Allocation(node_id=nodes[1].id, ip="127.0.0.1", port=31001))
        work.db.add_all(addresses)
        nest = await make_nest(work, "Tests", None, "dev@example.com")
        egg = await import_egg(work, read_egg(EGG), nest)
        ids["location"], ids["node"], ids["dead_node"] = location.id, nodes[0].id, nodes[1].id
        ids["allocations"] = [address.id for address in addresses[:5]]
        ids["dead_allocation"] = addresses[5].id
        ids["nest"], ids["egg"] = nest.id, egg.id
        ids["node_token"] = f"{nodes[0].daemon_token_id}.{nodes[0].daemon_token}"
        ids["node_secret"] = nodes[0].daemon_token
        ids["other_token"] = f"{nodes[1].daemon_token_id}.{nodes[1].daemon_token}"

    await site.within(place)
