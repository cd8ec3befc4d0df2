"""What happened on a server, for whoever is watching now; may be lost, never waits.

An event carries its wire form: name and string arguments. Publishing only appends; a few milliseconds later everything
new goes out as one `Batch` to all watchers in order. A batch is encoded once, however many watch.
"""

import asyncio
from collections.abc import Callable
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


LINES = frozenset({"console output", "install output"})
FLUSH_SECONDS = 0.005
"""The least time between two batches; what is published alone goes out at once."""
_ENCODER = msgspec.json.Encoder()
Event = tuple[str, tuple[str, ...]]


def encode_message(name: str, args: tuple[str, ...] = ()) -> bytes:
    """A message of the websocket protocol: `args` is left out when empty, a line end follows."""
    body = {"event": name, "args": args} if args else {"event": name}
    return _ENCODER.encode(body) + b"\n"


def text_frame(payload: bytes) -> bytes:
    """A whole, unmasked websocket text frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class Batch:
    """Events that go out together, in order."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.lines = sum(1 for name, _ in events if name in LINES)
        self._frames: dict[frozenset[str], bytes] = {}

    def frames(self, hidden: frozenset[str]) -> bytes:
        """The websocket frames of all events but those with a hidden name."""
        found = self._frames.get(hidden)
        if found is None:
            found = b"".join(
                text_frame(encode_message(name, args))
                for name, args in self.events
                if name not in hidden and name.partition(":")[0] not in hidden
            )
            self._frames[hidden] = found
        return found


Watcher = Callable[[Batch], None]
"""Takes a batch at once; keeps for later what it cannot pass on."""


class Bus:
    """Delivers a server's events to its watchers in the order they were published."""

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []
        self._pending: list[Event] = []
        self._flush_at = 0.0
        self._scheduled: asyncio.TimerHandle | None = None

    def subscribe(self, watcher: Watcher) -> None:
        """Deliver everything from now on to `watcher`."""
        self.flush()
        self._watchers.append(watcher)

    def unsubscribe(self, watcher: Watcher) -> None:
        """Forget a watcher; not an error when it is gone already."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    @property
    def watched(self) -> bool:
        """Whether anybody would see an event."""
        return bool(self._watchers)

    def publish(self, name: str, *args: str) -> None:
        """Tell all watchers soon; returns at once."""
        if not self._watchers:
            return
        self._pending.append((name, args))
        if self._scheduled is None:
            loop = asyncio.get_running_loop()
            self._scheduled = loop.call_at(max(self._flush_at, loop.time()), self.flush)

    def flush(self) -> None:
        """Deliver what is pending now."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        if not self._pending:
            return
        batch, self._pending = Batch(self._pending), []
        self._flush_at = asyncio.get_running_loop().time() + FLUSH_SECONDS
        for watcher in list(self._watchers):
            watcher(batch)

    def close(self) -> None:
        """Deliver what is pending and forget all watchers."""
        self.flush()
        self._watchers.clear()
