"""The forms of the administration area: who may send them, where they lead, and what they leave on the page."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests.panel.conftest import EGG, Browser, Site

from rookery.panel.accounts.models import ApiKey, User
from rookery.panel.api.admin import routes  # noqa: F401  # registers the area's routes
from rookery.panel.api.admin.area import area
from rookery.panel.eggs.models import Egg, EggVariable, Nest
from rookery.panel.nodes.models import Allocation, Location, Node
from rookery.panel.servers.models import Server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def admin(site: Site) -> AsyncIterator[Browser]:
    async with Browser(site) as browser:
        await browser.sign_in("admin")
        await browser.page("/admin")
        yield browser


def filled(path: str, site: Site) -> str:
    """A route's path with rows that are there."""
    ids = {"egg": site.ids["egg"], "nest": site.ids["nest"], "node": site.ids["node"], "user": site.ids["alice"].id}
    ids |= {"location": site.ids["location"], "allocation": site.ids["allocations"][2], "identity": 1, "variable": 1}
    for name in ("server", "mount", "host"):
        ids[name] = 1
    text = path.replace("{identifier:text}", "ptla_x")
    for name, value in ids.items():
        text = text.replace(f"{{{name}}}", str(value))
    return f"/admin{text}"


async def test_no_route_of_the_area_opens_to_anybody_but_administrators(site: Site) -> None:
    await site.server()
    async with Browser(site) as stranger, Browser(site) as alice:
        await alice.sign_in("alice")
        for entry in area.entries:
            path = filled(entry.path, site)
            anonymous = await stranger.form(entry.method, path)
            assert (anonymous.status, anonymous.headers["Location"]) == (302, f"{site.url}/auth/login"), path
            refused = await alice.form(entry.method, path)
            assert refused.status in (403, 404), (entry.method, path)
            if not any(name in entry.path for name in ("{mount}", "{host}")):
                assert refused.status == 403, (entry.method, path)
            if entry.method != "GET":
                assert (await alice.form(entry.method, path, token=False)).status == 419, path


async def test_a_form_may_say_its_method_and_token_in_hidden_fields(site: Site, admin: Browser) -> None:
    nest = site.ids["nest"]
    csrf = next(cookie.value for cookie in admin.http.cookie_jar if cookie.key == "XSRF-TOKEN")
    fields = {"_method": "PATCH", "_token": csrf, "name": "Renamed", "description": ""}
    done = await admin.form("POST", f"/admin/nests/view/{nest}", fields, token=False)
    assert (done.status, done.headers["Location"]) == (302, f"{site.url}/admin/nests/view/{nest}")
    assert (await site.rows(Nest))[0].name == "Renamed"


async def test_a_refused_form_leads_back_and_lists_every_reason_once(site: Site, admin: Browser) -> None:
    await admin.page("/admin/nests/new")
    refused = await admin.form("POST", "/admin/nests/new", {"name": "Bad/Name!"})
    assert refused.headers["Location"] == f"{site.url}/admin/nests/new"
    assert await admin.after(refused) == [("danger", 1)]
    assert "alert-danger" not in (await admin.page("/admin/nests/new")).text


async def test_a_page_elsewhere_cannot_choose_where_a_refused_form_leads(site: Site, admin: Browser) -> None:
    await admin.page("/admin/nests/new")
    headers = {"Accept": "text/html", "Referer": "http://evil.example/", **admin._headers(token=True)}
    async with admin.http.post(
        f"{site.url}/admin/nests/new", data={"name": ""}, headers=headers, allow_redirects=False
    ) as answer:
        assert answer.headers["Location"] == f"{site.url}/admin/nests/new"


@pytest.mark.parametrize("path", ["/nests/view/999", "/nests/egg/999", "/servers/view/999", "/nodes/view/999", "/x"])
async def test_what_is_not_there_is_404(admin: Browser, path: str) -> None:
    assert (await admin.page(f"/admin{path}")).status == 404


