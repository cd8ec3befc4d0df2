"""Shapes of the engine's API, read and written."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rookery.wings.runtime import wire
from rookery.wings.runtime.base import AddressTaken, Limits, NoSuchContainer, NoSuchImage, Refused
from rookery.wings.runtime.refusals import refusal


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("debian", ("debian", "latest")),
        ("debian:12", ("debian", "12")),
        ("r:5000/a/b", ("r:5000/a/b", "latest")),
        ("r:5000/a/b:c", ("r:5000/a/b", "c")),
        ("a@sha256:00", ("a", "sha256:00")),
    ],
)
def test_names_and_tags(image: str, parts: tuple[str, str]) -> None:
    assert wire.split_reference(image) == parts


@pytest.mark.parametrize(
    ("status", "message", "kind", "said"),
    [
        (404, "No such container: x", NoSuchContainer, "No such container: x"),
        (404, "No such image: x:latest", NoSuchImage, "No such image"),
        (500, "driver failed programming external connectivity on endpoint x (1): Bind for 0.0.0.0:25565 failed: port is already allocated", AddressTaken, "0.0.0.0:25565 is already in use"),
        (500, "driver failed: Error starting userland proxy: listen tcp4 127.0.0.1:80: bind: address already in use", AddressTaken, "127.0.0.1:80 is already in use"),
        (500, "Error starting userland proxy: listen tcp4 9.9.9.9:80: bind: cannot assign requested address", Refused, "9.9.9.9:80 does not belong to this node"),
        (400, "Minimum memory limit allowed is 6MB", Refused, "Error response from daemon: Minimum memory"),
    ],
)  # fmt: skip
def test_refusals_say_what_to_do(status: int, message: str, kind: type[Refused], said: str) -> None:
    found = refusal(status, message)
    assert type(found) is kind
    assert said in found.detail


def test_limits_that_are_not_set_are_left_to_the_engine() -> None:
    assert wire.resources(Limits(), io_weight=False) == {"Memory": 0, "MemoryReservation": 0, "MemorySwap": 0}


def test_a_log_ends_at_a_line_that_is_too_long_and_keeps_empty_ones() -> None:
    assert wire.log_lines(b"a\r\n\r\nb\n" + b"x" * 70_000 + b"\nc\n") == [b"a", b"", b"b"]
    assert wire.log_lines(b"") == []
    assert wire.log_lines(b"a") == [b"a"]


def test_times_of_the_engine() -> None:
    assert wire.moment("2026-01-01T10:00:00.123456789Z") == datetime(2026, 1, 1, 10, 0, 0, 123456, UTC)
    assert wire.moment("0001-01-01T00:00:00Z") is None
    assert wire.moment("") is None


def stats(**changes: Any) -> dict[str, Any]:
    return {
        "pids_stats": {"current": 1},
        "memory_stats": {"usage": 1000, "limit": 5000, "stats": {"inactive_file": 1, "total_inactive_file": 300}},
        "cpu_stats": {"cpu_usage": {"total_usage": 3_000}, "system_cpu_usage": 20_000, "online_cpus": 2},
        "precpu_stats": {"cpu_usage": {"total_usage": 2_000}, "system_cpu_usage": 10_000},
        "networks": {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}},
    } | changes


def test_a_message_of_the_statistics_stream() -> None:
    sample = wire.sample(stats(), at=1.0)
    assert (sample.memory, sample.memory_limit, sample.cpu, sample.received, sample.sent) == (700, 5000, 20.0, 11, 22)


@pytest.mark.parametrize(
    ("details", "memory"), [({"inactive_file": 400}, 600), ({"total_inactive_file": 2000}, 1000), (None, 1000)]
)
def test_cached_files_are_no_memory_in_use(details: Any, memory: int) -> None:
    assert wire.sample(stats(memory_stats={"usage": 1000, "stats": details}), at=0).memory == memory


def test_the_first_message_has_no_share_of_the_processor() -> None:
    assert wire.sample(stats(precpu_stats={"cpu_usage": {"total_usage": 0}}, networks=None), at=0).cpu == 30.0
    assert wire.sample(stats(cpu_stats={"cpu_usage": {"total_usage": 0}}), at=0).cpu == 0.0


def test_a_stream_of_a_stopped_container_is_over() -> None:
    assert wire.is_over({"pids_stats": {}, "memory_stats": {}})
    assert not wire.is_over(stats())
