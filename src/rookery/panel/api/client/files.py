"""Client API: files of a server, by its node. Source: Panel 1.11 client API, files."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request, Response

from rookery.panel.api.access import InPanel, InWork, ServerAccess, ServerFor, limit_route, read_inputs
from rookery.panel.api.client.control import server_token
from rookery.panel.api.envelope import answer, collection, item, no_content
from rookery.panel.api.route import WorkRoute
from rookery.panel.panel import Panel
from rookery.panel.validation.inputs import Inputs, as_bool, validate
from rookery.panel.work import Work

router = APIRouter(prefix="/api/client/servers/{server}/files", route_class=WorkRoute, tags=["client: files"])
_LINK_SECONDS = 900
_NAMES = {"files": "required|array", "files.*": "string"}
_ROOT = {"root": "required|nullable|string"}
Lister = Annotated[ServerAccess, Depends(ServerFor("file.read"))]
Reader = Annotated[ServerAccess, Depends(ServerFor("file.read-content"))]
Creator = Annotated[ServerAccess, Depends(ServerFor("file.create"))]
Updater = Annotated[ServerAccess, Depends(ServerFor("file.update"))]
Archiver = Annotated[ServerAccess, Depends(ServerFor("file.archive"))]
Deleter = Annotated[ServerAccess, Depends(ServerFor("file.delete"))]


async def _puller(request: Request) -> ServerAccess:
    await limit_route(request, "pull", 10, 300)
    return await ServerFor("file.create")(request)


Puller = Annotated[ServerAccess, Depends(_puller)]


async def _do(
    work: Work, panel: Panel, access: ServerAccess, what: str, body: dict[str, Any], *, method: str = "POST"
) -> Any:
    """Have the node do it; what is recorded afterwards is recorded only when it worked."""
    step = partial(panel.nodes.change_files, access.node, access.server.uuid, what, body, method=method)
    return await work.outside(step)


def _shape(entry: Any) -> dict[str, Any]:
    return item(
        "file_object",
        {
            "name": entry.get("name"),
            "mode": entry.get("mode"),
            "mode_bits": entry.get("mode_bits"),
            "size": entry.get("size"),
            "is_file": entry.get("file", True),
            "is_symlink": entry.get("symlink", False),
            "mimetype": entry.get("mime", "application/octet-stream"),
            "created_at": _offset(entry.get("created")),
            "modified_at": _offset(entry.get("modified")),
        },
    )


def _offset(text: Any) -> Any:
    """A node's time in the form of the API: whole seconds, offset instead of Z."""
    try:
        return datetime.fromisoformat(str(text)).isoformat(timespec="seconds")
    except ValueError:
        return text


@router.get("/list")
async def index(request: Request, work: InWork, panel: InPanel, access: Lister) -> Response:
    """The entries of a folder."""
    inputs = validate(await read_inputs(request), {"directory": "sometimes|nullable|string"})
    directory = inputs.get("directory") or "/"
    step = partial(panel.nodes.list_directory, access.node, access.server.uuid, directory)
    return answer(collection([_shape(entry) for entry in await work.outside(step)]))


@router.get("/contents")
async def contents(request: Request, work: InWork, panel: InPanel, access: Reader) -> Response:
    """A file's content."""
    file = validate(await read_inputs(request), {"file": "required|string"})["file"]
    most = panel.settings.max_edit_bytes
    step = partial(panel.nodes.read_file, access.node, access.server.uuid, file, most=most)
    found = await work.outside(step)
    work.record("server:file.read", access.server, file=file)
    return Response(found, media_type="text/plain; charset=UTF-8")


@router.get("/download")
async def download(request: Request, work: InWork, panel: InPanel, access: Reader) -> Response:
    """An address under which a browser gets a file from the node, once."""
    file = validate(await read_inputs(request), {"file": "required|string"})["file"]
    token = server_token(panel, access, lifetime=_LINK_SECONDS, file_path=unquote(file))
    work.record("server:file.download", access.server, file=file)
    return answer(item("signed_url", {"url": f"{access.node.address}/download/file?token={token}"}))


@router.get("/upload")
async def upload(panel: InPanel, access: Creator) -> Response:
    """An address to which a browser sends files."""
    token = server_token(panel, access, lifetime=_LINK_SECONDS)
    return answer(item("signed_url", {"url": f"{access.node.address}/upload/file?token={token}"}))


