"""Users."""

from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from rookery.panel.accounts.models import User
from rookery.panel.accounts.service import OwnsServers, check_user, create_user, delete_user, picture_mark
from rookery.panel.api.admin.area import Visit, area
from rookery.panel.api.envelope import answer
from rookery.panel.api.problems import not_found
from rookery.panel.api.web.sign_in import session_user
from rookery.panel.secrets import hash_password
from rookery.panel.validation.inputs import Inputs, as_bool

_PICKED = 25


def _renamed(inputs: Inputs) -> Inputs:
    """The form's names are those of the columns."""
    return {
        **inputs,
        "first_name": inputs.get("name_first"),
        "last_name": inputs.get("name_last"),
        "language": inputs.get("language") or "en",
    }


@area.on("POST", "/users/new")
async def create(visit: Visit) -> Response:
    """A new user."""
    inputs = await check_user(visit.work, _renamed(visit.inputs))
    user = await create_user(
        visit.work,
        visit.panel.settings,
        username=inputs["username"],
        email=inputs["email"],
        password=inputs.get("password"),
        first_name=inputs["first_name"],
        last_name=inputs["last_name"],
        root_admin=as_bool(inputs.get("root_admin")),
        language=inputs["language"],
    )
    return visit.to(f"/users/view/{user.id}", "The account was made.")


@area.on("PATCH", "/users/view/{user}")
async def edit(visit: Visit) -> Response:
    """Overwrite a user; without a password theirs stays."""
    user: User = visit.row("user")
    inputs = await check_user(visit.work, _renamed(visit.inputs), user=user)
    user.username, user.email = inputs["username"].lower(), inputs["email"]
    user.name_first, user.name_last, user.language = inputs["first_name"], inputs["last_name"], inputs["language"]
    user.root_admin = as_bool(inputs.get("root_admin"))
    if inputs.get("password"):
        user.password = await hash_password(inputs["password"], visit.panel.settings.bcrypt_rounds)
    user.updated_at = visit.work.now
    return visit.to(f"/users/view/{user.id}", "The account was saved.")


@area.on("DELETE", "/users/view/{user}")
async def remove(visit: Visit) -> Response:
    """Delete somebody else who owns nothing."""
    user: User = visit.row("user")
    if user.id == visit.user.id:
        raise OwnsServers("Your own account cannot be deleted here.")
    await delete_user(visit.work, user)
    return visit.to("/users")


@area.on("GET", "/users/accounts.json")
async def pick(visit: Visit) -> Response:
    """Users for a picker: one by `user_id`, or some by `filter[email]`."""
    wanted = visit.inputs.get("user_id")
    if wanted is not None:
        user = await visit.work.db.get(User, int(wanted)) if str(wanted).isdigit() else None
        if user is None:
            raise not_found()
        return answer(_shape(user))
    statement = select(User).order_by(User.id).limit(_PICKED)
    chosen = visit.inputs.get("filter")
    if isinstance(chosen, dict) and chosen.get("email"):
        statement = statement.where(User.email.contains(str(chosen["email"]), autoescape=True))
    return answer([_shape(user) for user in await visit.work.db.scalars(statement)])


def _shape(user: User) -> dict[str, Any]:
    return {"id": user.id, "external_id": user.external_id, **session_user(user), "md5": picture_mark(user.email)}
