"""Which addresses a server's users may have the node connect to: none that only the node can reach."""

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from rookery.protocol.problems import Denied

_CLOSED = [
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/128", "::1/128", "100::/64", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
]
_MAPPED = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotReachable(Denied):
    """The address belongs to the node or its own network."""

    def __init__(self) -> None:
        super().__init__("Files cannot be fetched from addresses of internal networks.")


def is_open(address: Address) -> bool:
    """Whether anybody on the internet could reach it too."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _MAPPED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_open(inner)
        if address.teredo is not None:
            return False
    return not any(address.version == network.version and address in network for network in _CLOSED)


def check_literal(host: str) -> None:
    """Refuse a closed address that stands in the URL itself.

    Raises:
        NotReachable: it is one.
    """
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return
    if not is_open(address):
        raise NotReachable


class OpenResolver(AbstractResolver):
    """Resolves names, and refuses those with any closed address; the connection goes to what was checked."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See aiohttp."""
        found = await self._inner.resolve(host, port, family)
        for entry in found:
            check_literal(entry["host"])
        return found

    async def close(self) -> None:
        """See aiohttp."""
        await self._inner.close()
