"""Routes about the node: what it is, and its configuration."""

import os
import platform
from typing import Any

from aiohttp import web

from rookery.protocol.problems import Invalid
from rookery.wings import VERSION
from rookery.wings.config import updated
from rookery.wings.http.bodies import read_json, read_object, refused, texts
from rookery.wings.http.problems import json_answer
from rookery.wings.revocations import Revocation
from rookery.wings.servers.node import Node
from rookery.wings.threads import in_thread

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}


def routes(node: Node) -> list[web.RouteDef]:
    """`GET /api/system`, `POST /api/update`, and `POST /api/deauthorize-user` of Wings 1.12."""

    async def system(request: web.Request) -> web.Response:
        info = await node.runtime.info()
        return json_answer(_version_two(info) if request.query.get("v") == "2" else _version_one())

    async def update(request: web.Request) -> web.Response:
        if node.config.ignore_panel_config_updates:
            return json_answer({"applied": False})
        body = await read_json(request)
        if not isinstance(body, dict):
            raise refused()
        try:
            config = updated(node.config, body)
        except Invalid as err:
            raise refused() from err
        await in_thread(node.config_file.save, config)
        return json_answer({"applied": True})

    async def deauthorize(request: web.Request) -> web.Response:
        body = await read_object(request, user=str, servers=list)
        servers = frozenset(texts(body["servers"])) or None
        if body["user"]:
            node.tokens.deny_user(body["user"], servers)
            await node.revocations.tell(Revocation(body["user"], servers))
        return web.Response(status=204)

    return [
        web.get("/api/system", system, allow_head=False),
        web.post("/api/update", update),
        web.post("/api/deauthorize-user", deauthorize),
    ]


def _architecture() -> str:
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def _version_one() -> dict[str, Any]:
    return {
        "architecture": _architecture(),
        "cpu_count": os.cpu_count() or 1,
        "kernel_version": platform.release(),
        "os": "linux",
        "version": VERSION,
    }


def _version_two(info: dict[str, Any]) -> dict[str, Any]:
    drivers = dict(info.get("DriverStatus") or [])
    return {
        "version": VERSION,
        "docker": {
            "version": info["Version"].get("Version", ""),
            "cgroups": {"driver": info.get("CgroupDriver", ""), "version": info.get("CgroupVersion", "")},
            "containers": {
                "total": info.get("Containers", 0),
                "running": info.get("ContainersRunning", 0),
                "paused": info.get("ContainersPaused", 0),
                "stopped": info.get("ContainersStopped", 0),
            },
            "storage": {"driver": info.get("Driver", ""), "filesystem": drivers.get("Backing Filesystem", "")},
            "runc": {"version": (info.get("RuncCommit") or {}).get("ID", "")},
        },
        "system": {
            "architecture": _architecture(),
            "cpu_threads": os.cpu_count() or 1,
            "memory_bytes": info.get("MemTotal", 0),
            "kernel_version": platform.release(),
            "os": _os_name() or info.get("OperatingSystem", ""),
            "os_type": "linux",
        },
    }


def _os_name() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    return release.get("PRETTY_NAME") or release.get("NAME", "")
