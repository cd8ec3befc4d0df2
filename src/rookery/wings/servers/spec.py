"""From a server's configuration to the container that runs it; pure but for the links of mounted folders.

Source: Wings 1.11, container definition (`spec/wings-server-lifecycle` §8 of the contract this project is tested by),
with four repairs: whole numbers stay whole in the environment, labels of the Panel survive, mounts are compared by
path containment with links resolved, and ports outside 1-65535 are never handed to the engine.
"""

import os
from collections.abc import Sequence
from typing import Any

import structlog

from rookery.protocol.units import Bytes
from rookery.wings.config import Config, Overhead
from rookery.wings.runtime.base import Bind, ContainerSpec, Limits, NetworkSpec, PortBinding, RegistryAccess
from rookery.wings.servers.configuration import Build, Mount, ServerConfiguration

log = structlog.get_logger()
HOME = "/home/container"
DROPPED_CAPABILITIES = (
    "setpcap",
    "mknod",
    "audit_write",
    "net_raw",
    "dac_override",
    "fowner",
    "fsetid",
    "net_bind_service",
    "sys_chroot",
    "setfcap",
)
_MEGABYTE = 1_000_000
SERVICE = ("Service", "Pterodactyl")


def server_spec(server: ServerConfiguration, config: Config, volume: str) -> ContainerSpec:
    """The container of a server whose files are in the host folder `volume`."""
    docker, user = config.docker, config.system.user
    rootless = user.rootless
    owner = (rootless.container_uid, rootless.container_gid) if rootless.enabled else (user.uid, user.gid)
    return ContainerSpec(
        name=server.uuid,
        hostname=server.uuid,
        domainname=docker.domainname,
        image=server.image.removeprefix("~"),
        user=f"{owner[0]}:{owner[1]}",
        environment=_reachable(environment(server, config), docker.network.interface),
        labels={**server.labels, SERVICE[0]: SERVICE[1], "ContainerType": "server_process"},
        binds=(Bind(volume, HOME), *allowed_mounts(server.mounts, config.allowed_mounts)),
        tmpfs={"/tmp": f"rw,exec,nosuid,size={docker.tmpfs_size}M"},  # noqa: S108 - inside the container
        ports=port_bindings(server, config),
        limits=limits(server.build, docker.overhead, pids=docker.container_pid_limit),
        dns=docker.network.dns,
        log_driver=docker.log_config.type,
        log_options=docker.log_config.config,
        security_options=("no-new-privileges",),
        dropped_capabilities=DROPPED_CAPABILITIES,
        read_only_root=True,
        network=network_of(server, config),
        userns=docker.userns_mode,
    )


def installer_spec(
    server: ServerConfiguration, config: Config, *, image: str, entrypoint: str, volume: str, scripts: str
) -> ContainerSpec:
    """The container that runs an egg's script: the image's own user and a writable root, limits of the installer."""
    docker, least = config.docker, config.docker.installer_limits
    build = server.build
    cpu = 0 if least.cpu == 0 else max(build.cpu_limit, least.cpu) if build.cpu_limit else 0
    return ContainerSpec(
        name=f"{server.uuid}_installer",
        hostname="installer",
        image=image,
        command=(entrypoint, "/mnt/install/install.sh"),
        environment=environment(server, config),
        labels={SERVICE[0]: SERVICE[1], "ContainerType": "server_installer"},
        binds=(Bind(volume, "/mnt/server"), Bind(scripts, "/mnt/install")),
        tmpfs={"/tmp": f"rw,exec,nosuid,size={docker.tmpfs_size}M"},  # noqa: S108 - inside the container
        limits=limits(
            Build(
                memory_limit=max(build.memory_limit, least.memory),
                swap=build.swap,
                io_weight=build.io_weight,
                cpu_limit=cpu,
                threads=build.threads,
                oom_disabled=build.oom_disabled,
            ),
            docker.overhead,
        ),
        dns=docker.network.dns,
        log_driver=docker.log_config.type,
        log_options=docker.log_config.config,
        network=network_of(server, config),
        userns=docker.userns_mode,
    )


def environment(server: ServerConfiguration, config: Config) -> tuple[str, ...]:
    """`NAME=value` entries in the wire's order; a name that stands already is skipped."""
    allocations = server.allocations
    entries = {
        "TZ": config.system.timezone,
        "STARTUP": server.invocation,
        "SERVER_MEMORY": str(server.build.memory_limit),
        "SERVER_IP": allocations.default_ip,
        "SERVER_PORT": str(allocations.default_port),
    }
    for name, value in server.environment.items():
        entries.setdefault(name.upper(), environment_text(value))
    return tuple(f"{name}={value}" for name, value in entries.items())


def environment_text(value: Any) -> str:
    """A JSON value as the text of an environment variable; null, lists and objects are empty."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else f"{value:.6f}"
        case _:
            return ""


def _reachable(entries: Sequence[str], interface: str) -> tuple[str, ...]:
    return tuple(f"SERVER_IP={interface}" if entry == "SERVER_IP=127.0.0.1" else entry for entry in entries)


def port_bindings(server: ServerConfiguration, config: Config) -> tuple[PortBinding, ...]:
    """Every address of the server as tcp and udp; loopback stands for the network's own interface."""
    network, found = config.docker.network, []
    for ip, ports in server.allocations.mappings.items():
        if ip == "127.0.0.1" and network.ispn:
            continue
        host = network.interface if ip == "127.0.0.1" else ip
        found += [
            PortBinding(host, port, protocol) for port in ports if 1 <= port <= 65535 for protocol in ("tcp", "udp")
        ]
    return tuple(found)


