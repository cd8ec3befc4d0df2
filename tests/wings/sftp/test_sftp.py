"""SFTP with real clients: asyncssh, paramiko, and OpenSSH's sftp and scp."""

import asyncio
import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import paramiko
import pytest
from aiohttp import web
from tests.wings.conftest import USER, UUID, Daemon, MakeDaemon, Panel, configuration

from rookery.protocol.units import Bytes

pytestmark = pytest.mark.anyio
NAME = f"alice.{UUID[:8]}"
PASSWORD = "the password"


@pytest.fixture
async def daemon(panel: Panel, make_daemon: MakeDaemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """A node whose Panel knows one user; what they may do is in `panel.rights`."""
    original = panel.answer
    panel.rights = ["*"]  # type: ignore[attr-defined]
    panel.keys = set()  # type: ignore[attr-defined]

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path != "/api/remote/sftp/auth":
            return await original(request)
        body = await request.json()
        panel.calls.append(("POST", "/sftp/auth", body))
        if panel.broken:
            return web.Response(status=429)
        known = {PASSWORD} if body["type"] == "password" else panel.keys  # type: ignore[attr-defined]
        if body["username"] != NAME or body["password"].strip() not in known or panel.rights is None:  # type: ignore[attr-defined]
            return web.json_response({"errors": [{"code": "x", "status": "403", "detail": "no"}]}, status=403)
        found = {"server": UUID, "user": USER, "permissions": panel.rights}  # type: ignore[attr-defined]
        return web.json_response(found)

    monkeypatch.setattr(panel, "answer", answer)
    await panel.leave()
    await panel.arrive()
    panel.servers[UUID] = configuration(egg={"id": UUID, "file_denylist": ["*.key"]})
    found = await make_daemon()
    (root(found) / "sub").mkdir(parents=True)
    (root(found) / "a.txt").write_text("hello")
    (root(found) / "x.key").write_text("secret")
    return found


def root(daemon: Daemon) -> Path:
    return Path(daemon.server().volume.root)


def port(daemon: Daemon) -> int:
    return int(daemon.config["system"]["sftp"]["bind_port"])


@asynccontextmanager
async def client(daemon: Daemon, **options: Any) -> AsyncIterator[asyncssh.SFTPClient]:
    given = {"username": NAME, "password": PASSWORD, "known_hosts": None, "client_keys": None, **options}
    async with (
        asyncssh.connect("127.0.0.1", port(daemon), **given) as connection,
        connection.start_sftp_client() as sftp,
    ):
        yield sftp


# Signing in


@pytest.mark.parametrize(
    "options",
    [{"password": "wrong"}, {"username": "alice"}, {"username": f"alice.{UUID}"}, {"username": "bob.00000000"}],
)
async def test_who_the_panel_does_not_know_is_not_let_in(daemon: Daemon, options: dict[str, str]) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        async with client(daemon, **options):
            pass


async def test_a_key_is_asked_about_once(daemon: Daemon, panel: Panel) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    kind, data = key.export_public_key().decode().split()[:2]
    panel.keys.add(f"{kind} {data}")  # type: ignore[attr-defined]
    async with client(daemon, password=None, client_keys=[key]) as sftp:
        assert "a.txt" in await sftp.listdir("/")
    asked = [body for _, path, body in panel.calls if path == "/sftp/auth"]
    assert [body["type"] for body in asked] == ["public_key"]
    assert asked[0]["ip"].startswith("127.0.0.1:")
    assert asked[0]["session_id"]


async def test_there_is_no_shell_and_no_forwarding(daemon: Daemon) -> None:
    given = {"username": NAME, "password": PASSWORD, "known_hosts": None, "client_keys": None}
    async with asyncssh.connect("127.0.0.1", port(daemon), **given) as connection:
        for attempt in (connection.create_process("id"), connection.create_process()):
            with pytest.raises(asyncssh.Error):
                await attempt
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection("127.0.0.1", daemon.port)


# What one may do

ACTS: list[tuple[str, str, Any]] = [
    ("file.read", "list", lambda sftp: sftp.listdir("/")),
    ("file.read", "stat", lambda sftp: sftp.lstat("/a.txt")),
    ("file.read-content", "get", lambda sftp: _read(sftp, "/a.txt")),
    ("file.update", "overwrite", lambda sftp: _write(sftp, "/a.txt", b"x")),
    ("file.create", "create", lambda sftp: _write(sftp, "/new.txt", b"x")),
    ("file.update", "rename", lambda sftp: sftp.rename("/a.txt", "/b.txt")),
    ("file.update", "chmod", lambda sftp: sftp.chmod("/a.txt", 0o600)),
    ("file.create", "mkdir", lambda sftp: sftp.mkdir("/dir")),
    ("file.create", "symlink", lambda sftp: _symlink(sftp, "a.txt", "/link")),
    ("file.delete", "remove", lambda sftp: sftp.remove("/a.txt")),
    ("file.delete", "rmdir", lambda sftp: sftp.rmdir("/sub")),
]


async def _read(sftp: asyncssh.SFTPClient, path: str) -> bytes:
    async with sftp.open(path, "rb") as file:
        return bytes(await file.read())


async def _symlink(sftp: asyncssh.SFTPClient, target: str, link: str) -> None:
    """This client keeps to the draft's order of arguments; nodes have always read OpenSSH's."""
    await sftp.symlink(link, target)


async def _write(sftp: asyncssh.SFTPClient, path: str, content: bytes, mode: str = "wb") -> None:
    async with sftp.open(path, mode) as file:
        await file.write(content)


@pytest.mark.parametrize(("permission", "name", "act"), ACTS)
async def test_each_operation_needs_its_permission(
    daemon: Daemon, panel: Panel, permission: str, name: str, act: Any
) -> None:
    every = {right for right, _, _ in ACTS}
    panel.rights = sorted(every - {permission})  # type: ignore[attr-defined]
    async with client(daemon) as sftp:
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await act(sftp)
    panel.rights = sorted(every)  # type: ignore[attr-defined]
    async with client(daemon) as sftp:
        await act(sftp)
    del name


async def test_denied_files_are_neither_read_nor_changed(daemon: Daemon) -> None:
    async with client(daemon) as sftp:
        for attempt in (
            _read(sftp, "/x.key"),
            _write(sftp, "/x.key", b"x"),
            sftp.remove("/x.key"),
            sftp.rename("/a.txt", "/a.key"),
            sftp.mkdir("/sub/y.key"),
        ):
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                await attempt
    assert (root(daemon) / "x.key").read_text() == "secret"


async def test_a_node_can_be_read_only(panel: Panel, daemon: Daemon, make_daemon: MakeDaemon) -> None:
    await daemon.stop()
    system = {**daemon.config["system"], "sftp": {**daemon.config["system"]["sftp"], "read_only": True}}
    again = await make_daemon(system=system)
    async with client(again) as sftp:
        assert await _read(sftp, "/a.txt") == b"hello"
        with pytest.raises(asyncssh.SFTPOpUnsupported):
            await _write(sftp, "/a.txt", b"x")
    del panel


async def test_a_session_ends_when_its_server_is_suspended(daemon: Daemon) -> None:
    async with client(daemon) as sftp:
        async with sftp.open("/big.bin", "wb") as file:
            await file.write(b"x" * 1000)
            daemon.server().suspended = True
            with pytest.raises((asyncssh.SFTPPermissionDenied, asyncssh.ConnectionLost, asyncssh.SFTPConnectionLost)):
                await file.write(b"x" * 1000)
        async with asyncio.timeout(3):
            await sftp.wait_closed()


async def test_a_session_ends_when_the_panel_says_that_its_user_may_no_longer(daemon: Daemon) -> None:
    async with client(daemon) as sftp:
        assert (await daemon.call("POST", "/api/deauthorize-user", {"user": "somebody else"}))[0] == 204
        assert await sftp.exists("/a.txt")
        assert (await daemon.call("POST", "/api/deauthorize-user", {"user": USER}))[0] == 204
        async with asyncio.timeout(3):
            await sftp.wait_closed()


async def test_when_tokens_are_denied_the_panel_is_asked_about_sessions_again(daemon: Daemon, panel: Panel) -> None:
    deny = f"/api/servers/{UUID}/ws/deny"
    async with client(daemon) as sftp:
        panel.rights = ["file.read"]  # type: ignore[attr-defined]
        assert (await daemon.call("POST", deny, {"jtis": ["1"]}))[0] == 204
        assert await sftp.exists("/a.txt")
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await sftp.remove("/a.txt")
        panel.broken = True
        assert (await daemon.call("POST", deny, {"jtis": ["1"]}))[0] == 204
        assert await sftp.exists("/a.txt")
        panel.broken = False
        panel.rights = None  # type: ignore[attr-defined]
        assert (await daemon.call("POST", deny, {"jtis": ["1"]}))[0] == 204
        async with asyncio.timeout(3):
            await sftp.wait_closed()


# What happens


async def test_files_keep_what_was_in_them_when_a_put_goes_on(daemon: Daemon) -> None:
    """The original empties a file that is opened to append or to be written in the middle."""
    async with client(daemon) as sftp:
        await _write(sftp, "/a.txt", b" world", "ab")
        async with sftp.open("/a.txt", "r+b") as file:
            await file.seek(0)
            await file.write(b"J")
        assert await _read(sftp, "/a.txt") == b"Jello world"
        with pytest.raises(asyncssh.SFTPError):
            await _write(sftp, "/a.txt", b"x", "xb")


async def test_times_and_rights_are_kept_apart(daemon: Daemon) -> None:
    """The original sets 0644 whenever only times are given."""
    os.chmod(root(daemon) / "a.txt", 0o750)
    async with client(daemon) as sftp:
        await sftp.utime("/a.txt", (1_600_000_000, 1_600_000_001))
        found = await sftp.stat("/a.txt")
    assert (found.mtime, stat.S_IMODE(found.permissions or 0)) == (1_600_000_001, 0o750)


async def test_links_are_shown_and_lead_nowhere_else(daemon: Daemon) -> None:
    outside = daemon.folder / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root(daemon) / "out").symlink_to(outside)
    (root(daemon) / "in").symlink_to("a.txt")
    async with client(daemon) as sftp:
        assert stat.S_ISLNK((await sftp.lstat("/in")).permissions or 0)
        assert await sftp.readlink("/in") == "a.txt"
        assert (await sftp.stat("/in")).size == 5
        for attempt in (
            _read(sftp, "/out/secret"),
            _write(sftp, "/out/secret", b"x"),
            _write(sftp, "/out/new", b"x"),
            sftp.listdir("/out"),
            sftp.stat("/out/secret"),
            sftp.remove("/out/secret"),
            sftp.chmod("/out/secret", 0o777),
            sftp.mkdir("/out/new"),
            sftp.rename("/a.txt", "/out/a.txt"),
            _symlink(sftp, "/etc/passwd", "/etc-link"),
            _symlink(sftp, "../../../etc", "/sub/up"),
        ):
            with pytest.raises(asyncssh.SFTPError):
                await attempt
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("secret", "secret")]


