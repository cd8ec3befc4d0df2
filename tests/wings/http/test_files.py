"""Files by HTTP: the bearer routes and those a token opens, over real sockets."""

import asyncio
import hashlib
import io
import os
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.wings.conftest import TOKEN, USER, UUID, Daemon, MakeDaemon, Panel, configuration, free_port, signed

from rookery.wings.files import addresses

pytestmark = pytest.mark.anyio
FILES = f"/api/servers/{UUID}/files"


@pytest.fixture
async def daemon(panel: Panel, make_daemon: MakeDaemon) -> Daemon:
    """A node whose server denies files, with a few files."""
    panel.servers[UUID] = configuration(egg={"id": UUID, "file_denylist": ["*.key"]})
    found = await make_daemon()
    root = volume(found)
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("hello")
    (root / "sub/b.bin").write_bytes(bytes(range(256)) * 100)
    (root / "x.key").write_text("secret")
    return found


def volume(daemon: Daemon) -> Path:
    return Path(daemon.server().volume.root)


def door(**claims: Any) -> dict[str, str]:
    now = int(time.time())
    body = {"iat": now, "nbf": now - 300, "exp": now + 600, "server_uuid": UUID, "user_uuid": USER}
    return {"token": signed({**body, "unique_id": os.urandom(8).hex(), **claims}, TOKEN)}


async def raw(daemon: Daemon, method: str, path: str, **options: Any) -> tuple[int, Any, bytes]:
    assert daemon.http is not None
    async with daemon.http.request(method, path, **options) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_a_file_is_written_read_listed_moved_copied_and_deleted(daemon: Daemon) -> None:
    assert (await raw(daemon, "POST", f"{FILES}/write?file=new/c.txt", data=b"words"))[0] == 204
    status, headers, body = await raw(daemon, "GET", f"{FILES}/contents?file=new/c.txt")
    assert (status, body, headers["X-Mime-Type"]) == (200, b"words", "text/plain; charset=utf-8")
    assert "X-Request-Id" in headers
    for path, form in (
        ("rename", {"root": "/", "files": [{"from": "new/c.txt", "to": "d.txt"}]}),
        ("copy", {"location": "/d.txt"}),
        ("create-directory", {"name": "made", "path": "/"}),
        ("chmod", {"root": "/", "files": [{"file": "d.txt", "mode": "600"}, {"file": "a.txt", "mode": "755"}]}),
        ("delete", {"root": "/", "files": ["d copy.txt"]}),
    ):
        method = "PUT" if path == "rename" else "POST"
        assert (await daemon.call(method, f"{FILES}/{path}", form))[0] == 204, path
    _, listed = await daemon.call("GET", f"{FILES}/list-directory?directory=/")
    shown = {entry["name"]: entry["mode_bits"] for entry in listed}
    assert list(shown) == ["made", "new", "sub", "a.txt", "d.txt", "x.key"]
    assert (shown["d.txt"], shown["a.txt"]) == ("600", "755")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "write?file=y.key", None),
        ("POST", "write?file=//sub//..//x.key", None),
        ("POST", "copy", {"location": "x.key"}),
        ("GET", "contents?file=x.key", None),
        ("PUT", "rename", {"root": "/", "files": [{"from": "x.key", "to": "x.txt"}]}),
        ("PUT", "rename", {"root": "/", "files": [{"from": "a.txt", "to": "a.key"}]}),
    ],
)
async def test_denied_files_stay_untouched(daemon: Daemon, method: str, path: str, body: Any) -> None:
    status, found = await daemon.call(method, f"{FILES}/{path}", body)
    assert (status, found["error"]) == (403, "This file cannot be modified: present in egg denylist.")
    assert (volume(daemon) / "x.key").read_text() == "secret"


@pytest.mark.parametrize("path", ["../x", "/../x", "sub/../../x"])
async def test_reading_and_writing_outside_is_not_found(daemon: Daemon, path: str) -> None:
    for method, route in (("GET", "contents?file="), ("GET", "list-directory?directory="), ("POST", "write?file=")):
        assert (await daemon.call(method, f"{FILES}/{route}{path}"))[0] == 404