def network_of(server: ServerConfiguration, config: Config) -> str:
    """The network a server's containers join."""
    if server.allocations.force_outgoing_ip:
        return outgoing_network(server.allocations.default_ip).name
    return config.docker.network.network_mode


def outgoing_network(ip: str) -> NetworkSpec:
    """The network whose traffic leaves the host by `ip`."""
    return NetworkSpec(
        name=f"ip-{ip.replace('.', '-').replace(':', '-')}",
        ipv6=False,
        options={
            "encryption": "false",
            "com.docker.network.bridge.default_bridge": "false",
            "com.docker.network.host_ipv4": ip,
        },
    )


def node_network(config: Config) -> NetworkSpec:
    """The network all servers of the node share, as it is made when it is missing."""
    network = config.docker.network
    interfaces = network.interfaces
    return NetworkSpec(
        name=network.name,
        driver=network.driver or "bridge",
        internal=network.is_internal,
        ipv6=True,
        subnets=(
            (interfaces.v4.subnet, interfaces.v4.gateway),
            (interfaces.v6.subnet, interfaces.v6.gateway),
        ),
        options={
            "encryption": "false",
            "com.docker.network.bridge.default_bridge": "false",
            "com.docker.network.bridge.enable_icc": "true" if network.enable_icc else "false",
            "com.docker.network.bridge.enable_ip_masquerade": "true",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
            "com.docker.network.bridge.name": "pterodactyl0",
            "com.docker.network.driver.mtu": str(network.network_mtu),
        },
    )


def allowed_mounts(mounts: Sequence[Mount], allowed: Sequence[str]) -> tuple[Bind, ...]:
    """The mounts whose source lies inside an allowed folder, links resolved; others are left out.

    What is mounted is the resolved source: a link that changes after the check leads nowhere else.
    """
    roots = [os.path.realpath(path) for path in allowed if path]
    found = []
    for mount in mounts:
        source = os.path.realpath(mount.source)
        if any(os.path.commonpath((source, root)) == root for root in roots):
            found.append(Bind(source, os.path.normpath(mount.target), mount.read_only))
        else:
            log.warning("a mount is not allowed on this node and left out", source=mount.source)
    return tuple(found)


def limits(build: Build, overhead: Overhead, *, pids: int = 0) -> Limits:
    """Limits in the engine's units. Memory counts in millions of bytes, plus an allowance for the runtime."""
    memory = Bytes(round(build.memory_limit * memory_factor(build.memory_limit, overhead) * _MEGABYTE))
    return Limits(
        memory=memory,
        memory_reservation=Bytes(build.memory_limit * _MEGABYTE),
        memory_swap=-1 if build.swap < 0 else build.swap * _MEGABYTE + memory,
        io_weight=build.io_weight,
        cpu_quota=build.cpu_limit * 1000 if build.cpu_limit > 0 else 0,
        cpu_period=100_000 if build.cpu_limit > 0 else 0,
        cpu_shares=1024 if build.cpu_limit > 0 else 0,
        cpu_set=build.threads,
        oom_disabled=build.oom_disabled,
        pids=pids,
    )


def memory_factor(megabytes: int, overhead: Overhead) -> float:
    """How much more than its limit a container may use: small servers get a larger share on top."""
    if overhead.override:
        for bound in sorted(overhead.multipliers):
            if megabytes <= bound:
                return overhead.multipliers[bound]
        return overhead.default_multiplier
    if megabytes <= 2048:
        return 1.15
    return 1.10 if megabytes <= 4096 else 1.05


_HUB = "docker.io"
_HUB_NAMES = {"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "index.docker.io/v1"}


def registry_access(image: str, config: Config) -> RegistryAccess | None:
    """The credentials for the image's registry, of the entry with the longest path; None for a public pull.

    An entry is a host, with or without a port, and any number of folders: `ghcr.io`, `ghcr.io/org`. A name without a
    host is one of Docker Hub.
    """
    wanted = _located(image)
    best: tuple[int, RegistryAccess | None] = (-1, None)
    for prefix, login in config.docker.registries.items():
        key = prefix.partition("://")[2] or prefix
        entry = _located(key.rstrip("/"), is_registry=True)
        if _covers(entry, wanted) and len(entry) > best[0]:
            best = (len(entry), RegistryAccess(login.username, login.password))
    return best[1]


def _located(reference: str, *, is_registry: bool = False) -> tuple[str, ...]:
    """Host and path of an image, or of a registry entry, in parts."""
    if is_registry and reference in _HUB_NAMES:
        return (_HUB,)
    host, *path = reference.split("@", maxsplit=1)[0].split("/")
    is_host = "." in host or ":" in host or host == "localhost"
    if not path and not is_registry:
        return (_HUB, host.partition(":")[0])
    if not is_host:
        host, path = _HUB, [host, *path]
    if path:
        path[-1] = path[-1].partition(":")[0]
    return (_HUB if host in _HUB_NAMES else host, *path)


def _covers(entry: tuple[str, ...], image: tuple[str, ...]) -> bool:
    """Whether an image is below a registry entry; an entry without a port means every port of its host."""
    same_host = image[0] == entry[0] or (":" not in entry[0] and image[0].partition(":")[0] == entry[0])
    return same_host and image[1 : len(entry)] == entry[1:]
