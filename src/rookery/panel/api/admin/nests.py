"""Nests, eggs, their variables and scripts."""

from sqlalchemy import delete
from starlette.datastructures import UploadFile
from starlette.responses import Response

from rookery.panel.api.admin.area import Visit, area
from rookery.panel.api.downloads import egg_file
from rookery.panel.api.problems import not_found
from rookery.panel.eggs import editing
from rookery.panel.eggs.models import Egg, EggVariable, Nest
from rookery.panel.eggs.service import (
    NEST_RULES,
    SIZE_LIMIT,
    delete_egg,
    delete_nest,
    export_egg,
    import_egg,
    make_nest,
    parse_document,
    update_egg,
)
from rookery.panel.validation.inputs import Checker, validate
from rookery.protocol.eggs import EggDocument


@area.on("POST", "/nests/new")
async def create_nest(visit: Visit) -> Response:
    """A new nest: `name`, `description`."""
    inputs = validate(visit.inputs, NEST_RULES)
    author = visit.panel.settings.service_author
    nest = await make_nest(visit.work, inputs["name"], inputs.get("description"), author)
    return visit.to(f"/nests/view/{nest.id}", f"The nest {nest.name} was made.")


@area.on("PATCH", "/nests/view/{nest}")
async def edit_nest(visit: Visit) -> Response:
    """Overwrite a nest."""
    nest: Nest = visit.row("nest")
    inputs = validate(visit.inputs, NEST_RULES)
    nest.name, nest.description, nest.updated_at = inputs["name"], inputs.get("description"), visit.work.now
    return visit.to(f"/nests/view/{nest.id}", "The nest was saved.")


@area.on("DELETE", "/nests/view/{identity}")
async def remove_nest(visit: Visit) -> Response:
    """Delete a nest without servers; not an error when it is gone."""
    nest = await visit.work.db.get(Nest, int(visit.row("identity")))
    if nest is not None:
        await delete_nest(visit.work, nest)
    return visit.to("/nests", "The nest was deleted.")


# Eggs


@area.on("POST", "/nests/import")
async def import_file(visit: Visit) -> Response:
    """A new egg from a file: `import_file`, `import_to_nest`."""
    checker = Checker(visit.inputs).check({"import_to_nest": "bail|required|integer"})
    nest = None
    if not checker.has("import_to_nest"):
        nest = await visit.work.db.get(Nest, int(visit.inputs["import_to_nest"]))
        if nest is None:
            checker.fail("import_to_nest", "exists", "The nest does not exist.")
    document = await _uploaded(checker)
    assert nest is not None
    egg = await import_egg(visit.work, document, nest)
    return visit.to(f"/nests/egg/{egg.id}", "The egg was imported with its variables.")


@area.on("PUT", "/nests/egg/{egg}")
async def replace_egg(visit: Visit) -> Response:
    """Overwrite an egg by a file: `import_file`."""
    egg: Egg = visit.row("egg")
    await update_egg(visit.work, egg, await _uploaded(Checker(visit.inputs)))
    return visit.to(f"/nests/egg/{egg.id}", "The egg was updated by the file.")


async def _uploaded(checker: Checker) -> EggDocument:
    file = checker.inputs.get("import_file")
    raw = b""
    if not isinstance(file, UploadFile):
        checker.fail("import_file", "required", "The import file field is required.")
    else:
        raw = await file.read(SIZE_LIMIT + 1)
    checker.done()
    return parse_document(raw)


@area.on("POST", "/nests/egg/new")
async def create_egg(visit: Visit) -> Response:
    """A new egg by its fields."""
    egg = await editing.create_egg(visit.work, visit.inputs, visit.panel.settings.service_author)
    return visit.to(f"/nests/egg/{egg.id}", "The egg was made.")


@area.on("PATCH", "/nests/egg/{egg}")
async def edit_egg(visit: Visit) -> Response:
    """Overwrite an egg's fields."""
    egg: Egg = visit.row("egg")
    await editing.edit_egg(visit.work, egg, visit.inputs)
    return visit.to(f"/nests/egg/{egg.id}", "The egg was saved.")


@area.on("DELETE", "/nests/egg/{egg}")
async def remove_egg(visit: Visit) -> Response:
    """Delete an egg nobody needs."""
    egg: Egg = visit.row("egg")
    await delete_egg(visit.work, egg)
    return visit.to(f"/nests/view/{egg.nest_id}", "The egg was deleted.")


@area.on("GET", "/nests/egg/{egg}/export")
async def export(visit: Visit) -> Response:
    """The egg as a file."""
    return egg_file(await export_egg(visit.work, visit.row("egg")))


# Variables and script


@area.on("POST", "/nests/egg/{egg}/variables")
async def add_variable(visit: Visit) -> Response:
    """A new variable of an egg."""
    egg: Egg = visit.row("egg")
    await editing.add_variable(visit.work, egg, visit.inputs)
    return visit.to(f"/nests/egg/{egg.id}/variables", "The variable was added.")


@area.on("PATCH", "/nests/egg/{egg}/variables/{variable}")
async def edit_variable(visit: Visit) -> Response:
    """Overwrite a variable."""
    egg, row = _variable_of(visit)
    await editing.edit_variable(visit.work, egg, row, visit.inputs)
    return visit.to(f"/nests/egg/{egg.id}/variables", "The variable was saved.")


@area.on("DELETE", "/nests/egg/{egg}/variables/{variable}")
async def remove_variable(visit: Visit) -> Response:
    """Delete a variable with the values servers gave it."""
    egg, row = _variable_of(visit)
    await visit.work.db.execute(delete(EggVariable).where(EggVariable.id == row.id))
    return visit.to(f"/nests/egg/{egg.id}/variables", "The variable was deleted.")


def _variable_of(visit: Visit) -> tuple[Egg, EggVariable]:
    egg: Egg = visit.row("egg")
    row: EggVariable = visit.row("variable")
    if row.egg_id != egg.id:
        raise not_found()
    return egg, row


@area.on("PATCH", "/nests/egg/{egg}/scripts")
async def edit_script(visit: Visit) -> Response:
    """Overwrite how an egg is installed."""
    egg: Egg = visit.row("egg")
    await editing.edit_script(visit.work, egg, visit.inputs)
    return visit.to(f"/nests/egg/{egg.id}/scripts", "The script was saved; it runs at the next installation.")
