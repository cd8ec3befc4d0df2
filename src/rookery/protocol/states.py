"""Closed sets both sides spell the same way on the wire."""

from enum import StrEnum


class ProcessState(StrEnum):
    """What a server's process is doing, as the node reports it."""

    OFFLINE = "offline"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"

    @property
    def is_up(self) -> bool:
        """Whether the process counts as running: `starting` or `running`."""
        return self in (ProcessState.STARTING, ProcessState.RUNNING)


class ServerStatus(StrEnum):
    """The Panel's `servers.status`; a usable server has none (NULL)."""

    INSTALLING = "installing"
    INSTALL_FAILED = "install_failed"
    REINSTALL_FAILED = "reinstall_failed"
    SUSPENDED = "suspended"
    RESTORING_BACKUP = "restoring_backup"


class PowerAction(StrEnum):
    """What a person can ask of a server's process."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    KILL = "kill"
