"""Locations, nodes and allocations: what may be done with them."""

import ipaddress
import re
import socket
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import delete, func, select

from rookery.panel.nodes.client import NodeClient, NodeFailed
from rookery.panel.nodes.models import Allocation, Location, Mount, Node, mount_node
from rookery.panel.secrets import random_text
from rookery.panel.servers.models import Server
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work
from rookery.protocol.problems import Conflict, Invalid

MOST_PORTS = 1000
LOWEST_PORT, HIGHEST_PORT = 1024, 65535


class HasServers(Conflict):
    """Servers stand on it."""

    status = 400
    code = "HasActiveServersException"


class HasNodes(Conflict):
    """Nodes stand in it."""

    status = 400
    code = "HasActiveNodesException"


class InUseByServer(Conflict):
    """A server has it."""

    status = 400
    code = "ServerUsingAllocationException"


class PortProblem(Invalid):
    """A port or network is not usable; `code` is the wire's name for how."""

    status = 400

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, field="ports")
        self.code = code


def new_node(**values: Any) -> Node:
    """A node row with fresh identity and token."""
    return Node(uuid=str(uuid.uuid4()), daemon_token_id=random_text(16), daemon_token=random_text(64), **values)


async def delete_location(work: Work, location: Location) -> None:
    """Delete a location without nodes.

    Raises:
        HasNodes: there are some.
    """
    if await work.db.scalar(select(func.count()).select_from(Node).where(Node.location_id == location.id)):
        raise HasNodes("There are nodes in this location.")
    await work.db.execute(delete(Location).where(Location.id == location.id))


async def delete_node(work: Work, node: Node) -> None:
    """Delete a node without servers; its addresses go with it.

    Raises:
        HasServers: there are some.
    """
    if await work.db.scalar(select(func.count()).select_from(Server).where(Server.node_id == node.id)):
        raise HasServers("There are servers on this node.")
    await work.db.execute(delete(Node).where(Node.id == node.id))


async def daemon_configuration(work: Work, node: Node, settings: PanelSettings) -> dict[str, Any]:
    """What `wings configure` writes into the node's configuration."""
    sources = await work.db.scalars(
        select(Mount.source).join(mount_node, mount_node.c.mount_id == Mount.id).where(mount_node.c.node_id == node.id)
    )
    folder = f"/etc/letsencrypt/live/{node.fqdn.lower()}"
    return {
        "debug": False,
        "uuid": node.uuid,
        "token_id": node.daemon_token_id,
        "token": node.daemon_token,
        "api": {
            "host": "0.0.0.0",
            "port": node.daemon_listen,
            "ssl": {
                "enabled": not node.behind_proxy and node.scheme == "https",
                "cert": f"{folder}/fullchain.pem",
                "key": f"{folder}/privkey.pem",
            },
            "upload_limit": node.upload_size,
        },
        "system": {"data": node.daemon_base, "sftp": {"bind_port": node.daemon_sftp}},
        "allowed_mounts": list(sources),
        "remote": settings.url,
    }


def expand_addresses(text: str) -> list[str]:
    """All addresses of an IP, a network from /25 to /32, or a host name.

    Raises:
        PortProblem: the text is none of them.
    """
    host, slash, prefix = text.partition("/")
    if slash and not (prefix.isdigit() and 25 <= int(prefix) <= 32):
        raise PortProblem("CidrOutOfRangeException", "A network must have a prefix from /25 to /32.")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            host = socket.gethostbyname(host)
        except OSError as err:
            raise PortProblem("DisplayException", f"{text} is no address and no known host.") from err
    if not slash:
        return [host]
    return [str(address) for address in ipaddress.ip_network(f"{host}/{prefix}", strict=False)]