async def test_the_limit_holds_for_every_write(daemon: Daemon) -> None:
    daemon.server().volume.limit = Bytes(100_000)
    async with client(daemon) as sftp:
        with pytest.raises(asyncssh.SFTPFailure, match="Quota Exceeded"):
            await _write(sftp, "/big.bin", b"x" * 500_000)
    assert daemon.server().volume.count() <= 100_000


async def test_what_is_done_is_on_record(daemon: Daemon, panel: Panel) -> None:
    async with client(daemon) as sftp:
        await _write(sftp, "/new.txt", b"x")
        await sftp.mkdir("/dir")
        await sftp.rename("/new.txt", "/dir/moved.txt")
        await sftp.remove("/dir/moved.txt")
    assert daemon.wings is not None
    rows = daemon.wings.node.activity._store.activities(sftp=True, most=50)
    assert [(row.event, row.metadata["files"]) for row in rows] == [
        ("server:sftp.create", ["/new.txt"]),
        ("server:sftp.create-directory", ["/dir"]),
        ("server:sftp.rename", [{"from": "/new.txt", "to": "/dir/moved.txt"}]),
        ("server:sftp.delete", ["/dir/moved.txt"]),
    ]
    assert {(row.user, row.ip) for row in rows} == {(USER, "127.0.0.1")}
    del panel


