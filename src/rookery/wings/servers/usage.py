"""A server's use of resources in the shape of the `stats` event."""

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
    uptime: float = 0.0

    def take(self, sample: Sample, *, uptime: float) -> None:
        """The figures of a sample."""
        self.memory, self.memory_limit, self.cpu = sample.memory, sample.memory_limit, sample.cpu
        self.received, self.sent, self.uptime = sample.received, sample.sent, uptime

    def clear(self) -> None:
        """A stopped process uses nothing; its memory limit stays known."""
        self.memory, self.cpu, self.received, self.sent, self.uptime = 0, 0.0, 0, 0, 0.0

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
