"""What goes wrong is said clearly, and nothing half-made remains."""

import http.cookiejar
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.machine import GAMES, PASSWORD, ApiError, Machine, free_ports, until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


def footprint(machine: Machine) -> tuple[int, int, int]:
    """Servers, addresses in use, and volumes."""
    servers = machine.api("GET", "/api/application/servers?per_page=100")["data"]
    node = machine.api("GET", "/api/application/nodes")["data"][0]["attributes"]["id"]
    addresses = machine.api("GET", f"/api/application/nodes/{node}/allocations?per_page=100")["data"]
    volumes = machine.home / "wings" / "volumes"
    kept = [folder for folder in volumes.iterdir() if len(folder.name) == 36] if volumes.exists() else []
    return len(servers), sum(each["attributes"]["assigned"] for each in addresses), len(kept)


def sign_in(machine: Machine, password: str) -> int:
    """The status of one attempt by a new browser."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    browser.open(f"{machine.url}/sanctum/csrf-cookie")
    token = next(cookie.value for cookie in jar if cookie.name == "XSRF-TOKEN")
    request = urllib.request.Request(
        f"{machine.url}/auth/login",
        data=json.dumps({"user": "admin", "password": password}).encode(),
        headers={
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-XSRF-TOKEN": urllib.parse.unquote(token or ""),
            "X-Forwarded-For": "203.0.113.9",  # other tests sign in from here
        },
    )
    try:
        with browser.open(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as err:
        return err.code


def order_body(machine: Machine, **changes: Any) -> dict[str, Any]:
    """A creation request for the generic egg, with changes."""
    nest, egg = machine.egg("Program of your own")
    about = machine.api("GET", f"/api/application/nests/{nest}/eggs/{egg}")["attributes"]
    return {
        "name": "Wrong",
        "user": 1,
        "egg": egg,
        "docker_image": about["docker_image"],
        "startup": about["startup"],
        "environment": {"START_FILE": "start.sh", "DOWNLOAD_URL": ""},
        "limits": {"memory": 64, "swap": 0, "disk": 100, "io": 500, "cpu": 0},
        "feature_limits": {"databases": 0, "allocations": 0, "backups": 0},
        "allocation": {"default": machine.free_allocation()[0]},
    } | changes


def test_five_wrong_passwords_lock_even_the_right_one_out_for_a_while(machine: Machine) -> None:
    assert [sign_in(machine, "wrong") for _ in range(6)] == [400] * 5 + [429]
    assert sign_in(machine, PASSWORD) == 429


@pytest.mark.parametrize(
    ("environment", "source"),
    [({"START_FILE": "../etc; rm -rf"}, "environment.START_FILE"), ({"START_FILE": ""}, "environment.START_FILE")],
)
def test_a_value_against_the_rules_of_its_variable_is_named(
    machine: Machine, environment: dict[str, str], source: str
) -> None:
    before = footprint(machine)
    with pytest.raises(ApiError) as refused:
        machine.api("POST", "/api/application/servers", order_body(machine, environment=environment))
    assert refused.value.status == 422
    fields = [error["meta"]["source_field"] for error in json.loads(refused.value.body)["errors"]]
    assert source in fields
    assert footprint(machine) == before


def test_an_unknown_variable_is_not_stored(machine: Machine) -> None:
    server = machine.order("Program of your own", memory=64, skip_scripts=True, NOBODY_KNOWS="x")
    try:
        server.wait_until_installed()
        kept = machine.api("GET", f"/api/client/servers/{server.identifier}/startup")["data"]
        assert "NOBODY_KNOWS" not in [each["attributes"]["env_variable"] for each in kept]
    finally:
        server.delete()


@pytest.mark.parametrize("port", ["80", "70000", "65530-65540", "many"])
def test_a_port_out_of_range_adds_no_address(machine: Machine, port: str) -> None:
    node = machine.api("GET", "/api/application/nodes")["data"][0]["attributes"]["id"]
    before = footprint(machine)
    with pytest.raises(ApiError) as refused:
        machine.api("POST", f"/api/application/nodes/{node}/allocations", {"ip": "127.0.0.1", "ports": [port]})
    assert refused.value.status in {400, 422}
    assert footprint(machine) == before


def test_a_range_that_ends_before_it_begins_adds_no_address(machine: Machine) -> None:
    """The original takes such a range and adds nothing (recorded)."""
    node = machine.api("GET", "/api/application/nodes")["data"][0]["attributes"]["id"]
    before = footprint(machine)
    machine.api("POST", f"/api/application/nodes/{node}/allocations", {"ip": "127.0.0.1", "ports": ["25570-25565"]})
    assert footprint(machine) == before


def test_an_address_that_is_taken_is_refused(machine: Machine) -> None:
    server = machine.order("Program of your own", memory=64, skip_scripts=True)
    try:
        server.wait_until_installed()
        before = footprint(machine)
        taken = machine.api("GET", f"/api/application/servers/{server.number}")["attributes"]["allocation"]
        with pytest.raises(ApiError) as refused:
            machine.api("POST", "/api/application/servers", order_body(machine, allocation={"default": taken}))
        assert refused.value.status == 422
        assert footprint(machine) == before
    finally:
        server.delete()


def test_a_node_that_is_down_leaves_no_server_and_frees_its_addresses(machine: Machine) -> None:
    (closed,) = free_ports(1)
    location = machine.api("GET", "/api/application/locations")["data"][0]["attributes"]["id"]
    node = machine.api(
        "POST",
        "/api/application/nodes",
        {
            "name": "gone",
            "location_id": location,
            "fqdn": "127.0.0.1",
            "scheme": "http",
            "memory": 1024,
            "memory_overallocate": 0,
            "disk": 1024,
            "disk_overallocate": 0,
            "upload_size": 100,
            "daemon_listen": closed,
            "daemon_sftp": 2022,
        },
    )["attributes"]["id"]
    try:
        machine.api("POST", f"/api/application/nodes/{node}/allocations", {"ip": "127.0.0.1", "ports": ["30555"]})
        found = machine.api("GET", f"/api/application/nodes/{node}/allocations")["data"][0]["attributes"]
        before = footprint(machine)
        with pytest.raises(ApiError) as refused:
            machine.api("POST", "/api/application/servers", order_body(machine, allocation={"default": found["id"]}))
        assert refused.value.status in {502, 504}
        assert footprint(machine) == before
        again = machine.api("GET", f"/api/application/nodes/{node}/allocations")["data"][0]["attributes"]
        assert not again["assigned"]
    finally:
        machine.api("DELETE", f"/api/application/nodes/{node}")


def test_an_image_that_does_not_exist_is_named_in_the_console(machine: Machine) -> None:
    server = machine.order("Program of your own", memory=64, image="~rookery/none:latest", skip_scripts=True)
    try:
        server.wait_until_installed()
        with server.console() as console:
            console.send("set state", "start")
            console.wait_for("rookery/none:latest", 60)
            console.wait_for_state("offline", 30)
        assert server.container() is None
    finally:
        server.delete()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        # Nodes never judged a script by its exit code; the engine's refusal is a failure.
        ({"script": "echo going wrong; exit 3\n"}, None),
        ({"container": "rookery/none:latest"}, "install_failed"),
    ],
    ids=["exit code", "no image"],
)
def test_an_installation_that_goes_wrong_leaves_no_installer(
    machine: Machine, tmp_path: Path, changes: dict[str, str], status: str | None
) -> None:
    egg = json.loads((GAMES / "egg-probe.json").read_text())
    egg["name"] = f"Broken {changes}"
    egg["scripts"]["installation"] |= changes
    (tmp_path / "broken.json").write_text(json.dumps(egg))
    server = machine.order(machine.import_egg(tmp_path / "broken.json"), memory=64)
    try:
        path = f"/api/application/servers/{server.number}"
        until(lambda: machine.api("GET", path)["attributes"]["status"] != "installing", "the end", 90)
        assert machine.api("GET", path)["attributes"]["status"] == status
        found = subprocess.run(
            ["docker", "ps", "-aq", "--filter", f"name={server.uuid}_installer"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout == ""
    finally:
        server.delete()


def test_a_server_that_takes_too_much_memory_is_shown_as_out_of_memory(machine: Machine) -> None:
    server = machine.create(machine.import_egg(GAMES / "egg-probe.json"), memory=128, oom_disabled=False)
    try:
        server.start()
        with server.console() as console:
            console.command("mem 600")
            console.wait_for("Out of memory: true", 60)
    finally:
        server.power("kill")
        server.delete()
