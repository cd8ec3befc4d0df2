"""`rookery up` itself: again, beside another, in the foreground, killed, and when something is in its way."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.e2e.machine import Machine, until

from rookery.cli.network import name_of

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]


@pytest.fixture
def another(tmp_path: Path) -> Machine:
    """A second instance that is not started yet."""
    return Machine(tmp_path / "other")


def remove(instance: Machine) -> None:
    instance.command("down", check=False)
    subprocess.run(["docker", "network", "rm", name_of(instance.home)], capture_output=True, check=False)


def test_starting_what_runs_already_says_so_and_changes_nothing(machine: Machine) -> None:
    before = machine.status()
    assert "already runs" in machine.up()
    assert machine.status() == before


def test_two_instances_run_side_by_side_and_come_back_where_they_were(machine: Machine, another: Machine) -> None:
    try:
        said = another.up()
        assert another.url in said
        assert machine.status()["panel"]["answers"]
        assert another.status()["wings"]["answers"]
        another.command("down")
        assert not another.status()["running"]
        for variable in ("ROOKERY_PANEL_LISTEN", "ROOKERY_WINGS_LISTEN", "ROOKERY_SFTP_LISTEN"):
            del another.environment[variable]  # it knows them from its last start
        assert another.url in another.up()
        assert machine.status()["wings"]["answers"]
    finally:
        remove(another)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_in_the_foreground_it_ends_with_both_halves_however_it_ends(another: Machine, number: signal.Signals) -> None:
    words = [sys.executable, "-m", "rookery.cli", "up"]
    try:
        with subprocess.Popen(words, env=another.environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if another.url in line:
                    break
            found = another.status()
            process.send_signal(number)
            status = process.wait(40)
        assert status == (-9 if number == signal.SIGKILL else 0)
        for half in ("panel", "wings"):
            until(lambda half=half: not Path(f"/proc/{found[half]['pid']}").exists(), f"the end of {half}", 30)
        assert not another.status()["running"]
        assert another.url in another.up()
    finally:
        remove(another)


@pytest.mark.parametrize("variable", ["ROOKERY_PANEL_LISTEN", "ROOKERY_WINGS_LISTEN", "ROOKERY_SFTP_LISTEN"])
def test_a_port_that_is_taken_is_named_in_one_sentence(another: Machine, variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        another.environment[variable] = f"127.0.0.1:{port}"
        refused = another.command("up", "--detach", check=False)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"Port {port} of 127.0.0.1" in refused.stderr
    assert "is taken" in refused.stderr


def test_no_engine_is_one_sentence(another: Machine) -> None:
    another.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    refused = another.command("up", check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "No Docker Engine answers at unix:///nowhere/docker.sock" in refused.stderr


def test_no_permission_for_the_directory_is_one_sentence(another: Machine) -> None:
    another.environment["ROOKERY_HOME"] = "/proc/rookery"
    refused = another.command("up", check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "/proc/rookery" in refused.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_one_sentence(another: Machine) -> None:
    another.home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(another.home)], check=True)
    try:
        refused = another.command("up", check=False)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert "The disk is full" in refused.stderr
    finally:
        time.sleep(0.1)
        subprocess.run(["umount", str(another.home)], check=True)
