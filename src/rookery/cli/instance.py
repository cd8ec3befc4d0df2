"""A running instance as its directory shows it: a lock held while it runs, and a note of its processes.

The lock is the truth about "runs": the kernel drops it with the process, so no stale process id can mislead anybody.
"""

import fcntl
import http.client
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rookery.cli.plan import ANY, Address
from rookery.cli.trouble import Trouble

HEALTH_SECONDS = 3.0
PANEL_PATH, WINGS_PATH = "/api/client", "/api/system"
"""What each half is asked to see whether it answers."""


@dataclass(frozen=True, slots=True)
class Half:
    """The Panel or the node of a running instance."""

    pid: int
    url: str
    started: int
    """Unix time."""
    starts: int
    """How often it has been started since `rookery up`."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a running `rookery up` writes down for `rookery status` and `rookery down`."""

    pid: int
    panel: Half | None = None
    wings: Half | None = None


class Lock:
    """Whether an instance runs in a directory: at most one holds this, until its process ends."""

    def __init__(self, home: Path) -> None:
        self._path = home / "run" / "lock"
        self._file: int | None = None

    def take(self) -> bool:
        """Hold it from now on; False when another process does."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._file = descriptor
        return True

    def is_held(self) -> bool:
        """Whether some process holds it now."""
        if not self._path.exists():
            return False
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def released(self, seconds: float) -> bool:
        """Whether nobody holds it any more within `seconds`."""
        deadline = time.monotonic() + seconds
        while self.is_held():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def write(home: Path, note: Note) -> None:
    """Replace the note of a running instance."""
    target = home / "run" / "state.json"
    fresh = target.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(note)) + "\n")
    fresh.replace(target)


def read(home: Path) -> Note | None:
    """The last note written in `home`, also by an instance that was killed; None when there is none."""
    try:
        data = json.loads((home / "run" / "state.json").read_text())
    except FileNotFoundError:
        return None
    except ValueError as err:
        raise Trouble(f"The note of the running instance in {home / 'run'} is damaged.") from err
    halves = {name: Half(**data[name]) if data[name] else None for name in ("panel", "wings")}
    return Note(pid=data["pid"], **halves)


def forget(home: Path) -> None:
    """Remove the note: the instance has ended in order."""
    (home / "run" / "state.json").unlink(missing_ok=True)


def answers(address: Address, path: str) -> bool:
    """Whether an HTTP server at `address` answers `path` with anything but a failure of its own."""
    host = "127.0.0.1" if address.host in ANY else address.host
    connection = http.client.HTTPConnection(host, address.port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
