"""The node's `config.yml`: the keys nodes have always had, typed, with their defaults.

A file is read once into a frozen `Config`; `ConfigFile` keeps the current one and writes changes back without losing
comments or keys we do not know. Source: Wings 1.11 configuration, `config.yml`.
"""

import dataclasses
import io
import os
import tempfile
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rookery.protocol.problems import Invalid

DEFAULT_PATHS = ("/etc/pterodactyl/config.yml", "/etc/pelican/config.yml")


@dataclass(frozen=True, slots=True)
class Tls:
    """`api.ssl`: PEM files of the API listener."""

    enabled: bool = False
    cert: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Api:
    """`api`: the HTTP listener."""

    host: str = "0.0.0.0"
    port: int = 8080
    ssl: Tls = Tls()
    disable_remote_download: bool = False
    upload_limit: int = 100
    """MiB per uploaded file."""
    trusted_proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rootless:
    """`system.user.rootless`: who runs inside containers under a rootless engine."""

    enabled: bool = False
    container_uid: int = 0
    container_gid: int = 0


@dataclass(frozen=True, slots=True)
class SystemUser:
    """`system.user`: owner of server files and user inside containers."""

    rootless: Rootless = Rootless()
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class Sftp:
    """`system.sftp`: the SFTP listener."""

    bind_address: str = "0.0.0.0"
    bind_port: int = 2022
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class CrashDetection:
    """`system.crash_detection`."""

    enabled: bool = True
    detect_clean_exit_as_crash: bool = True
    timeout: int = 60
    """Seconds within which a second crash is not restarted; 0 restarts always."""


@dataclass(frozen=True, slots=True)
class Backups:
    """`system.backups`."""

    write_limit: int = 0
    """MiB per second; below 1 is unlimited."""
    compression_level: str = "best_speed"


@dataclass(frozen=True, slots=True)
class Transfers:
    """`system.transfers`."""

    download_limit: int = 0


@dataclass(frozen=True, slots=True)
class System:
    """`system`: directories, user, timings."""

    root_directory: str = "/var/lib/pterodactyl"
    log_directory: str = "/var/log/pterodactyl"
    data: str = "/var/lib/pterodactyl/volumes"
    archive_directory: str = "/var/lib/pterodactyl/archives"
    backup_directory: str = "/var/lib/pterodactyl/backups"
    tmp_directory: str = "/tmp/pterodactyl"  # noqa: S108 - the key's documented default
    username: str = "pterodactyl"
    timezone: str = ""
    user: SystemUser = SystemUser()
    disk_check_interval: int = 150
    """Seconds a disk usage figure stays valid; 0 switches accounting off."""
    activity_send_interval: int = 60
    activity_send_count: int = 100
    check_permissions_on_boot: bool = True
    enable_log_rotate: bool = True
    websocket_log_count: int = 150
    sftp: Sftp = Sftp()
    crash_detection: CrashDetection = CrashDetection()
    backups: Backups = Backups()
    transfers: Transfers = Transfers()
    openat_mode: str = "auto"


@dataclass(frozen=True, slots=True)
class Subnet:
    """One address family of the container network."""

    subnet: str = ""
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Interfaces:
    """`docker.network.interfaces`."""

    v4: Subnet = Subnet("172.18.0.0/16", "172.18.0.1")
    v6: Subnet = Subnet("fdba:17c8:6c94::/64", "fdba:17c8:6c94::1011")


@dataclass(frozen=True, slots=True)
class Network:
    """`docker.network`: the network game servers join."""

    interface: str = "172.18.0.1"
    """The address that stands in for 127.0.0.1 in allocations."""
    dns: tuple[str, ...] = ("1.1.1.1", "1.0.0.1")
    name: str = "pterodactyl_nw"
    ispn: bool = False
    driver: str = "bridge"
    network_mode: str = "pterodactyl_nw"
    is_internal: bool = False
    enable_icc: bool = True
    network_mtu: int = 1500
    interfaces: Interfaces = Interfaces()


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """Credentials of one image registry."""

    username: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class InstallerLimits:
    """`docker.installer_limits`: what an installer gets at least."""

    memory: int = 1024
    cpu: int = 100


@dataclass(frozen=True, slots=True)
class Overhead:
    """`docker.overhead`: how much memory a container gets beyond its server's limit."""

    override: bool = False
    default_multiplier: float = 1.05
    multipliers: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogConfig:
    """`docker.log_config`: the log driver of server containers."""

    type: str = "local"
    config: dict[str, str] = field(
        default_factory=lambda: {"max-size": "5m", "max-file": "1", "compress": "false", "mode": "non-blocking"}
    )