async def test_many_sessions_and_large_files_at_once(daemon: Daemon) -> None:
    content = os.urandom(8_000_000)

    async def one(number: int) -> None:
        async with client(daemon) as sftp:
            await _write(sftp, f"/{number}.bin", content)
            assert hashlib.sha1(await _read(sftp, f"/{number}.bin")).digest() == hashlib.sha1(content).digest()

    await asyncio.gather(*(one(number) for number in range(4)))


# Other programs


async def test_paramiko(daemon: Daemon, tmp_path: Path) -> None:
    def run() -> None:
        transport = paramiko.Transport(("127.0.0.1", port(daemon)))
        try:
            transport.connect(username=NAME, password=PASSWORD)
            sftp = paramiko.SFTPClient.from_transport(transport)
            assert sftp is not None
            (tmp_path / "up.bin").write_bytes(os.urandom(3_000_000))
            sftp.put(str(tmp_path / "up.bin"), "/up.bin")
            sftp.get("/up.bin", str(tmp_path / "down.bin"))
            assert (tmp_path / "up.bin").read_bytes() == (tmp_path / "down.bin").read_bytes()
            assert {"a.txt", "sub", "up.bin", "x.key"} == set(sftp.listdir("/"))
        finally:
            transport.close()

    await asyncio.to_thread(run)


