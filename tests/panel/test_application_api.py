"""The application API: shapes, grants, and servers from creation to deletion."""

import asyncio
from typing import Any

import pytest
from tests.panel.conftest import Site

from rookery.panel.accounts.service import APPLICATION_KEY
from rookery.panel.nodes.models import Allocation
from rookery.panel.servers.models import Server, ServerVariable

pytestmark = pytest.mark.anyio


async def test_a_created_server_is_stored_placed_and_told_to_its_node(site: Site) -> None:
    answer = await site.call(
        "POST", "/api/application/servers", site.draft(start_on_completion=True), key=site.ids["app_key"]
    )
    assert answer.status == 201
    shown = answer.json["attributes"]
    assert (shown["status"], shown["container"]["installed"]) == ("installing", 0)
    assert shown["limits"] == {
        "memory": 512,
        "swap": 0,
        "disk": 1024,
        "io": 500,
        "cpu": 100,
        "threads": None,
        "oom_disabled": True,
    }
    assert shown["container"]["environment"] == {
        "MOTD": "hello",
        "SECRET": "",
        "STARTUP": "./echo {{SERVER_PORT}} {{MOTD}} {{SECRET}}",
        "P_SERVER_LOCATION": "here",
        "P_SERVER_UUID": shown["uuid"],
        "P_SERVER_ALLOCATION_LIMIT": 2,
    }
    assert site.daemon.calls == [
        ("POST", "/api/servers", {"uuid": shown["uuid"], "start_on_completion": True}),
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": ""}, ("name", "required")),
        ({"user": 999}, ("user", "exists")),
        ({"egg": "x"}, ("egg", "integer")),
        ({"docker_image": "bad image!"}, ("docker_image", "regex")),
        ({"environment": {"MOTD": "much too long a text"}}, ("environment.MOTD", "max")),
        ({"environment": {}}, ("environment.MOTD", "required")),
        ({"limits": {"memory": -1, "swap": 0, "disk": 0, "io": 500, "cpu": 0}}, ("limits.memory", "min")),
        ({"limits": {"memory": 1, "swap": 0, "disk": 0, "io": 5, "cpu": 0}}, ("limits.io", "between")),
        ({"feature_limits": {"databases": 0}}, ("feature_limits.backups", "present")),
        ({"allocation": {"default": 999}}, ("allocation.default", "exists")),
    ],
)
async def test_bad_input_names_the_field_and_leaves_nothing(
    site: Site, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    answer = await site.call("POST", "/api/application/servers", site.draft(**changes), key=site.ids["app_key"])
    assert answer.status == 422
    assert expected in [(field, rule) for _, field, rule in answer.codes]
    assert await site.rows(Server) == []
    assert site.daemon.calls == []


async def test_a_node_that_is_down_leaves_no_row_and_frees_the_address(site: Site) -> None:
    draft = site.draft(allocation={"default": site.ids["dead_allocation"]})
    answer = await site.call("POST", "/api/application/servers", draft, key=site.ids["app_key"])
    assert (answer.status, answer.codes[0][0]) == (504, "DaemonConnectionException")
    assert await site.rows(Server) == []
    assert await site.rows(ServerVariable) == []
    assert all(row.server_id is None for row in await site.rows(Allocation))


async def test_of_many_creations_on_one_address_exactly_one_wins(site: Site) -> None:
    answers = await asyncio.gather(
        *(
            site.call("POST", "/api/application/servers", site.draft(name=f"n{at}"), key=site.ids["app_key"])
            for at in range(8)
        )
    )
    statuses = sorted(answer.status for answer in answers)
    assert statuses.count(201) == 1
    assert all(400 <= status < 500 for status in statuses if status != 201)
    assert len(await site.rows(Server)) == 1


async def test_a_deployment_finds_a_node_and_address_by_itself(site: Site) -> None:
    draft = site.draft(deploy={"locations": [site.ids["location"]], "dedicated_ip": False, "port_range": ["30003"]})
    draft.pop("allocation")
    answer = await site.call("POST", "/api/application/servers", draft, key=site.ids["app_key"])
    assert answer.json["attributes"]["allocation"] == site.ids["allocations"][2]
    too_big = site.draft(
        deploy={"locations": [], "dedicated_ip": False, "port_range": []},
        limits={"memory": 99999, "swap": 0, "disk": 0, "io": 500, "cpu": 0},
    )
    refused = await site.call("POST", "/api/application/servers", too_big, key=site.ids["app_key"])
    assert (refused.status, refused.codes[0][0]) == (400, "NoViableNodeException")


async def test_deleting_a_server_frees_its_addresses(site: Site) -> None:
    server = await site.server()
    answer = await site.call("DELETE", f"/api/application/servers/{server['id']}", key=site.ids["app_key"])
    assert answer.status == 204
    assert await site.rows(Server) == []
    assert all(row.server_id is None for row in await site.rows(Allocation))
    assert site.daemon.calls[-1][:2] == ("DELETE", f"/api/servers/{server['uuid']}")


async def test_a_deletion_the_node_refuses_changes_nothing_unless_forced(site: Site) -> None:
    server = await site.server()
    site.daemon.answer(500)
    refused = await site.call("DELETE", f"/api/application/servers/{server['id']}", key=site.ids["app_key"])
    assert refused.status == 500
    assert len(await site.rows(Server)) == 1
    forced = await site.call("DELETE", f"/api/application/servers/{server['id']}/force", key=site.ids["app_key"])
    assert forced.status == 204
    assert await site.rows(Server) == []


async def test_a_suspension_the_node_did_not_hear_of_is_taken_back(site: Site) -> None:
    server = await site.server()
    site.daemon.answer(500)
    assert (
        await site.call("POST", f"/api/application/servers/{server['id']}/suspend", key=site.ids["app_key"])
    ).status == 500
    assert (await site.rows(Server))[0].status is None
    site.daemon.answer(204)
    assert (
        await site.call("POST", f"/api/application/servers/{server['id']}/suspend", key=site.ids["app_key"])
    ).status == 204
    assert (await site.rows(Server))[0].status == "suspended"


async def test_the_main_address_cannot_be_removed_without_another(site: Site) -> None:
    server, first, second = await site.server(), site.ids["allocations"][0], site.ids["allocations"][1]
    body = {
        "allocation": first,
        "limits": {"memory": 1024, "swap": 0, "disk": 0, "io": 500, "cpu": 0},
        "feature_limits": {"databases": None, "allocations": None, "backups": None},
        "remove_allocations": [first],
    }
    path = f"/api/application/servers/{server['id']}/build"
    assert (await site.call("PATCH", path, body, key=site.ids["app_key"])).status == 400
    answer = await site.call("PATCH", path, body | {"add_allocations": [second]}, key=site.ids["app_key"])
    assert (answer.status, answer.json["attributes"]["allocation"]) == (200, second)
    assert answer.json["attributes"]["feature_limits"] == {"databases": None, "allocations": None, "backups": 0}
    assert site.daemon.calls[-1][:2] == ("POST", f"/api/servers/{server['uuid']}/sync")


@pytest.mark.parametrize(
    ("ports", "code"),
    [
        (["80"], "PortOutOfRangeException"),
        (["1024"], "PortOutOfRangeException"),
        (["70000"], "PortOutOfRangeException"),
        (["x"], "InvalidPortMappingException"),
        (["20000-30000"], "TooManyPortsInRangeException"),
    ],
)
async def test_an_unusable_port_adds_no_address(site: Site, ports: list[str], code: str) -> None:
    before = len(await site.rows(Allocation))
    body = {"ip": "127.0.0.2", "ports": ["25000", *ports]}
    answer = await site.call(
        "POST", f"/api/application/nodes/{site.ids['node']}/allocations", body, key=site.ids["app_key"]
    )
    assert (answer.status, answer.codes[0][0]) == (400, code)
    assert len(await site.rows(Allocation)) == before


async def test_addresses_are_added_once(site: Site) -> None:
    path, body = (
        f"/api/application/nodes/{site.ids['node']}/allocations",
        {"ip": "127.0.0.9/30", "ports": ["25000-25001"]},
    )
    for _ in range(2):
        assert (await site.call("POST", path, body, key=site.ids["app_key"])).status == 204
    listed = await site.call("GET", f"{path}?filter[port]=25000", key=site.ids["app_key"])
    assert [entry["attributes"]["ip"] for entry in listed.json["data"]] == [f"127.0.0.{n}" for n in (8, 9, 10, 11)]


@pytest.mark.parametrize("resource", ["users", "nodes", "locations", "nests", "servers"])
async def test_a_key_without_the_grant_is_refused_and_reading_does_not_write(site: Site, resource: str) -> None:
    none = await site.key(site.ids["admin"], APPLICATION_KEY, every=0)
    read = await site.key(site.ids["admin"], APPLICATION_KEY, every=1)
    assert (await site.call("GET", f"/api/application/{resource}", key=none)).status == 403
    assert (await site.call("GET", f"/api/application/{resource}", key=read)).status == 200
    if resource != "nests":
        assert (await site.call("POST", f"/api/application/{resource}", {}, key=read)).status == 403


async def test_nobody_but_administrators_gets_in(site: Site) -> None:
    assert (await site.call("GET", "/api/application/users")).status == 401
    assert (await site.call("GET", "/api/application/users", key="ptla_short")).status == 401
    assert (await site.call("GET", "/api/application/users", key=site.ids["alice_key"])).status == 403
    assert (await site.call("GET", "/api/application/users", key=site.ids["admin_key"])).status == 200


async def test_lists_filter_sort_and_page(site: Site) -> None:
    key = site.ids["app_key"]
    found = await site.call("GET", "/api/application/users?filter[username]=ALI", key=key)
    assert [entry["attributes"]["username"] for entry in found.json["data"]] == ["alice"]
    page = (await site.call("GET", "/api/application/users?sort=-id&per_page=3&page=2", key=key)).json
    assert [entry["attributes"]["username"] for entry in page["data"]] == ["admin"]
    assert page["meta"]["pagination"] | {"links": None} == {
        "total": 4,
        "count": 1,
        "per_page": 3,
        "current_page": 2,
        "total_pages": 2,
        "links": None,
    }
    assert list(page["meta"]["pagination"]["links"]) == ["previous"]
    assert (await site.call("GET", "/api/application/users?filter[x]=1", key=key)).codes[0][0] == "InvalidFilterQuery"
    assert (await site.call("GET", "/api/application/users?sort=x", key=key)).codes[0][0] == "InvalidSortQuery"


async def test_an_unknown_id_comes_before_the_grant_and_a_bad_body_before_both(site: Site) -> None:
    none = await site.key(site.ids["admin"], APPLICATION_KEY, every=0)
    assert (await site.call("GET", "/api/application/users/999", key=none)).status == 404
    broken = await site.call(
        "PATCH", "/api/application/users/999", b"{", key=none, headers={"Content-Type": "application/json"}
    )
    assert (broken.status, broken.codes[0][0]) == (400, "BadRequestHttpException")


async def test_a_user_form_lists_every_broken_rule(site: Site) -> None:
    body = {"username": "A!", "email": "no", "first_name": "", "last_name": "x"}
    answer = await site.call("POST", "/api/application/users", body, key=site.ids["app_key"])
    assert [(field, rule) for _, field, rule in answer.codes] == [
        ("email", "email"),
        ("username", "p_username"),
        ("first_name", "required"),
    ]
    taken = {"username": "ALICE", "email": "x@example.com", "first_name": "a", "last_name": "b"}
    assert (await site.call("POST", "/api/application/users", taken, key=site.ids["app_key"])).codes == [
        ("ValidationException", "username", "unique")
    ]


async def test_a_node_tells_its_daemon_what_to_write(site: Site) -> None:
    answer = await site.call("GET", f"/api/application/nodes/{site.ids['node']}/configuration", key=site.ids["app_key"])
    found = answer.json
    assert f"{found['token_id']}.{found['token']}" == site.node_token
    assert found["remote"] == site.url
    assert found["api"]["port"] == site.daemon.port


async def test_includes_need_the_right_to_read_what_is_included(site: Site) -> None:
    await site.server()
    both = await site.key(site.ids["admin"], APPLICATION_KEY, every=0, servers=1, users=1)
    one = await site.key(site.ids["admin"], APPLICATION_KEY, every=0, servers=1)
    path = "/api/application/servers?include=user,allocations"
    shown = (await site.call("GET", path, key=both)).json["data"][0]["attributes"]["relationships"]
    assert shown["user"]["attributes"]["username"] == "alice"
    assert shown["allocations"] == {"object": "null_resource", "attributes": None}
    hidden = (await site.call("GET", path, key=one)).json["data"][0]["attributes"]["relationships"]
    assert hidden["user"] == {"object": "null_resource", "attributes": None}
