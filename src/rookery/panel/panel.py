"""The parts of a running Panel, handed to whatever needs several of them."""

import time
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from rookery.panel.backups.service import Backups
from rookery.panel.backups.storage import Storage
from rookery.panel.cache import Cache
from rookery.panel.databases.service import Databases
from rookery.panel.db.engine import Sessions
from rookery.panel.instance.service import in_force
from rookery.panel.nodes.client import NodeClient
from rookery.panel.schedules.run import Runner
from rookery.panel.secrets import Encrypter
from rookery.panel.servers.transfers import Transfers
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work

_SETTINGS_SECONDS = 5.0
"""How long after a change other processes may still act by the settings before."""


@dataclass(slots=True)
class Panel:
    """Settings and services of one process; `settings` are those in force, stored ones included."""

    settings: PanelSettings
    engine: AsyncEngine
    sessions: Sessions
    encrypter: Encrypter
    cache: Cache
    nodes: NodeClient
    _base: PanelSettings = field(init=False)
    _storage: Storage = field(init=False)
    _read_at: float = field(init=False, default=-_SETTINGS_SECONDS)

    def __post_init__(self) -> None:
        """Remember what the environment says."""
        self._base = self.settings
        self._storage = Storage(self.settings)

    def backups(self, work: Work) -> Backups:
        """The verbs about backups, in a transaction."""
        return Backups(work, self.settings, self.nodes, self._storage)

    def databases(self, work: Work) -> Databases:
        """The verbs about databases, in a transaction."""
        return Databases(work, self.settings)

    def transfers(self, work: Work) -> Transfers:
        """The verbs about moves between nodes, in a transaction."""
        return Transfers(work, self.settings, self.nodes)

    def runner(self, work: Work) -> Runner:
        """The verbs about runs of schedules, in a transaction."""
        return Runner(work, self.settings, self.nodes, self.backups(work))

    async def reread(self) -> None:
        """Have the next request read the settings again; to be called after the commit that changed them."""
        self._read_at = -_SETTINGS_SECONDS

    async def refresh(self, db: AsyncSession) -> None:
        """Take over settings that were stored, at most every few seconds."""
        if time.monotonic() - self._read_at >= _SETTINGS_SECONDS:
            self._read_at = time.monotonic()
            self.settings = await in_force(db, self._base)
            self.nodes.configure(self.settings)
