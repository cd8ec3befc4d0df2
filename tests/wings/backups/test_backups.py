"""Backups of a node: made while the server runs, kept here or in a bucket, and restored only when they are good."""

import asyncio
import gzip
import hashlib
import io
import os
import tarfile
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.wings.conftest import UUID, Daemon, MakeDaemon, Panel, configuration, free_port

from rookery.wings.backups import making

pytestmark = pytest.mark.anyio
BASE = f"/api/servers/{UUID}/backup"


def root(daemon: Daemon) -> Path:
    return Path(daemon.server().volume.root)


def kept(daemon: Daemon) -> list[str]:
    return sorted(path.name for path in (daemon.folder / "backup_directory").iterdir())


def furnish(daemon: Daemon) -> None:
    (root(daemon) / "world/empty").mkdir(parents=True)
    (root(daemon) / "world/level.dat").write_bytes(os.urandom(50_000))
    (root(daemon) / "server.properties").write_text("motd=hello")
    (root(daemon) / "latest.log").write_text("noise")
    (root(daemon) / "link").symlink_to("world/level.dat")
    (root(daemon) / "server.properties").chmod(0o640)


def picture(daemon: Daemon) -> dict[str, Any]:
    """Everything below the root with its content."""
    found: dict[str, Any] = {}
    for path in sorted(root(daemon).rglob("*")):
        name = str(path.relative_to(root(daemon)))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = "/" if path.is_dir() else hashlib.sha1(path.read_bytes()).hexdigest()
    return found


async def back_up(daemon: Daemon, panel: Panel, ignore: str = "", adapter: str = "wings") -> tuple[str, Any]:
    identifier = str(uuid.uuid4())
    status, _ = await daemon.call("POST", BASE, {"adapter": adapter, "uuid": identifier, "ignore": ignore})
    assert status == 202
    (report,) = await panel.hears(f"/backups/{identifier}")
    return identifier, report


async def restore(daemon: Daemon, panel: Panel, identifier: str, **more: Any) -> Any:
    body = {"adapter": "wings", "truncate_directory": False, **more}
    status, _ = await daemon.call("POST", f"{BASE}/{identifier}/restore", body)
    assert status == 202
    (report,) = await panel.hears(f"/backups/{identifier}/restore")
    return report


async def test_a_backup_is_the_whole_server_and_the_panel_knows_its_sum(daemon: Daemon, panel: Panel) -> None:
    furnish(daemon)
    await daemon.power("start", "running")
    async with daemon.view("*") as viewer:
        identifier, report = await back_up(daemon, panel)
        await viewer.until("backup completed")
    archive = daemon.folder / "backup_directory" / f"{identifier}.tar.gz"
    assert report["successful"] is True
    assert (report["size"], report["checksum_type"]) == (archive.stat().st_size, "sha1")
    assert report["checksum"] == hashlib.sha1(archive.read_bytes()).hexdigest()
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
    assert {"world", "world/empty", "world/level.dat", "server.properties", "latest.log", "link"} <= names
    assert daemon.server().state == "running"


@pytest.mark.parametrize("by_file", [False, True])
async def test_what_is_ignored_is_left_out(daemon: Daemon, panel: Panel, by_file: bool) -> None:
    furnish(daemon)
    patterns = "*.log\n/world/\n"
    if by_file:
        (root(daemon) / ".pteroignore").write_text(patterns)
    identifier, _ = await back_up(daemon, panel, "" if by_file else patterns)
    with tarfile.open(daemon.folder / "backup_directory" / f"{identifier}.tar.gz") as tar:
        names = set(tar.getnames()) - {".pteroignore"}
    assert {"server.properties", "link"} <= names
    assert not {"latest.log", "world/level.dat"} & names


