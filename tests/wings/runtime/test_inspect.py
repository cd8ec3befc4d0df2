"""A server's container as the engine shows it, field by field against the contract with the original daemon."""

import contextlib
import json
import os
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.wings.runtime.conftest import IMAGE

from rookery.wings.config import Config, decode
from rookery.wings.runtime.docker import DockerRuntime
from rookery.wings.servers.configuration import ServerConfiguration
from rookery.wings.servers.spec import installer_spec, server_spec

pytestmark = [pytest.mark.anyio, pytest.mark.engine]
NETWORK = f"inspect-{os.getpid()}"
ENVIRONMENT_OF_IMAGE = {"PATH", "HOME", "USER", "LANG"}


@pytest.fixture(scope="module")
def network() -> Any:
    subprocess.run(["docker", "network", "create", NETWORK], check=True, capture_output=True)
    yield NETWORK
    subprocess.run(["docker", "network", "rm", NETWORK], check=True, capture_output=True)


@pytest.fixture
def config(network: str, tmp_path: Path) -> Config:
    (tmp_path / "shared").mkdir()
    found: Config = decode(
        Config,
        {
            "system": {"timezone": "Europe/Berlin", "user": {"uid": 12345, "gid": 12346}},
            "docker": {
                "domainname": "games.example.com",
                "tmpfs_size": 64,
                "container_pid_limit": 128,
                "network": {"network_mode": network, "interface": "127.0.0.1", "dns": ["9.9.9.9"]},
            },
            "allowed_mounts": [str(tmp_path / "shared")],
        },
    )
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def shown(config: Config, tmp_path: Path) -> AsyncIterator[tuple[dict[str, Any], str, int]]:
    """The inspected container of a running server, its uuid and its port."""
    name, port = str(uuid.uuid4()), free_port()
    (tmp_path / name).mkdir()
    server = ServerConfiguration.read(
        {
            "settings": {
                "uuid": name,
                "invocation": "sleep 60",
                "environment": {"WORDS": "a b", "NUMBER": 5},
                "labels": {"team": "blue"},
                "build": {"memory_limit": 256, "swap": 128, "cpu_limit": 150, "threads": "0", "oom_disabled": False},
                "allocations": {"default": {"ip": "127.0.0.1", "port": port}, "mappings": {"127.0.0.1": [port]}},
                "container": {"image": IMAGE},
                "mounts": [{"source": str(tmp_path / "shared"), "target": "/shared", "read_only": True}],
            }
        },
        uuid=name,
        crash_detection=True,
    )
    runtime = DockerRuntime()
    container = await runtime.create(server_spec(server, config, str(tmp_path / name)))
    try:
        await container.start()
        yield inspect(name), name, port
    finally:
        await container.remove()
        await runtime.close()


def inspect(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        subprocess.run(["docker", "inspect", name], check=True, capture_output=True).stdout
    )[0]
    return found


