"""Files, addresses, people and backups of a server by the client API."""

import asyncio
from typing import Any

import pytest
from tests.panel.conftest import Browser, Site

from rookery.panel.accounts.models import User
from rookery.panel.activity.models import ActivityLog
from rookery.panel.backups.models import Backup
from rookery.panel.nodes.models import Allocation
from rookery.panel.servers.models import Server, Subuser
from rookery.protocol.claims import user_server_identifier, verify

pytestmark = pytest.mark.anyio


class Owned:
    """A server of alice's and the calls of its people."""

    def __init__(self, site: Site, server: dict[str, Any]) -> None:
        self.site, self.server = site, server
        self.uuid = server["uuid"]

    async def call(self, method: str, path: str, body: Any = None, *, who: str = "alice_key", **options: Any) -> Any:
        address = f"/api/client/servers/{self.server['identifier']}{path}"
        return await self.site.call(method, address, body, key=self.site.ids[who], **options)


@pytest.fixture
async def owned(site: Site) -> Owned:
    found = Owned(site, await site.server())
    site.daemon.calls.clear()
    return found


# Permissions

ROUTES: list[tuple[str, str, Any, str]] = [
    ("GET", "/files/list", None, "file.read"),
    ("GET", "/files/contents?file=a", None, "file.read-content"),
    ("GET", "/files/download?file=a", None, "file.read-content"),
    ("GET", "/files/upload", None, "file.create"),
    ("PUT", "/files/rename", {"root": "/", "files": [{"from": "a", "to": "b"}]}, "file.update"),
    ("POST", "/files/copy", {"location": "a"}, "file.create"),
    ("POST", "/files/write?file=a", None, "file.create"),
    ("POST", "/files/compress", {"files": ["a"]}, "file.archive"),
    ("POST", "/files/decompress", {"file": "a.zip"}, "file.create"),
    ("POST", "/files/delete", {"root": "/", "files": ["a"]}, "file.delete"),
    ("POST", "/files/create-folder", {"name": "a"}, "file.create"),
    ("POST", "/files/chmod", {"root": "/", "files": [{"file": "a", "mode": "644"}]}, "file.update"),
    ("POST", "/files/pull", {"url": "https://example.com/a"}, "file.create"),
    ("GET", "/network/allocations", None, "allocation.read"),
    ("GET", "/users", None, "user.read"),
    ("GET", "/backups", None, "backup.read"),
    ("POST", "/backups", {}, "backup.create"),
]


@pytest.mark.parametrize(("method", "path", "body", "permission"), ROUTES)
async def test_each_route_asks_for_its_own_permission(
    owned: Owned, method: str, path: str, body: Any, permission: str
) -> None:
    everything = {"file.read", "file.read-content", "file.create", "file.update", "file.archive", "file.delete"}
    everything |= {"allocation.read", "user.read", "backup.read", "backup.create", "websocket.connect"}
    site, bob = owned.site, owned.site.ids["bob"]
    assert (await owned.call(method, path, body, who="bob_key")).status == 404
    await site.share(owned.server["id"], bob, *(everything - {permission}))
    refused = await owned.call(method, path, body, who="bob_key")
    assert (refused.status, refused.codes[0][0]) == (403, "AccessDeniedHttpException")
    assert site.daemon.calls == []

    async def grant(work: Any) -> None:
        row = (await site.rows(Subuser))[-1]
        (await work.db.get_one(Subuser, row.id)).permissions = [permission]

    await site.within(grant)
    site.daemon.answer(200, [] if path == "/files/list" else {})
    assert (await owned.call(method, path, body, who="bob_key")).status in (200, 204)


# Files


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/octet-stream"],
)
async def test_a_file_is_written_byte_for_byte_whatever_its_type_is_called(owned: Owned, kind: str) -> None:
    body = b"a=1&b[]=2\r\n\x00\xff%41+"
    done = await owned.call("POST", "/files/write?file=/a b.txt", body, headers={"Content-Type": kind})
    assert done.status == 204, done.text
    assert owned.site.daemon.raw[-1] == body
    assert owned.site.daemon.urls[-1].endswith("/files/write?file=%2Fa%20b.txt")


async def test_a_file_larger_than_the_editor_opens_is_refused(owned: Owned) -> None:
    owned.site.daemon.answer(200, "x" * (4 << 20))
    found = await owned.call("GET", "/files/contents?file=big")
    assert (found.status, found.codes[0][0]) == (400, "FileSizeTooLargeException")