@pytest.mark.parametrize("truncate", [False, True])
async def test_a_restore_brings_everything_back(daemon: Daemon, panel: Panel, truncate: bool) -> None:
    furnish(daemon)
    before = picture(daemon)
    identifier, _ = await back_up(daemon, panel)
    (root(daemon) / "world/level.dat").write_text("griefed")
    (root(daemon) / "server.properties").unlink()
    (root(daemon) / "extra").write_text("new")
    await daemon.power("start", "running")
    assert await restore(daemon, panel, identifier, truncate_directory=truncate) == {"successful": True}
    assert daemon.server().state == "offline"
    after = picture(daemon)
    assert ("extra" in after) is not truncate
    after.pop("extra", None)
    assert after == before
    assert (root(daemon) / "server.properties").stat().st_mode & 0o777 == 0o640


async def test_nothing_is_lost_for_a_backup_that_is_not_there_or_not_good(daemon: Daemon, panel: Panel) -> None:
    furnish(daemon)
    identifier, _ = await back_up(daemon, panel)
    archive = daemon.folder / "backup_directory" / f"{identifier}.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-2000])
    before = picture(daemon)
    assert await restore(daemon, panel, identifier, truncate_directory=True) == {"successful": False}
    missing = await daemon.call(
        "POST", f"{BASE}/{uuid.uuid4()}/restore", {"adapter": "wings", "truncate_directory": True}
    )
    assert missing[0] == 404
    assert picture(daemon) == before
    await daemon.power("start", "running")  # and the server can be used


async def test_a_backup_larger_than_the_server_may_be_is_refused_before_anything_goes(
    panel: Panel, make_daemon: MakeDaemon
) -> None:
    build = {**configuration()["settings"]["build"], "disk_space": 1}
    panel.servers[UUID] = configuration(build=build)
    daemon = await make_daemon()
    (root(daemon) / "mine.txt").write_text("mine")
    identifier = str(uuid.uuid4())
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        info = tarfile.TarInfo("big")
        info.size = 3_000_000
        tar.addfile(info, io.BytesIO(bytes(3_000_000)))
    (daemon.folder / "backup_directory" / f"{identifier}.tar.gz").write_bytes(out.getvalue())
    assert await restore(daemon, panel, identifier, truncate_directory=True) == {"successful": False}
    assert (root(daemon) / "mine.txt").read_text() == "mine"


