"""Start command, environment and placeholders of a server; pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rookery.panel.eggs.models import EggVariable
from rookery.panel.nodes.models import Allocation
from rookery.panel.servers.models import Server

HIDDEN = "[hidden]"
_PLACEHOLDER = re.compile(r"\{\{(?P<key>[\w.-]+)\}\}")


def value_of(variable: EggVariable, values: Mapping[int, str]) -> str:
    """What a server has for a variable: its own value, even an empty one, else the default."""
    return values.get(variable.id, variable.default_value)


def environment(
    server: Server, variables: Sequence[EggVariable], values: Mapping[int, str], *, location: str
) -> dict[str, str | int | None]:
    """The variables nodes get, with the Panel's own four."""
    found: dict[str, str | int | None] = {variable.env_variable: value_of(variable, values) for variable in variables}
    return found | {
        "STARTUP": server.startup,
        "P_SERVER_LOCATION": location,
        "P_SERVER_UUID": server.uuid,
        "P_SERVER_ALLOCATION_LIMIT": server.allocation_limit,
    }


def invocation(
    server: Server,
    default: Allocation,
    variables: Sequence[EggVariable],
    values: Mapping[int, str],
    *,
    hide_all: bool = False,
) -> str:
    """The start command as people see it: filled in, with hidden values hidden."""
    command = server.startup
    for name, value in (("SERVER_MEMORY", server.memory), ("SERVER_IP", default.ip), ("SERVER_PORT", default.port)):
        command = command.replace(f"{{{{{name}}}}}", str(value))
    if "{{" not in command:
        return command
    for variable in variables:
        shown = value_of(variable, values) if variable.user_viewable and not hide_all else HIDDEN
        command = command.replace(f"{{{{{variable.env_variable}}}}}", shown)
    return command


class Placeholders:
    """Resolves `{{server.…}}` and `{{env.…}}` of an egg's settings files in both vocabularies of the field.

    A known prefix with an unknown key is empty; anything else stays as text for the node or the game. Source: eggs of
    Pterodactyl and Pelican.
    """

    def __init__(
        self,
        server: Server,
        default: Allocation,
        allocations: Sequence[Allocation],
        env: Mapping[str, Any],
        *,
        egg_uuid: str,
    ) -> None:
        ports: dict[str, list[int]] = {}
        for allocation in allocations:
            ports.setdefault(allocation.ip, []).append(allocation.port)
        self._env = env
        self._fixed: dict[str, Any] = {
            "server.uuid": server.uuid,
            "server.build.default.ip": default.ip,
            "server.build.default.port": default.port,
            "server.allocations.default.ip": default.ip,
            "server.allocations.default.port": default.port,
            "server.build.memory": server.memory,
            "server.build.memory_limit": server.memory,
            "server.build.swap": server.swap,
            "server.build.io": server.io,
            "server.build.io_weight": server.io,
            "server.build.cpu": server.cpu,
            "server.build.cpu_limit": server.cpu,
            "server.build.threads": server.threads or "",
            "server.build.disk": server.disk,
            "server.build.disk_space": server.disk,
            "server.build.image": server.image,
            "server.build.oom_disabled": server.oom_disabled,
            "server.container.image": server.image,
            "server.service.egg": egg_uuid,
            "server.egg.id": egg_uuid,
            "server.service.skip_scripts": server.skip_scripts,
            "server.rebuild": False,
            "server.suspended": 1 if server.status == "suspended" else 0,
            "server.meta.name": server.name,
            "server.meta.description": server.description,
        }

    def fill(self, text: str) -> str:
        """The text with everything resolved that is known here."""
        return _PLACEHOLDER.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        key = match["key"]
        if key == "config.docker.interface":
            return "{{config.docker.network.interface}}"
        for prefix in ("server.build.env.", "server.build.environment.", "server.environment.", "env."):
            if key.startswith(prefix):
                return self._variable(key.removeprefix(prefix))
        if key.startswith("server."):
            return _shown(self._fixed.get(key))
        return match[0]

    def _variable(self, name: str) -> str:
        legacy = {
            "SERVER_MEMORY": "server.build.memory",
            "SERVER_IP": "server.build.default.ip",
            "SERVER_PORT": "server.build.default.port",
        }
        if name in legacy and name not in self._env:
            return _shown(self._fixed[legacy[name]])
        return _shown(self._env.get(name))


def _shown(value: Any) -> str:
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)
