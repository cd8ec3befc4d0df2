"""What the Panel must learn: written down first, sent in order per subject, deleted when acknowledged.

A report survives a restart of either side. Receiving one twice changes nothing on the Panel, so it is sent again when
the acknowledgement was lost.
"""

import asyncio
from typing import Any

import structlog

from rookery.wings.panel.client import PanelClient, PanelError
from rookery.wings.store import OwedReport, Store
from rookery.wings.threads import in_thread

log = structlog.get_logger()
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0


class Reports:
    """The outbox of the node."""

    def __init__(self, store: Store, panel: PanelClient) -> None:
        self._store = store
        self._panel = panel
        self._new = asyncio.Event()

    async def owe(self, subject: str, path: str, body: Any) -> None:
        """Promise to deliver `body` to `path`; returns when the promise is on disk."""
        await in_thread(self._store.owe, subject, path, body)
        self._new.set()

    async def waiting(self) -> tuple[int, int]:
        """How many reports, and how many rows of activity, the Panel has not taken yet."""
        return await in_thread(self._store.counts)

    async def send_forever(self) -> None:
        """Deliver what is owed, now and as it comes."""
        pause = _FIRST_PAUSE
        while True:
            self._new.clear()
            owed = await in_thread(self._store.owed)
            if not owed:
                await self._new.wait()
                continue
            taken = await asyncio.gather(*(self._send(report) for report in owed))
            if any(taken):
                pause = _FIRST_PAUSE
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _send(self, report: OwedReport) -> bool:
        try:
            await self._panel.post(report.path, report.body)
        except PanelError as err:
            if not 400 <= err.status < 500:
                return False
            log.warning("the Panel refused a report", path=report.path, reason=err.detail)
        await in_thread(self._store.settle, report)
        return True
