"""The client API: who sees what, and what reaches the node."""

from typing import Any

import pytest
from tests.panel.conftest import Site, accounts

from rookery.panel.activity.models import ActivityLog
from rookery.protocol.claims import user_server_identifier, verify

pytestmark = pytest.mark.anyio


async def test_the_list_shows_own_and_shared_servers_only(site: Site) -> None:
    server = await site.server()
    await site.server(name="Other", user=site.ids["carol"].id, allocation={"default": site.ids["allocations"][1]})

    async def names(key: str, query: str = "") -> list[str]:
        found = await site.call("GET", f"/api/client{query}", key=site.ids[key])
        return [entry["attributes"]["name"] for entry in found.json["data"]]

    assert await names("alice_key") == ["Lobby"]
    assert await names("bob_key") == []
    await site.share(server["id"], site.ids["bob"], "websocket.connect")
    assert await names("bob_key") == ["Lobby"]
    assert await names("bob_key", "?type=owner") == []
    assert await names("bob_key", "?type=admin-all") == []
    assert await names("admin_key") == []
    assert await names("admin_key", "?type=admin-all") == ["Lobby", "Other"]
    assert await names("admin_key", "?type=admin-all&filter[*]=:30002") == ["Other"]
    assert await names("admin_key", "?type=admin-all&filter[*]=127.0.0.1:30001") == ["Lobby"]
    assert await names("admin_key", "?type=admin-all&filter[name]=LOB,oth") == ["Lobby", "Other"]


async def test_what_a_subuser_may_not_see_is_hidden(site: Site) -> None:
    server = await site.server()
    await site.share(server["id"], site.ids["bob"], "websocket.connect")
    owner = (await site.call("GET", f"/api/client/servers/{server['identifier']}", key=site.ids["alice_key"])).json
    shared = (await site.call("GET", f"/api/client/servers/{server['identifier']}", key=site.ids["bob_key"])).json
    assert owner["attributes"]["invocation"] == "./echo 30001 hello [hidden]"
    assert shared["attributes"]["invocation"] == "./echo 30001 [hidden] [hidden]"
    assert shared["attributes"]["relationships"]["variables"] == {"object": "null_resource", "attributes": None}
    assert [v["attributes"]["env_variable"] for v in owner["attributes"]["relationships"]["variables"]["data"]] == [
        "MOTD"
    ]
    assert owner["meta"] == {"is_server_owner": True, "user_permissions": ["*"]}
    assert shared["meta"] == {"is_server_owner": False, "user_permissions": ["websocket.connect"]}


ROUTES: list[tuple[str, str, Any, str]] = [
    ("POST", "/power", {"signal": "start"}, "control.start"),
    ("POST", "/power", {"signal": "stop"}, "control.stop"),
    ("POST", "/power", {"signal": "kill"}, "control.stop"),
    ("POST", "/power", {"signal": "restart"}, "control.restart"),
    ("POST", "/command", {"command": "list"}, "control.console"),
    ("GET", "/startup", None, "startup.read"),
    ("PUT", "/startup/variable", {"key": "MOTD", "value": "x"}, "startup.update"),
    ("PUT", "/settings/docker-image", {"docker_image": "images.example.com/two:1"}, "startup.docker-image"),
    ("POST", "/settings/rename", {"name": "New"}, "settings.rename"),
    ("POST", "/settings/reinstall", None, "settings.reinstall"),
    ("GET", "/activity", None, "activity.read"),
    ("GET", "/websocket", None, "websocket.connect"),
]


@pytest.mark.parametrize(("method", "path", "body", "permission"), ROUTES)
async def test_each_route_asks_for_its_own_permission(
    site: Site, method: str, path: str, body: Any, permission: str
) -> None:
    server = await site.server()
    url = f"/api/client/servers/{server['uuid']}{path}"
    assert (await site.call(method, url, body)).status == 401
    assert (await site.call(method, url, body, key=site.ids["bob_key"])).status == 404
    assert (await site.call(method, url, body, key=site.ids["app_key"])).status == 403
    from rookery.protocol.permissions import ALL_PERMISSIONS

    await site.share(server["id"], site.ids["bob"], *(set(ALL_PERMISSIONS) - {permission}))
    assert (await site.call(method, url, body, key=site.ids["bob_key"])).status == 403
    carol_key = await site.key(site.ids["carol"], accounts.CLIENT_KEY)
    await site.share(server["id"], site.ids["carol"], permission)
    assert (await site.call(method, url, body, key=carol_key)).status < 300


@pytest.mark.parametrize(("method", "path", "body", "_permission"), ROUTES)
async def test_a_suspended_server_is_in_conflict_for_everybody(
    site: Site, method: str, path: str, body: Any, _permission: str
) -> None:
    server = await site.server()
    assert (
        await site.call("POST", f"/api/application/servers/{server['id']}/suspend", key=site.ids["app_key"])
    ).status == 204
    for key in ("alice_key", "admin_key"):
        answer = await site.call(method, f"/api/client/servers/{server['uuid']}{path}", body, key=site.ids[key])
        assert (answer.status, answer.codes[0][0]) == (409, "ServerStateConflictException")
    view = await site.call("GET", f"/api/client/servers/{server['uuid']}", key=site.ids["alice_key"])
    assert view.json["attributes"]["is_suspended"] is True


