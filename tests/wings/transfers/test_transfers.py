"""Moves between two nodes of ours over real sockets, and what a hostile or broken source achieves: nothing."""

import asyncio
import hashlib
import io
import os
import tarfile
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.wings.conftest import TOKEN, UUID, Daemon, MakeDaemon, Panel, configuration, free_port, signed

from rookery.wings.transfers.source import size_text

pytestmark = pytest.mark.anyio
ELSEWHERE = "0f0f0f0f-1111-4222-8333-444444444444"


def root(daemon: Daemon, server: str = UUID) -> Path:
    return Path(daemon.config["system"]["data"]) / server


def token(subject: str = UUID, **claims: Any) -> str:
    now = int(time.time())
    return "Bearer " + signed({"iat": now, "nbf": now - 300, "exp": now + 900, "sub": subject, **claims}, TOKEN)


def furnish(folder: Path) -> None:
    (folder / "world/empty").mkdir(parents=True)
    (folder / "world/level.dat").write_bytes(os.urandom(3_000_000))
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("run.sh")


def picture(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = "/" if path.is_dir() else (hashlib.sha1(path.read_bytes()).hexdigest(), path.stat().st_mode)
    return found


@pytest.fixture
async def nodes(panel: Panel, make_daemon: MakeDaemon, tmp_path: Path) -> tuple[Daemon, Daemon]:
    """A source with a server, and a destination without; both ask the same Panel."""
    source = await make_daemon()
    panel.servers.clear()
    data = tmp_path / "other-data"
    data.mkdir()
    system = {**source.config["system"], "data": str(data), "root_directory": str(tmp_path / "other")}
    system["sftp"] = {"bind_address": "127.0.0.1", "bind_port": free_port()}
    (tmp_path / "other").mkdir()
    target = await make_daemon(system=system)
    panel.servers[UUID] = configuration()
    return source, target


async def send(source: Daemon, url: str, bearer: str | None = None) -> int:
    body = {"url": url, "token": bearer or token(), "server": {"uuid": UUID, "start_on_completion": False}}
    status, _ = await source.call("POST", f"/api/servers/{UUID}/transfer", body)
    return status


async def test_a_server_arrives_whole_and_only_there_it_can_be_started(
    nodes: tuple[Daemon, Daemon], panel: Panel
) -> None:
    source, target = nodes
    furnish(root(source))
    before = picture(root(source))
    await source.power("start", "running")
    async with source.view("*", "admin.websocket.transfer") as viewer:
        assert await send(source, f"http://127.0.0.1:{target.port}/api/transfers") == 202
        await panel.hears(f"/servers/{UUID}/transfer/success")
        assert await viewer.until("transfer status") == ["processing"]
    assert picture(root(target)) == before
    assert panel.told("/transfer/failure") == []
    await source.call("POST", f"/api/servers/{UUID}/power", {"action": "start"})
    await asyncio.sleep(0.2)
    assert source.server().state == "offline"  # held until the Panel deletes it here
    assert (await send(source, "http://127.0.0.1:1/")) == 409
    assert (await source.call("DELETE", f"/api/servers/{UUID}"))[0] == 204
    await target.power("start", "running")


@pytest.mark.parametrize("answer", [201, 204, 302, 403, 500])
async def test_a_destination_that_refuses_leaves_the_server_free_where_it_is(
    nodes: tuple[Daemon, Daemon], panel: Panel, answer: int
) -> None:
    source, _ = nodes
    furnish(root(source))
    port = free_port()

    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=answer, headers={"Location": "/elsewhere"} if answer == 302 else {})

    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/api/transfers", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    assert await send(source, f"http://127.0.0.1:{port}/api/transfers") == 202
    await panel.hears(f"/servers/{UUID}/transfer/failure")
    await source.power("start", "running")
    await runner.cleanup()


async def test_nobody_there_is_a_failure_too(nodes: tuple[Daemon, Daemon], panel: Panel) -> None:
    source, _ = nodes
    assert await send(source, f"http://127.0.0.1:{free_port()}/api/transfers") == 202
    await panel.hears(f"/servers/{UUID}/transfer/failure")
    assert source.server().held_by == set()


