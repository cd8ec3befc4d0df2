"""What nodes may ask and tell: only about their own servers."""

from typing import Any

import pytest
from tests.panel.conftest import PASSWORD, Site

from rookery.panel.accounts.models import User
from rookery.panel.activity.models import ActivityLog
from rookery.panel.servers.models import Server

pytestmark = pytest.mark.anyio


async def test_the_document_a_node_runs_a_server_by(site: Site) -> None:
    server = await site.server()
    found = (await site.call("GET", f"/api/remote/servers/{server['uuid']}", key=site.node_token)).json
    assert found["settings"] | {"environment": None} == {
        "uuid": server["uuid"],
        "meta": {"name": "Lobby", "description": ""},
        "suspended": False,
        "environment": None,
        "invocation": "./echo {{SERVER_PORT}} {{MOTD}} {{SECRET}}",
        "skip_egg_scripts": False,
        "build": {
            "memory_limit": 512,
            "swap": 0,
            "io_weight": 500,
            "cpu_limit": 100,
            "threads": None,
            "disk_space": 1024,
            "oom_disabled": True,
        },
        "container": {"image": "images.example.com/one:1", "oom_disabled": True, "requires_rebuild": False},
        "allocations": {
            "force_outgoing_ip": False,
            "default": {"ip": "127.0.0.1", "port": 30001},
            "mappings": {"127.0.0.1": [30001]},
        },
        "mounts": [],
        "egg": {"id": found["settings"]["egg"]["id"], "file_denylist": ["*.secret"]},
    }
    assert found["process_configuration"] == {
        "startup": {"done": ["listening"], "user_interaction": [], "strip_ansi": False},
        "stop": {"type": "signal", "value": "C"},
        "configs": [
            {
                "parser": "ini",
                "file": "echo.ini",
                "replace": [
                    {"match": "net.port", "replace_with": "30001"},
                    {"match": "net.motd", "replace_with": "hello"},
                    {"match": "net.n", "replace_with": 5},
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/install", None),
        ("POST", "/install", {"successful": False, "reinstall": True}),
        ("POST", "/transfer/failure", None),
        ("POST", "/transfer/success", None),
        ("POST", "/container/status", {"data": {}}),
    ],
)
async def test_another_node_cannot_reach_a_server(site: Site, method: str, path: str, body: Any) -> None:
    server = await site.server()
    answer = await site.call(method, f"/api/remote/servers/{server['uuid']}{path}", body, key=site.ids["other_token"])
    assert answer.status == 404
    assert (await site.rows(Server))[0].status is None


async def test_a_node_lists_only_its_own_servers(site: Site) -> None:
    await site.server()
    mine = (await site.call("GET", "/api/remote/servers?page=0&per_page=50", key=site.node_token)).json
    assert [len(mine["data"]), mine["meta"]["total"], mine["meta"]["current_page"]] == [1, 1, 1]
    others = (await site.call("GET", "/api/remote/servers", key=site.ids["other_token"])).json
    assert (others["data"], others["meta"]["from"]) == ([], None)


@pytest.mark.parametrize(
    ("header", "status"),
    [("", 401), ("Bearer x", 400), ("Bearer a.b.c", 400), ("Bearer aaaaaaaaaaaaaaaa.b", 403)],
)
async def test_a_bad_node_token_is_refused(site: Site, header: str, status: int) -> None:
    headers = {"Authorization": header} if header else {}
    assert (await site.call("GET", "/api/remote/servers", headers=headers)).status == status


@pytest.mark.parametrize(
    ("successful", "reinstall", "expected"),
    [(True, False, None), (False, False, "install_failed"), (False, True, "reinstall_failed"), (True, True, None)],
)
async def test_how_an_installation_ended_becomes_the_status(
    site: Site, successful: bool, reinstall: bool, expected: str | None
) -> None:
    server = await site.server()
    body = {"successful": successful, "reinstall": reinstall}
    answer = await site.call("POST", f"/api/remote/servers/{server['uuid']}/install", body, key=site.node_token)
    assert answer.status == 204
    assert (await site.rows(Server))[0].status == expected


async def test_a_reset_frees_only_stuck_servers_of_that_node(site: Site) -> None:
    answer = await site.call("POST", "/api/application/servers", site.draft(), key=site.ids["app_key"])
    assert answer.json["attributes"]["status"] == "installing"
    await site.call("POST", "/api/remote/servers/reset", key=site.ids["other_token"])
    assert (await site.rows(Server))[0].status == "installing"
    assert (await site.call("POST", "/api/remote/servers/reset", key=site.node_token)).status == 204
    assert (await site.rows(Server))[0].status is None


def credentials(server: dict[str, Any], user: str, password: str = PASSWORD) -> dict[str, str]:
    return {"type": "password", "username": f"{user}.{server['identifier']}", "password": password}


async def test_sftp_sign_in_says_what_the_user_may_do(site: Site) -> None:
    server = await site.server()
    owner = await site.call("POST", "/api/remote/sftp/auth", credentials(server, "alice"), key=site.node_token)
    assert owner.json["permissions"] == ["*"]
    await site.share(server["id"], site.ids["bob"], "file.sftp", "file.read")
    shared = await site.call("POST", "/api/remote/sftp/auth", credentials(server, "bob"), key=site.node_token)
    assert shared.json["permissions"] == ["file.sftp", "file.read"]
    for refused in (credentials(server, "carol"), credentials(server, "alice", "wrong"), credentials(server, "nobody")):
        assert (await site.call("POST", "/api/remote/sftp/auth", refused, key=site.node_token)).status == 403
    foreign = await site.call(
        "POST", "/api/remote/sftp/auth", credentials(server, "alice"), key=site.ids["other_token"]
    )
    assert foreign.status == 403


async def test_activity_about_servers_elsewhere_is_dropped(site: Site) -> None:
    server, alice = await site.server(), next(u for u in await site.rows(User) if u.username == "alice")
    rows = [
        {
            "user": alice.uuid,
            "server": uuid,
            "event": event,
            "metadata": {"command": "say hi"},
            "ip": "203.0.113.9",
            "timestamp": "2026-01-01T10:00:00.123456789Z",
        }
        for uuid, event in (
            (server["uuid"], "server:console.command"),
            (server["uuid"], "user:account.password-changed"),
            ("11111111-1111-4111-8111-111111111111", "server:console.command"),
        )
    ]
    assert (await site.call("POST", "/api/remote/activity", {"data": rows}, key=site.node_token)).status == 200
    kept = [row for row in await site.rows(ActivityLog) if row.event == "server:console.command"]
    assert [(row.actor_id, row.ip, row.properties) for row in kept] == [
        (alice.id, "203.0.113.9", {"command": "say hi"})
    ]
    bad = [rows[0] | {"server": "x"}]
    assert (await site.call("POST", "/api/remote/activity", {"data": bad}, key=site.node_token)).status == 422
