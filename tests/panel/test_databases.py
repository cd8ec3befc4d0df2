"""Databases of servers on a real MariaDB: made, usable, rotated, dropped; limits that hold; nothing left behind."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncmy
import pytest
from sqlalchemy import update
from tests.compat.replay_panel import DB_PASSWORD, DB_USER, mariadb
from tests.panel.conftest import Browser, Site

from rookery.panel.activity.models import ActivityLog
from rookery.panel.databases.models import Database, DatabaseHost
from rookery.panel.databases.service import new_password
from rookery.panel.servers.models import Server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120), pytest.mark.xdist_group("mariadb")]


@pytest.fixture(scope="module")
def host_port() -> Iterator[int]:
    folder = Path(tempfile.mkdtemp(prefix="rookery-mariadb-"))
    folder.chmod(0o755)
    with mariadb(folder / "data") as port:
        yield port
    shutil.rmtree(folder, ignore_errors=True)


async def ask(port: int, statement: str, **login: Any) -> list[tuple[Any, ...]]:
    given = {"user": DB_USER, "password": DB_PASSWORD, **login}
    connection = await asyncmy.connect(host="127.0.0.1", port=port, autocommit=True, **given)
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(statement)
            return list(await cursor.fetchall())
    finally:
        connection.close()


async def leftovers(port: int) -> tuple[set[str], set[str]]:
    """Databases and users of servers on the host."""
    schemas = await ask(
        port, "SELECT schema_name FROM information_schema.schemata WHERE schema_name REGEXP '^s[0-9]+_'"
    )
    users = await ask(port, "SELECT user FROM mysql.user WHERE user REGEXP '^u[0-9]+_'")
    return {name for (name,) in schemas}, {name for (name,) in users}


class Owned:
    """A server of alice's with room for three databases, and a host."""

    def __init__(self, site: Site, server: dict[str, Any], port: int) -> None:
        self.site, self.server, self.port = site, server, port

    async def call(self, method: str, path: str = "", body: Any = None, *, who: str = "alice_key") -> Any:
        address = f"/api/client/servers/{self.server['identifier']}/databases{path}"
        return await self.site.call(method, address, body, key=self.site.ids[who])

    async def make(self, name: str = "game", remote: str = "%") -> dict[str, Any]:
        made = await self.call("POST", "", {"database": name, "remote": remote})
        assert made.status == 200, made.text
        found: dict[str, Any] = made.json["attributes"]
        return found

    async def set(self, model: Any, **values: Any) -> None:
        async with self.site.panel.sessions() as session:
            await session.execute(update(model).values(**values))
            await session.commit()


@pytest.fixture
async def owned(site: Site, host_port: int) -> AsyncIterator[Owned]:
    found = Owned(site, await site.server(feature_limits={"databases": 3, "allocations": 2, "backups": 3}), host_port)
    async with Browser(site) as browser:
        await browser.sign_in("admin")
        fields = {"name": "Local", "host": "127.0.0.1", "port": host_port, "username": DB_USER, "password": DB_PASSWORD}
        made = await browser.form("POST", "/admin/databases", {**fields, "node_id": ""})
        assert await browser.after(made) == [("success", 0)]
    yield found
    for row in await site.rows(Database):
        await found.call("DELETE", f"/{row.id}")
    assert await leftovers(host_port) == (set(), set())


def secret(attributes: dict[str, Any]) -> str:
    return str(attributes["relationships"]["password"]["attributes"]["password"])


async def test_a_database_can_be_used_by_its_user_and_no_other(owned: Owned) -> None:
    first, second = await owned.make("one"), await owned.make("onex")
    assert first["name"] == f"s{owned.server['id']}_one"
    assert (first["host"], first["max_connections"]) == ({"address": "127.0.0.1", "port": owned.port}, None)
    login = {"user": first["username"], "password": secret(first)}
    await ask(owned.port, f"CREATE TABLE `{first['name']}`.t (a INT)", **login)
    assert [name for (name,) in await ask(owned.port, "SHOW DATABASES", **login)].count(second["name"]) == 0
    with pytest.raises(asyncmy.errors.OperationalError):
        await ask(owned.port, f"CREATE TABLE `{second['name']}`.t (a INT)", **login)
    assert "server:database.create" in [row.event for row in await owned.site.rows(ActivityLog)]