@dataclass(frozen=True, slots=True)
class Docker:
    """`docker`: how containers are made."""

    network: Network = Network()
    domainname: str = ""
    registries: dict[str, RegistryLogin] = field(default_factory=dict)
    tmpfs_size: int = 100
    container_pid_limit: int = 512
    installer_limits: InstallerLimits = InstallerLimits()
    overhead: Overhead = Overhead()
    use_performant_inspect: bool = True
    userns_mode: str = ""
    log_config: LogConfig = field(default_factory=LogConfig)


@dataclass(frozen=True, slots=True)
class Throttles:
    """`throttles`: console lines shown per period."""

    enabled: bool = True
    lines: int = 2000
    line_reset_interval: int = 100
    """Milliseconds."""


@dataclass(frozen=True, slots=True)
class RemoteQuery:
    """`remote_query`: calls to the Panel."""

    timeout: int = 30
    boot_servers_per_page: int = 50


@dataclass(frozen=True, slots=True)
class Own:
    """`rookery`: keys the original does not have; written to the file only when one of them was set."""

    metrics_token: str = ""
    """A bearer token that may read `/metrics`, besides the node's."""
    require_scope: bool = False
    """Whether tokens in addresses must carry the `scope` that Panels from 1.12 on put into them."""


@dataclass(frozen=True, slots=True)
class Config:
    """A node's whole configuration."""

    debug: bool = False
    app_name: str = "Pterodactyl"
    uuid: str = ""
    token_id: str = ""
    token: str = ""
    api: Api = Api()
    system: System = System()
    docker: Docker = field(default_factory=Docker)
    throttles: Throttles = Throttles()
    remote: str = ""
    remote_query: RemoteQuery = RemoteQuery()
    allowed_mounts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allow_cors_private_network: bool = False
    ignore_panel_config_updates: bool = False
    rookery: Own = Own()


