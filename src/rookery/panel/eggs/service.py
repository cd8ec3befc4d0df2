"""Nests and eggs: import, export, update by file, inheritance."""

import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml
from sqlalchemy import delete, func, select

from rookery.panel.eggs.models import Egg, EggVariable, Nest
from rookery.panel.servers.models import Server
from rookery.panel.validation.rules import UnknownRule, parse
from rookery.panel.work import Work
from rookery.protocol.eggs import BadEgg, EggDocument, EggVariableDocument, read_egg
from rookery.protocol.problems import Conflict

RESERVED = {"SERVER_MEMORY", "SERVER_IP", "SERVER_PORT", "ENV", "HOME", "USER", "STARTUP", "SERVER_UUID", "UUID"}
"""Names an egg's variables may not have."""
SIZE_LIMIT = 1024 * 1024
NEST_RULES = {"name": r"required|string|min:1|max:191|regex:/^[\w\- ]+$/", "description": "nullable|string"}
_IMAGE = re.compile(r"^[\w#\.\/\- ]*\|?~?[\w\.\/\-:@ ]*$")


class InUse(Conflict):
    """Servers or other eggs need it."""

    status = 400
    code = "HasActiveServersException"


@dataclass(frozen=True, slots=True)
class ResolvedEgg:
    """An egg with what it inherits; the `config_*` values are parsed."""

    egg: Egg
    files: dict[str, Any]
    startup: dict[str, Any]
    logs: dict[str, Any]
    stop: str
    features: list[str] | None
    file_denylist: list[str]
    script: str | None


