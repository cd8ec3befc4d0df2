"""The container of a server, field by field, as the original daemon makes it (the recordings' values) with its repairs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rookery.wings.config import Config, Overhead, RegistryLogin, decode
from rookery.wings.runtime.base import Bind, Limits, PortBinding, RegistryAccess
from rookery.wings.servers.configuration import Build, Mount, ServerConfiguration
from rookery.wings.servers.spec import (
    allowed_mounts,
    environment_text,
    installer_spec,
    limits,
    node_network,
    outgoing_network,
    registry_access,
    server_spec,
)

UUID = "b3b0f7f0-6b5c-4f0e-9f6e-2f1f3c1f2d3e"
CONFIG: Config = decode(
    Config, {"system": {"timezone": "UTC", "user": {"uid": 988, "gid": 987}}, "docker": {"network": {"name": "net"}}}
)


def server(**settings: Any) -> ServerConfiguration:
    document = {
        "uuid": UUID,
        "invocation": "python3 -u {{APP_FILE}}",
        "environment": {"STARTUP": "other", "APP_FILE": "game.py"},
        "build": {"memory_limit": 512, "swap": 0, "io_weight": 500, "threads": None, "oom_disabled": True},
        "container": {"image": "~rookery/python"},
        "allocations": {"default": {"ip": "127.0.0.1", "port": 25565}, "mappings": {"127.0.0.1": [25565]}},
    } | settings
    return ServerConfiguration.read({"settings": document}, uuid=UUID, crash_detection=True)


def test_a_server_runs_confined_in_a_container_of_its_own() -> None:
    spec = server_spec(server(), CONFIG, "/volumes/x")
    assert (spec.name, spec.hostname, spec.domainname, spec.image) == (UUID, UUID, "", "rookery/python")
    assert spec.user == "988:987"
    assert spec.command == ()
    assert spec.environment == (
        "TZ=UTC",
        "STARTUP=python3 -u {{APP_FILE}}",
        "SERVER_MEMORY=512",
        "SERVER_IP=172.18.0.1",
        "SERVER_PORT=25565",
        "APP_FILE=game.py",
    )
    assert spec.labels == {"Service": "Pterodactyl", "ContainerType": "server_process"}
    assert spec.binds == (Bind("/volumes/x", "/home/container"),)
    assert spec.tmpfs == {"/tmp": "rw,exec,nosuid,size=100M"}
    assert spec.ports == (PortBinding("172.18.0.1", 25565, "tcp"), PortBinding("172.18.0.1", 25565, "udp"))
    assert spec.limits == Limits(
        memory=588_800_000,
        memory_reservation=512_000_000,
        memory_swap=588_800_000,
        io_weight=500,
        oom_disabled=True,
        pids=512,
    )
    assert spec.dns == ("1.1.1.1", "1.0.0.1")
    assert (spec.log_driver, spec.log_options["max-size"]) == ("local", "5m")
    assert spec.security_options == ("no-new-privileges",)
    assert {"net_raw", "setpcap", "mknod", "sys_chroot"} <= set(spec.dropped_capabilities)
    assert spec.read_only_root
    assert spec.network == "pterodactyl_nw"


def test_an_installer_is_root_of_its_image_without_limits_on_what_it_writes() -> None:
    spec = installer_spec(server(), CONFIG, image="i:1", entrypoint="bash", volume="/v", scripts="/s")
    assert (spec.name, spec.hostname, spec.user) == (f"{UUID}_installer", "installer", "")
    assert spec.command == ("bash", "/mnt/install/install.sh")
    assert "SERVER_IP=127.0.0.1" in spec.environment
    assert spec.binds == (Bind("/v", "/mnt/server"), Bind("/s", "/mnt/install"))
    assert spec.labels["ContainerType"] == "server_installer"
    assert (spec.ports, spec.read_only_root, spec.security_options, spec.dropped_capabilities) == (None, False, (), ())
    assert (spec.limits.memory, spec.limits.memory_reservation, spec.limits.pids) == (1_177_600_000, 1_024_000_000, 0)


@pytest.mark.parametrize(("least", "cpu", "quota"), [(100, 0, 0), (100, 50, 100_000), (100, 300, 300_000), (0, 50, 0)])
def test_an_installer_has_at_least_the_processor_time_of_the_node_s_setting(least: int, cpu: int, quota: int) -> None:
    docker = replace(CONFIG.docker, installer_limits=replace(CONFIG.docker.installer_limits, cpu=least))
    spec = installer_spec(
        server(build={"cpu_limit": cpu}),
        replace(CONFIG, docker=docker),
        image="i",
        entrypoint="sh",
        volume="v",
        scripts="s",
    )
    assert spec.limits.cpu_quota == quota


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (Build(memory_limit=1024), (1_177_600_000, 1_024_000_000, 1_177_600_000, 0)),
        (Build(memory_limit=4096, swap=512), (4_505_600_000, 4_096_000_000, 5_017_600_000, 0)),
        (Build(memory_limit=4097), (4_301_850_000, 4_097_000_000, 4_301_850_000, 0)),
        (Build(memory_limit=1024, swap=-1, cpu_limit=150), (1_177_600_000, 1_024_000_000, -1, 150_000)),
        (Build(), (0, 0, 0, 0)),
        (Build(swap=100), (0, 0, 100_000_000, 0)),
    ],
)
def test_limits_of_the_original(build: Build, expected: tuple[int, int, int, int]) -> None:
    found = limits(build, Overhead())
    assert (found.memory, found.memory_reservation, found.memory_swap, found.cpu_quota) == expected
    assert (found.cpu_period, found.cpu_shares) == ((100_000, 1024) if found.cpu_quota else (0, 0))


@pytest.mark.parametrize(("memory", "factor"), [(40, 3.0), (50, 3.0), (51, 2.0), (200, 2.0), (201, 1.5)])
def test_a_node_s_own_overhead_is_of_the_smallest_bound_that_holds(memory: int, factor: float) -> None:
    overhead = Overhead(override=True, default_multiplier=1.5, multipliers={200: 2.0, 50: 3.0})
    assert limits(Build(memory_limit=memory), overhead).memory == memory * factor * 1_000_000


@pytest.mark.parametrize(
    ("value", "text"),
    [("a=b", "a=b"), (5, "5"), (12345678901, "12345678901"), (5.0, "5"), (2.5, "2.500000"), (True, "true"), (False, "false"), (None, ""), ([1], ""), ({}, "")],
)  # fmt: skip
def test_values_of_variables(value: Any, text: str) -> None:
    assert environment_text(value) == text


def test_variables_are_upper_cased_and_never_replace_those_of_the_daemon() -> None:
    odd = server(environment={"With Space": "a b", "tz": "Mars", "Server_Port": "1", "N": "a\nb"})
    assert server_spec(odd, CONFIG, "v").environment[5:] == ("WITH SPACE=a b", "N=a\nb")


def test_labels_of_the_panel_survive_but_not_over_ours() -> None:
    spec = server_spec(server(labels={"traefik.enable": "true", "Service": "mine"}), CONFIG, "v")
    assert spec.labels == {"traefik.enable": "true", "Service": "Pterodactyl", "ContainerType": "server_process"}


@pytest.mark.parametrize("mappings", [[], {}, None])
def test_no_mappings_in_any_spelling_publish_nothing(mappings: Any) -> None:
    assert server_spec(server(allocations={"mappings": mappings}), CONFIG, "v").ports == ()


def test_ports_that_are_none_are_left_out() -> None:
    spec = server_spec(server(allocations={"mappings": {"10.0.0.1": [0, 70000, 80], "10.0.0.2": [80]}}), CONFIG, "v")
    assert [(binding.ip, binding.port) for binding in spec.ports or ()] == [("10.0.0.1", 80)] * 2 + [
        ("10.0.0.2", 80)
    ] * 2


def test_on_a_network_that_isolates_loopback_is_not_published() -> None:
    network = replace(CONFIG.docker.network, ispn=True)
    config = replace(CONFIG, docker=replace(CONFIG.docker, network=network))
    assert server_spec(server(), config, "v").ports == ()


def test_a_rootless_node_names_the_user_inside_the_container() -> None:
    user = replace(
        CONFIG.system.user,
        rootless=replace(CONFIG.system.user.rootless, enabled=True, container_uid=7, container_gid=8),
    )
    config = replace(CONFIG, system=replace(CONFIG.system, user=user))
    assert server_spec(server(), config, "v").user == "7:8"


def test_an_outgoing_address_has_a_network_of_its_own() -> None:
    spec = server_spec(server(allocations={"force_outgoing_ip": True, "default": {"ip": "10.0.0.1"}}), CONFIG, "v")
    assert spec.network == outgoing_network("10.0.0.1").name == "ip-10-0-0-1"
    assert outgoing_network("fd00::1").options["com.docker.network.host_ipv4"] == "fd00::1"


def test_the_node_s_network_is_made_as_the_original_makes_it() -> None:
    network = node_network(CONFIG)
    assert (network.name, network.driver, network.ipv6, network.internal) == ("net", "bridge", True, False)
    assert network.subnets[0] == ("172.18.0.0/16", "172.18.0.1")
    assert network.options["com.docker.network.bridge.name"] == "pterodactyl0"
    assert network.options["com.docker.network.driver.mtu"] == "1500"


def test_mounts_are_allowed_by_folder_not_by_beginning_and_links_are_resolved(tmp_path: Path) -> None:
    for name in ("one", "two", "onex", "secret"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "two" / "link").symlink_to(tmp_path / "one")
    root = str(tmp_path)
    mounts = [
        Mount(f"{root}/one", "/a", read_only=True),
        Mount(f"{root}/two/../one/", "/b/"),
        Mount(f"{root}/onex", "/c"),
        Mount(f"{root}/one/../secret", "/d"),
        Mount(f"{root}/one/link", "/e"),
        Mount(f"{root}/two/link", "/f"),
        Mount("/etc", "/g"),
    ]
    assert allowed_mounts(mounts, [f"{root}/one/"]) == (
        Bind(f"{root}/one", "/a", read_only=True),
        Bind(f"{root}/one", "/b"),
        Bind(f"{root}/one", "/f"),
    )
    assert allowed_mounts(mounts, ["", f"{root}/two"]) == ()
    assert len(allowed_mounts(mounts, ["/"])) == len(mounts)


REGISTRIES = {
    "ghcr.io": "host",
    "ghcr.io/org": "org",
    "127.0.0.1": "any port",
    "r.example.com:5000": "port",
    "https://index.docker.io/v1/": "hub",
    "mine": "short",
}


@pytest.mark.parametrize(
    ("image", "login"),
    [
        ("ghcr.io/x/y:1", "host"),
        ("ghcr.io/org/y:1", "org"),
        ("ghcr.io/organ/y:1", "host"),
        ("ghcr.io.evil.com/x", None),
        ("127.0.0.1:5001/games/tiny:1", "any port"),
        ("r.example.com:5000/x@sha256:abc", "port"),
        ("r.example.com:5001/x", None),
        ("debian:12", "hub"),
        ("docker.io/library/debian", "hub"),
        ("mine/game:2", "short"),
        ("localhost/x", None),
    ],
)
def test_credentials_belong_to_a_host_and_its_longest_path(image: str, login: str | None) -> None:
    registries = {key: RegistryLogin(name, "p") for key, name in REGISTRIES.items()}
    config = replace(CONFIG, docker=replace(CONFIG.docker, registries=registries))
    assert registry_access(image, config) == (RegistryAccess(login, "p") if login else None)