async def test_a_server_s_container_is_as_the_contract_says(
    shown: tuple[dict[str, Any], str, int], tmp_path: Path, network: str
) -> None:
    found, name, port = shown
    shape, host = found["Config"], found["HostConfig"]
    variables = dict(entry.split("=", 1) for entry in shape["Env"])
    assert {key: value for key, value in variables.items() if key not in ENVIRONMENT_OF_IMAGE} == {
        "TZ": "Europe/Berlin",
        "STARTUP": "sleep 60",
        "SERVER_MEMORY": "256",
        "SERVER_IP": "127.0.0.1",
        "SERVER_PORT": str(port),
        "WORDS": "a b",
        "NUMBER": "5",
    }
    assert found["Name"] == f"/{name}"
    assert {
        "hostname": shape["Hostname"],
        "domain": shape["Domainname"],
        "user": shape["User"],
        "attached": [shape["AttachStdin"], shape["AttachStdout"], shape["AttachStderr"]],
        "terminal": [shape["Tty"], shape["OpenStdin"], shape["StdinOnce"]],
        "image": shape["Image"],
        "exposed": sorted(shape["ExposedPorts"]),
    } == {
        "hostname": name,
        "domain": "games.example.com",
        "user": "12345:12346",
        "attached": [True, True, True],
        "terminal": [True, True, False],
        "image": IMAGE,
        "exposed": [f"{port}/tcp", f"{port}/udp"],
    }
    of_image = {key for key in shape["Labels"] if key.startswith("rookery.")}
    assert {key: value for key, value in shape["Labels"].items() if key not in of_image} == {
        "team": "blue",
        "Service": "Pterodactyl",
        "ContainerType": "server_process",
    }
    binding = [{"HostIp": "127.0.0.1", "HostPort": str(port)}]
    expected = {
        "PortBindings": {f"{port}/tcp": binding, f"{port}/udp": binding},
        "Mounts": [
            {"Type": "bind", "Source": str(tmp_path / name), "Target": "/home/container"},
            {"Type": "bind", "Source": str(tmp_path / "shared"), "Target": "/shared", "ReadOnly": True},
        ],
        "Tmpfs": {"/tmp": "rw,exec,nosuid,size=64M"},
        "Memory": 294_400_000,
        "MemoryReservation": 256_000_000,
        "MemorySwap": 422_400_000,
        "CpuQuota": 150_000,
        "CpuPeriod": 100_000,
        "CpuShares": 1024,
        "CpusetCpus": "0",
        "PidsLimit": 128,
        "Dns": ["9.9.9.9"],
        "LogConfig": {
            "Type": "local",
            "Config": {"max-size": "5m", "max-file": "1", "compress": "false", "mode": "non-blocking"},
        },
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": True,
        "Privileged": False,
        "CapAdd": None,
        "NetworkMode": network,
        "UsernsMode": "",
        "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
        "AutoRemove": False,
    }
    assert {key: host[key] for key in expected} == expected
    assert {capability.lower().removeprefix("cap_") for capability in host["CapDrop"]} == {
        "setpcap", "mknod", "audit_write", "net_raw", "dac_override", "fowner", "fsetid", "net_bind_service",
        "sys_chroot", "setfcap",
    }  # fmt: skip
    assert host["OomKillDisable"] in (False, None)
    assert {mount["Destination"]: mount["RW"] for mount in found["Mounts"]} == {
        "/home/container": True,
        "/shared": False,
    }


async def test_the_program_inside_is_confined(shown: tuple[dict[str, Any], str, int]) -> None:
    _, name, _ = shown
    script = "id -u; id -g; touch /x 2>/dev/null && echo wrote; touch /home/x 2>/dev/null && echo wrote; grep -E '^(NoNewPrivs|CapEff)' /proc/self/status"
    seen = subprocess.run(
        ["docker", "exec", name, "sh", "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()
    assert seen == ["12345", "12346", "CapEff:", "0000000000000000", "NoNewPrivs:", "1"]


async def test_an_installer_s_container_is_as_the_contract_says(config: Config, tmp_path: Path, network: str) -> None:
    name = str(uuid.uuid4())
    server = ServerConfiguration.read({"settings": {"uuid": name}}, uuid=name, crash_detection=True)
    runtime = DockerRuntime()
    for folder in ("volume", "scripts"):
        (tmp_path / folder).mkdir()
    spec = installer_spec(
        server,
        config,
        image=IMAGE,
        entrypoint="bash",
        volume=str(tmp_path / "volume"),
        scripts=str(tmp_path / "scripts"),
    )
    container = await runtime.create(spec)
    try:
        found = inspect(f"{name}_installer")
    finally:
        await container.remove()
        await runtime.close()
    assert (found["Config"]["Hostname"], found["Config"]["User"]) == ("installer", "")
    assert found["Config"]["Cmd"] == ["bash", "/mnt/install/install.sh"]
    host = found["HostConfig"]
    expected = {
        "PortBindings": None,
        "CapDrop": None,
        "SecurityOpt": None,
        "ReadonlyRootfs": False,
        "PidsLimit": None,
        "Memory": 1_177_600_000,
        "MemoryReservation": 1_024_000_000,
        "Tmpfs": {"/tmp": "rw,exec,nosuid,size=64M"},
        "NetworkMode": network,
    }
    assert {key: host[key] for key in expected} == expected
    assert {mount["Target"] for mount in host["Mounts"]} == {"/mnt/server", "/mnt/install"}


async def test_the_kernel_s_files_and_the_engine_s_stream_tell_the_same(shown: tuple[dict[str, Any], str, int]) -> None:
    _, name, _ = shown
    runtime = DockerRuntime()
    container = runtime.container(name)
    async with contextlib.aclosing(container.samples()) as samples:
        ours = await anext(samples)
    async with contextlib.aclosing(container.streamed_samples()) as samples:
        theirs = await anext(samples)
    await runtime.close()
    assert ours.memory_limit == theirs.memory_limit
    assert abs(ours.memory - theirs.memory) < 4 << 20
    assert (ours.received > 0) == (theirs.received > 0)
