"""Pages of the administration area: our own interface, with the notices of the form before in it.

A notice that belongs to the page itself is there for scripts; the interface shows only those of forms.
"""

from html import escape

from starlette.responses import Response

from rookery.panel.api.admin.area import Alert, Visit, area
from rookery.panel.api.web.shell import shell

_EGG = Alert("warning", "Change these only when you know what they do: a wrong one keeps servers from starting.")
_NEW_EGG = Alert("warning", "All fields are needed, unless another egg is chosen to copy settings from.")
_NESTS = Alert("danger", "Eggs decide what runs on your nodes. Import only those you trust.")
_NO_SMTP = Alert("info", "Mail is configured by the environment of the Panel.")


def page(visit: Visit, title: str, *notes: Alert) -> Response:
    """A page with its title."""
    shown = "".join(_block(alert) for alert in visit.alerts)
    own = "".join(_block(alert) for alert in notes)
    blocks = f'<div id="alerts" hidden>{shown}</div><div id="notes" hidden>{own}</div>'
    settings = visit.panel.settings
    return shell(settings, f"{settings.name} - {title}", blocks=blocks)


def _block(alert: Alert) -> str:
    items = "".join(f"<li>{escape(item)}</li>" for item in alert.items)
    return f'<div class="alert alert-{alert.kind}">{escape(alert.text)}{f"<ul>{items}</ul>" if items else ""}</div>'


def _show(path: str, title: str, *notes: Alert) -> None:
    @area.on("GET", path)
    async def show(visit: Visit) -> Response:
        return page(visit, title, *notes)


for _path, _title in (
    ("", "Administration"),
    ("/api", "Application API"),
    ("/api/new", "Application API"),
    ("/locations", "Locations"),
    ("/locations/view/{location}", "Location"),
    ("/databases", "Database hosts"),
    ("/databases/view/{host}", "Database host"),
    ("/settings", "Settings"),
    ("/settings/advanced", "Settings"),
    ("/users", "Users"),
    ("/users/new", "New user"),
    ("/servers", "Servers"),
    ("/servers/new", "New server"),
    ("/servers/view/{server}", "Server"),
    ("/servers/view/{server}/manage", "Server"),
    ("/servers/view/{server}/delete", "Server"),
    ("/nodes", "Nodes"),
    ("/nodes/new", "New node"),
    ("/nodes/view/{node}", "Node"),
    ("/nodes/view/{node}/settings", "Node"),
    ("/nodes/view/{node}/configuration", "Node"),
    ("/nodes/view/{node}/allocation", "Node"),
    ("/nodes/view/{node}/servers", "Node"),
    ("/mounts", "Mounts"),
    ("/mounts/view/{mount}", "Mount"),
    ("/nests/new", "New nest"),
    ("/nests/view/{nest}", "Nest"),
    ("/nests/egg/{egg}/variables", "Egg"),
    ("/nests/egg/{egg}/scripts", "Egg"),
):
    _show(_path, _title)
_show("/nests", "Nests", _NESTS)
_show("/nests/egg/new", "New egg", _NEW_EGG)
_show("/nests/egg/{egg}", "Egg", _EGG)
_show("/settings/mail", "Mail", _NO_SMTP)
_show("/users/view/{user}", "User", Alert("success", ""))  # the wire's page has an empty one, shown by its script
