"""Every table of the Panel, imported so that the metadata is whole; migrations and tests look here."""

from rookery.panel.accounts import models as accounts
from rookery.panel.activity import models as activity
from rookery.panel.backups import models as backups
from rookery.panel.databases import models as databases
from rookery.panel.db.base import Base
from rookery.panel.eggs import models as eggs
from rookery.panel.instance import models as instance
from rookery.panel.mail import models as mail
from rookery.panel.nodes import models as nodes
from rookery.panel.schedules import models as schedules
from rookery.panel.servers import models as servers

__all__ = [
    "Base",
    "accounts",
    "activity",
    "backups",
    "databases",
    "eggs",
    "instance",
    "mail",
    "nodes",
    "schedules",
    "servers",
]