@pytest.mark.parametrize("program", ["sftp", "scp"])
async def test_openssh(daemon: Daemon, panel: Panel, tmp_path: Path, program: str) -> None:
    assert shutil.which(program) is not None
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(tmp_path / "key"))
    (tmp_path / "key").chmod(0o600)
    kind, data = key.export_public_key().decode().split()[:2]
    panel.keys.add(f"{kind} {data}")  # type: ignore[attr-defined]
    (tmp_path / "up.bin").write_bytes(os.urandom(2_000_000))
    options = ["-q", "-i", str(tmp_path / "key"), "-P", str(port(daemon))]
    options += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"]
    there = f"{NAME}@127.0.0.1"
    if program == "scp":
        commands = [
            (["scp", *options, "-p", str(tmp_path / "up.bin"), f"{there}:/up.bin"], None),
            (["scp", *options, f"{there}:/up.bin", str(tmp_path / "down.bin")], None),
        ]
    else:
        batch = (
            f"put -p {tmp_path}/up.bin /up.bin\nrename /up.bin /sub/moved.bin\nget /sub/moved.bin {tmp_path}/down.bin\n"
        )
        commands = [(["sftp", "-b", "-", *options, there], f"{batch}ls -l /\nrename /sub/moved.bin /up.bin\n")]
    for words, fed in commands:
        done = await asyncio.to_thread(
            subprocess.run, words, input=fed, capture_output=True, text=True, timeout=50, check=False
        )
        assert done.returncode == 0, done.stderr[-1500:]
    assert (tmp_path / "up.bin").read_bytes() == (tmp_path / "down.bin").read_bytes()
    assert (root(daemon) / "up.bin").stat().st_size == 2_000_000
