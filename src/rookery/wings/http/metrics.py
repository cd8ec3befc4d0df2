"""`GET /health` for a balancer and `GET /metrics` for Prometheus."""

import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from aiohttp import hdrs, web

from rookery.protocol.claims import same_secret
from rookery.wings import VERSION
from rookery.wings.http.access import check_bearer
from rookery.wings.http.problems import json_answer
from rookery.wings.servers.registry import Registry

_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[dict[str, str], float]


class MetricsRoutes:
    """What a node tells about itself; server names are their uuids, and nothing of their users is told."""

    def __init__(self, registry: Registry, viewers: Callable[[], int]) -> None:
        self._registry = registry
        self._viewers = viewers
        self._began = time.time()

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        return [
            web.get("/health", self.health, allow_head=False),
            web.get("/metrics", self.metrics, allow_head=False),
        ]

    async def health(self, _request: web.Request) -> web.Response:
        """That the node answers; 503 while its engine does not."""
        try:
            await self._registry.node.runtime.info()
        except Exception:  # noqa: BLE001 - any failure is the answer
            return json_answer({"status": "engine unreachable"}, 503)
        return json_answer({"status": "ok"})

    async def metrics(self, request: web.Request) -> web.Response:
        """Figures in the text format of Prometheus, for the node's token or `rookery.metrics_token`."""
        node = self._registry.node
        header, own = request.headers.get(hdrs.AUTHORIZATION, ""), node.config.rookery.metrics_token
        if not own or not same_secret(header, f"Bearer {own}"):
            check_bearer(node.config, header)
        owed, rows = await node.reports.waiting()
        lines = [*self._node(owed, rows), *self._servers()]
        return web.Response(body="\n".join([*lines, ""]).encode(), headers={"Content-Type": _TYPE})

    def _node(self, owed: int, rows: int) -> Iterator[str]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        states = Counter(str(server.state) for server in self._registry)
        yield from _family("rookery_wings_info", "gauge", "The daemon's version.", [({"version": VERSION}, 1)])
        yield from _family("process_start_time_seconds", "gauge", "When the daemon started.", [({}, self._began)])
        cpu = used.ru_utime + used.ru_stime
        yield from _family("process_cpu_seconds_total", "counter", "Processor time of the daemon.", [({}, cpu)])
        yield from _family("process_resident_memory_bytes", "gauge", "Memory of the daemon.", [({}, _resident())])
        told = [({"state": state}, float(states[state])) for state in ("offline", "starting", "running", "stopping")]
        yield from _family("rookery_wings_servers", "gauge", "Servers by state.", told)
        yield from _family("rookery_wings_viewers", "gauge", "Open consoles.", [({}, self._viewers())])
        yield from _family("rookery_wings_reports_owed", "gauge", "Reports the Panel has not taken yet.", [({}, owed)])
        yield from _family("rookery_wings_activity_rows", "gauge", "Activity not sent to the Panel yet.", [({}, rows)])

    def _servers(self) -> Iterator[str]:
        servers = list(self._registry)

        def family(name: str, kind: str, text: str, figure: Callable[..., float]) -> Iterator[str]:
            return _family(name, kind, text, [({"server": each.uuid}, figure(each)) for each in servers])

        yield from family("rookery_server_up", "gauge", "1 while it runs.", lambda s: str(s.state) == "running")
        yield from family("rookery_server_memory_bytes", "gauge", "Memory in use.", lambda s: s.usage.memory)
        yield from family(
            "rookery_server_memory_limit_bytes", "gauge", "Memory it may use.", lambda s: s.usage.memory_limit
        )
        yield from family("rookery_server_cpu_percent", "gauge", "100 is one core.", lambda s: s.usage.cpu)
        yield from family("rookery_server_disk_bytes", "gauge", "Size of its files.", lambda s: s.volume.used)
        yield from family(
            "rookery_server_received_bytes_total", "counter", "Since the process started.", lambda s: s.usage.received
        )
        yield from family(
            "rookery_server_sent_bytes_total", "counter", "Since the process started.", lambda s: s.usage.sent
        )
        yield from family("rookery_server_uptime_seconds", "gauge", "Since it was started.", lambda s: s.usage.uptime)


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, figure in samples:
        shown = ",".join(f'{key}="{value}"' for key, value in labels.items())
        yield f"{name}{{{shown}}} {float(figure):.17g}" if shown else f"{name} {float(figure):.17g}"


def _resident() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - read at every scrape
        return int(file.read().split()[1]) * resource.getpagesize()