def parse(text: str) -> Config:
    """The configuration a YAML text describes; absent keys have their defaults.

    Raises:
        Invalid: the text is no YAML, or a value has another type than its key; the sentence names key and line.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as err:
        raise Invalid(f"The configuration is not readable as YAML: {err}") from err
    if data is None:
        raise Invalid("The configuration is empty; run `rookery wings configure` to write one.")
    if not isinstance(data, Mapping):
        raise Invalid("The configuration must be a mapping of keys to values.")
    return typing.cast("Config", decode(Config, data, where=_lines(node)))


def decode(kind: Any, value: Any, *, path: str = "", where: Mapping[str, int] | None = None) -> Any:
    """`value` from YAML or JSON as `kind` (a dataclass of this module or the type of one of its fields).

    Raises:
        Invalid: the value has another type; `field` is the dotted key.
    """
    if dataclasses.is_dataclass(kind):
        return _decode_part(typing.cast("type[Any]", kind), value, path, where)
    origin = typing.get_origin(kind)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(path, "a list", value, where)
        inner = typing.get_args(kind)[0]
        return tuple(decode(inner, item, path=f"{path}.{index}", where=where) for index, item in enumerate(value))
    if origin is dict:
        key_kind, inner = typing.get_args(kind)
        if not isinstance(value, Mapping):
            raise _wrong(path, "a mapping", value, where)
        return {key_kind(key): decode(inner, item, path=f"{path}.{key}", where=where) for key, item in value.items()}
    return _decode_scalar(kind, value, path, where)


def _decode_part(kind: type[Any], value: Any, path: str, where: Mapping[str, int] | None) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(path, "a mapping", value, where)
    known = typing.get_type_hints(kind)
    changes = {
        name: decode(hint, value[name], path=f"{path}.{name}".lstrip("."), where=where)
        for name, hint in known.items()
        if value.get(name) is not None
    }
    part = kind(**changes)
    # Maps merge with their defaults, lists replace them.
    defaults = kind()
    merged = {name: {**getattr(defaults, name), **found} for name, found in changes.items() if isinstance(found, dict)}
    return dataclasses.replace(part, **merged) if merged else part


def _decode_scalar(kind: Any, value: Any, path: str, where: Mapping[str, int] | None) -> Any:
    if kind is bool:
        if isinstance(value, bool):
            return value
    elif kind is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
    elif kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif kind is str and isinstance(value, str | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    raise _wrong(path, names.get(kind, "another type"), value, where)


def _wrong(path: str, wanted: str, value: Any, where: Mapping[str, int] | None) -> Invalid:
    at = f" (line {where[path]})" if where and path in where else ""
    shown = "nothing" if value is None else repr(value)
    return Invalid(f"Configuration key {path}{at} must be {wanted}, not {shown}.", field=path)


def _lines(node: yaml.Node | None, path: str = "") -> dict[str, int]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    found: dict[str, int] = {}
    for key, value in node.value:
        name = f"{path}.{key.value}".lstrip(".")
        found[name] = key.start_mark.line + 1
        found |= _lines(value, name)
    return found


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # whichever of the two the library was built with
    """A safe loader without the YAML 1.1 surprises that bite configuration files (`on` as true stays, times do not)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def encode(value: Any) -> Any:
    """The plain YAML/JSON form of a configuration or a part of it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        return {name: encode(part) for name, part in named.items() if part != Own()}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    return value


UPDATABLE = types.MappingProxyType(
    {
        "debug": "debug",
        "uuid": "uuid",
        "token_id": "token_id",
        "token": "token",
        "api.host": "api.host",
        "api.port": "api.port",
        "api.upload_limit": "api.upload_limit",
        "api.ssl.enabled": "api.ssl.enabled",
        "api.ssl.cert": "api.ssl.cert",
        "api.ssl.key": "api.ssl.key",
        "system.sftp.bind_port": "system.sftp.bind_port",
    }
)
"""What `POST /api/update` may change; directories and the Panel's address are not the network's (CVE-2024-34066)."""


def updated(config: Config, body: Mapping[str, Any]) -> Config:
    """`config` with the keys of a Panel's update applied; keys match case-insensitively, unknown ones are ignored.

    Raises:
        Invalid: a value has the wrong type.
    """
    plain = encode(config)
    for dotted in UPDATABLE:
        found = _look_up(body, dotted.split("."), dotted)
        if found is not None:
            target = plain
            *parents, leaf = dotted.split(".")
            for parent in parents:
                target = target[parent]
            target[leaf] = found
    ssl_key = plain["api"]["ssl"]["key"]
    if isinstance(ssl_key, str) and ssl_key.startswith("/etc/letsencrypt/live/"):
        plain["api"]["ssl"] |= {"cert": config.api.ssl.cert, "key": config.api.ssl.key}
    return typing.cast("Config", decode(Config, plain))


def _look_up(body: Any, parts: list[str], path: str) -> Any:
    value = body
    for part in parts:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise _wrong(path, "inside a mapping", value, None)
        exact = value.get(part)
        value = exact if exact is not None else next((v for k, v in value.items() if str(k).lower() == part), None)
    return value


class ConfigFile:
    """The configuration in force and the file it came from."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path = path
        self.current = config

    @classmethod
    def read(cls, path: Path) -> "ConfigFile":
        """The file at `path`.

        Raises:
            Invalid: it is missing, unreadable or wrong; the sentence says what and where.
        """
        try:
            text = path.read_text()
        except OSError as err:
            raise Invalid(f"The configuration {path} cannot be read: {err.strerror}.") from err
        return cls(path, _with_environment(parse(text)))

    def reload(self) -> None:
        """Take what the file says now.

        Raises:
            Invalid: see `read`; the former configuration stays.
        """
        found, old = self.read(self.path).current, self.current
        system = dataclasses.replace(
            found.system, timezone=old.system.timezone, user=old.system.user, data=old.system.data
        )
        self.current = dataclasses.replace(found, system=system, debug=found.debug or old.debug)

    def save(self, config: Config) -> None:
        """Make `config` current and write it, keeping comments and unknown keys; mode 0600, by rename.

        Nothing is written when the file already says the same.
        """
        self.current = config
        wanted = encode(config)
        text = self.path.read_text() if self.path.exists() else ""
        present = yaml.load(text, Loader=_Loader) if text else None  # noqa: S506 - a safe loader
        if isinstance(present, dict) and _covers(present, wanted):
            return
        write_atomically(self.path, _merged(text, wanted), mode=0o600)


def _covers(present: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(
            key in present and _covers(present[key], value) for key, value in wanted.items()
        )
    return bool(present == wanted)


def _merged(text: str, wanted: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    editor = YAML()
    editor.preserve_quotes = True
    editor.indent(mapping=2, sequence=4, offset=2)
    document = editor.load(text) if text.strip() else {}
    _merge(document, wanted)
    out = io.StringIO()
    editor.dump(document, out)
    return out.getvalue()


def _merge(document: Any, wanted: Mapping[str, Any]) -> None:
    for key, value in wanted.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            _merge(document[key], value)
        elif key not in document or document[key] != value:
            document[key] = value


def write_atomically(path: Path, text: str, *, mode: int) -> None:
    """Replace `path` with `text` so that a reader sees the old or the new file, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _with_environment(config: Config) -> Config:
    token_id = os.environ.get("WINGS_TOKEN_ID") or _expanded(config.token_id)
    token = os.environ.get("WINGS_TOKEN") or _expanded(config.token)
    if (token_id, token) == (config.token_id, config.token):
        return config
    return dataclasses.replace(config, token_id=token_id, token=token)


def _expanded(value: str) -> str:
    """`${VAR}` and `file://` forms of a token. Source: Wings 1.12."""
    value = os.path.expandvars(value) if "${" in value else value
    if value.startswith("file://"):
        try:
            return Path(value.removeprefix("file://")).read_text().rstrip("\n")
        except OSError as err:
            raise Invalid(f"The token file {value} cannot be read: {err.strerror}.", field="token") from err
    return value