async def test_an_underscore_in_a_name_is_no_wildcard_of_the_grant(owned: Owned) -> None:
    """The original grants `s1_a_b` as a pattern, which `s1_aXb` of the same server matches too."""
    narrow, wide = await owned.make("a_b"), await owned.make("axb")
    login = {"user": narrow["username"], "password": secret(narrow)}
    with pytest.raises(asyncmy.errors.OperationalError):
        await ask(owned.port, f"CREATE TABLE `{wide['name']}`.t (a INT)", **login)


async def test_a_rotated_password_works_and_the_old_one_does_not(owned: Owned) -> None:
    made = await owned.make()
    rotated = await owned.call("POST", f"/{made['id']}/rotate-password")
    assert rotated.status == 200
    fresh = secret(rotated.json["attributes"])
    assert fresh != secret(made)
    assert await ask(owned.port, "SELECT 1", user=made["username"], password=fresh) == [(1,)]
    with pytest.raises(asyncmy.errors.OperationalError):
        await ask(owned.port, "SELECT 1", user=made["username"], password=secret(made))


async def test_rotations_at_the_same_moment_end_with_the_password_that_is_shown(owned: Owned) -> None:
    made = await owned.make()
    await asyncio.gather(*(owned.call("POST", f"/{made['id']}/rotate-password") for _ in range(4)))
    shown = (await owned.call("GET", "?include=password")).json["data"][0]["attributes"]
    assert await ask(owned.port, "SELECT 1", user=made["username"], password=secret(shown)) == [(1,)]


async def test_as_many_as_allowed_however_many_ask(owned: Owned) -> None:
    answers = await asyncio.gather(
        *(owned.call("POST", "", {"database": f"many{number}", "remote": "%"}) for number in range(12))
    )
    assert sorted(answer.status for answer in answers) == [200] * 3 + [400] * 9
    refused = {answer.codes[0][0] for answer in answers if answer.status == 400}
    assert refused == {"TooManyDatabasesException"}
    assert len((await leftovers(owned.port))[0]) == 3


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"database": "ab", "remote": "%"}, 422, ("ValidationException", "database", "min")),
        ({"database": "bad-name!", "remote": "%"}, 422, ("ValidationException", "database", "alpha_dash")),
        ({"database": "game"}, 422, ("ValidationException", "remote", "required")),
        ({"database": "game", "remote": "a b"}, 422, ("ValidationException", "remote", "regex")),
        ({"database": "game", "remote": "'; DROP"}, 422, ("ValidationException", "remote", "regex")),
    ],
)
async def test_bad_input_is_refused_by_name(owned: Owned, body: Any, status: int, code: tuple[str, str, str]) -> None:
    answer = await owned.call("POST", "", body)
    assert (answer.status, answer.codes) == (status, [code])


async def test_a_name_is_taken_once_per_server(owned: Owned) -> None:
    await owned.make()
    answer = await owned.call("POST", "", {"database": "game", "remote": "%"})
    assert (answer.status, answer.codes[0][0]) == (400, "DuplicateDatabaseNameException")


async def test_a_host_that_refuses_leaves_no_row(owned: Owned) -> None:
    await owned.set(DatabaseHost, port=1)
    answer = await owned.call("POST", "", {"database": "game", "remote": "%"})
    assert (answer.status, answer.codes[0][0]) == (502, "QueryException")
    assert await owned.site.rows(Database) == []
    await owned.set(DatabaseHost, port=owned.port)


async def test_without_a_host_it_is_said(site: Site) -> None:
    server = await site.server()
    address = f"/api/client/servers/{server['identifier']}/databases"
    answer = await site.call("POST", address, {"database": "game", "remote": "%"}, key=site.ids["alice_key"])
    assert (answer.status, answer.codes[0][0]) == (400, "NoSuitableDatabaseHostException")