async def test_a_key_is_made_and_revoked(site: Site, admin: Browser) -> None:
    before = len(await site.rows(ApiKey))
    made = await admin.form("POST", "/admin/api/new", {"memo": "one", "r_nodes": "3"})
    assert await admin.after(made) == [("success", 0)]
    key = (await site.rows(ApiKey))[-1]
    assert (key.r_nodes, key.r_servers, key.memo) == (3, 0, "one")
    assert (await admin.form("DELETE", f"/admin/api/revoke/{key.identifier}")).status == 204
    assert len(await site.rows(ApiKey)) == before


async def test_an_egg_is_imported_changed_exported_and_deleted(site: Site, admin: Browser) -> None:
    form = aiohttp.FormData()
    form.add_field("import_to_nest", str(site.ids["nest"]))
    document = {**EGG, "name": "From a file", "file_denylist": ["a", "", "b"]}
    form.add_field("import_file", json.dumps(document), filename="egg.json", content_type="application/json")
    made = await admin.form("POST", "/admin/nests/import", form)
    egg = (await site.rows(Egg))[-1]
    assert made.headers["Location"] == f"{site.url}/admin/nests/egg/{egg.id}"
    assert egg.file_denylist == {"0": "a", "2": "b"}
    fields: dict[str, Any] = {
        "name": "Changed",
        "docker_images": "One|images.example.com/one:1\nimages.example.com/two:1",
        "startup": "./go",
        "config_stop": "stop",
        "config_startup": "{}",
        "config_logs": "{}",
        "config_files": "{}",
    }
    assert await admin.after(await admin.form("PATCH", f"/admin/nests/egg/{egg.id}", fields)) == [("success", 0)]
    exported = json.loads((await admin.page(f"/admin/nests/egg/{egg.id}/export")).text)
    assert exported["docker_images"] == {
        "One": "images.example.com/one:1",
        "images.example.com/two:1": "images.example.com/two:1",
    }
    assert exported["file_denylist"] == ["a", "b"]
    assert (await admin.form("DELETE", f"/admin/nests/egg/{egg.id}")).status == 302
    assert egg.id not in [row.id for row in await site.rows(Egg)]


@pytest.mark.parametrize(
    ("changes", "items"),
    [({"docker_images": "bad image^^"}, 1), ({"config_files": "{"}, 1), ({"name": "", "startup": ""}, 2)],
)
async def test_a_wrong_egg_is_refused(site: Site, admin: Browser, changes: dict[str, str], items: int) -> None:
    fields = {"name": "x", "docker_images": "a:1", "startup": "x", "config_stop": "stop"}
    fields |= {"config_startup": "{}", "config_logs": "{}", "config_files": "{}", **changes}
    refused = await admin.form("PATCH", f"/admin/nests/egg/{site.ids['egg']}", fields)
    assert await admin.after(refused) == [("danger", items)]
    assert (await site.rows(Egg))[0].name == "Echo"


async def test_variables_are_added_once_by_name_and_never_reserved(site: Site, admin: Browser) -> None:
    path = f"/admin/nests/egg/{site.ids['egg']}/variables"
    fields = {"name": "New", "env_variable": "NEW", "default_value": "1", "rules": "required|string"}
    for changes, kind in (({}, "success"), ({}, "danger"), ({"env_variable": "SERVER_IP"}, "danger")):
        assert (await admin.after(await admin.form("POST", path, {**fields, **changes})))[0][0] == kind
    assert [row.env_variable for row in await site.rows(EggVariable)].count("NEW") == 1


async def test_a_location_and_a_user_are_made_and_deleted(site: Site, admin: Browser) -> None:
    await admin.form("POST", "/admin/locations", {"short": "there", "long": ""})
    location = (await site.rows(Location))[-1]
    await admin.form("PATCH", f"/admin/locations/view/{location.id}", {"action": "delete"})
    assert location.id not in [row.id for row in await site.rows(Location)]
    fields = {"email": "new@example.com", "username": "newbie", "name_first": "N", "name_last": "B"}
    await admin.form("POST", "/admin/users/new", fields)
    user = (await site.rows(User))[-1]
    assert user.username == "newbie"
    picked = await admin.page("/admin/users/accounts.json?filter[email]=new@")
    assert [entry["id"] for entry in picked.json] == [user.id]
    assert "password" not in picked.text
    await admin.form("DELETE", f"/admin/users/view/{user.id}")
    assert user.id not in [row.id for row in await site.rows(User)]


