"""What benchmarks share: children of their own, their processor time, and a client that costs little."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextlib.contextmanager
def child(*command: str, port: int, environment: dict[str, str] | None = None) -> Iterator[int]:
    """The process id of a server that listens on `port`; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, *command], env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command} did not come up")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def get_for(port: int, path: str, headers: dict[str, str], seconds: float) -> tuple[int, int]:
    """Ask over and over on one connection; how many answers came, and the length of each body."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n{head}\r\n".encode()
    answers = size = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        stream = connection.makefile("rb")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            connection.sendall(request)
            status = stream.readline()
            if b" 200 " not in status:
                raise SystemExit(f"{path} answered {status!r}")
            length = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            size = len(stream.read(length))
            answers += 1
    return answers, size


def report(name: str, ours: float, reference: float, *, unit: str, bar: str) -> None:
    """One line: both figures of this run, and their ratio."""
    print(
        f"{name}: ours {ours:.4g} {unit}, reference {reference:.4g} {unit}, ratio {ours / reference:.2f} (wanted {bar})"
    )
