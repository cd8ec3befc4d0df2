"""The document a node runs a server by, as the Panel sends it; read leniently, shown in the daemon's form.

Where the original refused a whole server over one odd value (an empty map sent as a list, a number sent as text), the
value is understood or takes its default, so that one bad egg never keeps a server, or a node, from coming up.
Source: `GET /api/remote/servers/{uuid}` of Panel 1.11, decoded by Wings 1.11.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rookery.protocol.problems import Invalid

Json = Any


@dataclass(frozen=True, slots=True)
class Build:
    """Limits as the Panel counts them; see `servers.spec` for what the engine gets."""

    memory_limit: int = 0
    swap: int = 0
    io_weight: int = 0
    cpu_limit: int = 0
    disk_space: int = 0
    threads: str = ""
    oom_disabled: bool = True


@dataclass(frozen=True, slots=True)
class Allocations:
    """Addresses of a server: the default one and all ports per address."""

    force_outgoing_ip: bool = False
    default_ip: str = ""
    default_port: int = 0
    mappings: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of the host shown inside the container."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class StopRule:
    """How a server is asked to stop: `type` is `command`, `signal`, `stop` or empty (kill)."""

    type: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class ProcessRules:
    """How the process is watched and what is written before it starts."""

    done: tuple[str, ...] = ()
    strip_ansi: bool = False
    stop: StopRule = StopRule()
    configs: tuple[dict[str, Json], ...] = ()
    """Entries of `configs` as sent: `parser`, `file`, `replace` and further keys of the egg."""


@dataclass(frozen=True, slots=True)
class ServerConfiguration:
    """Everything the Panel says about one server."""

    uuid: str
    name: str = ""
    description: str = ""
    suspended: bool = False
    invocation: str = ""
    skip_egg_scripts: bool = False
    environment: dict[str, Json] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    allocations: Allocations = Allocations()
    build: Build = Build()
    crash_detection_enabled: bool = True
    mounts: tuple[Mount, ...] = ()
    egg_id: str = ""
    file_denylist: tuple[str, ...] = ()
    image: str = ""
    process: ProcessRules = ProcessRules()

    @classmethod
    def read(cls, document: Json, *, uuid: str, crash_detection: bool) -> "ServerConfiguration":
        """The configuration in a Panel's answer.

        Raises:
            Invalid: the answer is not an object with `settings`.
        """
        if not isinstance(document, Mapping) or "settings" not in document:
            raise Invalid("The Panel's answer has no server settings.", field="settings")
        settings, process = _map(document["settings"]), _map(document.get("process_configuration"))
        meta, build, allocations = _map(settings.get("meta")), _map(settings.get("build")), settings.get("allocations")
        egg, enabled = _map(settings.get("egg")), settings.get("crash_detection_enabled")
        return cls(
            uuid=_text(settings.get("uuid")) or uuid,
            name=_text(meta.get("name")),
            description=_text(meta.get("description")),
            suspended=_flag(settings.get("suspended")),
            invocation=_text(settings.get("invocation")),
            skip_egg_scripts=_flag(settings.get("skip_egg_scripts")),
            environment=dict(_map(settings.get("environment"))),
            labels={str(key): _text(value) for key, value in _map(settings.get("labels")).items()},
            allocations=_allocations(_map(allocations)),
            build=_build(build),
            crash_detection_enabled=enabled if isinstance(enabled, bool) else crash_detection,
            mounts=tuple(_mounts(settings.get("mounts"))),
            egg_id=_text(egg.get("id")),
            file_denylist=_texts(egg.get("file_denylist")),
            image=_text(_map(settings.get("container")).get("image")),
            process=_process(process),
        )

    def shown(self) -> dict[str, Json]:
        """The `configuration` object of the daemon's API."""
        build, allocations = self.build, self.allocations
        return {
            "uuid": self.uuid,
            "meta": {"name": self.name, "description": self.description},
            "suspended": self.suspended,
            "invocation": self.invocation,
            "skip_egg_scripts": self.skip_egg_scripts,
            "environment": self.environment,
            "labels": self.labels or None,
            "allocations": {
                "force_outgoing_ip": allocations.force_outgoing_ip,
                "default": {"ip": allocations.default_ip, "port": allocations.default_port},
                "mappings": {ip: list(ports) for ip, ports in allocations.mappings.items()},
            },
            "build": {
                "memory_limit": build.memory_limit,
                "swap": build.swap,
                "io_weight": build.io_weight,
                "cpu_limit": build.cpu_limit,
                "disk_space": build.disk_space,
                "threads": build.threads,
                "oom_disabled": build.oom_disabled,
            },
            "crash_detection_enabled": self.crash_detection_enabled,
            "mounts": [
                {"target": mount.target, "source": mount.source, "read_only": mount.read_only} for mount in self.mounts
            ],
            "egg": {"id": self.egg_id, "file_denylist": list(self.file_denylist)},
            "container": {"image": self.image},
        }


def _build(build: Mapping[str, Json]) -> Build:
    killer = build.get("oom_killer")
    return Build(
        memory_limit=_number(build.get("memory_limit")),
        swap=_number(build.get("swap")),
        io_weight=_number(build.get("io_weight")),
        cpu_limit=_number(build.get("cpu_limit")),
        disk_space=_number(build.get("disk_space")),
        threads=_text(build.get("threads")),
        oom_disabled=not killer if isinstance(killer, bool) else _flag(build.get("oom_disabled")),
    )


def _allocations(allocations: Mapping[str, Json]) -> Allocations:
    default = _map(allocations.get("default"))
    return Allocations(
        force_outgoing_ip=_flag(allocations.get("force_outgoing_ip")),
        default_ip=_text(default.get("ip")),
        default_port=_number(default.get("port")),
        mappings={
            str(ip): tuple(_number(port) for port in ports)
            for ip, ports in _map(allocations.get("mappings")).items()
            if isinstance(ports, list)
        },
    )


def _mounts(mounts: Json) -> list[Mount]:
    found = (_map(mount) for mount in mounts) if isinstance(mounts, list) else ()
    return [
        Mount(_text(mount.get("source")), _text(mount.get("target")), _flag(mount.get("read_only")))
        for mount in found
        if mount.get("source") and mount.get("target")
    ]


def _process(process: Mapping[str, Json]) -> ProcessRules:
    startup, stop = _map(process.get("startup")), _map(process.get("stop"))
    done, configs = startup.get("done"), process.get("configs")
    return ProcessRules(
        done=(done,) if isinstance(done, str) else _texts(done),
        strip_ansi=_flag(startup.get("strip_ansi")),
        stop=StopRule(_text(stop.get("type")), _text(stop.get("value"))),
        configs=tuple(dict(entry) for entry in configs if isinstance(entry, Mapping))
        if isinstance(configs, list)
        else (),
    )


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else "" if value is None or isinstance(value, bool) else str(value)


def _texts(value: Json) -> tuple[str, ...]:
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return tuple(item for item in items if isinstance(item, str))


def _flag(value: Json) -> bool:
    return value.strip().lower() in ("true", "1") if isinstance(value, str) else bool(value)


def _number(value: Json) -> int:
    if isinstance(value, bool):
        return int(value)
    try:
        return int(float(value)) if value is not None else 0
    except (TypeError, ValueError, OverflowError):
        return 0