async def test_a_failed_action_of_the_node_is_its_answer_and_not_on_record(owned: Owned) -> None:
    owned.site.daemon.answer(404, {"error": "no such file"})
    found = await owned.call("POST", "/files/delete", {"root": "/", "files": ["a"]})
    assert (found.status, found.codes[0][0]) == (404, "DaemonConnectionException")
    assert not [row for row in await owned.site.rows(ActivityLog) if row.event == "server:file.delete"]


async def test_a_download_is_signed_by_the_nodes_own_secret(owned: Owned) -> None:
    found = await owned.call("GET", "/files/download?file=/a%2541.txt")
    token = found.json["attributes"]["url"].rpartition("token=")[2]
    claims = verify(owned.site.ids["node_secret"], token)
    assert (claims["file_path"], claims["server_uuid"]) == ("/aA.txt", owned.uuid)


async def test_a_pull_counts_once_and_has_a_limit_of_its_own(owned: Owned) -> None:
    body = {"url": "https://example.com/a"}
    before = await owned.call("GET", "/files/upload")
    first = await owned.call("POST", "/files/pull", body)
    assert (first.status, first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == (
        204,
        "10",
        "9",
    )
    after = await owned.call("GET", "/files/upload")
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in (before, after)]
    assert left[0] - left[1] == 2
    for _ in range(9):
        await owned.call("POST", "/files/pull", body)
    assert (await owned.call("POST", "/files/pull", body)).status == 429


# Addresses


async def let_people_add_addresses(site: Site) -> None:
    prefix = "pterodactyl:client_features:allocations:"
    fields = {
        "recaptcha:enabled": "false",
        "recaptcha:secret_key": "a",
        "recaptcha:website_key": "b",
        "pterodactyl:guzzle:timeout": "3",
        "pterodactyl:guzzle:connect_timeout": "1",
        f"{prefix}enabled": "true",
        f"{prefix}range_start": "40000",
        f"{prefix}range_end": "40100",
    }
    async with Browser(site) as browser:
        await browser.sign_in("admin")
        assert (await browser.form("PATCH", "/admin/settings/advanced", fields)).status == 302


async def test_addresses_made_at_the_same_moment_never_pass_the_limit(owned: Owned) -> None:
    site = owned.site
    await let_people_add_addresses(site)
    done = await asyncio.gather(*(owned.call("POST", "/network/allocations") for _ in range(30)))
    assert sorted(answer.status for answer in done) == [200] + [400] * 29
    rows = [row for row in await site.rows(Allocation) if row.server_id == owned.server["id"]]
    assert len(rows) == 2


async def test_a_free_address_is_taken_before_one_is_made(owned: Owned) -> None:
    await let_people_add_addresses(owned.site)
    count = len(await owned.site.rows(Allocation))
    assert (await owned.call("POST", "/network/allocations")).status == 200
    assert len(await owned.site.rows(Allocation)) == count


async def test_without_the_setting_nobody_adds_addresses(owned: Owned) -> None:
    found = await owned.call("POST", "/network/allocations")
    assert (found.status, found.codes[0][0]) == (400, "AutoAllocationNotEnabledException")


async def test_the_address_of_another_server_does_not_exist_here(owned: Owned) -> None:
    foreign = owned.site.ids["allocations"][3]
    for method, path in (("POST", f"/{foreign}/primary"), ("DELETE", f"/{foreign}"), ("DELETE", "/x")):
        assert (await owned.call(method, f"/network/allocations{path}")).status == 404


async def test_the_main_address_stays(owned: Owned) -> None:
    main = owned.site.ids["allocations"][0]
    found = await owned.call("DELETE", f"/network/allocations/{main}")
    assert (found.status, found.codes[0][0]) == (400, "DisplayException")


# People


async def test_an_invitation_makes_an_account_and_mails_a_link(owned: Owned) -> None:
    body = {"email": "_odd+name@example.com", "permissions": ["control.start", "control.start", "nonsense"]}
    found = await owned.call("POST", "/users", body)
    assert found.status == 200, found.text
    assert found.json["attributes"]["permissions"] == ["control.start", "websocket.connect"]
    user = (await owned.site.rows(User))[-1]
    assert user.username.startswith("oddname")
    again = await owned.call("POST", "/users", body)
    assert (again.status, again.codes[0][0]) == (400, "ServerSubuserExistsException")


