"""What a server's process becomes when something happens, and what to do about it; pure and total.

One loop per server feeds this function in order, so a state is never decided from a stale one, and crash handling is a
row of the table instead of a listener racing others. Source: Wings 1.11 process states, with its lost and doubled
`status` events and false crashes repaired.
"""

from dataclasses import dataclass
from enum import Enum, auto

from rookery.protocol.states import ProcessState


class Happened(Enum):
    """What can happen to a process."""

    LAUNCHING = auto()
    """A start passed its checks; the container is being made."""
    ADOPTED = auto()
    """The container was found running."""
    READY = auto()
    """A line of the console says the game is up."""
    STOP_SENT = auto()
    """A stop was sent or the stop command was typed."""
    KILLED = auto()
    """The engine took a kill signal."""
    EXITED = auto()
    """The process is gone."""
    NOT_STARTED = auto()
    """The container could not be made or started."""


@dataclass(frozen=True, slots=True)
class Step:
    """The new state; `crashed` asks for crash handling, `changed` for telling viewers."""

    state: ProcessState
    changed: bool = False
    crashed: bool = False


def step(state: ProcessState, happened: Happened) -> Step:
    """The consequence of `happened` for a process in `state`."""
    wanted: ProcessState
    match happened:
        case Happened.LAUNCHING:
            wanted = ProcessState.STARTING if state is ProcessState.OFFLINE else state
        case Happened.ADOPTED:
            wanted = ProcessState.RUNNING
        case Happened.READY:
            wanted = ProcessState.RUNNING if state is ProcessState.STARTING else state
        case Happened.STOP_SENT | Happened.KILLED:
            wanted = ProcessState.STOPPING if state.is_up else state
        case Happened.EXITED:
            return Step(ProcessState.OFFLINE, changed=state is not ProcessState.OFFLINE, crashed=state.is_up)
        case Happened.NOT_STARTED:
            wanted = ProcessState.OFFLINE
    return Step(wanted, changed=wanted is not state)
