"""One download per image, however many servers want it at the same time."""

import asyncio
from collections.abc import Awaitable, Callable

from rookery.wings.runtime.base import Progress

Download = Callable[[Progress], Awaitable[None]]


class Pulls:
    """Downloads under way by image; owns their tasks."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._watchers: dict[str, list[Progress]] = {}

    async def share(self, image: str, download: Download, progress: Progress) -> None:
        """Wait for the download of `image`, which `download` does unless one is under way; raises what it raises.

        It goes on when a caller, or every caller, stops waiting: what is half here is wanted whole soon.
        """
        watchers = self._watchers.setdefault(image, [])
        watchers.append(progress)
        try:
            task = self._tasks.get(image)
            if task is None:
                task = self._tasks[image] = asyncio.create_task(self._run(image, download), name=f"pull:{image}")
                task.add_done_callback(lambda done: self._forget(image, done))
            await asyncio.shield(task)
        finally:
            watchers.remove(progress)

    async def _run(self, image: str, download: Download) -> None:
        def tell(line: str) -> None:
            for watcher in list(self._watchers.get(image, ())):
                watcher(line)

        await download(tell)

    def _forget(self, image: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(image, None)
        self._watchers.pop(image, None)
        if not task.cancelled():
            task.exception()  # seen here, in case nobody waits any more

    async def close(self) -> None:
        """Break off all downloads."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
