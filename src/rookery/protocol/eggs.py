"""Egg documents of every format in use, read into one shape and written back as `PTDL_v2`.

Formats: `PTDL_v1`, `PTDL_v2` (Pterodactyl), `PLCN_v1` to `PLCN_v3` (Pelican; JSON or YAML). Unknown keys are ignored.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rookery.protocol.problems import Invalid

Json = Any
VERSIONS = ("PTDL_V1", "PTDL_V2", "PLCN_V1", "PLCN_V2", "PLCN_V3")


class BadEgg(Invalid):
    """The document is no egg we can take; the sentence says why."""


@dataclass(frozen=True, slots=True)
class EggVariableDocument:
    """One variable of an egg; `rules` are split by `|`."""

    name: str
    description: str
    env_variable: str
    default_value: str
    user_viewable: bool
    user_editable: bool
    rules: str


@dataclass(frozen=True, slots=True)
class EggDocument:
    """An egg as files carry it; `config_*` are JSON texts."""

    name: str
    author: str
    description: str | None
    features: list[str] | None
    docker_images: dict[str, str]
    file_denylist: list[str]
    """Empty entries deny nothing."""
    startup: str
    config_files: str
    config_startup: str
    config_logs: str
    config_stop: str
    script_install: str | None
    script_container: str
    script_entry: str
    update_url: str | None = None
    uuid: str | None = None
    variables: list[EggVariableDocument] = field(default_factory=list)


def read_egg(document: Json) -> EggDocument:
    """The egg in a parsed JSON or YAML document.

    Raises:
        BadEgg: it is no egg, of an unknown version, or lacks what an egg must have.
    """
    if not isinstance(document, Mapping):
        raise BadEgg("The file holds no egg: its top level is not an object.")
    version = _text(_map(document.get("meta")).get("version"))
    if not version:
        raise BadEgg("The file holds no egg: meta.version is missing.", field="meta.version")
    if version.upper() not in VERSIONS:
        raise BadEgg(f"Eggs of version {version} are not known.", field="meta.version")
    name = _text(document.get("name"))
    if not name:
        raise BadEgg("The egg has no name.", field="name")
    config, script = _map(document.get("config")), _map(_map(document.get("scripts")).get("installation"))
    return EggDocument(
        name=name[:191],
        author=_text(document.get("author")) or "unknown@unknown.com",
        description=_optional(document.get("description")),
        features=_features(document.get("features")),
        docker_images=_images(document),
        file_denylist=_texts(document.get("file_denylist")),
        startup=_startup(document),
        config_files=_json_text(config.get("files"), "config.files"),
        config_startup=_json_text(config.get("startup"), "config.startup"),
        config_logs=_json_text(config.get("logs"), "config.logs"),
        config_stop=_text(config.get("stop"))[:191],
        script_install=_optional(script.get("script")),
        script_container=_text(script.get("container")) or "alpine:3.4",
        script_entry=_text(script.get("entrypoint")) or "ash",
        update_url=_optional(_map(document.get("meta")).get("update_url")),
        uuid=_optional(document.get("uuid")),
        variables=[_variable(entry) for entry in _list(document.get("variables")) if isinstance(entry, Mapping)],
    )


def write_egg(egg: EggDocument, *, at: datetime | None = None) -> dict[str, Json]:
    """The `PTDL_v2` document of an egg; reading it again gives an equal egg."""
    return {
        "_comment": "DO NOT EDIT: this file was exported by Rookery.",
        "meta": {"version": "PTDL_v2", "update_url": egg.update_url},
        "exported_at": (at or datetime.now(UTC)).isoformat(timespec="seconds"),
        "name": egg.name,
        "author": egg.author,
        "description": egg.description,
        "features": egg.features,
        "docker_images": egg.docker_images,
        "file_denylist": egg.file_denylist,
        "startup": egg.startup,
        "config": {
            "files": egg.config_files,
            "startup": egg.config_startup,
            "logs": egg.config_logs,
            "stop": egg.config_stop,
        },
        "scripts": {
            "installation": {
                "script": egg.script_install,
                "container": egg.script_container,
                "entrypoint": egg.script_entry,
            }
        },
        "variables": [
            {
                "name": variable.name,
                "description": variable.description,
                "env_variable": variable.env_variable,
                "default_value": variable.default_value,
                "user_viewable": variable.user_viewable,
                "user_editable": variable.user_editable,
                "rules": variable.rules,
                "field_type": "text",
            }
            for variable in egg.variables
        ],
    }


def _images(document: Mapping[str, Json]) -> dict[str, str]:
    images = document.get("docker_images")
    if isinstance(images, Mapping) and images:
        return {str(label): _text(image) for label, image in images.items()}
    listed = images if isinstance(images, list) else document.get("images")
    single = document.get("image")
    found = [_text(image) for image in listed] if isinstance(listed, list) else []
    if not found and isinstance(single, str) and single and not single.startswith("data:"):
        found = [single]
    found = [image for image in found if image]
    if not found:
        raise BadEgg("The egg names no container image.", field="docker_images")
    return {image: image for image in found}


def _startup(document: Mapping[str, Json]) -> str:
    commands = document.get("startup_commands")
    if isinstance(commands, Mapping) and commands:
        return _text(next(iter(commands.values())))
    return _text(document.get("startup"))


def _features(value: Json) -> list[str] | None:
    return None if value is None else _texts(value)


def _variable(entry: Mapping[str, Json]) -> EggVariableDocument:
    rules = entry.get("rules")
    return EggVariableDocument(
        name=_text(entry.get("name")),
        description=_text(entry.get("description")),
        env_variable=_text(entry.get("env_variable")),
        default_value=_text(entry.get("default_value")),
        user_viewable=_flag(entry.get("user_viewable")),
        user_editable=_flag(entry.get("user_editable")),
        rules="|".join(_text(rule) for rule in rules) if isinstance(rules, list) else _text(rules),
    )


def _json_text(value: Json, where: str) -> str:
    """A part of `config` as JSON text; empty lists mean empty objects, as PHP writes them."""
    if isinstance(value, str):
        if not value.strip():
            return "{}"
        try:
            parsed = json.loads(value)
        except ValueError as err:
            raise BadEgg(f"{where} is not readable as JSON.", field=where) from err
        return "{}" if parsed in ([], None, "") else value
    if value in (None, [], {}):
        return "{}"
    return json.dumps(value, indent=4, ensure_ascii=False)


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Json) -> list[Json]:
    return list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []


def _texts(value: Json) -> list[str]:
    return [_text(entry) for entry in _list(value)]


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _optional(value: Json) -> str | None:
    return None if value is None or isinstance(value, dict | list) else _text(value)


def _flag(value: Json) -> bool:
    return value.strip().lower() in ("1", "true") if isinstance(value, str) else bool(value)