async def test_nobody_deletes_themselves(site: Site, admin: Browser) -> None:
    refused = await admin.form("DELETE", f"/admin/users/view/{site.ids['admin'].id}")
    assert await admin.after(refused) == [("danger", 0)]


def node_fields(site: Site, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Three",
        "location_id": site.ids["location"],
        "public": "1",
        "fqdn": "127.0.0.1",
        "scheme": "http",
        "behind_proxy": "0",
        "memory": "1024",
        "memory_overallocate": "0",
        "disk": "1024",
        "disk_overallocate": "0",
        "daemonBase": "/srv/x",
        "daemonSFTP": "2022",
        "daemonListen": "9998",
        **changes,
    }


async def test_a_node_is_made_given_addresses_and_deleted(site: Site, admin: Browser) -> None:
    made = await admin.form("POST", "/admin/nodes/new", node_fields(site))
    node = (await site.rows(Node))[-1]
    assert made.headers["Location"] == f"{site.url}/admin/nodes/view/{node.id}/allocation"
    fields = {"allocation_ip": "127.0.0.9", "allocation_ports[]": ["5000-5003"]}
    await admin.form("POST", f"/admin/nodes/view/{node.id}/allocation", fields)
    assert len([row for row in await site.rows(Allocation) if row.node_id == node.id]) == 4
    await admin.form("POST", f"/admin/nodes/view/{node.id}/allocation/remove", {"ip": "127.0.0.9"})
    assert not [row for row in await site.rows(Allocation) if row.node_id == node.id]
    await admin.form("DELETE", f"/admin/nodes/view/{node.id}/delete")
    assert node.id not in [row.id for row in await site.rows(Node)]


@pytest.mark.parametrize("changes", [{"scheme": "https"}, {"fqdn": "no-such-host.invalid"}, {"memory": "0"}])
async def test_a_node_that_cannot_be_reached_by_its_name_is_refused(
    site: Site, admin: Browser, changes: dict[str, str]
) -> None:
    refused = await admin.form("POST", "/admin/nodes/new", node_fields(site, **changes))
    assert await admin.after(refused) == [("danger", 1)]


async def test_the_address_of_another_node_is_not_touched(site: Site, admin: Browser) -> None:
    foreign = site.ids["dead_allocation"]
    path = f"/admin/nodes/view/{site.ids['node']}/allocation"
    assert (await admin.form("DELETE", f"{path}/remove/{foreign}")).status == 404
    assert (await admin.form("POST", f"{path}/alias", {"allocation_id": foreign, "alias": "x"})).status == 404


async def test_an_address_in_use_is_not_deleted_with_others(site: Site, admin: Browser) -> None:
    await site.server()
    used, free = site.ids["allocations"][:2]
    fields = {"allocations[0][id]": used, "allocations[1][id]": free}
    await admin.form("DELETE", f"/admin/nodes/view/{site.ids['node']}/allocations", fields)
    assert {used, free} <= {row.id for row in await site.rows(Allocation)}


async def test_a_node_answers_for_itself_and_two_keys_are_not_made(site: Site, admin: Browser) -> None:
    site.daemon.answer(200, {"version": "1", "os": "linux", "architecture": "amd64", "cpu_count": 2})
    found = await admin.page(f"/admin/nodes/view/{site.ids['node']}/system-information")
    assert found.json["system"]["type"] == "Linux"
    path = f"/admin/nodes/view/{site.ids['node']}/settings/token"
    first, second = await admin.form("POST", path), await admin.form("POST", path)
    assert first.json == second.json


# Servers


def server_fields(site: Site, **changes: Any) -> dict[str, Any]:
    return {
        "name": "By form",
        "owner_id": site.ids["alice"].id,
        "node_id": site.ids["node"],
        "allocation_id": site.ids["allocations"][0],
        "memory": "256",
        "swap": "0",
        "disk": "512",
        "io": "500",
        "cpu": "0",
        "nest_id": site.ids["nest"],
        "egg_id": site.ids["egg"],
        "startup": "./echo",
        "image": "images.example.com/one:1",
        "database_limit": "0",
        "backup_limit": "1",
        "environment[MOTD]": "hi",
        **changes,
    }


