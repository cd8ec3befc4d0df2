"""Client API: console token, resources, power, commands. Source: Panel 1.11 client API, server core."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from rookery.panel.api.access import InPanel, InWork, ServerAccess, ServerFor, conflict_of, open_server, read_inputs
from rookery.panel.api.envelope import answer, item, no_content
from rookery.panel.api.problems import ApiProblem
from rookery.panel.api.route import WorkRoute
from rookery.panel.nodes.client import NodeFailed
from rookery.panel.panel import Panel
from rookery.panel.validation.inputs import validate
from rookery.protocol.claims import mint, user_server_identifier

router = APIRouter(prefix="/api/client/servers/{server}", route_class=WorkRoute, tags=["client: control"])
_POWER = {"start": "control.start", "stop": "control.stop", "kill": "control.stop", "restart": "control.restart"}
_RESOURCE_SECONDS = 20.0
_CONSOLE_SECONDS = 600
AnyState = Annotated[ServerAccess, Depends(ServerFor(any_state=True))]
Usable = Annotated[ServerAccess, Depends(ServerFor())]
ForConsole = Annotated[ServerAccess, Depends(ServerFor("control.console"))]


@router.get("/websocket")
async def websocket(work: InWork, panel: InPanel, access: AnyState) -> Response:
    """A token for the server's console, and where it is."""
    server, node = access.server, access.node
    conflict = await conflict_of(work, server, node)
    if conflict is not None and (not access.caller.user.root_admin or conflict[0] in ("suspended", "maintenance")):
        raise ApiProblem(409, "ServerStateConflictException", conflict[1])
    if not access.allows("websocket.connect"):
        raise ApiProblem(403, "HttpForbiddenException", "You do not have permission to connect to this server.")
    token = server_token(panel, access, lifetime=_CONSOLE_SECONDS, permissions=access.permissions)
    address = node.address.replace("https://", "wss://", 1).replace("http://", "ws://", 1)
    return answer({"data": {"token": token, "socket": f"{address}/api/servers/{server.uuid}/ws"}})


def server_token(panel: Panel, access: ServerAccess, *, lifetime: int, **claims: object) -> str:
    """A token of the caller for one door of the server's node."""
    server, user = access.server, access.caller.user
    return mint(
        access.node.daemon_token,
        {
            "server_uuid": server.uuid,
            **claims,
            "user_uuid": user.uuid,
            "user_id": user.id,
        },
        issuer=panel.settings.url,
        audience=access.node.address,
        lifetime=lifetime,
        identifier=user_server_identifier(user.id, server.uuid),
    )


@router.get("/resources")
async def resources(panel: InPanel, access: Usable) -> Response:
    """State and use of a server, at most twenty seconds old."""
    server = access.server
    shown = await panel.cache.get(f"resources:{server.uuid}")
    if shown is None:
        try:
            found = await panel.nodes.details(access.node, server.uuid)
        except NodeFailed as err:
            raise ApiProblem(504, "DaemonConnectionException", err.detail) from err
        use = found.get("utilization") or {}
        network = use.get("network") or {}
        shown = item(
            "stats",
            {
                "current_state": found.get("state", "stopped"),
                "is_suspended": found.get("is_suspended", False),
                "resources": {
                    "memory_bytes": use.get("memory_bytes", 0),
                    "cpu_absolute": use.get("cpu_absolute", 0),
                    "disk_bytes": use.get("disk_bytes", 0),
                    "network_rx_bytes": network.get("rx_bytes", 0),
                    "network_tx_bytes": network.get("tx_bytes", 0),
                    "uptime": use.get("uptime", 0),
                },
            },
        )
        await panel.cache.put(f"resources:{server.uuid}", shown, _RESOURCE_SECONDS)
    return answer(shown)


@router.post("/power")
async def power(request: Request, work: InWork, panel: InPanel) -> Response:
    """Start, stop, restart or kill."""
    access = await open_server(request)
    inputs = await read_inputs(request)
    access.require(_POWER.get(str(inputs.get("signal")), "nobody.has-this"))
    signal = validate(inputs, {"signal": "required|string|in:start,stop,restart,kill"})["signal"]
    await work.outside(partial(panel.nodes.power, access.node, access.server.uuid, signal))
    work.record(f"server:power.{signal}", access.server)
    return no_content()


@router.post("/command")
async def command(request: Request, work: InWork, panel: InPanel, access: ForConsole) -> Response:
    """Type a line into the console."""
    line = validate(await read_inputs(request), {"command": "required|string|min:1"})["command"]
    try:
        await work.outside(partial(panel.nodes.command, access.node, access.server.uuid, line))
    except NodeFailed as err:
        if err.status == 502 and err.answered:
            raise ApiProblem(502, "HttpException", "The server must be running to take commands.") from err
        raise
    work.record("server:console.command", access.server, command=line)
    return no_content()
