"""Which node and which address a new server gets; pure."""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rookery.panel.nodes.models import Allocation
from rookery.protocol.problems import Conflict, Invalid

MOST_PORTS = 1000


class NoViableNode(Conflict):
    """No node has room."""

    status = 400
    code = "NoViableNodeException"


class NoViableAllocation(Conflict):
    """No node that has room has a free address that fits."""

    status = 400
    code = "NoViableAllocationException"


class BadPortRange(Invalid):
    """A range of ports is too long."""

    status = 400
    code = "TooManyPortsInRangeException"


@dataclass(frozen=True, slots=True)
class Room:
    """A node's size and what its servers were promised, in MiB; over-allocation in per cent, -1 unchecked."""

    node_id: int
    memory: int
    memory_overallocate: int
    memory_used: int
    disk: int
    disk_overallocate: int
    disk_used: int

    def fits(self, memory: int, disk: int) -> bool:
        """Whether a server of that size still fits; unlimited servers always do."""
        return _fits(self.memory, self.memory_overallocate, self.memory_used, memory) and _fits(
            self.disk, self.disk_overallocate, self.disk_used, disk
        )


def _fits(size: int, over: int, used: int, wanted: int) -> bool:
    if size <= 0 or over < 0:
        return True
    return used + wanted <= size * (1 + over / 100)


def wanted_ports(ranges: Iterable[str]) -> set[int] | None:
    """The ports named by texts such as `25565` and `25565-25600`; None for any port.

    Raises:
        BadPortRange: a range has more than a thousand ports.
    """
    found: set[int] = set()
    for text in ranges:
        if re.fullmatch(r"\d{1,5}", text):
            found.add(int(text))
        elif match := re.fullmatch(r"(\d{4,5})-(\d{4,5})", text):
            low, high = int(match[1]), int(match[2])
            if high - low > MOST_PORTS:
                raise BadPortRange(f"The range {text} has more than {MOST_PORTS} ports.")
            found.update(range(low, high + 1))
    return found or None


def choose(free: Sequence[Allocation], used: Iterable[tuple[int, str]], *, dedicated: bool) -> Allocation:
    """One of the free addresses, at random; with `dedicated` on an IP no other server uses.

    Raises:
        NoViableAllocation: there is none.
    """
    taken = set(used) if dedicated else set()
    candidates = [allocation for allocation in free if (allocation.node_id, allocation.ip) not in taken]
    if not candidates:
        raise NoViableAllocation("No free address fits what was asked for.")
    return random.choice(candidates)  # noqa: S311 - a choice, no secret