async def test_passwords_are_shown_to_those_who_may_see_them(owned: Owned) -> None:
    made = await owned.make()
    await owned.site.share(owned.server["id"], owned.site.ids["bob"], "database.read", "database.update")
    listed = (await owned.call("GET", "?include=password", who="bob_key")).json["data"][0]["attributes"]
    assert listed["relationships"]["password"]["object"] == "null_resource"
    assert (await owned.call("DELETE", f"/{made['id']}", who="bob_key")).status == 403
    async with owned.site.panel.engine.connect() as connection:
        stored = (await connection.exec_driver_sql("SELECT password FROM `databases`")).scalar_one()
    assert secret(made) not in stored


async def test_another_servers_database_is_not_found_by_any_number(owned: Owned) -> None:
    made = await owned.make()
    row = (await owned.site.rows(Database))[0]
    other = await owned.site.server(allocation={"default": owned.site.ids["allocations"][3]})
    for number in (made["id"], row.id):
        path = f"/api/client/servers/{other['identifier']}/databases/{number}"
        assert (await owned.site.call("DELETE", path, key=owned.site.ids["alice_key"])).status == 404
        path = f"/api/application/servers/{other['id']}/databases/{number}"
        assert (await owned.site.call("GET", path, key=owned.site.ids["app_key"])).status == 404


async def test_by_the_application_api(owned: Owned) -> None:
    base, key = f"/api/application/servers/{owned.server['id']}/databases", owned.site.ids["app_key"]
    host = (await owned.site.rows(DatabaseHost))[0]
    body = {"database": "app", "remote": "10.0.%.%", "host": host.id}
    made = await owned.site.call("POST", base, body, key=key)
    assert made.status == 201
    shown = await owned.site.call("GET", f"{base}?include=password,host", key=key)
    relations = shown.json["data"][0]["attributes"]["relationships"]
    assert len(relations["password"]["attributes"]["password"]) == 24
    assert relations["host"]["attributes"]["name"] == "Local"
    number = made.json["attributes"]["id"]
    assert (await owned.site.call("POST", f"{base}/{number}/reset-password", key=key)).status == 204
    assert (await owned.site.call("DELETE", f"{base}/{number}", key=key)).status == 204
    missing = await owned.site.call("POST", base, {**body, "host": 999}, key=key)
    assert missing.codes == [("ValidationException", "host", "exists")]


async def test_a_server_takes_its_databases_with_it(owned: Owned) -> None:
    await owned.make()
    path = f"/api/application/servers/{owned.server['id']}"
    await owned.set(DatabaseHost, port=1)
    assert (await owned.site.call("DELETE", path, key=owned.site.ids["app_key"])).status == 502
    assert len(await owned.site.rows(Server)) == 1
    await owned.set(DatabaseHost, port=owned.port)
    assert (await owned.site.call("DELETE", path, key=owned.site.ids["app_key"])).status == 204
    assert await owned.site.rows(Database) == []


async def test_a_host_in_use_stays_and_a_wrong_password_is_not_kept(owned: Owned) -> None:
    await owned.make()
    host = (await owned.site.rows(DatabaseHost))[0]
    async with Browser(owned.site) as browser:
        await browser.sign_in("admin")
        done = await browser.form("DELETE", f"/admin/databases/view/{host.id}")
        assert done.status == 302
        fields = {"name": "x", "host": "127.0.0.1", "port": owned.port, "username": DB_USER, "password": "wrong"}
        refused = await browser.form("POST", "/admin/databases", fields)
        assert refused.headers["Location"].endswith("/admin/databases")
        assert [kind for kind, _ in await browser.after(refused)] == ["danger"]
    assert [row.id for row in await owned.site.rows(DatabaseHost)] == [host.id]


def test_passwords_are_long_and_have_signs_in_them() -> None:
    found = {new_password() for _ in range(50)}
    assert len(found) == 50
    assert all(len(each) == 24 and any(sign in each for sign in "!@=.+^") for each in found)