async def test_while_a_backup_is_restored_the_server_cannot_be_started(
    daemon: Daemon, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(daemon)
    identifier, _ = await back_up(daemon, panel)
    server = daemon.server()
    server.held_by.add("restoring")
    status, found = await daemon.call("POST", f"{BASE}/{identifier}/restore", {"adapter": "wings"})
    assert (status, "restored" in found["error"]) == (409, True)
    server.held_by.discard("restoring")
    del monkeypatch


async def test_what_fails_half_way_leaves_no_archive_and_is_reported(
    daemon: Daemon, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    furnish(daemon)
    monkeypatch.setattr(making, "write_archive", fail)
    _, report = await back_up(daemon, panel)
    assert (report["successful"], report["size"], report["checksum"]) == (False, 0, "")
    assert kept(daemon) == []


async def test_reports_wait_for_a_panel_that_is_away(daemon: Daemon, panel: Panel) -> None:
    furnish(daemon)
    await panel.leave()
    identifier = str(uuid.uuid4())
    await daemon.call("POST", BASE, {"adapter": "wings", "uuid": identifier, "ignore": ""})
    async with asyncio.timeout(10):
        while f"{identifier}.tar.gz" not in kept(daemon):
            await asyncio.sleep(0.05)
    await panel.arrive()
    (report,) = await panel.hears(f"/backups/{identifier}")
    assert report["successful"] is True


async def test_archives_are_downloaded_once_per_token_and_deleted(daemon: Daemon, panel: Panel) -> None:
    furnish(daemon)
    identifier, report = await back_up(daemon, panel)
    token = daemon.token(backup_uuid=identifier, permissions=None)
    assert daemon.http is not None
    async with daemon.http.get("/download/backup", params={"token": token}) as answer:
        body = await answer.read()
    assert (answer.status, hashlib.sha1(body).hexdigest()) == (200, report["checksum"])
    assert gzip.decompress(body)
    assert (await daemon.call("GET", f"/download/backup?token={token}"))[0] == 404
    assert (await daemon.call("DELETE", f"{BASE}/{identifier}"))[0] == 204
    assert (await daemon.call("DELETE", f"{BASE}/{identifier}"))[0] == 404


@pytest.mark.parametrize("name", ["../../etc/passwd", "x", f"..%2f{UUID}"])
async def test_a_name_that_is_no_identifier_reaches_no_file(daemon: Daemon, name: str) -> None:
    secret = daemon.folder / "x.tar.gz"
    secret.write_text("secret")
    assert (await daemon.call("POST", BASE, {"adapter": "wings", "uuid": name, "ignore": ""}))[0] == 400
    assert (await daemon.call("DELETE", f"{BASE}/{name}"))[0] in (404, 405)
    token = daemon.token(backup_uuid=name, permissions=None)
    assert (await daemon.call("GET", "/download/backup", params={"token": token}))[0] == 404
    assert secret.read_text() == "secret"


# Buckets


@dataclass
class Bucket:
    """A bucket that keeps what it is given, in parts, and may refuse at first."""

    url: str = ""
    parts: dict[str, bytes] = field(default_factory=dict)
    refusals: int = 0
    kind: str = "application/x-gzip"

    async def put(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=503)
        self.parts[request.match_info["part"]] = body
        return web.Response(headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    async def get(self, _request: web.Request) -> web.Response:
        whole = b"".join(self.parts[name] for name in sorted(self.parts))
        return web.Response(body=whole, headers={"Content-Type": self.kind})


@pytest.fixture
async def bucket() -> AsyncIterator[Bucket]:
    found, port = Bucket(), free_port()
    app = web.Application(client_max_size=1 << 30)
    app.add_routes([web.put("/{part}", found.put), web.get("/whole", found.get)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    found.url = f"http://127.0.0.1:{port}"
    yield found
    await runner.cleanup()


@pytest.fixture
def bucket_panel(panel: Panel, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Panel:
    """A Panel that signs addresses of the bucket."""
    original = panel.answer

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "GET" and "/backups/" in request.path:
            urls = [f"{bucket.url}/{number}" for number in range(-(-int(request.query["size"]) // 20_000))]
            return web.json_response({"parts": urls, "part_size": 20_000})
        return await original(request)

    monkeypatch.setattr(panel, "answer", answer)
    return panel


@pytest.fixture
async def away(bucket_panel: Panel, make_daemon: MakeDaemon) -> Daemon:
    await bucket_panel.leave()
    await bucket_panel.arrive()
    return await make_daemon()


async def test_a_backup_goes_to_a_bucket_in_parts_and_comes_back(
    away: Daemon, bucket_panel: Panel, bucket: Bucket
) -> None:
    furnish(away)
    before = picture(away)
    bucket.refusals = 1  # a part is sent again from its beginning
    identifier, report = await back_up(away, bucket_panel, adapter="s3")
    assert [part["part_number"] for part in report["parts"]] == [1, 2, 3]
    assert report["parts"][0]["etag"] == f'"{hashlib.md5(bucket.parts["0"]).hexdigest()}"'
    whole = b"".join(bucket.parts[name] for name in sorted(bucket.parts))
    assert hashlib.sha1(whole).hexdigest() == report["checksum"]
    assert kept(away) == []
    (root(away) / "world/level.dat").unlink()
    more = {"adapter": "s3", "download_url": f"{bucket.url}/whole", "truncate_directory": True}
    assert await restore(away, bucket_panel, identifier, **more) == {"successful": True}
    assert picture(away) == before
    assert kept(away) == []


async def test_what_is_no_archive_is_refused_and_nothing_is_emptied(
    away: Daemon, bucket_panel: Panel, bucket: Bucket
) -> None:
    furnish(away)
    before = picture(away)
    bucket.kind = "text/html"
    body = {"adapter": "s3", "download_url": f"{bucket.url}/whole", "truncate_directory": True}
    status, found = await away.call("POST", f"{BASE}/{uuid.uuid4()}/restore", body)
    assert (status, "not a supported content type" in found["error"]) == (400, True)
    assert picture(away) == before
    del bucket_panel
