"""Moves of servers between nodes and mounts, by the administration area and what nodes report."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from tests.panel.conftest import Browser, Daemon, Site, _daemon

from rookery.panel.clock import Clock
from rookery.panel.nodes.models import Allocation, Node
from rookery.panel.nodes.service import new_node
from rookery.panel.servers.models import Server, ServerTransfer
from rookery.panel.work import Work
from rookery.protocol.claims import verify

pytestmark = pytest.mark.anyio


class Movable:
    """A server of alice's, another node with free addresses, and an administrator's browser."""

    def __init__(self, site: Site, server: dict[str, Any], browser: Browser, other: Daemon) -> None:
        self.site, self.server, self.browser, self.other = site, server, browser, other
        self.node, self.token = 0, ""
        self.free: list[int] = []

    async def start(self, **changes: Any) -> list[tuple[str, int]]:
        fields = {"node_id": self.node, "allocation_id": self.free[0], "allocation_additional[]": self.free[1:2]}
        path = f"/admin/servers/view/{self.server['id']}/manage/transfer"
        return await self.browser.after(await self.browser.form("POST", path, {**fields, **changes}))

    async def report(self, ending: str, token: str) -> int:
        path = f"/api/remote/servers/{self.server['uuid']}/transfer/{ending}"
        return (await self.site.call("POST", path, key=token)).status

    async def owners(self) -> dict[int, int | None]:
        return {row.id: row.server_id for row in await self.site.rows(Allocation) if row.id in self.free}

    async def place(self) -> tuple[int, int]:
        row = (await self.site.rows(Server))[0]
        return row.node_id, row.allocation_id


@pytest.fixture
async def movable(site: Site) -> AsyncIterator[Movable]:
    server = await site.server()
    other, runner = await _daemon()
    async with Browser(site) as browser:
        await browser.sign_in("admin")
        await browser.page("/admin/servers")  # what is refused leads back to the page before
        found = Movable(site, server, browser, other)

        async def furnish(work: Work) -> None:
            first = (await site.rows(Node))[0]
            node = new_node(
                name="Other", location_id=first.location_id, fqdn="127.0.0.1", scheme="http", memory=4096, disk=10240
            )
            node.daemon_listen = other.port
            work.add(node)
            await work.db.flush()
            rows = [Allocation(node_id=node.id, ip="127.0.0.1", port=4000 + at) for at in range(3)]
            work.db.add_all(rows)
            await work.db.flush()
            found.node, found.free = node.id, [row.id for row in rows]
            found.token = f"{node.daemon_token_id}.{node.daemon_token}"

        await site.within(furnish)
        site.daemon.calls.clear()
        yield found
    await runner.cleanup()


async def test_a_move_reserves_addresses_and_the_source_gets_a_token_of_the_destination(movable: Movable) -> None:
    assert await movable.start() == [("success", 0)]
    ((method, path, body),) = movable.site.daemon.calls
    assert (method, path) == ("POST", f"/api/servers/{movable.server['uuid']}/transfer")
    assert body["url"] == f"http://127.0.0.1:{movable.other.port}/api/transfers"
    claims = verify(movable.token.partition(".")[2], body["token"].removeprefix("Bearer "))
    assert claims["sub"] == movable.server["uuid"]
    assert await movable.owners() == dict(
        zip(movable.free, [movable.server["id"], movable.server["id"], None], strict=True)
    )
    busy = await movable.site.call(
        "GET", f"/api/client/servers/{movable.server['identifier']}/resources", key=movable.site.ids["alice_key"]
    )
    assert busy.status == 409


async def test_only_the_destination_can_say_that_it_worked(movable: Movable) -> None:
    before = await movable.place()
    await movable.start()
    assert await movable.report("success", movable.site.node_token) == 403
    assert await movable.place() == before
    assert await movable.report("success", movable.token) == 204
    assert await movable.place() == (movable.node, movable.free[0])
    assert ("DELETE", f"/api/servers/{movable.server['uuid']}", None) in movable.site.daemon.calls
    old = [row for row in await movable.site.rows(Allocation) if row.id == before[1]]
    assert old[0].server_id is None
    assert await movable.report("success", movable.token) == 409


@pytest.mark.parametrize("side", ["source", "destination"])
async def test_a_failure_of_either_side_leaves_everything_as_it_was(movable: Movable, side: str) -> None:
    before = await movable.place()
    await movable.start()
    token = movable.site.node_token if side == "source" else movable.token
    assert await movable.report("failure", token) == 204
    assert await movable.place() == before
    assert set((await movable.owners()).values()) == {None}
    assert await movable.start() == [("success", 0)]  # and it can be tried again


async def test_a_source_that_does_not_begin_leaves_no_trace(movable: Movable) -> None:
    movable.site.daemon.answer(500, {"error": "no"})
    assert [kind for kind, _ in await movable.start()] == ["danger"]
    assert await movable.site.rows(ServerTransfer) == []
    assert set((await movable.owners()).values()) == {None}


@pytest.mark.parametrize("wrong", ["taken", "elsewhere", "missing", "full"])
async def test_an_address_or_a_node_that_cannot_be_used_is_refused(movable: Movable, wrong: str) -> None:
    changes: dict[str, Any] = {}
    if wrong == "taken":
        changes["allocation_id"] = (await movable.place())[1]
    if wrong == "elsewhere":
        changes["allocation_id"] = movable.site.ids["allocations"][2]
    if wrong == "missing":
        changes["node_id"] = 999
    if wrong == "full":
        async with movable.site.panel.sessions() as session:
            await session.execute(update(Node).where(Node.id == movable.node).values(memory=1))
            await session.commit()
    assert [kind for kind, _ in await movable.start(**changes)] == ["danger"]
    assert await movable.site.rows(ServerTransfer) == []


async def test_one_move_at_a_time_however_many_ask(movable: Movable) -> None:
    await asyncio.gather(*(movable.start() for _ in range(4)))
    assert len(await movable.site.rows(ServerTransfer)) == 1
    assert len(movable.site.daemon.calls) == 1


async def test_a_move_can_be_ended_by_hand_and_ends_by_itself(movable: Movable) -> None:
    await movable.start()
    path = f"/admin/servers/view/{movable.server['id']}/manage/transfer"
    assert await movable.browser.after(await movable.browser.form("DELETE", path)) == [("success", 0)]
    assert [method for method, *_ in movable.site.daemon.calls] == ["POST", "DELETE"]
    assert [path for _, path, _ in movable.other.calls] == [f"/api/transfers/{movable.server['uuid']}"]
    await movable.start()
    async with movable.site.panel.sessions() as session:
        await session.execute(update(ServerTransfer).values(created_at=datetime.now(UTC) - timedelta(hours=25)))
        await session.commit()
    await Clock(movable.site.panel).clean()
    assert [row.successful for row in await movable.site.rows(ServerTransfer)] == [False, False]
    assert set((await movable.owners()).values()) == {None}


# Mounts


async def test_a_mount_reaches_servers_whose_egg_and_node_allow_it(movable: Movable) -> None:
    browser, site = movable.browser, movable.site
    fields = {"name": "Maps", "source": "/srv/maps", "target": "/mnt/maps", "read_only": "1", "user_mountable": "0"}
    made = await browser.form("POST", "/admin/mounts", fields)
    mount = int(made.headers["Location"].rsplit("/", 1)[1])
    attach = f"/admin/servers/view/{movable.server['id']}/mounts"
    assert await browser.after(await browser.form("POST", attach, {"mount_id": mount})) == [("danger", 1)]
    node = (await movable.place())[0]
    await browser.form("POST", f"/admin/mounts/{mount}/eggs", {"eggs[]": [site.ids["egg"]]})
    await browser.form("POST", f"/admin/mounts/{mount}/nodes", {"nodes[]": [node]})
    assert await browser.after(await browser.form("POST", attach, {"mount_id": mount})) == [("success", 0)]
    told = await site.call("GET", f"/api/remote/servers/{movable.server['uuid']}", key=site.node_token)
    assert told.json["settings"]["mounts"] == [{"source": "/srv/maps", "target": "/mnt/maps", "read_only": True}]
    assert (await browser.form("DELETE", f"{attach}/{mount}")).status == 302
    told = await site.call("GET", f"/api/remote/servers/{movable.server['uuid']}", key=site.node_token)
    assert told.json["settings"]["mounts"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x"},
        {"source": "/etc/pterodactyl"},
        {"source": "/var/lib/pterodactyl/volumes"},
        {"target": "/home/container"},
    ],
)
async def test_a_mount_of_what_belongs_to_the_node_is_refused(movable: Movable, changes: dict[str, str]) -> None:
    fields = {"name": "Maps", "source": "/srv/maps", "target": "/mnt/maps", **changes}
    assert await movable.browser.after(await movable.browser.form("POST", "/admin/mounts", fields)) == [("danger", 1)]