def expand_ports(texts: Sequence[str]) -> list[int]:
    """All ports of texts such as `25565` and `25565-25570`; a range that ends before it begins has none.

    Raises:
        PortProblem: a text is no port or range, a range is too long, or a port out of range.
    """
    found: list[int] = []
    for text in texts:
        match = re.fullmatch(r"(\d{4,5})-(\d{4,5})", text)
        if match:
            low, high = int(match[1]), int(match[2])
            if high - low + 1 > MOST_PORTS:
                raise PortProblem("TooManyPortsInRangeException", f"The range {text} has more than {MOST_PORTS} ports.")
            ports = range(low, high + 1)
        elif re.fullmatch(r"\d{1,9}", text):
            ports = range(int(text), int(text) + 1)
        else:
            raise PortProblem("InvalidPortMappingException", f"{text!r} is no port and no range of ports.")
        if ports and (ports[0] <= LOWEST_PORT or ports[-1] > HIGHEST_PORT):
            raise PortProblem(
                "PortOutOfRangeException", f"Ports must lie between {LOWEST_PORT + 1} and {HIGHEST_PORT}."
            )
        found += ports
    return found


async def add_allocations(work: Work, node: Node, address: str, ports: Sequence[str], alias: str | None) -> int:
    """Add addresses to a node; those it has already stay as they are. How many are new.

    Raises:
        PortProblem: an address or port is not usable; nothing is added then.
    """
    wanted = [(ip, port) for ip in expand_addresses(address) for port in expand_ports(ports)]
    rows = await work.db.execute(select(Allocation.ip, Allocation.port).where(Allocation.node_id == node.id))
    present = {(ip, port) for ip, port in rows}
    fresh = [pair for pair in dict.fromkeys(wanted) if pair not in present]
    work.db.add_all(Allocation(node_id=node.id, ip=ip, port=port, ip_alias=alias) for ip, port in fresh)
    await work.db.flush()
    return len(fresh)


async def delete_allocation(work: Work, allocation: Allocation) -> None:
    """Delete a free address.

    Raises:
        InUseByServer: a server has it.
    """
    done = await work.db.execute(
        delete(Allocation).where(Allocation.id == allocation.id, Allocation.server_id.is_(None))
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]  # deletions have one
        raise InUseByServer("The address is assigned to a server.")


class NotTold(Conflict):
    """The node is saved, but its daemon could not be told."""

    status = 400
    code = "ConfigurationNotPersistedException"


async def change_node(
    work: Work,
    nodes: NodeClient,
    settings: PanelSettings,
    node: Node,
    values: Mapping[str, Any],
    *,
    reset_secret: bool = False,
) -> None:
    """Overwrite a node and push its configuration to where its daemon still listens; it stays saved when that fails.

    Raises:
        NotTold: the daemon did not take it (from the commit).
    """
    token, address = node.daemon_token, node.address
    for name, value in values.items():
        setattr(node, name, value)
    if reset_secret:
        node.daemon_token_id, node.daemon_token = random_text(16), random_text(64)
    node.updated_at = work.now
    await work.db.flush()
    body = await daemon_configuration(work, node, settings)
    work.call(partial(_push, nodes, node, body, token, address))


async def _push(nodes: NodeClient, node: Node, body: Mapping[str, Any], token: str, address: str) -> None:
    failed: NodeFailed | None = None
    for place in dict.fromkeys((address, node.address)):
        try:
            await nodes.update(node, body, token=token, address=place)
        except NodeFailed as err:
            failed = err
        else:
            return
    raise NotTold("The node was saved, but its daemon could not be told; restart it or try again.") from failed


async def mounts_of(work: Work, node: Node) -> list[dict[str, Any]]:
    """A node's mounts as the wire shows them beside a node that was changed."""
    rows = await work.db.scalars(
        select(Mount).join(mount_node, mount_node.c.mount_id == Mount.id).where(mount_node.c.node_id == node.id)
    )
    return [
        {
            "id": row.id,
            "uuid": row.uuid,
            "name": row.name,
            "description": row.description,
            "source": row.source,
            "target": row.target,
            "read_only": bool(row.read_only),
            "user_mountable": bool(row.user_mountable),
            "pivot": {"node_id": node.id, "mount_id": row.id},
        }
        for row in rows
    ]
