"""Composition root of the Panel: settings in, ASGI application out."""

import asyncio
import contextlib
import gc
import ipaddress
import uuid
from collections.abc import AsyncIterator

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rookery.panel.api.admin import routes as admin_area
from rookery.panel.api.application import databases as application_databases
from rookery.panel.api.application import locations, nests, nodes, servers, users
from rookery.panel.api.client import account, activity, backups, control, databases, files, network, schedules, startup
from rookery.panel.api.client import servers as client_servers
from rookery.panel.api.client import users as client_users
from rookery.panel.api.problems import ApiProblem, not_found, response_for, unexpected
from rookery.panel.api.remote import backups as remote_backups
from rookery.panel.api.remote import others
from rookery.panel.api.remote import servers as remote_servers
from rookery.panel.api.rookery import admin, session
from rookery.panel.api.web import locales, shell, sign_in
from rookery.panel.cache import MemoryCache
from rookery.panel.clock import Clock
from rookery.panel.db.base import ENCRYPTER
from rookery.panel.db.engine import make_engine, make_sessions
from rookery.panel.db.migrate import migrate
from rookery.panel.nodes.client import NodeClient
from rookery.panel.panel import Panel
from rookery.panel.secrets import Encrypter
from rookery.panel.settings import PanelSettings

log = structlog.get_logger()
ROUTERS = (
    session.router,
    admin.router,
    sign_in.router,
    client_servers.router,
    account.router,
    activity.router,
    control.router,
    startup.router,
    files.router,
    network.router,
    backups.router,
    schedules.router,
    databases.router,
    client_users.router,
    users.router,
    locations.router,
    nodes.router,
    nests.router,
    servers.router,
    application_databases.router,
    remote_servers.router,
    remote_backups.router,
    others.router,
    admin_area.router,
    locales.router,
    shell.files,
    shell.router,
)


def make_panel(settings: PanelSettings) -> Panel:
    """The parts of a Panel; nothing is connected yet."""
    encrypter = Encrypter(settings.app_key())
    ENCRYPTER.set(encrypter)
    engine = make_engine(settings.database_url)
    return Panel(
        settings=settings,
        engine=engine,
        sessions=make_sessions(engine),
        encrypter=encrypter,
        cache=MemoryCache(),
        nodes=NodeClient(settings),
    )


def create_app(settings: PanelSettings) -> ASGIApp:
    """The Panel's application; it brings its database up to date when it starts."""
    panel = make_panel(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await migrate(panel.engine)
        _settle_memory()
        clock = asyncio.create_task(Clock(panel).serve(), name="clock") if settings.jobs == "here" else None
        yield
        if clock is not None:
            clock.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await clock
        await panel.nodes.close()
        await panel.engine.dispose()

    app = FastAPI(
        title="Rookery", lifespan=lifespan, openapi_url="/api/rookery/openapi.json", docs_url=None, redoc_url=None
    )
    app.state.panel = panel
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    return ForwardedFor(app, settings.trusted_proxies)


def _settle_memory() -> None:
    """Leave what lives as long as the process out of every search for garbage, and search less often.

    Answers are made of thousands of small objects; searching through the modules each time took half of a list's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _http_error(_request: Request, err: Exception) -> Response:
    assert isinstance(err, HTTPException)
    if err.status_code == 404:
        return response_for(not_found())
    if err.status_code == 405:
        detail = "This method is not supported here."
        headers = dict(err.headers or {})
        return response_for(ApiProblem(405, "MethodNotAllowedHttpException", detail, headers=headers))
    return response_for(ApiProblem(err.status_code, "HttpException", str(err.detail)))


async def _unexpected(request: Request, err: Exception) -> Response:
    identifier = str(uuid.uuid4())
    log.error("a request failed unexpectedly", request=identifier, path=request.url.path, exc_info=err)
    return unexpected(identifier)


class ForwardedFor:
    """Takes the caller's address from `X-Forwarded-For` where the peer is a proxy we trust."""

    def __init__(self, app: ASGIApp, trusted: str) -> None:
        self._app = app
        entries = [entry.strip() for entry in trusted.split(",") if entry.strip()]
        self._all = "*" in entries
        self._networks = [ipaddress.ip_network(entry, strict=False) for entry in entries if entry != "*"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope.get("client") and self._trusts(scope["client"][0]):
            for name, value in scope["headers"]:
                if name == b"x-forwarded-for":
                    hops = [hop.strip() for hop in value.decode("latin-1").split(",") if hop.strip()]
                    outer = next((hop for hop in reversed(hops) if not self._trusts(hop)), hops[0] if hops else None)
                    if outer:
                        scope["client"] = (outer, 0)
        await self._app(scope, receive, send)

    def _trusts(self, address: str) -> bool:
        if self._all:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)
