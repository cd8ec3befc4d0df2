"""What one instance on this machine is: its directory, addresses, first administrator and engine.

A value comes from the first of: the flag, the environment variable, what the instance was last started with, the
default. So an instance is moved by saying it once, and several run side by side with a directory and ports each.
"""

import argparse
import ipaddress
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rookery.cli.engine import DEFAULT_HOST
from rookery.cli.trouble import Trouble

ANY = {"0.0.0.0", "::", ""}
MAX_PORT = 65535
MAX_GAME_PORTS = 1000


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port to listen on."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, what: str) -> "Address":
        """The address in `host:port`, `[host]:port`, `:port` or `port`; without a host it is every interface.

        Raises:
            Trouble: it is none of these.
        """
        host, _, port = text.strip().rpartition(":")
        host = host.strip("[]") or "0.0.0.0"
        if not port.isdigit() or not 0 < int(port) <= MAX_PORT:
            raise Trouble(f"The address to listen on for {what}, {text!r}, is not HOST:PORT.")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One instance. Only `rookery up` changes it; the other commands read what is kept in its directory."""

    home: Path
    panel: Address
    wings: Address
    sftp: Address
    address: str
    """The name or address under which browsers, players and the two halves reach this machine."""
    url: str
    """The Panel's own address as browsers see it, without a slash at its end."""
    node_url: str
    """The same of the node: `https` when a proxy in front of it speaks TLS."""
    game_address: str
    game_ports: tuple[int, ...]
    docker_host: str
    admin_username: str
    admin_email: str
    admin_password: str | None

    @property
    def wings_config(self) -> Path:
        """The node's `config.yml`."""
        return self.home / "wings" / "config.yml"

    @property
    def panel_from_here(self) -> str:
        """The Panel's address for this machine itself, which works whatever lies between it and browsers."""
        host = "127.0.0.1" if self.panel.host in ANY else self.panel.host
        return f"http://{bracketed(host)}:{self.panel.port}"

    @property
    def logs(self) -> Path:
        """The folder of the two halves' output."""
        return self.home / "logs"

    def urls(self) -> tuple[str, ...]:
        """Every address a browser on this machine may have used for the Panel; the first one is the one to show."""
        local = [f"http://{name}:{self.panel.port}" for name in ("127.0.0.1", "localhost")]
        reachable = local if self.panel.host in ANY or is_loopback(self.panel.host) else []
        return tuple(dict.fromkeys([self.url, *reachable]))


def bracketed(host: str) -> str:
    """`host` as it stands in a URL: IPv6 addresses get their brackets."""
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def default_home() -> Path:
    """Where an instance lives when nobody says otherwise: the system's place for root, the user's own for others."""
    if os.geteuid() == 0:
        return Path("/var/lib/rookery")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "rookery"