async def test_nobody_gives_away_a_right_they_lack_or_changes_their_own(owned: Owned) -> None:
    site, bob = owned.site, owned.site.ids["bob"]
    await site.share(owned.server["id"], bob, "user.create", "user.update", "user.delete", "user.read")
    body = {"email": "new@example.com", "permissions": ["control.start"]}
    refused = await owned.call("POST", "/users", body, who="bob_key")
    assert (refused.status, refused.codes[0][0]) == (403, "HttpForbiddenException")
    for method in ("GET", "POST", "DELETE"):
        assert (await owned.call(method, f"/users/{bob.uuid}", {}, who="bob_key")).status == 403


async def test_changed_rights_end_open_consoles_and_unchanged_ones_do_not(owned: Owned) -> None:
    site, bob = owned.site, owned.site.ids["bob"]
    await site.share(owned.server["id"], bob, "control.start", "websocket.connect")
    path = f"/users/{bob.uuid}"
    assert (await owned.call("POST", path, {"permissions": ["control.start"]})).status == 200
    assert site.daemon.calls == []
    assert (await owned.call("POST", path, {"permissions": ["control.stop"]})).status == 200
    denied = {"jtis": [user_server_identifier(bob.id, owned.uuid)]}
    assert site.daemon.calls[-1] == ("POST", f"/api/servers/{owned.uuid}/ws/deny", denied)
    assert (await owned.call("DELETE", path)).status == 204
    assert (await owned.call("GET", "/users", who="bob_key")).status == 404


# Backups


async def test_backups_started_at_the_same_moment_never_pass_the_limit(owned: Owned) -> None:
    done = await asyncio.gather(*(owned.call("POST", "/backups", {}) for _ in range(20)))
    statuses = sorted(answer.status for answer in done)
    assert statuses == [200, 200] + [429] * 18
    assert all(answer.headers["Retry-After"] for answer in done if answer.status == 429)
    assert len(await owned.site.rows(Backup)) == 2


async def test_a_backup_the_node_does_not_begin_leaves_no_row(owned: Owned) -> None:
    owned.site.daemon.answer(500)
    assert (await owned.call("POST", "/backups", {})).status == 500
    assert await owned.site.rows(Backup) == []


async def test_a_backup_from_start_to_restore(owned: Owned) -> None:
    site = owned.site
    made = await owned.call("POST", "/backups", {"name": "One", "ignored": "*.log\r\n\ncache/"})
    uuid = made.json["attributes"]["uuid"]
    body = {"adapter": "wings", "uuid": uuid, "ignore": "*.log\ncache/"}
    assert site.daemon.calls[-1] == ("POST", f"/api/servers/{owned.uuid}/backup", body)
    assert (await owned.call("POST", f"/backups/{uuid}/restore", {"truncate": True})).status == 400
    report = f"/api/remote/backups/{uuid}"
    lacking = await site.call("POST", report, {"successful": True}, key=site.node_token)
    assert [code[2] for code in lacking.codes] == ["required_if"] * 3
    good = {"successful": True, "checksum": "ab", "checksum_type": "sha1", "size": 5}
    assert (await site.call("POST", report, good, key=site.ids["other_token"])).status == 403
    assert (await site.call("POST", report, good, key=site.node_token)).status == 204
    assert (await site.call("POST", report, good, key=site.node_token)).status == 400
    assert (await owned.call("POST", f"/backups/{uuid}/lock")).json["attributes"]["is_locked"]
    locked = await owned.call("DELETE", f"/backups/{uuid}")
    assert (locked.status, locked.codes[0][0]) == (400, "BackupLockedException")
    assert (await owned.call("POST", f"/backups/{uuid}/restore", {"truncate": True})).status == 204
    assert (await site.rows(Server))[0].status == "restoring_backup"
    done = await site.call("POST", f"{report}/restore", {"successful": True}, key=site.node_token)
    assert done.status == 204
    assert (await site.rows(Server))[0].status is None


async def test_a_restore_the_node_does_not_begin_leaves_the_server_usable(owned: Owned) -> None:
    site = owned.site
    uuid = (await owned.call("POST", "/backups", {})).json["attributes"]["uuid"]
    good = {"successful": True, "checksum": "ab", "checksum_type": "sha1", "size": 5}
    await site.call("POST", f"/api/remote/backups/{uuid}", good, key=site.node_token)
    site.daemon.answer(500)
    assert (await owned.call("POST", f"/backups/{uuid}/restore", {"truncate": False})).status == 500
    assert (await site.rows(Server))[0].status is None
