"""A server's use of resources in the shape of the `stats` event."""

import time
from dataclasses import dataclass
from typing import Any

import msgspec

from rookery.protocol.states import ProcessState
from rookery.wings.runtime.base import Sample


@dataclass(slots=True)
class Usage:
    """The last known figures; times in seconds of the monotonic clock."""

    memory: int = 0
    memory_limit: int = 0
    cpu: float = 0.0
    received: int = 0
    sent: int = 0
    began: float | None = None
    """When the process started; None while there is none."""

    @property
    def uptime(self) -> float:
        """Seconds since the process started."""
        return 0.0 if self.began is None else time.monotonic() - self.began

    def take(self, sample: Sample) -> None:
        """The figures of a sample."""
        self.memory, self.memory_limit, self.cpu = sample.memory, sample.memory_limit, sample.cpu
        self.received, self.sent = sample.received, sample.sent

    def clear(self) -> None:
        """A stopped process uses nothing; its memory limit stays known."""
        self.memory, self.cpu, self.received, self.sent, self.began = 0, 0.0, 0, 0, None

    def shown(self, state: ProcessState, disk: int) -> dict[str, Any]:
        """The `utilization` object of the API."""
        return {
            "memory_bytes": self.memory,
            "memory_limit_bytes": self.memory_limit,
            "cpu_absolute": self.cpu,
            "network": {"rx_bytes": self.received, "tx_bytes": self.sent},
            "uptime": int(self.uptime * 1000),
            "state": str(state),
            "disk_bytes": disk,
        }

    def text(self, state: ProcessState, disk: int) -> str:
        """The same as the argument of a `stats` event."""
        return msgspec.json.encode(self.shown(state, disk)).decode()