def add_home(parser: argparse.ArgumentParser) -> None:
    """The one option every command of an instance has."""
    parser.add_argument(
        "--home", metavar="DIR", help=f"directory of the instance [ROOKERY_HOME, else {default_home()}]"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `rookery up`, each with its environment variable."""
    add_home(parser)
    for option in OPTIONS:
        parser.add_argument(
            option.flag, metavar=option.form, help=f"{option.meaning} [{option.variable}, else {option.default}]"
        )


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of an instance, by flag and by environment variable."""

    name: str
    form: str
    meaning: str
    default: str
    known_as: str = ""
    """Its environment variable where that is not `ROOKERY_` and its name."""

    @property
    def variable(self) -> str:
        """The environment variable, `ROOKERY_PANEL_LISTEN` for `panel_listen`."""
        return self.known_as or f"ROOKERY_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The flag, `--panel-listen` for `panel_listen`."""
        return "--" + self.name.replace("_", "-")


OPTIONS = (
    Option("panel_listen", "HOST:PORT", "where the Panel listens", "0.0.0.0:8000"),
    Option("wings_listen", "HOST:PORT", "where the node listens", "0.0.0.0:8080"),
    Option("sftp_listen", "HOST:PORT", "where SFTP listens", "0.0.0.0:2022"),
    Option("address", "NAME", "name or address others reach this machine by", "found out"),
    Option("url", "URL", "address of the Panel as browsers see it", "http://ADDRESS:PORT"),
    Option("node_url", "URL", "address of the node as browsers see it", "http://ADDRESS:PORT"),
    Option("game_address", "IP", "address game servers listen on", "0.0.0.0"),
    Option("game_ports", "PORTS", "ports of game servers, such as 25565-25570,27015", "25565-25665"),
    Option("admin_username", "NAME", "name of the first administrator", "admin"),
    Option("admin_email", "EMAIL", "e-mail address of the first administrator", "admin@example.com"),
    Option("admin_password", "PASSWORD", "password of the first administrator", "random, shown once"),
    Option("docker_host", "ADDRESS", "the Docker Engine, unix:///PATH or tcp://HOST:PORT", DEFAULT_HOST, "DOCKER_HOST"),
)
FORGOTTEN = {"admin_username", "admin_email", "admin_password"}
"""Options of the first start, which are not kept for the next one."""


def home_of(given: str | None, environment: Mapping[str, str]) -> Path:
    """The instance's directory, absolute, from the flag or the environment."""
    return Path(given or environment.get("ROOKERY_HOME") or default_home()).absolute()


def chosen(arguments: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, str]:
    """What flags and environment say, by option; absent where neither says anything."""
    said = {option.name: getattr(arguments, option.name) or environment.get(option.variable) for option in OPTIONS}
    return {name: value for name, value in said.items() if value}


def plan(home: Path, said: Mapping[str, str], kept: Mapping[str, str], *, outward: str) -> Plan:
    """The instance in `home` as `said` now, else as `kept` from its last start; `outward` is this machine's address.

    Raises:
        Trouble: a value makes no sense; the sentence names it.
    """
    values = {**{option.name: option.default for option in OPTIONS}, **kept, **said}
    panel = Address.parse(values["panel_listen"], what="the Panel")
    wings = Address.parse(values["wings_listen"], what="the node")
    sftp = Address.parse(values["sftp_listen"], what="SFTP")
    if len({panel.port, wings.port, sftp.port}) < len((panel, wings, sftp)):
        raise Trouble("The Panel, the node and SFTP need three different ports.")
    explicit = {**kept, **said}
    address = explicit.get("address") or (outward if panel.host in ANY else panel.host)
    return Plan(
        home=home,
        panel=panel,
        wings=wings,
        sftp=sftp,
        address=address,
        url=web_address(explicit.get("url") or f"http://{bracketed(address)}:{panel.port}", "--url"),
        node_url=web_address(explicit.get("node_url") or f"http://{bracketed(address)}:{wings.port}", "--node-url"),
        game_address=values["game_address"],
        game_ports=ports(values["game_ports"]),
        docker_host=values["docker_host"],
        admin_username=values["admin_username"],
        admin_email=values["admin_email"],
        admin_password=explicit.get("admin_password"),
    )


def web_address(text: str, flag: str) -> str:
    """An `http` or `https` address without a path, and without a slash at its end.

    Raises:
        Trouble: it is none.
    """
    url = urlsplit(text.strip())
    if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/") or url.query:
        raise Trouble(f"The address {text!r} given by {flag} is not of the form https://NAME or https://NAME:PORT.")
    return f"{url.scheme}://{url.netloc}"


def ports(text: str) -> tuple[int, ...]:
    """The ports in `25565-25570,27015`, each once, in order.

    Raises:
        Trouble: a part is no port or rising range, or there are more than a thousand.
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        first, _, last = (word.strip() for word in part.partition("-"))
        last = last or first
        if not (first.isdigit() and last.isdigit() and 1024 < int(first) <= int(last) <= MAX_PORT):
            raise Trouble(
                f"The ports of game servers, {text!r}, are not of the form 25565-25570,27015 (1025 to 65535)."
            )
        found |= dict.fromkeys(range(int(first), int(last) + 1))
        if len(found) > MAX_GAME_PORTS:
            raise Trouble(f"At most {MAX_GAME_PORTS} ports of game servers can be set up at once.")
    return tuple(found)


def outward_address() -> str:
    """The address this machine reaches others from, without sending anything; loopback when it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def kept_in(home: Path) -> dict[str, str]:
    """The options an instance was last started with; empty before its first start."""
    try:
        return dict(json.loads((home / "instance.json").read_text()))
    except FileNotFoundError:
        return {}
    except ValueError as err:
        raise Trouble(f"{home / 'instance.json'} is damaged; remove it and give the options again.") from err


def keep(home: Path, options: Mapping[str, str]) -> None:
    """Remember the options of this start for the next; the first administrator's are not kept."""
    lasting = {name: value for name, value in options.items() if name not in FORGOTTEN}
    target = home / "instance.json"
    fresh = target.with_suffix(".new")
    fresh.write_text(json.dumps(lasting, indent=2) + "\n")
    fresh.replace(target)


def of(arguments: argparse.Namespace) -> tuple[Plan, dict[str, str]]:
    """The plan that flags and this process's environment describe, and the options to keep once it works."""
    home = home_of(arguments.home, os.environ)
    kept = kept_in(home)
    said = chosen(arguments, os.environ)
    return plan(home, said, kept, outward=outward_address()), {**kept, **said}
