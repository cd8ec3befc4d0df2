"""Settings of the installation."""

from starlette.responses import Response

from rookery.panel.api.admin.area import Alert, Visit, area
from rookery.panel.api.problems import ApiProblem
from rookery.panel.instance.service import ADVANCED_RULES, GENERAL_RULES, check_advanced, store
from rookery.panel.mail import Message
from rookery.panel.validation.inputs import validate


@area.on("PATCH", "/settings")
async def general(visit: Visit) -> Response:
    """Name, language, and who must use a second factor."""
    await store(visit.work, validate(visit.inputs, GENERAL_RULES), GENERAL_RULES)
    visit.work.call(visit.panel.reread)
    return visit.to("/settings", "The settings are in force.")


@area.on("PATCH", "/settings/advanced")
async def advanced(visit: Visit) -> Response:
    """What the interface is told of captchas, patience with nodes, and addresses people may add themselves."""
    await store(visit.work, check_advanced(visit.inputs), ADVANCED_RULES)
    visit.work.call(visit.panel.reread)
    return visit.to("/settings/advanced", "The settings are in force.")


@area.on("PATCH", "/settings/mail")
async def mail(visit: Visit) -> Response:
    """Mail is configured by the environment."""
    return visit.back(Alert("danger", "Mail is configured by the environment of the Panel."))


@area.on("POST", "/settings/mail/test")
async def try_mail(visit: Visit) -> Response:
    """Send a mail to oneself."""
    name, user = visit.panel.settings.name, visit.user
    try:
        await visit.panel.mail.send(Message(user.email, f"{name}: test", "Mail from this Panel reaches you."))
    except OSError as err:
        raise ApiProblem(500, "HttpException", f"The mail was not sent: {err}.") from err
    return Response(status_code=204)