def parse_document(raw: bytes) -> EggDocument:
    """The egg in a JSON or YAML file.

    Raises:
        BadEgg: it is too large, not readable, or no egg.
    """
    if len(raw) > SIZE_LIMIT:
        raise BadEgg("The file is larger than 1 MiB.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise BadEgg("The file is not UTF-8 text.") from err
    try:
        document = json.loads(text)
    except ValueError:
        try:
            document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
        except yaml.YAMLError as err:
            raise BadEgg("The file is neither JSON nor YAML.") from err
    egg = read_egg(document)
    check_egg(egg)
    return egg


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """A safe loader that leaves times as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def check_egg(egg: EggDocument) -> None:
    """Whether an egg can be stored and its servers can run.

    Raises:
        BadEgg: the sentence names what cannot.
    """
    for image in egg.docker_images.values():
        if not is_image(image):
            raise BadEgg(f"The container image {image!r} is not a valid name.", field="docker_images")
    for variable in egg.variables:
        name = variable.env_variable
        if not re.fullmatch(r"\w{1,191}", name, re.ASCII):
            raise BadEgg(f"The variable name {name!r} is not valid.", field="variables")
        if name in RESERVED:
            raise BadEgg(f"The variable name {name} is reserved.", field="variables")
        try:
            parse(variable.rules)
        except (UnknownRule, ValueError) as err:
            raise BadEgg(f"The variable {name} has an unknown rule: {err}.", field="variables") from err


def is_image(text: str) -> bool:
    """Whether a text can be the name of a container image."""
    return bool(text) and len(text) <= 191 and _IMAGE.match(text) is not None


async def import_egg(work: Work, document: EggDocument, nest: Nest) -> Egg:
    """A new egg of a nest."""
    egg = Egg(uuid=str(uuid.uuid4()), nest_id=nest.id, author=document.author, force_outgoing_ip=False)
    _fill(egg, document)
    work.add(egg)
    await work.db.flush()
    for variable in document.variables:
        work.add(EggVariable(egg_id=egg.id, **_variable_values(variable)))
    await work.db.flush()
    return egg


async def update_egg(work: Work, egg: Egg, document: EggDocument) -> Egg:
    """Overwrite an egg by a document; values servers gave its variables survive by name."""
    _fill(egg, document)
    present = {variable.env_variable: variable for variable in await variables_of(work, egg.id)}
    for variable in document.variables:
        row = present.pop(variable.env_variable, None)
        if row is None:
            work.add(EggVariable(egg_id=egg.id, **_variable_values(variable)))
            continue
        for key, value in _variable_values(variable).items():
            setattr(row, key, value)
    for left in present.values():
        await work.db.execute(delete(EggVariable).where(EggVariable.id == left.id))
    await work.db.flush()
    return egg


def _fill(egg: Egg, document: EggDocument) -> None:
    egg.name, egg.description = document.name, document.description
    egg.features, egg.docker_images = document.features, document.docker_images
    egg.file_denylist, egg.update_url = _without_empty(document.file_denylist), document.update_url
    egg.config_files, egg.config_startup = document.config_files, document.config_startup
    egg.config_logs, egg.config_stop = document.config_logs, document.config_stop
    egg.startup = document.startup
    egg.script_install, egg.script_container = document.script_install, document.script_container[:191]
    egg.script_entry = document.script_entry[:191]


def _without_empty(entries: list[str]) -> list[str] | dict[str, str]:
    """The entries that deny something; a gap between them makes it an object by number, as clients know it."""
    kept = {str(at): entry for at, entry in enumerate(entries) if entry}
    return list(kept.values()) if list(kept) == [str(at) for at in range(len(kept))] else kept


def _variable_values(variable: EggVariableDocument) -> dict[str, Any]:
    return {
        "name": variable.name[:191],
        "description": variable.description,
        "env_variable": variable.env_variable,
        "default_value": variable.default_value,
        "user_viewable": variable.user_viewable,
        "user_editable": variable.user_editable,
        "rules": variable.rules,
    }


async def export_egg(work: Work, egg: Egg) -> EggDocument:
    """The document of an egg, inherited values included."""
    resolved = await resolve(work, egg)
    parent = await work.db.get(Egg, egg.config_from) if egg.config_from else None

    def config(name: str) -> str:
        own: str | None = getattr(egg, name)
        return own if own is not None else (getattr(parent, name) or "{}") if parent else "{}"

    return EggDocument(
        name=egg.name,
        author=egg.author,
        description=egg.description,
        features=resolved.features,
        docker_images=dict(egg.docker_images or {}),
        file_denylist=resolved.file_denylist,
        startup=egg.startup or "",
        config_files=config("config_files"),
        config_startup=config("config_startup"),
        config_logs=config("config_logs"),
        config_stop=resolved.stop,
        script_install=resolved.script,
        script_container=egg.script_container,
        script_entry=egg.script_entry,
        update_url=egg.update_url,
        variables=[
            EggVariableDocument(
                row.name,
                row.description,
                row.env_variable,
                row.default_value,
                row.user_viewable,
                row.user_editable,
                row.rules or "",
            )
            for row in await variables_of(work, egg.id)
        ],
    )


async def variables_of(work: Work, egg_id: int) -> list[EggVariable]:
    """An egg's variables in their order."""
    rows = await work.db.scalars(select(EggVariable).where(EggVariable.egg_id == egg_id).order_by(EggVariable.id))
    return list(rows)


async def resolve(work: Work, egg: Egg) -> ResolvedEgg:
    """An egg with what it takes from the eggs it builds on; one level, as nodes always got it."""
    parent = await work.db.get(Egg, egg.config_from) if egg.config_from else None
    source = await work.db.get(Egg, egg.copy_script_from) if egg.copy_script_from else None
    return inherit(egg, parent, source)


def inherit(egg: Egg, parent: Egg | None, script_source: Egg | None) -> ResolvedEgg:
    """The same for eggs at hand; unusable JSON counts as empty, so that one egg never stops a node."""

    def own_or_parents(name: str) -> Any:
        own = getattr(egg, name)
        return own if own is not None or parent is None else getattr(parent, name)

    denylist = parent.file_denylist if parent is not None else egg.file_denylist
    script = egg.script_install
    if script is None and script_source is not None:
        script = script_source.script_install
    return ResolvedEgg(
        egg=egg,
        files=_object(own_or_parents("config_files")),
        startup=_object(own_or_parents("config_startup")),
        logs=_object(own_or_parents("config_logs")),
        stop=own_or_parents("config_stop") or "",
        features=own_or_parents("features"),
        file_denylist=[entry for entry in _values(denylist) if isinstance(entry, str) and entry],
        script=script,
    )


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _values(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


async def make_nest(work: Work, name: str, description: str | None, author: str) -> Nest:
    """A new nest."""
    nest = Nest(uuid=str(uuid.uuid4()), author=author, name=name, description=description)
    work.add(nest)
    await work.db.flush()
    return nest


async def delete_egg(work: Work, egg: Egg) -> None:
    """Delete an egg nobody needs.

    Raises:
        InUse: servers run by it, or eggs take their configuration from it.
    """
    if await work.db.scalar(select(func.count()).select_from(Server).where(Server.egg_id == egg.id)):
        raise InUse("There are servers of this egg; delete them first.")
    if await work.db.scalar(select(func.count()).select_from(Egg).where(Egg.config_from == egg.id)):
        raise InUse("Other eggs take their configuration from this one.")
    await work.db.execute(delete(Egg).where(Egg.id == egg.id))


async def delete_nest(work: Work, nest: Nest) -> None:
    """Delete a nest and its eggs.

    Raises:
        InUse: servers run by them.
    """
    if await work.db.scalar(select(func.count()).select_from(Server).where(Server.nest_id == nest.id)):
        raise InUse("There are servers of this nest; delete them first.")
    await work.db.execute(delete(Nest).where(Nest.id == nest.id))
