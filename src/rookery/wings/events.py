"""What happened on a server, for whoever is watching now; may be lost, never waits.

An event carries its wire form: name and string arguments. Each subscriber owns a bounded buffer. When it is full,
console and installer lines make room by dropping the oldest line (the viewer is told how many are missing), `stats`
keeps only the latest figures, and everything else is never dropped: such events are few and tiny.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import msgspec


class EventName(StrEnum):
    """Names of server events on the wire. Source: Wings 1.11 websocket."""

    CONSOLE_OUTPUT = "console output"
    STATUS = "status"
    STATS = "stats"
    DAEMON_MESSAGE = "daemon message"
    INSTALL_OUTPUT = "install output"
    INSTALL_STARTED = "install started"
    INSTALL_COMPLETED = "install completed"
    BACKUP_COMPLETED = "backup completed"
    BACKUP_RESTORE_COMPLETED = "backup restore completed"
    TRANSFER_LOGS = "transfer logs"
    TRANSFER_STATUS = "transfer status"
    DELETED = "deleted"


LINES = frozenset({EventName.CONSOLE_OUTPUT, EventName.INSTALL_OUTPUT})
_ENCODER = msgspec.json.Encoder()


@dataclass(slots=True)
class Event:
    """One occurrence; `frame()` is its websocket text, encoded once however many watch."""

    name: str
    args: tuple[str, ...] = ()
    _frame: bytes | None = None

    def frame(self) -> bytes:
        """The JSON text of the event with the line end the wire has after each message."""
        if self._frame is None:
            self._frame = encode_message(self.name, self.args)
        return self._frame


def encode_message(name: str, args: tuple[str, ...] = ()) -> bytes:
    """A message of the websocket protocol: `args` is left out when empty, a line end follows."""
    body = {"event": name, "args": args} if args else {"event": name}
    return _ENCODER.encode(body) + b"\n"


class Subscription:
    """One watcher's buffer."""

    def __init__(self, bus: "Bus", lines: int) -> None:
        self._bus = bus
        self._limit = lines
        self._waiting: deque[Event] = deque()
        self._lines = 0
        self._skipped = 0
        self._ready = asyncio.Event()
        self.closed = False

    def offer(self, event: Event) -> None:
        """Take an event in; never waits."""
        if event.name in LINES:
            if self._lines >= self._limit:
                self._drop_oldest_line()
            self._lines += 1
        elif event.name == EventName.STATS:
            self._waiting = deque(kept for kept in self._waiting if kept.name != EventName.STATS)
        self._waiting.append(event)
        self._ready.set()

    def _drop_oldest_line(self) -> None:
        for index, kept in enumerate(self._waiting):
            if kept.name in LINES:
                del self._waiting[index]
                self._lines -= 1
                self._skipped += 1
                return

    async def batch(self) -> tuple[list[Event], int]:
        """All waiting events in order and how many lines were dropped before them; waits for at least one."""
        while not self._waiting and not self.closed:
            self._ready.clear()
            await self._ready.wait()
        events, skipped = list(self._waiting), self._skipped
        self._waiting.clear()
        self._lines = self._skipped = 0
        return events, skipped

    def close(self) -> None:
        """Stop receiving; what is waiting can still be taken, then `batch` returns empty."""
        self.closed = True
        self._bus.drop(self)
        self._ready.set()


class Bus:
    """Delivers a server's events to its watchers in the order they were published."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def subscribe(self, *, lines: int = 2048) -> Subscription:
        """A new watcher that keeps up to `lines` console lines it has not taken yet."""
        subscription = Subscription(self, lines)
        self._subscriptions.append(subscription)
        return subscription

    def drop(self, subscription: Subscription) -> None:
        """Forget a watcher; not an error when it is gone already."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    @property
    def watched(self) -> bool:
        """Whether anybody would see an event."""
        return bool(self._subscriptions)

    def publish(self, name: str, *args: str) -> None:
        """Tell all watchers; returns at once."""
        if self._subscriptions:
            event = Event(name, args)
            for subscription in self._subscriptions:
                subscription.offer(event)

    def close(self) -> None:
        """End all subscriptions after what they hold."""
        for subscription in list(self._subscriptions):
            subscription.close()
