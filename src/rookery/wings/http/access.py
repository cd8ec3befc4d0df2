"""Who is calling, from where, and the headers every answer carries."""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from rookery.protocol.claims import same_secret
from rookery.protocol.problems import Invalid
from rookery.wings.config import Config, ConfigFile
from rookery.wings.http.problems import HttpProblem, answer_for, new_request_id

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST_ID = web.RequestKey("request_id", str)
PUBLIC = "public"


async def _other_slash(request: web.Request) -> web.Response | None:
    """The redirect to a route that differs by a slash at the end, as the wire has it: before everything else."""
    if not request.path.endswith("/") or request.path == "/":
        return None
    path = request.path.rstrip("/")
    query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
    if "//" in request.path:
        return None
    match = await request.app.router.resolve(request.clone(rel_url=request.rel_url.with_path(path)))
    if match.http_exception is not None or "unknown" in match:
        return None
    path += query
    if request.method == "GET":
        body = f'<a href="{path}">Moved Permanently</a>.\n\n'.encode()
        return web.Response(
            status=301, body=body, headers={"Location": path, "Content-Type": "text/html; charset=utf-8"}
        )
    return web.Response(status=307, headers={"Location": path})


def cors_headers(config: Config, origin: str | None) -> dict[str, str]:
    """The cross-origin headers of an answer to a page of `origin`."""
    allowed = config.remote
    if origin != allowed:
        allowed = next((entry for entry in config.allowed_origins if entry in (origin, "*")), allowed)
    headers = {
        "Access-Control-Allow-Origin": allowed,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "GET, POST, PATCH, PUT, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": "Accept, Accept-Encoding, Authorization, Cache-Control, Content-Type, "
        "Content-Length, Origin, X-Real-IP, X-CSRF-Token",
        "Access-Control-Max-Age": "7200",
        "Vary": "Origin",
    }
    if config.allow_cors_private_network:
        headers |= {
            "Access-Control-Request-Private-Network": "true",
            "Access-Control-Allow-Private-Network": "true",
        }
    return headers


def check_bearer(config: Config, header: str | None) -> None:
    """Whether the node's token was given.

    Raises:
        HttpProblem: 401 without a bearer token, 403 with another one.
    """
    word, _, token = (header or "").partition(" ")
    if word != "Bearer" or not token:
        raise HttpProblem(401, "The required authorization heads were not present in the request.")
    if not config.token or not same_secret(token, config.token):
        raise HttpProblem(403, "You are not authorized to access this endpoint.")


def trusted_networks(entries: Sequence[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The proxies whose forwarding headers count.

    Raises:
        Invalid: an entry is no address or network.
    """
    try:
        return [ipaddress.ip_network(entry, strict=False) for entry in entries]
    except ValueError as err:
        raise Invalid(f"Configuration key api.trusted_proxies: {err}.", field="api.trusted_proxies") from err


class Outer:
    """The outermost layer: request id, cross-origin headers, authentication, errors."""

    def __init__(self, config: ConfigFile, public_paths: Callable[[web.Request], bool]) -> None:
        self._config = config
        self._boot = config.current
        self._is_public = public_paths
        self._proxies = trusted_networks(config.current.api.trusted_proxies)

    @web.middleware
    async def layer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request, whatever happens inside."""
        request[REQUEST_ID] = new_request_id()
        if (other := await _other_slash(request)) is not None:
            return other
        try:
            response = await self._answer(request, handler)
        except web.HTTPException:
            response = web.Response(status=404, body=b"404 page not found", headers={"Content-Type": "text/plain"})
        except Exception as err:  # noqa: BLE001 - an outer edge
            response = answer_for(err, request[REQUEST_ID])
            if response.status == 401:
                response.headers["WWW-Authenticate"] = "Bearer"
        if not response.prepared:
            response.headers.update(self.headers(request))
        return response

    def headers(self, request: web.Request) -> dict[str, str]:
        """What every answer to this request carries."""
        return {"X-Request-Id": request[REQUEST_ID]} | cors_headers(self._boot, request.headers.get("Origin"))

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return web.Response(status=204)
        if not self._is_public(request):
            check_bearer(self._config.current, request.headers.get("Authorization"))
        if isinstance(request.match_info.http_exception, web.HTTPException):
            return web.Response(status=404, body=b"404 page not found", headers={"Content-Type": "text/plain"})
        return await handler(request)

    def client_ip(self, request: web.Request) -> str:
        """The caller's address; forwarding headers count only from trusted proxies."""
        peer = request.remote or "127.0.0.1"
        if not self._trusts(peer):
            return peer
        for hop in reversed([part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]):
            if hop and not self._trusts(hop):
                return hop
        return request.headers.get("X-Real-IP", "").strip() or peer

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)