async def test_a_server_goes_from_form_to_deletion(site: Site, admin: Browser) -> None:
    made = await admin.form("POST", "/admin/servers/new", server_fields(site))
    server = (await site.rows(Server))[-1]
    assert made.headers["Location"] == f"/admin/servers/view/{server.id}"
    view = f"/admin/servers/view/{server.id}"
    assert (await admin.page(f"{view}/build")).status == 403
    assert await admin.after(await admin.form("POST", f"{view}/manage/toggle")) == [("success", 0)]
    assert (await admin.page(f"{view}/build")).status == 200
    sizes = {
        name: server_fields(site)[name] for name in ("swap", "disk", "io", "cpu", "database_limit", "backup_limit")
    }
    await admin.form("POST", f"{view}/build", {**sizes, "memory": "300", "allocation_id": site.ids["allocations"][0]})
    await admin.form("PATCH", f"{view}/details", {"owner_id": site.ids["bob"].id, "name": "Bob's", "external_id": "e"})
    await admin.form("POST", f"{view}/manage/suspension", {"action": "suspend"})
    row = (await site.rows(Server))[-1]
    assert (row.memory, row.name, row.owner_id, row.status) == (300, "Bob's", site.ids["bob"].id, "suspended")
    await admin.form("POST", f"{view}/delete")
    assert await site.rows(Server) == []


async def test_a_server_its_node_does_not_take_leaves_one_notice_and_no_row(site: Site, admin: Browser) -> None:
    fields = server_fields(site, node_id=site.ids["dead_node"], allocation_id=site.ids["dead_allocation"])
    assert await admin.after(await admin.form("POST", "/admin/servers/new", fields)) == [("danger", 0)]
    assert await site.rows(Server) == []


@pytest.mark.parametrize(
    "changes", [{"external_id": "taken"}, {"allocation_id": "1"}, {"owner_id": "999"}, {"memory": "-1"}]
)
async def test_a_wrong_server_is_refused_with_its_field(site: Site, admin: Browser, changes: dict[str, str]) -> None:
    await site.server(external_id="taken")
    fields = server_fields(site, allocation_id=site.ids["allocations"][1]) | changes
    assert await admin.after(await admin.form("POST", "/admin/servers/new", fields)) == [("danger", 1)]
    assert len(await site.rows(Server)) == 1


# Settings and pages


async def test_a_second_factor_can_be_asked_of_everybody_at_once(site: Site, admin: Browser) -> None:
    fields = {"app:name": "Ours", "pterodactyl:auth:2fa_required": "2", "app:locale": "en"}
    await admin.form("PATCH", "/admin/settings", fields)
    refused = await site.call("GET", "/api/client", key=site.ids["alice_key"])
    assert refused.codes[0][0] == "TwoFactorAuthRequiredException"
    page = await admin.page("/admin")
    assert (page.status, page.headers["Location"]) == (302, f"{site.url}/account")
    account = await admin.page("/account")
    assert '"name": "Ours"' in account.text
    assert '"username": "admin"' in account.text


async def test_a_name_cannot_leave_the_pages_script(site: Site, admin: Browser) -> None:
    fields = {"app:name": "</script><b>", "pterodactyl:auth:2fa_required": "0", "app:locale": "en"}
    await admin.form("PATCH", "/admin/settings", fields)
    assert "</script><b>" not in (await admin.page("/")).text


async def test_a_browser_at_an_api_address_is_led_to_the_sign_in(site: Site) -> None:
    async with Browser(site) as browser:
        page = await browser.page("/api/client/account")
        assert (page.status, page.headers["Location"]) == (302, f"{site.url}/auth/login")


async def test_only_known_texts_are_given_out(site: Site) -> None:
    found = await site.call("GET", "/locales/locale.json?locale=en&namespace=strings%20../../x")
    assert list(found.json["en"]) == ["strings"]
    assert (await site.call("GET", "/locales/locale.json?locale=../en&namespace=strings")).json == []