@router.put("/rename")
async def rename(request: Request, work: InWork, panel: InPanel, access: Updater) -> Response:
    """Rename or move files."""
    rules = {**_ROOT, "files": "required|array", "files.*": "array", "files.*.to": "required|string"}
    inputs = validate(await read_inputs(request), {**rules, "files.*.from": "required|string"})
    root, files = inputs["root"], inputs["files"]
    await _do(work, panel, access, "rename", {"root": root, "files": files}, method="PUT")
    work.record("server:file.rename", access.server, directory=root, files=files)
    return no_content()


@router.post("/copy")
async def copy(request: Request, work: InWork, panel: InPanel, access: Creator) -> Response:
    """Copy a file beside itself."""
    location = validate(await read_inputs(request), {"location": "required|string"})["location"]
    await _do(work, panel, access, "copy", {"location": location})
    work.record("server:file.copy", access.server, file=location)
    return no_content()


@router.post("/write")
async def write(request: Request, work: InWork, panel: InPanel, access: Creator) -> Response:
    """Replace a file's content by the body."""
    file = validate(_query(request), {"file": "required|string"})["file"]
    content = await request.body()
    await work.outside(partial(panel.nodes.write_file, access.node, access.server.uuid, file, content))
    work.record("server:file.write", access.server, file=file)
    return no_content()


def _query(request: Request) -> Inputs:
    return {"file": request.query_params.get("file") or None}


@router.post("/compress")
async def compress(request: Request, work: InWork, panel: InPanel, access: Archiver) -> Response:
    """Pack files into an archive beside them."""
    inputs = validate(await read_inputs(request), {"root": "sometimes|nullable|string", **_NAMES})
    root, files = inputs.get("root") or "/", inputs["files"]
    found = await _do(work, panel, access, "compress", {"root": root, "files": files})
    work.record("server:file.compress", access.server, directory=root, files=files)
    return answer(_shape(found if isinstance(found, dict) else {}))


@router.post("/decompress")
async def decompress(request: Request, work: InWork, panel: InPanel, access: Creator) -> Response:
    """Unpack an archive where it is."""
    inputs = validate(await read_inputs(request), {"root": "sometimes|nullable|string", "file": "required|string"})
    root, file = inputs.get("root") or "/", inputs["file"]
    await _do(work, panel, access, "decompress", {"root": root, "file": file})
    work.record("server:file.decompress", access.server, directory=inputs.get("root"), files=file)
    return no_content()


@router.post("/delete")
async def delete(request: Request, work: InWork, panel: InPanel, access: Deleter) -> Response:
    """Delete files and folders."""
    inputs = validate(await read_inputs(request), {**_ROOT, **_NAMES})
    root, files = inputs["root"], inputs["files"]
    await _do(work, panel, access, "delete", {"root": root, "files": files})
    work.record("server:file.delete", access.server, directory=root, files=files)
    return no_content()


@router.post("/create-folder")
async def create_folder(request: Request, work: InWork, panel: InPanel, access: Creator) -> Response:
    """Make a folder."""
    inputs = validate(await read_inputs(request), {"root": "sometimes|nullable|string", "name": "required|string"})
    name, root = inputs["name"], inputs.get("root")
    await _do(work, panel, access, "create-directory", {"name": name, "path": root or "/"})
    work.record("server:file.create-directory", access.server, name=name, directory=root)
    return no_content()


@router.post("/chmod")
async def chmod(request: Request, work: InWork, panel: InPanel, access: Updater) -> Response:
    """Change modes of files."""
    rules = {**_ROOT, "files": "required|array", "files.*.file": "required|string", "files.*.mode": "required|numeric"}
    inputs = validate(await read_inputs(request), rules)
    await _do(work, panel, access, "chmod", {"root": inputs["root"], "files": inputs["files"]})
    return no_content()


@router.post("/pull")
async def pull(request: Request, work: InWork, panel: InPanel, access: Puller) -> Response:
    """Have the node fetch a file from an address."""
    rules = {
        "url": "required|string|url",
        "directory": "nullable|string",
        "filename": "nullable|string",
        "use_header": "boolean",
        "foreground": "boolean",
    }
    inputs = validate(await read_inputs(request), rules)
    directory = inputs.get("directory")
    body: dict[str, Any] = {"url": inputs["url"], "root": directory or "/"}
    if inputs.get("filename") is not None:
        body["file_name"] = inputs["filename"]
    body |= {name: as_bool(inputs[name]) for name in ("use_header", "foreground") if inputs.get(name) is not None}
    await _do(work, panel, access, "pull", body)
    work.record("server:file.pull", access.server, directory=directory, url=inputs["url"])
    return no_content()