async def test_a_write_that_is_cut_off_leaves_the_old_file(daemon: Daemon) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    head = f"POST {FILES}/write?file=a.txt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    writer.write(head.encode() + b"Content-Length: 1000\r\n\r\nonly some")
    await writer.drain()
    writer.close()
    await asyncio.sleep(0.3)
    assert (volume(daemon) / "a.txt").read_text() == "hello"
    assert sorted(os.listdir(volume(daemon))) == ["a.txt", "sub", "x.key"]
    del reader


async def test_a_body_of_unknown_length_is_refused_by_name(daemon: Daemon) -> None:
    async def pieces() -> Any:
        yield b"x"

    status, _, body = await raw(daemon, "POST", f"{FILES}/write?file=z", data=pieces())
    assert (status, b"Missing Content-Length" in body) == (400, True)


async def test_an_archive_goes_round(daemon: Daemon) -> None:
    status, packed = await daemon.call("POST", f"{FILES}/compress", {"root": "/", "files": ["sub"]})
    assert (status, packed["mime"]) == (200, "application/tar+gzip")
    await daemon.call("POST", f"{FILES}/delete", {"root": "/", "files": ["sub"]})
    assert (await daemon.call("POST", f"{FILES}/decompress", {"root": "/", "file": packed["name"]}))[0] == 204
    assert (volume(daemon) / "sub/b.bin").stat().st_size == 25600


# By token


async def test_a_download_is_whole_or_a_range_and_its_token_works_once(daemon: Daemon) -> None:
    query = door(file_path="sub/b.bin")
    status, headers, body = await raw(daemon, "GET", "/download/file", params=query)
    assert (status, len(body), headers["Content-Disposition"]) == (200, 25600, 'attachment; filename="b.bin"')
    assert (await raw(daemon, "GET", "/download/file", params=query))[0] == 404
    part = await raw(
        daemon, "GET", "/download/file", params=door(file_path="sub/b.bin"), headers={"Range": "bytes=25590-"}
    )
    assert (part[0], part[2]) == (206, body[25590:])


@pytest.mark.parametrize(
    "claims",
    [
        {"permissions": ["*"]},
        {"backup_uuid": "x"},
        {"file_path": "a.txt", "scope": "file-upload"},
        {"file_path": "a.txt", "server_uuid": "00000000-0000-4000-8000-000000000000"},
    ],
)
async def test_a_token_opens_no_other_door(daemon: Daemon, claims: dict[str, Any]) -> None:
    assert (await raw(daemon, "GET", "/download/file", params=door(**claims)))[0] == 404


async def test_a_download_token_uploads_nothing(daemon: Daemon) -> None:
    form = aiohttp.FormData()
    form.add_field("files", b"x", filename="new.txt")
    assert (await raw(daemon, "POST", "/upload/file", params=door(file_path="a.txt"), data=form))[0] == 404
    assert not (volume(daemon) / "new.txt").exists()


@pytest.mark.parametrize("token", ["", "a.b.c", signed({"exp": 1, "server_uuid": UUID}, TOKEN), signed({}, "x" * 32)])
async def test_a_bad_token_is_refused(daemon: Daemon, token: str) -> None:
    assert (await raw(daemon, "GET", "/download/file", params={"token": token}))[0] == 401


async def test_files_are_uploaded_and_on_record(daemon: Daemon, panel: Panel) -> None:
    form = aiohttp.FormData(quote_fields=False)
    content = os.urandom(3_000_000)
    form.add_field("files", io.BytesIO(content), filename="../../up.bin")
    form.add_field("files", b"two", filename="two.txt")
    status, _, _ = await raw(daemon, "POST", "/upload/file", params={**door(), "directory": "/in"}, data=form)
    assert status == 200
    found = (volume(daemon) / "in/up.bin").read_bytes()
    assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()
    assert (volume(daemon) / "in/two.txt").read_text() == "two"


