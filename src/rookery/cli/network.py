"""The container network of one instance: made once, on addresses the engine finds free, named after its directory.

The engine knows which IPv4 networks it and the machine already use, so it chooses; instances never meet.
"""

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rookery.cli.engine import Engine

MTU = 1500


@dataclass(frozen=True, slots=True)
class Network:
    """A network as the engine has it; the parts of version 6 are empty where it has none."""

    name: str
    subnet: str
    gateway: str
    subnet_v6: str
    gateway_v6: str


def name_of(home: Path) -> str:
    """The name of an instance's network: always the same for the same directory."""
    return f"rookery_{hashlib.sha256(str(home).encode()).hexdigest()[:8]}"


def ensure(docker: Engine, name: str) -> Network:
    """The network of that name, made now or before.

    Raises:
        Trouble: the engine refused to make it.
    """
    found = _find(docker, name)
    if found is None:
        docker.post("/networks/create", request(name, random_subnet_v6()))
        found = _find(docker, name)
    if found is None:
        raise OSError(f"the engine made the network {name}, but does not know it")
    return described(found)


def _find(docker: Engine, name: str) -> dict[str, Any] | None:
    return next((entry for entry in docker.get("/networks") if entry["Name"] == name), None)


def request(name: str, subnet_v6: ipaddress.IPv6Network) -> dict[str, Any]:
    """The body that makes a network with the options nodes have always used, but for a bridge name of its own."""
    return {
        "Name": name,
        "CheckDuplicate": True,
        "Driver": "bridge",
        "EnableIPv6": True,
        "IPAM": {"Driver": "default", "Config": [{"Subnet": str(subnet_v6), "Gateway": str(subnet_v6[0x1011])}]},
        "Options": {
            "encryption": "false",
            "com.docker.network.bridge.default_bridge": "false",
            "com.docker.network.bridge.enable_icc": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "true",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
            "com.docker.network.driver.mtu": str(MTU),
        },
    }


def described(entry: dict[str, Any]) -> Network:
    """A network from the engine's description of it."""
    parts = (entry.get("IPAM") or {}).get("Config") or []
    four: dict[str, str] = next((part for part in parts if ":" not in part.get("Subnet", ":")), {})
    six: dict[str, str] = next((part for part in parts if ":" in part.get("Subnet", "")), {})
    gateway = four.get("Gateway") or (str(ipaddress.ip_network(four["Subnet"])[1]) if four else "")
    return Network(
        name=entry["Name"],
        subnet=four.get("Subnet", ""),
        gateway=gateway.split("/")[0],
        subnet_v6=six.get("Subnet", ""),
        gateway_v6=six.get("Gateway", "").split("/")[0],
    )


def random_subnet_v6() -> ipaddress.IPv6Network:
    """A random /64 of the unique local addresses."""
    prefix = (0xFD << 120) | (int.from_bytes(secrets.token_bytes(7)) << 64)
    return ipaddress.IPv6Network((prefix, 64))
