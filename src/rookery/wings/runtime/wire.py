"""Shapes of the Docker Engine API: what is sent to make a container or a network, and what is read back; pure."""

import base64
import json
import re
from datetime import datetime
from typing import Any

from rookery.protocol.units import Bytes
from rookery.wings.runtime.base import (
    ContainerSpec,
    Limits,
    NetworkInfo,
    NetworkSpec,
    PortBinding,
    RegistryAccess,
    Sample,
    Status,
)

_LOG_LINE_LIMIT = 64 * 1024


def split_reference(image: str) -> tuple[str, str]:
    """Name and tag (or digest) of an image; no tag means `latest`."""
    if "@" in image:
        name, digest = image.split("@", 1)
        return name, digest
    name, colon, tag = image.rpartition(":")
    if not colon or "/" in tag:
        return image, "latest"
    return name, tag


def login_header(access: RegistryAccess | None) -> dict[str, str]:
    """The header that carries a registry's credentials."""
    if access is None:
        return {}
    login = json.dumps({"username": access.username, "password": access.password}).encode()
    return {"X-Registry-Auth": base64.urlsafe_b64encode(login).decode()}


def resources(limits: Limits, *, io_weight: bool = True) -> dict[str, Any]:
    """The engine's resource fields; limits that are not set are left out, and so is a weight the kernel lacks."""
    body: dict[str, Any] = {
        "Memory": limits.memory,
        "MemoryReservation": limits.memory_reservation,
        "MemorySwap": limits.memory_swap,
    }
    if io_weight:
        body["BlkioWeight"] = limits.io_weight
    if limits.oom_disabled is not None:
        body["OomKillDisable"] = limits.oom_disabled
    if limits.pids:
        body["PidsLimit"] = limits.pids
    if limits.cpu_quota:
        body |= {"CpuQuota": limits.cpu_quota, "CpuPeriod": limits.cpu_period, "CpuShares": limits.cpu_shares}
    if limits.cpu_set:
        body["CpusetCpus"] = limits.cpu_set
    return body


def creation(spec: ContainerSpec, *, io_weight: bool = True) -> dict[str, Any]:
    """The request that makes a container. What a spec leaves open is null, so that the engine's default counts."""
    ports = None if spec.ports is None else _port_map(spec.ports)
    host: dict[str, Any] = {
        "PortBindings": ports,
        "Mounts": [
            {"Type": "bind", "Source": bind.source, "Target": bind.target, "ReadOnly": bind.read_only}
            for bind in spec.binds
        ],
        "Tmpfs": spec.tmpfs,
        "Dns": list(spec.dns),
        "SecurityOpt": list(spec.security_options) or None,
        "CapDrop": list(spec.dropped_capabilities) or None,
        "ReadonlyRootfs": spec.read_only_root,
        "NetworkMode": spec.network,
        "UsernsMode": spec.userns,
        **resources(spec.limits, io_weight=io_weight),
    }
    if spec.log_driver:
        host["LogConfig"] = {"Type": spec.log_driver, "Config": spec.log_options}
    body: dict[str, Any] = {
        "Hostname": spec.hostname,
        "Domainname": spec.domainname,
        "User": spec.user,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "OpenStdin": True,
        "Tty": True,
        "Env": list(spec.environment),
        "Image": spec.image,
        "Labels": spec.labels,
        "ExposedPorts": {port: {} for port in ports or ()},
        "HostConfig": host,
    }
    if spec.command:
        body["Cmd"] = list(spec.command)
    return body


def _port_map(bindings: tuple[PortBinding, ...]) -> dict[str, list[dict[str, str]]]:
    ports: dict[str, list[dict[str, str]]] = {}
    for binding in bindings:
        ports.setdefault(f"{binding.port}/{binding.protocol}", []).append(
            {"HostIp": binding.ip, "HostPort": str(binding.port)}
        )
    return ports


def network_creation(network: NetworkSpec) -> dict[str, Any]:
    """The request that makes a network."""
    return {
        "Name": network.name,
        "CheckDuplicate": True,
        "Driver": network.driver,
        "EnableIPv6": network.ipv6,
        "Internal": network.internal,
        "Options": network.options,
        "IPAM": {"Config": [{"Subnet": subnet, "Gateway": gateway} for subnet, gateway in network.subnets]},
    }


def network_info(name: str, shown: dict[str, Any]) -> NetworkInfo:
    """An inspected network."""
    pools = (shown.get("IPAM") or {}).get("Config") or []
    gateway = next((pool.get("Gateway", "") for pool in pools if "." in pool.get("Gateway", "")), "")
    return NetworkInfo(name=name, driver=shown.get("Driver", ""), gateway=gateway.split("/")[0])


def status(shown: dict[str, Any]) -> Status:
    """An inspected container."""
    state = shown["State"]
    return Status(
        running=bool(state["Running"]),
        exit_code=int(state["ExitCode"]),
        out_of_memory=bool(state.get("OOMKilled")),
        pid=int(state.get("Pid") or 0),
        started_at=moment(state.get("StartedAt") or ""),
        log_path=shown.get("LogPath") or "",
        id=shown["Id"],
    )


def moment(text: str) -> datetime | None:
    """A time of the engine (`2026-01-01T10:00:00.123456789Z`); its zero time is none."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def log_lines(raw: bytes) -> list[bytes]:
    """Lines of a terminal's log without line ends; one of more than 64 KiB ends the list, as the wire always did."""
    found = raw.split(b"\n")
    if not found[-1]:
        found.pop()
    whole = []
    for line in found:
        if len(line) > _LOG_LINE_LIMIT:
            break
        whole.append(line.removesuffix(b"\r"))
    return whole


def pull_line(message: dict[str, Any]) -> str:
    """A message of a pull as the line its viewers see."""
    return f"{message.get('status', '')} {message.get('progress', '')}".rstrip()


def is_over(shown: dict[str, Any]) -> bool:
    """Whether a message of the statistics stream tells of a container that no longer runs."""
    return not shown.get("pids_stats") and not (shown.get("memory_stats") or {}).get("usage")


def sample(shown: dict[str, Any], *, at: float) -> Sample:
    """A message of the statistics stream. Source: Wings 1.11, resource polling."""
    memory, cpu, before = shown["memory_stats"], shown["cpu_stats"], shown["precpu_stats"]
    usage = memory.get("usage", 0)
    details = memory.get("stats") or {}
    inactive = details.get("total_inactive_file", details.get("inactive_file", 0))
    spent = cpu["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = cpu.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    cores = cpu.get("online_cpus") or len(cpu["cpu_usage"].get("percpu_usage") or ()) or 1
    networks = (shown.get("networks") or {}).values()
    return Sample(
        memory=Bytes(usage - inactive if inactive < usage else usage),
        memory_limit=Bytes(memory.get("limit", 0)),
        cpu=round(spent / passed * 100 * cores, 3) if spent > 0 and passed > 0 else 0.0,
        received=Bytes(sum(entry["rx_bytes"] for entry in networks)),
        sent=Bytes(sum(entry["tx_bytes"] for entry in networks)),
        at=at,
    )
