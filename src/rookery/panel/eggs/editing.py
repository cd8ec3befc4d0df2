"""Eggs by hand: the fields of an egg, its variables and its script, as the forms of the field have them.

Source: Panel 1.11 administration area, `spec` of eggs: a child may leave out what its parent has.
"""

import uuid
from typing import Any

from sqlalchemy import select

from rookery.panel.eggs.models import Egg, EggVariable, Nest
from rookery.panel.eggs.service import RESERVED, is_image
from rookery.panel.validation.inputs import Checker, Inputs
from rookery.panel.validation.rules import UnknownRule, parse
from rookery.panel.work import Work
from rookery.protocol.problems import Conflict, Invalid

_CONFIG = ("config_startup", "config_logs", "config_files")


class BadParent(Invalid):
    """The egg to build on is in another nest, or builds on another itself."""

    status = 400
    code = "NoParentConfigurationFoundException"


class NameTaken(Conflict):
    """The egg has a variable of this name, or the name is reserved."""

    status = 400
    code = "DisplayException"


async def create_egg(work: Work, inputs: Inputs, author: str) -> Egg:
    """A new egg from a form.

    Raises:
        ValidationFailed: fields break rules.
        BadParent: it cannot build on the egg it names.
    """
    checker = Checker(inputs)
    checker.check({"nest_id": "required|bail|numeric"})
    if not checker.has("nest_id") and await work.db.get(Nest, int(inputs["nest_id"])) is None:
        checker.fail("nest_id", "exists", "The nest does not exist.")
    values = _checked(checker)
    egg = Egg(uuid=str(uuid.uuid4()), nest_id=int(inputs["nest_id"]), author=author)
    await _fill(work, egg, values)
    work.add(egg)
    await work.db.flush()
    return egg


async def edit_egg(work: Work, egg: Egg, inputs: Inputs) -> None:
    """Overwrite an egg's fields; the denied files stay, as no form shows them. See `create_egg` for errors."""
    await _fill(work, egg, _checked(Checker(inputs)))
    egg.updated_at = work.now


def _checked(checker: Checker) -> Inputs:
    inputs = checker.inputs
    needed = "nullable" if inputs.get("config_from") else "required"
    checker.check(
        {
            "name": "required|string|max:191",
            "description": "nullable|string",
            "docker_images": "required|string",
            "force_outgoing_ip": "sometimes|boolean",
            "startup": "required|string",
            "config_from": "sometimes|nullable|numeric",
            "config_stop": f"{needed}|string|max:191",
            **dict.fromkeys(_CONFIG, f"{needed}|json"),
            "features": "nullable|array",
            "features.*": "string",
        }
    )
    if not checker.has("docker_images"):
        for image in images_of(inputs["docker_images"]).values():
            if not is_image(image):
                checker.fail("docker_images", "regex", f"The image {image} is not a valid name.")
                break
    return checker.done()


async def _fill(work: Work, egg: Egg, inputs: Inputs) -> None:
    parent = inputs.get("config_from")
    if parent is not None:
        found = await work.db.get(Egg, int(parent))
        if found is None or found.nest_id != egg.nest_id:
            raise BadParent("The egg to copy settings from must be in the same nest.")
    egg.name, egg.description = inputs["name"], inputs.get("description")
    egg.docker_images = images_of(inputs["docker_images"])
    egg.force_outgoing_ip = inputs.get("force_outgoing_ip") in (True, 1, "1")
    egg.startup = inputs["startup"]
    egg.features = list(inputs.get("features") or ())
    egg.config_from = int(parent) if parent is not None else None
    egg.config_stop = inputs.get("config_stop")
    for name in _CONFIG:
        setattr(egg, name, inputs.get(name))


def images_of(text: str) -> dict[str, str]:
    """Images by label from lines of `label|image` or `image`."""
    found = {}
    for line in text.splitlines():
        label, bar, image = line.strip().partition("|")
        if label or image:
            found[label.strip()] = (image if bar else label).strip()
    return found


# Script


async def edit_script(work: Work, egg: Egg, inputs: Inputs) -> None:
    """Overwrite how an egg is installed.

    Raises:
        ValidationFailed: fields break rules.
        BadParent: it cannot take its script from the egg it names.
    """
    Checker(inputs).check(
        {
            "script_install": "sometimes|nullable|string",
            "script_is_privileged": "sometimes|required|boolean",
            "script_entry": "sometimes|required|string|max:191",
            "script_container": "sometimes|required|string|max:191",
            "copy_script_from": "sometimes|nullable|numeric",
        }
    ).done()
    source = inputs.get("copy_script_from")
    if source is not None:
        found = await work.db.get(Egg, int(source))
        if found is None or found.nest_id != egg.nest_id or found.copy_script_from is not None:
            raise BadParent("The egg to copy a script from is not there, or copies its script itself.")
    egg.copy_script_from = int(source) if source is not None else None
    egg.script_install = inputs.get("script_install")
    egg.script_is_privileged = inputs.get("script_is_privileged", True) in (True, 1, "1")
    egg.script_entry = inputs.get("script_entry") or egg.script_entry
    egg.script_container = inputs.get("script_container") or egg.script_container
    egg.updated_at = work.now


# Variables


async def add_variable(work: Work, egg: Egg, inputs: Inputs) -> EggVariable:
    """A new variable of an egg.

    Raises:
        ValidationFailed: fields break rules.
        NameTaken: the egg has one of this name, or the name is reserved.
    """
    values = await _variable(work, egg, inputs, None)
    row = EggVariable(egg_id=egg.id, **values)
    work.add(row)
    await work.db.flush()
    return row


async def edit_variable(work: Work, egg: Egg, row: EggVariable, inputs: Inputs) -> None:
    """Overwrite a variable; see `add_variable` for errors."""
    for name, value in (await _variable(work, egg, inputs, row)).items():
        setattr(row, name, value)
    row.updated_at = work.now


async def _variable(work: Work, egg: Egg, inputs: Inputs, row: EggVariable | None) -> dict[str, Any]:
    checker = Checker(inputs).check(
        {
            "name": "required|string|min:1|max:191",
            "description": "sometimes|nullable|string",
            "env_variable": r"required|regex:/^[\w]{1,191}$/",
            "default_value": "present|nullable",
            "options": "sometimes|array",
            "rules": "bail|required|string",
        }
    )
    name, rules = inputs.get("env_variable"), inputs.get("rules")
    if not checker.has("rules"):
        try:
            parse(str(rules))
        except (UnknownRule, ValueError) as err:
            checker.fail("rules", "rules", f"The rules cannot be used: {err}.")
    if str(name).upper() in RESERVED:
        checker.fail("env_variable", "not_in", f"The name {name} is reserved.")
    checker.done()
    statement = select(EggVariable.id).where(EggVariable.egg_id == egg.id, EggVariable.env_variable == name)
    if row is not None:
        statement = statement.where(EggVariable.id != row.id)
    if await work.db.scalar(statement) is not None:
        raise NameTaken(f"The egg has a variable {name} already.")
    options = inputs.get("options") or ()
    return {
        "name": inputs["name"],
        "description": inputs.get("description") or "",
        "env_variable": name,
        "default_value": "" if inputs.get("default_value") is None else str(inputs["default_value"]),
        "user_viewable": "user_viewable" in options,
        "user_editable": "user_editable" in options,
        "rules": rules,
    }
