"""The server a path names, for every group of routes about servers."""

from aiohttp import web

from rookery.protocol.problems import NotFound
from rookery.wings.http.problems import HttpProblem
from rookery.wings.servers.registry import Registry
from rookery.wings.servers.server import Server


class OfServers:
    """A group of routes over the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def _server(self, request: web.Request) -> Server:
        """The server of the path.

        Raises:
            HttpProblem: 404, it is not on this node.
        """
        try:
            return self._registry.get(request.match_info["server"])
        except NotFound as err:
            raise HttpProblem(404, err.detail) from err
