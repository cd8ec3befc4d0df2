"""The daemon's HTTP application: all routes behind the outer layer."""

from collections.abc import Callable, Iterable

from aiohttp import web

from rookery.wings.backups.service import Backups
from rookery.wings.http import system
from rookery.wings.http.access import Outer
from rookery.wings.http.backups import BackupRoutes
from rookery.wings.http.console import ConsoleRoutes
from rookery.wings.http.files import FileRoutes
from rookery.wings.http.metrics import MetricsRoutes
from rookery.wings.http.pulls import PullRoutes
from rookery.wings.http.servers import ServerRoutes
from rookery.wings.http.signed import SignedRoutes
from rookery.wings.http.transfers import TransferRoutes
from rookery.wings.servers.registry import Registry

_PUBLIC = {
    "GET": ("/download/file", "/download/backup", "/health", "/metrics"),
    "POST": ("/upload/file", "/api/transfers"),
}
"""Routes that settle by themselves who may call them."""


def build(registry: Registry, further: Iterable[web.RouteDef] = ()) -> tuple[web.Application, ConsoleRoutes]:
    """The application, and its websockets for whoever must close them."""
    node = registry.node
    outer = Outer(node.config_file, _is_public)
    consoles = ConsoleRoutes(registry, outer.client_ip)
    app = web.Application(middlewares=[outer.layer], client_max_size=1 << 40)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        if not isinstance(response, web.Response):  # sent while the handler runs
            response.headers.update(outer.headers(request))

    app.on_response_prepare.append(add_headers)
    app.add_routes([*system.routes(node), *ServerRoutes(registry).routes()])
    app.add_routes([*FileRoutes(registry).routes(), *PullRoutes(registry).routes()])
    app.add_routes(TransferRoutes(registry).routes())
    backups = Backups(node)
    app.add_routes(BackupRoutes(registry, backups).routes())
    app.add_routes(SignedRoutes(registry, backups, outer.client_ip).routes())
    app.add_routes([*consoles.routes(), *MetricsRoutes(registry, lambda: consoles.viewers).routes(), *further])
    app.router.add_route("*", "/{unknown:.*}", _unknown)
    return app, consoles


async def _unknown(_request: web.Request) -> web.Response:
    return web.Response(status=404, body=b"404 page not found", headers={"Content-Type": "text/plain"})


def _is_public(request: web.Request) -> bool:
    """Whether a route settles by itself who may call it: signed tokens and the console."""
    path, method = request.path, request.method
    if path.startswith("/api/servers/") and path.endswith("/ws") and path.count("/") == 4:
        return method == "GET"
    return path in _PUBLIC.get(method, ())


ClientIp = Callable[[web.Request], str]
