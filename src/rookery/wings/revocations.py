"""Rights the Panel took back: whoever holds connections hears of it and ends those that no longer may be.

Source: Wings 1.12 `deauthorize-user`, and the `ws/deny` of 1.11, which does not say whose rights changed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Revocation:
    """Somebody's rights on some servers ended or changed."""

    user: str | None
    """Their uuid; None when the Panel did not say whose."""
    servers: frozenset[str] | None
    """The servers' uuids; None for all."""

    def concerns(self, server: str) -> bool:
        """Whether it is about this server."""
        return self.servers is None or server in self.servers


@dataclass(slots=True)
class Revocations:
    """Tells everyone who wants to know, one after the other."""

    _listeners: list[Callable[[Revocation], Awaitable[None]]] = field(default_factory=list)

    def subscribe(self, listener: Callable[[Revocation], Awaitable[None]]) -> None:
        """Call `listener` for each revocation from now on."""
        self._listeners.append(listener)

    async def tell(self, revocation: Revocation) -> None:
        """Tell all; done when the connections in question are ended."""
        for listener in self._listeners:
            await listener(revocation)