@pytest.mark.parametrize("side", ["source", "target"])
async def test_a_move_can_be_ended_from_both_sides(
    nodes: tuple[Daemon, Daemon], panel: Panel, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = nodes
    furnish(root(source))
    from rookery.wings.transfers import source as module

    real = module.write_archive

    def slow(volume: Any, sink: Any, **more: Any) -> None:
        real(volume, sink, **more)
        time.sleep(1.5)

    monkeypatch.setattr(module, "write_archive", slow)
    assert await send(source, f"http://127.0.0.1:{target.port}/api/transfers") == 202
    async with asyncio.timeout(5):
        while not root(target).exists():
            await asyncio.sleep(0.02)
    if side == "source":
        assert (await source.call("DELETE", f"/api/servers/{UUID}/transfer"))[0] == 202
    else:
        assert (await target.call("DELETE", f"/api/transfers/{UUID}"))[0] == 202
    await panel.hears("/transfer/failure", 2)  # each side says so; the second one finds nothing to do
    assert panel.told("/transfer/success") == []
    async with asyncio.timeout(5):
        while root(target).exists() or source.server().held_by:
            await asyncio.sleep(0.02)
    await source.power("start", "running")


# A source that is not to be trusted


def archive(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


GOOD = archive(("a.txt", b"hello"))


async def push(daemon: Daemon, parts: list[tuple[str, bytes]], *, bearer: str | None = None, kind: str = "") -> int:
    boundary = "b" * 30
    body = b""
    for name, content in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    headers = {
        "Authorization": bearer if bearer is not None else token(ELSEWHERE),
        "Content-Type": kind or f"multipart/form-data; boundary={boundary}",
    }
    status, _ = await daemon.call("POST", "/api/transfers", data=io.BytesIO(body), headers=headers)
    return status


def checksum(content: bytes = GOOD) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


@pytest.fixture
async def alone(panel: Panel, make_daemon: MakeDaemon) -> Daemon:
    daemon = await make_daemon()
    panel.servers[ELSEWHERE] = configuration(ELSEWHERE)
    return daemon


@pytest.mark.parametrize(
    "parts",
    [
        [("checksum", checksum()), ("archive", GOOD)],
        [("archive", GOOD), ("checksum", b"0" * 64)],
        [("archive", GOOD), ("checksum", b"no hex")],
        [("archive", GOOD)],
        [("checksum", checksum())],
        [("other", b"x")],
        [("archive", b"words"), ("checksum", checksum(b"words"))],
        [("archive", GOOD[:-20]), ("checksum", checksum(GOOD[:-20]))],
    ],
)
async def test_what_is_not_whole_leaves_nothing_and_the_panel_hears(
    alone: Daemon, panel: Panel, parts: list[tuple[str, bytes]]
) -> None:
    assert await push(alone, parts) == 500
    await panel.hears(f"/servers/{ELSEWHERE}/transfer/failure")
    assert panel.told("/transfer/success") == []
    assert not root(alone, ELSEWHERE).exists()
    assert (await alone.call("GET", f"/api/servers/{ELSEWHERE}"))[0] == 404
    assert await push(alone, [("archive", GOOD), ("checksum", checksum())]) == 200  # the next one is welcome
    assert (root(alone, ELSEWHERE) / "a.txt").read_text() == "hello"


async def test_names_that_climb_stay_inside(alone: Daemon, tmp_path: Path) -> None:
    content = archive(("../../evil.txt", b"x"), ("/abs.txt", b"y"))
    assert await push(alone, [("archive", content), ("checksum", checksum(content))]) == 200
    assert sorted(path.name for path in root(alone, ELSEWHERE).iterdir()) == ["abs.txt", "evil.txt"]
    assert not (tmp_path.parent / "evil.txt").exists()


async def test_a_server_that_is_here_is_never_overwritten(alone: Daemon) -> None:
    (root(alone)).mkdir(exist_ok=True)
    (root(alone) / "mine.txt").write_text("mine")
    assert await push(alone, [("archive", GOOD), ("checksum", checksum())], bearer=token(UUID)) == 409
    assert [path.name for path in root(alone).iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("bearer", "status"),
    [
        ("", 401),
        ("Basic x", 401),
        (f"Bearer {TOKEN}", 500),
        (token("not-a-uuid"), 500),
        (token(ELSEWHERE, exp=1), 500),
        (token(ELSEWHERE, server_uuid=ELSEWHERE), 500),
        (token(ELSEWHERE, scope="file-upload"), 500),
    ],
)
async def test_only_a_token_for_a_move_opens_this_door(alone: Daemon, panel: Panel, bearer: str, status: int) -> None:
    calls = len(panel.calls)
    assert await push(alone, [("archive", GOOD), ("checksum", checksum())], bearer=bearer) == status
    assert [path for _, path, _ in panel.calls[calls:] if ELSEWHERE in path] == []


async def test_an_archive_larger_than_the_server_may_be_does_not_arrive(panel: Panel, make_daemon: MakeDaemon) -> None:
    daemon = await make_daemon()
    build = {**configuration()["settings"]["build"], "disk_space": 1}
    panel.servers[ELSEWHERE] = configuration(ELSEWHERE, build=build)
    content = archive(("big", os.urandom(2_000_000)))
    assert await push(daemon, [("archive", content), ("checksum", checksum(content))]) == 400
    assert not root(daemon, ELSEWHERE).exists()


async def test_ends_that_are_not_there(alone: Daemon) -> None:
    assert (await alone.call("DELETE", f"/api/servers/{UUID}/transfer"))[0] == 409
    assert (await alone.call("DELETE", f"/api/transfers/{UUID}"))[0] == 409
    assert (await alone.call("DELETE", f"/api/transfers/{uuid.uuid4()}"))[0] == 404


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1288490189, "1.2 GiB"), (6 << 30, "6.0 GiB")]
)
def test_sizes_are_readable(size: int, text: str) -> None:
    assert size_text(size) == text
