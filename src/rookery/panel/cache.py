"""Values with an expiry, shared within this process; correct when empty."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol


class Cache(Protocol):
    """What may be forgotten at any time."""

    async def get(self, key: str) -> Any:
        """The value, or None."""
        ...

    async def put(self, key: str, value: Any, seconds: float) -> None:
        """Keep a value for so long."""
        ...

    async def hit(self, key: str, seconds: float) -> tuple[int, float]:
        """Count one more within a fixed window of `seconds` from its first hit: the count and what is left of it."""
        ...

    async def forget(self, key: str) -> None:
        """Drop a value or a count."""
        ...


class MemoryCache:
    """See `Cache`; in this process only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._values: dict[str, tuple[Any, float]] = {}

    async def get(self, key: str) -> Any:
        """See `Cache.get`."""
        found = self._values.get(key)
        return found[0] if found is not None and found[1] > self._clock() else None

    async def put(self, key: str, value: Any, seconds: float) -> None:
        """See `Cache.put`."""
        self._sweep()
        self._values[key] = (value, self._clock() + seconds)

    async def hit(self, key: str, seconds: float) -> tuple[int, float]:
        """See `Cache.hit`."""
        now = self._clock()
        count, until = self._values.get(key, (0, 0.0))
        if until <= now:
            self._sweep()
            count, until = 0, now + seconds
        self._values[key] = (count + 1, until)
        return count + 1, until - now

    async def forget(self, key: str) -> None:
        """See `Cache.forget`."""
        self._values.pop(key, None)

    def _sweep(self) -> None:
        if len(self._values) > 10_000:
            now = self._clock()
            self._values = {key: found for key, found in self._values.items() if found[1] > now}


Refill = Callable[[], Awaitable[Any]]
