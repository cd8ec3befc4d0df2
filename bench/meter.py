"""Processor time and memory of processes, from /proc."""

import os
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of processes and their ended children; fine where the scheduler counts finer."""
    total = 0.0
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks = sum(map(int, words[11:15])) / TICK
            fine = 0.0
            for task in Path(f"/proc/{pid}/task").iterdir():
                fine += int((task / "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            continue
        total += max(ticks, fine)
    return total


class Spending:
    """Processor time of processes from now on; who ends meanwhile is left out, as its time cannot be read any more."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._before = {pid: cpu_seconds([pid]) for pid in pids}

    def seconds(self) -> float:
        """Since it was made."""
        return sum(cpu_seconds([pid]) - before for pid, before in self._before.items() if Path(f"/proc/{pid}").exists())


def below(pid: int) -> list[int]:
    """A process and everything it started."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found, queue = [], [pid]
    while queue:
        one = queue.pop()
        found.append(one)
        queue += children.get(one, [])
    return found


def named(*names: str) -> list[int]:
    """Processes by the beginning of their names."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "comm").read_text().strip()
        except OSError:
            continue
        if name.startswith(names):
            found.append(int(folder.name))
    return found


def pss_mib(pids: Iterable[int]) -> float:
    """Memory of processes in MiB, what they share counted in parts."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
