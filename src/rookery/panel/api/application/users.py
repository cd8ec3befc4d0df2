"""Application API: users. Source: Panel 1.11, `/api/application/users`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.accounts.models import User
from rookery.panel.accounts.service import check_user, create_user, delete_user
from rookery.panel.api.access import AdminKey, Caller, InPanel, InWork, read_inputs
from rookery.panel.api.application.includes import Includes
from rookery.panel.api.application.lists import listed
from rookery.panel.api.application.lookup import Named
from rookery.panel.api.envelope import answer, collection, includes, no_content
from rookery.panel.api.problems import not_found
from rookery.panel.api.route import WorkRoute
from rookery.panel.secrets import hash_password
from rookery.panel.validation.inputs import as_bool

router = APIRouter(prefix="/api/application/users", route_class=WorkRoute, tags=["application: users"])
named = Named("user", User)
Reader = Annotated[Caller, Depends(AdminKey("users", 1))]
ReaderOfOne = Annotated[Caller, Depends(AdminKey("users", 1, named))]
Writer = Annotated[Caller, Depends(AdminKey("users", 2))]
WriterOfOne = Annotated[Caller, Depends(AdminKey("users", 2, named))]


@router.get("")
async def index(request: Request, work: InWork, caller: Reader) -> Response:
    """All users."""
    columns = {"email": User.email, "uuid": User.uuid, "username": User.username, "external_id": User.external_id}
    rows, page = await listed(
        request, work, select(User), partial=columns, sortable={"id": User.id, "uuid": User.uuid}, order=User.id
    )
    shapes = await Includes(work, caller).users(rows, includes(request, ["servers"]))
    return answer(collection(shapes, pagination=page))


@router.get("/external/{external_id}")
async def external(request: Request, work: InWork, caller: Reader, external_id: str) -> Response:
    """The user with an identifier of another system."""
    user = await work.db.scalar(select(User).where(User.external_id == external_id))
    if user is None:
        raise not_found()
    return answer((await Includes(work, caller).users([user], includes(request, ["servers"])))[0])


@router.get("/{user}")
async def view(request: Request, work: InWork, caller: ReaderOfOne) -> Response:
    """One user."""
    return answer((await Includes(work, caller).users([request.state.user], includes(request, ["servers"])))[0])


@router.post("")
async def create(request: Request, work: InWork, panel: InPanel, caller: Writer) -> Response:
    """A new user."""
    inputs = await check_user(work, await read_inputs(request))
    user = await create_user(
        work,
        panel.settings,
        username=inputs["username"],
        email=inputs["email"],
        password=inputs.get("password"),
        first_name=inputs["first_name"],
        last_name=inputs["last_name"],
        root_admin=as_bool(inputs.get("root_admin")),
        language=inputs.get("language") or "en",
        external_id=inputs.get("external_id"),
    )
    shape = (await Includes(work, caller).users([user], includes(request, ["servers"])))[0]
    shape["meta"] = {"resource": f"{panel.settings.url}/api/application/users/{user.id}"}
    return answer(shape, 201)


@router.patch("/{user}")
async def change(request: Request, work: InWork, panel: InPanel, caller: WriterOfOne) -> Response:
    """Overwrite a user."""
    user: User = request.state.user
    inputs = await check_user(work, await read_inputs(request), user=user)
    user.username, user.email = inputs["username"].lower(), inputs["email"]
    user.name_first, user.name_last = inputs["first_name"], inputs["last_name"]
    if inputs.get("password"):
        user.password = await hash_password(inputs["password"], panel.settings.bcrypt_rounds)
    if inputs.get("language"):
        user.language = inputs["language"]
    if "root_admin" in inputs:
        user.root_admin = as_bool(inputs["root_admin"])
    if "external_id" in inputs:
        user.external_id = inputs["external_id"]
    user.updated_at = work.now
    return answer((await Includes(work, caller).users([user], includes(request, ["servers"])))[0])


@router.delete("/{user}")
async def remove(request: Request, work: InWork, caller: WriterOfOne) -> Response:  # noqa: ARG001
    """Delete a user who owns nothing."""
    await delete_user(work, request.state.user)
    return no_content()