async def test_power_reaches_the_node_and_is_recorded_only_when_it_worked(site: Site) -> None:
    server = await site.server()
    url = f"/api/client/servers/{server['uuid']}/power"
    assert (await site.call("POST", url, {"signal": "start"}, key=site.ids["alice_key"])).status == 204
    assert site.daemon.calls[-1] == ("POST", f"/api/servers/{server['uuid']}/power", {"action": "start"})
    site.daemon.answer(400, {"error": "Cannot start."})
    refused = await site.call("POST", url, {"signal": "stop"}, key=site.ids["alice_key"])
    assert (refused.status, refused.codes[0][0]) == (400, "DaemonConnectionException")
    assert "Cannot start." in refused.json["errors"][0]["detail"]
    assert [row.event for row in await site.rows(ActivityLog)] == ["server:power.start"]


async def test_an_unknown_signal_is_forbidden_to_subusers_and_invalid_for_owners(site: Site) -> None:
    server = await site.server()
    await site.share(server["id"], site.ids["bob"], "control.start")
    url = f"/api/client/servers/{server['uuid']}/power"
    assert (await site.call("POST", url, {"signal": "x"}, key=site.ids["bob_key"])).status == 403
    assert (await site.call("POST", url, {"signal": "x"}, key=site.ids["alice_key"])).codes == [
        ("ValidationException", "signal", "in")
    ]


async def test_a_command_to_a_stopped_server_says_so(site: Site) -> None:
    server = await site.server()
    site.daemon.answer(502, {"error": "Cannot send commands to a stopped server instance."})
    answer = await site.call(
        "POST", f"/api/client/servers/{server['uuid']}/command", {"command": "x"}, key=site.ids["alice_key"]
    )
    assert (answer.status, answer.codes[0][0]) == (502, "HttpException")


async def test_a_console_token_is_signed_by_the_nodes_own_secret(site: Site) -> None:
    server = await site.server()
    data = (await site.call("GET", f"/api/client/servers/{server['uuid']}/websocket", key=site.ids["alice_key"])).json[
        "data"
    ]
    assert data["socket"] == f"ws://127.0.0.1:{site.daemon.port}/api/servers/{server['uuid']}/ws"
    found = verify(site.ids["node_secret"], data["token"])
    assert found["jti"] == user_server_identifier(site.ids["alice"].id, server["uuid"])
    assert (found["permissions"], found["server_uuid"]) == (["*"], server["uuid"])


async def test_resources_are_asked_of_the_node_once_in_twenty_seconds(site: Site) -> None:
    server = await site.server()
    use = {
        "memory_bytes": 5,
        "cpu_absolute": 1.5,
        "disk_bytes": 7,
        "uptime": 9,
        "network": {"rx_bytes": 1, "tx_bytes": 2},
    }
    site.daemon.answer(200, {"state": "running", "is_suspended": False, "utilization": use})
    url = f"/api/client/servers/{server['uuid']}/resources"
    first = await site.call("GET", url, key=site.ids["alice_key"])
    calls = len(site.daemon.calls)
    assert (await site.call("GET", url, key=site.ids["alice_key"])).text == first.text
    assert len(site.daemon.calls) == calls
    assert first.json["attributes"]["resources"] == {
        "memory_bytes": 5,
        "cpu_absolute": 1.5,
        "disk_bytes": 7,
        "network_rx_bytes": 1,
        "network_tx_bytes": 2,
        "uptime": 9,
    }


async def test_a_variable_is_checked_by_its_rules_and_hidden_ones_do_not_exist(site: Site) -> None:
    server = await site.server()
    url = f"/api/client/servers/{server['uuid']}/startup/variable"
    good = await site.call("PUT", url, {"key": "MOTD", "value": "hey"}, key=site.ids["alice_key"])
    assert (good.json["attributes"]["server_value"], good.json["meta"]["startup_command"]) == (
        "hey",
        "./echo 30001 hey [hidden]",
    )
    long = await site.call("PUT", url, {"key": "MOTD", "value": "x" * 11}, key=site.ids["alice_key"])
    assert long.codes == [("ValidationException", "value", "max")]
    for key in ("SECRET", "NOPE"):
        assert (await site.call("PUT", url, {"key": key, "value": "x"}, key=site.ids["alice_key"])).status == 400


async def test_a_key_is_only_good_from_its_addresses_and_a_refusal_is_on_record(site: Site) -> None:
    made = await site.call(
        "POST",
        "/api/client/account/api-keys",
        {"description": "x", "allowed_ips": ["10.0.0.0/8"]},
        key=site.ids["alice_key"],
    )
    secret = made.json["attributes"]["identifier"] + made.json["meta"]["secret_token"]
    assert (await site.call("GET", "/api/client/account", key=secret)).status == 403
    assert "auth:ip-blocked" in [row.event for row in await site.rows(ActivityLog)]
    bad = {"description": "x", "allowed_ips": ["1.2.3.4/99", "fine"]}
    refused = await site.call("POST", "/api/client/account/api-keys", bad, key=site.ids["alice_key"])
    assert [field for _, field, _ in refused.codes] == ["allowed_ips.0", "allowed_ips.1"]


async def test_the_address_of_others_is_hidden_in_the_activity_log(site: Site) -> None:
    server = await site.server()
    await site.call(
        "POST", f"/api/client/servers/{server['uuid']}/power", {"signal": "start"}, key=site.ids["admin_key"]
    )
    url = f"/api/client/servers/{server['uuid']}/activity?include=actor"
    row = (await site.call("GET", url, key=site.ids["alice_key"])).json["data"][0]["attributes"]
    assert (row["event"], row["ip"], row["is_api"], row["properties"]) == ("server:power.start", None, True, {})
    assert row["relationships"]["actor"]["attributes"]["username"] == "admin"


async def test_unknown_routes_and_methods_answer_in_the_wires_form(site: Site) -> None:
    assert (await site.call("GET", "/api/client/nope")).codes[0][0] == "NotFoundHttpException"
    assert (await site.call("DELETE", "/api/client")).codes[0][0] == "MethodNotAllowedHttpException"
