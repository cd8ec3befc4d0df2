"""The parts of a running Panel, handed to whatever needs several of them."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from rookery.panel.cache import Cache
from rookery.panel.db.engine import Sessions
from rookery.panel.mail import Mail
from rookery.panel.nodes.client import NodeClient
from rookery.panel.secrets import Encrypter
from rookery.panel.settings import PanelSettings


@dataclass(frozen=True, slots=True)
class Panel:
    """Settings and services of one process."""

    settings: PanelSettings
    engine: AsyncEngine
    sessions: Sessions
    encrypter: Encrypter
    cache: Cache
    nodes: NodeClient
    mail: Mail