async def test_an_upload_that_is_too_large_leaves_nothing(panel: Panel, make_daemon: MakeDaemon) -> None:
    daemon = await make_daemon(api={"upload_limit": 1})
    form = aiohttp.FormData()
    form.add_field("files", io.BytesIO(bytes(1_100_000)), filename="big.bin")
    status, _, body = await raw(daemon, "POST", "/upload/file", params=door(), data=form)
    assert (status, b"larger than the maximum file upload size of 1 MB" in body) == (400, True)
    assert list(volume(daemon).iterdir()) == []
    del panel


# Pulls


@pytest.fixture
async def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A web server, at an address that is open for this test alone."""
    port = free_port()

    async def file(_request: web.Request) -> web.Response:
        return web.Response(body=b"pulled", headers={"Content-Disposition": 'attachment; filename="named.txt"'})

    async def moved(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.query["to"]})

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1000)
            await asyncio.sleep(0.05)

    app = web.Application()
    app.add_routes([web.get("/a.txt", file), web.get("/moved", moved), web.get("/slow", slow)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.9", port).start()
    real = addresses.is_open
    monkeypatch.setattr(addresses, "is_open", lambda found: str(found) == "127.0.0.9" or real(found))
    yield f"http://127.0.0.9:{port}"
    await runner.cleanup()


async def test_a_file_is_fetched_in_the_foreground(daemon: Daemon, elsewhere: str) -> None:
    status, found = await daemon.call(
        "POST", f"{FILES}/pull", {"url": f"{elsewhere}/a.txt", "root": "/got", "foreground": True, "use_header": True}
    )
    assert (status, found["name"]) == (200, "named.txt")
    assert (volume(daemon) / "got/named.txt").read_text() == "pulled"


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:{port}/x", "http://localhost:{port}/x", "http://[::1]:{port}/x", "http://[::ffff:127.0.0.1]/x"],
)
@pytest.mark.parametrize("redirected", [False, True])
async def test_the_node_itself_is_never_asked(daemon: Daemon, elsewhere: str, target: str, redirected: bool) -> None:
    url = target.format(port=daemon.port)
    if redirected:
        url = f"{elsewhere}/moved?to={url}"
    status, _ = await daemon.call("POST", f"{FILES}/pull", {"url": url, "root": "/", "foreground": True})
    assert status in (403, 500)
    assert sorted(os.listdir(volume(daemon))) == ["a.txt", "sub", "x.key"]


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "169.254.169.254", "172.16.0.1", "192.168.0.1", "224.0.0.1", "::"),
        *("fe80::1", "fd00::1", "64:ff9b::a00:1", "::ffff:10.0.0.1", "2002:0a00:0001::1"),
    ],
)
def test_addresses_of_internal_networks_are_closed(address: str) -> None:
    with pytest.raises(addresses.NotReachable):
        addresses.check_literal(address)


async def test_three_at_once_and_each_can_be_ended(daemon: Daemon, elsewhere: str) -> None:
    body = {"url": f"{elsewhere}/slow", "root": "/"}
    begun = [await daemon.call("POST", f"{FILES}/pull", {**body, "file_name": f"{n}"}) for n in range(4)]
    assert [status for status, _ in begun] == [202, 202, 202, 400]
    await asyncio.sleep(0.3)
    _, listed = await daemon.call("GET", f"{FILES}/pull")
    assert len(listed["downloads"]) == 3
    assert all(0 < each["Progress"] < 1 for each in listed["downloads"])
    for each in listed["downloads"]:
        assert (await daemon.call("DELETE", f"{FILES}/pull/{each['Identifier']}"))[0] == 204
    async with asyncio.timeout(5):
        while (await daemon.call("GET", f"{FILES}/pull"))[1]["downloads"]:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    assert sorted(os.listdir(volume(daemon))) == ["a.txt", "sub", "x.key"]
