"""A container network of this instance's own: addresses that clash with nothing this machine already uses."""

import ipaddress
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rookery.cli.trouble import Trouble

Network = ipaddress.IPv4Network

CANDIDATES = tuple(
    [ipaddress.IPv4Network(f"172.{second}.0.0/16") for second in range(18, 32)]
    + [ipaddress.IPv4Network(f"10.{second}.0.0/16") for second in range(201, 250)]
)


def free_subnet(used: Iterable[Network]) -> Network:
    """The first of our candidates that overlaps none of `used`.

    Raises:
        Trouble: all are taken.
    """
    taken = list(used)
    for candidate in CANDIDATES:
        if not any(candidate.overlaps(other) for other in taken):
            return candidate
    raise Trouble("Every private network we would use for game servers is taken on this machine.")


def free_subnet_v6() -> ipaddress.IPv6Network:
    """A random /64 of the unique local addresses."""
    prefix = (0xFD << 120) | (int.from_bytes(secrets.token_bytes(7)) << 64)
    return ipaddress.IPv6Network((prefix, 64))


def used_by_engine(networks: list[dict[str, Any]]) -> list[Network]:
    """The IPv4 subnets in the engine's answer to `GET /networks`."""
    found = []
    for network in networks:
        for part in (network.get("IPAM") or {}).get("Config") or []:
            subnet = part.get("Subnet") or ""
            if ":" not in subnet and subnet:
                found.append(ipaddress.IPv4Network(subnet, strict=False))
    return found


def used_by_routes(table: str) -> list[Network]:
    """The IPv4 destinations in the text of `/proc/net/route`, without the default route."""
    found = []
    for line in table.splitlines()[1:]:
        words = line.split()
        address, mask = (ipaddress.IPv4Address(int(words[at], 16).to_bytes(4, "little")) for at in (1, 7))
        if int(mask):
            found.append(ipaddress.IPv4Network((str(address), str(mask))))
    return found


def routes() -> str:
    """The IPv4 routing table of this machine, as the kernel prints it; empty where there is none."""
    path = Path("/proc/net/route")
    return path.read_text() if path.exists() else ""
