"""Settings of the installation."""

from functools import partial

from starlette.responses import Response

from rookery.panel.api.admin.area import Alert, Visit, area
from rookery.panel.api.problems import ApiProblem
from rookery.panel.instance.service import (
    ADVANCED_RULES,
    GENERAL_RULES,
    MAIL_PASSWORD,
    MAIL_RULES,
    check_advanced,
    store,
)
from rookery.panel.mail import letters
from rookery.panel.mail.service import NotSent, send
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
    """The mail server, where the environment says that there is one; an empty password keeps the one there is."""
    if visit.panel.settings.mail_mailer != "smtp":
        return visit.back(Alert("danger", "Mail is configured by the environment of the Panel."))
    inputs = validate(visit.inputs, MAIL_RULES)
    await store(visit.work, inputs, [name for name in MAIL_RULES if name != MAIL_PASSWORD])
    if inputs.get(MAIL_PASSWORD):
        password = "" if inputs[MAIL_PASSWORD] == "!e" else inputs[MAIL_PASSWORD]
        await store(visit.work, {MAIL_PASSWORD: visit.panel.encrypter.encrypt(password)}, [MAIL_PASSWORD])
    visit.work.call(visit.panel.reread)
    return Response(status_code=204)


@area.on("POST", "/settings/mail/test")
async def try_mail(visit: Visit) -> Response:
    """Send a mail to oneself."""
    settings, user = visit.panel.settings, visit.user
    try:
        await visit.work.outside(
            partial(send, settings, letters.test(settings, user.email, user.name_first or user.username))
        )
    except NotSent as err:
        raise ApiProblem(500, "HttpException", f"The mail was not sent: {err}.") from err
    return Response(status_code=204)
