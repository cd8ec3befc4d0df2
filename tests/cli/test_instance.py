"""Whether an instance runs is told by a lock that the kernel drops with its process."""

import subprocess
import sys
from pathlib import Path

from rookery.cli.instance import Half, Lock, Note, answers, forget, read, write
from rookery.cli.plan import Address

HOLD = "import sys, pathlib; from rookery.cli.instance import Lock; print(Lock(pathlib.Path(sys.argv[1])).take(), flush=True); sys.stdin.read()"


def test_only_one_process_holds_an_instance_and_its_death_frees_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        lock = Lock(tmp_path)
        assert lock.is_held()
        assert not lock.take()
        holder.kill()
        holder.wait()
        assert lock.released(5)
        assert lock.take()


def test_a_directory_without_instance_is_not_held(tmp_path: Path) -> None:
    assert not Lock(tmp_path / "none").is_held()


def test_a_note_comes_back_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    note = Note(7, Half(8, "http://127.0.0.1:8000", 1, 2), None)
    write(tmp_path, note)
    assert read(tmp_path) == note
    forget(tmp_path)
    assert read(tmp_path) is None


def test_nothing_answers_at_a_port_nobody_listens_on() -> None:
    assert not answers(Address("127.0.0.1", 9), "/")
