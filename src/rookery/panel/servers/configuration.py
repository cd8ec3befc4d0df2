"""The document a node runs a server by; pure. Source: Panel 1.11, `GET /api/remote/servers/{uuid}`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rookery.panel.eggs.models import EggVariable
from rookery.panel.eggs.service import ResolvedEgg
from rookery.panel.nodes.models import Allocation, Mount
from rookery.panel.servers.models import Server
from rookery.panel.servers.startup import Placeholders, environment

Json = Any


@dataclass(slots=True)  # not frozen: lists make these by the hundred, and frozen ones take three times as long
class ServerParts:
    """Everything the document is made from."""

    server: Server
    default: Allocation
    allocations: Sequence[Allocation]
    variables: Sequence[EggVariable]
    values: Mapping[int, str]
    egg: ResolvedEgg
    location: str
    mounts: Sequence[Mount] = ()


def document(parts: ServerParts) -> dict[str, Json]:
    """`settings` and `process_configuration` of a server."""
    server, egg = parts.server, parts.egg
    env = environment(server, parts.variables, parts.values, location=parts.location)
    mappings: dict[str, list[int]] = {}
    here = [each for each in parts.allocations if each.node_id == server.node_id]  # a move holds some elsewhere
    for allocation in here:
        mappings.setdefault(allocation.ip, []).append(allocation.port)
    return {
        "settings": {
            "uuid": server.uuid,
            "meta": {"name": server.name, "description": server.description},
            "suspended": server.status == "suspended",
            "environment": env,
            "invocation": server.startup,
            "skip_egg_scripts": server.skip_scripts,
            "build": {
                "memory_limit": server.memory,
                "swap": server.swap,
                "io_weight": server.io,
                "cpu_limit": server.cpu,
                "threads": server.threads,
                "disk_space": server.disk,
                "oom_disabled": server.oom_disabled,
            },
            "container": {"image": server.image, "oom_disabled": server.oom_disabled, "requires_rebuild": False},
            "allocations": {
                "force_outgoing_ip": egg.egg.force_outgoing_ip,
                "default": {"ip": parts.default.ip, "port": parts.default.port},
                "mappings": mappings,
            },
            "mounts": [
                {"source": mount.source, "target": mount.target, "read_only": bool(mount.read_only)}
                for mount in parts.mounts
            ],
            "egg": {"id": egg.egg.uuid, "file_denylist": egg.file_denylist},
        },
        "process_configuration": {
            "startup": startup_rules(egg.startup),
            "stop": stop_rule(egg.stop),
            "configs": settings_files(
                egg.files,
                Placeholders(server, parts.default, here, env, egg_uuid=egg.egg.uuid),
            ),
        },
    }


def startup_rules(startup: Mapping[str, Json]) -> dict[str, Json]:
    """How the node sees that a server is up."""
    done = startup.get("done")
    return {
        "done": done if isinstance(done, list) else None if done is None else [str(done)],
        "user_interaction": [],
        "strip_ansi": bool(startup.get("strip_ansi", False)),
    }


def stop_rule(stop: str) -> dict[str, Json]:
    """How the node stops a server: a console command, or after `^` a signal."""
    if stop.startswith("^"):
        return {"type": "signal", "value": stop[1:].upper()}
    return {"type": "command", "value": stop}


def settings_files(files: Mapping[str, Json], placeholders: Placeholders) -> list[dict[str, Json]]:
    """The egg's settings files with their values filled in; entries that are none are left out."""
    found = []
    for file, entry in files.items():
        if not isinstance(entry, Mapping) or "find" not in entry:
            continue
        replace: list[dict[str, Json]] = []
        find = entry["find"]
        for match, value in find.items() if isinstance(find, Mapping) else ():
            if isinstance(value, Mapping):
                replace += [
                    {"match": match, "if_value": condition, "replace_with": _filled(inner, placeholders)}
                    for condition, inner in value.items()
                ]
            else:
                replace.append({"match": match, "replace_with": _filled(value, placeholders)})
        rest = {key: value for key, value in entry.items() if key != "find"}
        found.append({**rest, "file": file, "replace": replace})
    return found


def _filled(value: Json, placeholders: Placeholders) -> Json:
    return placeholders.fill(value) if isinstance(value, str) else value
