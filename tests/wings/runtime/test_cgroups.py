"""Readers of the kernel's files, on recorded trees of both versions."""

import asyncio
from pathlib import Path

import pytest

from rookery.wings.runtime import cgroups

ID = "ab" * 32
NET = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    900       9    0    0    0     0          0         0      900       9    0    0    0     0       0          0
  eth0:   1756      20    0    0    0     0          0         0     2042      22    0    0    0     0       0          0
  eth1: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0
"""


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    write(tmp_path / "proc" / "42" / "net", dev=NET)
    return tmp_path / "proc"


@pytest.fixture
def two(tmp_path: Path, proc: Path) -> Path:
    """A host of version 2, systemd driver."""
    (proc / "42" / "cgroup").write_text(f"0::/system.slice/docker-{ID}.scope\n")
    write(
        tmp_path / "cgroup" / "system.slice" / f"docker-{ID}.scope",
        memory__current="9437184\n",
        memory__stat="anon 4096\nfile 8192\ninactive_file 1048576\nactive_file 0\n",
        memory__max="1073741824\n",
        cpu__stat="usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n",
    )
    return tmp_path / "cgroup"


@pytest.fixture
def one(tmp_path: Path, proc: Path) -> Path:
    """A host of version 1, cgroupfs driver."""
    lines = (f"4:memory:/docker/{ID}", f"3:cpu,cpuacct:/docker/{ID}", f"2:pids:/docker/{ID}", "0::/x")
    (proc / "42" / "cgroup").write_text("\n".join(lines) + "\n")
    root = tmp_path / "cgroup"
    write(
        root / "memory" / "docker" / ID,
        memory__usage_in_bytes="9437184\n",
        memory__stat="cache 1\ninactive_file 7\ntotal_inactive_file 1048576\n",
        memory__limit_in_bytes="1073741824\n",
    )
    write(root / "cpu,cpuacct" / "docker" / ID, cpuacct__usage="2500000000\n")
    return root


@pytest.mark.parametrize("version", ["one", "two"])
def test_both_versions_give_the_same_figures(request: pytest.FixtureRequest, proc: Path, version: str) -> None:
    reader = cgroups.reader_for(42, ID, proc=proc, cgroup=request.getfixturevalue(version))
    assert reader is not None
    assert reader.read() == (8388608, 1073741824, 2_500_000_000, 1856, 2242)
    reader.close()


@pytest.mark.parametrize(
    ("version", "file", "text"), [("one", "memory.limit_in_bytes", "9223372036854771712"), ("two", "memory.max", "max")]
)
def test_without_a_limit_the_memory_of_the_host_counts(
    request: pytest.FixtureRequest, proc: Path, version: str, file: str, text: str
) -> None:
    root: Path = request.getfixturevalue(version)
    next(root.rglob(file)).write_text(text)
    reader = cgroups.reader_for(42, ID, proc=proc, cgroup=root)
    assert reader is not None
    meminfo = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    assert abs(reader.read()[1] - int(meminfo["MemTotal"].split()[0]) * 1024) < 1 << 20
    reader.close()


def test_a_process_of_another_container_is_not_read(proc: Path, two: Path) -> None:
    assert cgroups.reader_for(42, "cd" * 32, proc=proc, cgroup=two) is None


def test_files_that_cannot_be_reached_mean_no_reader(proc: Path, two: Path, tmp_path: Path) -> None:
    assert cgroups.reader_for(43, ID, proc=proc, cgroup=two) is None
    assert cgroups.reader_for(42, ID, proc=proc, cgroup=tmp_path / "none") is None


def test_a_weight_for_disk_access_is_known_by_the_files_of_any_group(two: Path) -> None:
    assert not cgroups.has_io_weight(two)
    (two / "system.slice" / "io.weight").write_text("default 100\n")
    assert cgroups.has_io_weight(two)


@pytest.mark.anyio
async def test_the_share_of_a_core_is_of_the_time_between_two_samples(two: Path, proc: Path) -> None:
    reader = cgroups.reader_for(42, ID, proc=proc, cgroup=two)
    assert reader is not None
    samples = cgroups.each_second(reader)
    first = await anext(samples)
    next(two.rglob("cpu.stat")).write_text("usage_usec 3000000\n")
    second = await anext(samples)
    reader.close()
    assert first.cpu == 0.0
    assert second.cpu == pytest.approx(50 / (second.at - first.at), abs=0.01)
    assert round(second.cpu, 3) == second.cpu


@pytest.mark.anyio
async def test_samples_nobody_sees_are_fewer_until_somebody_looks(two: Path, proc: Path) -> None:
    reader, loop = cgroups.reader_for(42, ID, proc=proc, cgroup=two), asyncio.get_running_loop()
    assert reader is not None
    looks_at = loop.time() + 2.2
    samples = cgroups.each_second(reader, unseen=lambda: loop.time() < looks_at)
    first, second, third = await anext(samples), await anext(samples), await anext(samples)
    reader.close()
    assert looks_at <= second.at < looks_at + 1.6
    assert second.at - first.at > 2
    assert third.at - second.at < 1.6


@pytest.mark.anyio
async def test_samples_end_when_the_group_is_gone(two: Path, proc: Path) -> None:
    reader = cgroups.reader_for(42, ID, proc=proc, cgroup=two)
    assert reader is not None
    samples = cgroups.each_second(reader)
    await anext(samples)
    next(two.rglob("memory.current")).write_text("")
    assert [sample async for sample in samples] == []
    reader.close()
