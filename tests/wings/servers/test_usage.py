"""Figures of a server in the shape of the wire."""

import json
import time

from rookery.protocol.states import ProcessState
from rookery.protocol.units import Bytes
from rookery.wings.runtime.base import Sample
from rookery.wings.servers.usage import Usage

SAMPLE = Sample(Bytes(100), Bytes(1000), 12.346, Bytes(5), Bytes(6), at=1.0)


def test_a_running_server_shows_its_last_sample() -> None:
    usage = Usage()
    usage.began = time.monotonic() - 2.5
    usage.take(SAMPLE)
    shown = json.loads(usage.text(ProcessState.RUNNING, 77))
    assert 2500 <= shown.pop("uptime") < 3500
    assert shown == {
        "memory_bytes": 100,
        "memory_limit_bytes": 1000,
        "cpu_absolute": 12.346,
        "network": {"rx_bytes": 5, "tx_bytes": 6},
        "state": "running",
        "disk_bytes": 77,
    }


def test_a_stopped_server_uses_nothing_and_keeps_its_limit() -> None:
    usage = Usage()
    usage.began = time.monotonic() - 2.5
    usage.take(SAMPLE)
    usage.clear()
    shown = usage.shown(ProcessState.OFFLINE, 77)
    assert shown["memory_limit_bytes"] == 1000
    assert shown["disk_bytes"] == 77
    assert (shown["memory_bytes"], shown["cpu_absolute"], shown["uptime"]) == (0, 0.0, 0)
    assert shown["network"] == {"rx_bytes": 0, "tx_bytes": 0}
