"""Two halves are kept up: started in order, started again when they die, ended when asked."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rookery.cli import instance
from rookery.cli.plan import Address
from rookery.cli.supervise import LOG_BYTES, Child, Supervisor, trim
from rookery.cli.trouble import Trouble

SERVE = """
import http.server, signal, sys
signal.pthread_sigmask(signal.SIG_SETMASK, ())  # as every half does
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def child(home: Path, name: str, program: str, port: int) -> Child:
    return Child(
        name=name,
        command=[sys.executable, "-c", program, str(port)],
        environment=dict(os.environ),
        log=home / f"{name}.log",
        address=Address("127.0.0.1", port),
        health="/",
        url=f"http://127.0.0.1:{port}",
    )


def ports() -> tuple[int, int]:
    import socket

    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A supervisor of two small web servers in a process of its own; it prints `ready`."""
    (tmp_path / "run").mkdir()
    one, two = ports()
    program = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parent)!r}]
from pathlib import Path
from test_supervise import SERVE, child
from rookery.cli.supervise import Supervisor
home = Path({str(tmp_path)!r})
halves = child(home, 'Panel', SERVE, {one}), child(home, 'node', SERVE, {two})
sys.exit(Supervisor(home, *halves).run(lambda: print('ready', flush=True)))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def soon(question: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 15
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def noted(home: Path) -> instance.Note:
    note = instance.read(home)
    assert note is not None
    return note


def test_a_half_that_dies_is_started_again(supervised: subprocess.Popen[str], tmp_path: Path) -> None:
    before = noted(tmp_path)
    assert before.wings is not None
    os.kill(before.wings.pid, signal.SIGKILL)

    def is_back() -> bool:
        wings = noted(tmp_path).wings
        return wings is not None and wings.pid != before.wings.pid and wings.starts == 2  # type: ignore[union-attr]

    assert soon(is_back)
    assert noted(tmp_path).panel == before.panel


def test_a_request_to_stop_ends_both_halves_in_order(supervised: subprocess.Popen[str], tmp_path: Path) -> None:
    note = noted(tmp_path)
    supervised.send_signal(signal.SIGINT)
    assert supervised.wait(20) == 0
    for half in (note.panel, note.wings):
        assert half is not None
        assert not Path(f"/proc/{half.pid}").exists()
    assert instance.read(tmp_path) is None


def test_a_half_that_ends_while_starting_is_reported_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    one, two = ports()
    broken = child(tmp_path, "Panel", "import sys; sys.exit('The database is locked.')", one)
    with pytest.raises(Trouble, match=r"The Panel ended while starting: The database is locked\."):
        Supervisor(tmp_path, broken, child(tmp_path, "node", SERVE, two)).run(lambda: None)


def test_a_half_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = """
import os, subprocess, sys
environment = dict(os.environ, ROOKERY_PARENT=str(os.getpid()))
tied = 'import sys, time; from rookery.cli import child; child.run = lambda: time.sleep(60); child.main()'
print(subprocess.Popen([sys.executable, '-c', tied], env=environment, start_new_session=True).pid, flush=True)
sys.stdin.read()
"""
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = json.loads(parent.stdout.readline())
        time.sleep(1)
        assert Path(f"/proc/{pid}").exists()
        parent.kill()
    assert soon(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])


def test_a_log_that_grew_large_moves_aside(tmp_path: Path) -> None:
    log = tmp_path / "panel.log"
    log.write_bytes(b"x" * (LOG_BYTES + 1))
    trim(log)
    assert log.stat().st_size == 0
    assert (tmp_path / "panel.log.1").stat().st_size == LOG_BYTES + 1
