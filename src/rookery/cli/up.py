"""`rookery up`: sets up what is missing on this machine, then keeps Panel and node running.

Every step finds out what is already there, so running it again changes nothing. What stops it is one sentence.
"""

import argparse
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rookery.cli import engine, instance, network, plan, status
from rookery.cli.plan import ANY, Address, Plan
from rookery.cli.supervise import Child, Supervisor, command_of
from rookery.cli.trouble import Trouble, reported

LEAST_FREE = 200 * 1024 * 1024
"""Bytes the directory's file system must have free for a start."""
TAKEOVER_SECONDS = 30.0
SETTINGS_OF_UP = {option.variable for option in plan.OPTIONS if option.variable != "DOCKER_HOST"}


def main(argv: Sequence[str]) -> int:
    """The exit status of `rookery up`."""
    parser = argparse.ArgumentParser(
        prog="rookery up",
        description="Set up what is missing on this machine, then run Panel and node.",
    )
    plan.add_options(parser)
    parser.add_argument("--detach", action="store_true", help="stay in the background once both answer")
    parser.add_argument("--prepare-only", action="store_true", help="set everything up, but start nothing")
    return reported("up", lambda: up(argv, parser))


def up(argv: Sequence[str], parser: argparse.ArgumentParser) -> int:
    """Set up, start and, in the foreground, stay until asked to end.

    Raises:
        Trouble: something is missing or in the way.
    """
    arguments = parser.parse_args(argv)
    wanted, options = plan.of(arguments)
    make_home(wanted.home)
    lock = instance.Lock(wanted.home)
    if not lock.take():
        print("Rookery already runs here.")
        return status.show(wanted.home)
    await_release(wanted)
    for address, what, flag in listens(wanted):
        ensure_free(address, what, flag)
    docker = engine.ensure(wanted.docker_host, say)
    outcome = prepare(wanted, docker)
    plan.keep(wanted.home, options)
    announce_administrator(outcome)
    if arguments.prepare_only:
        return 0
    supervisor = halves(wanted, outcome)
    if arguments.detach:
        return in_background(wanted, supervisor)
    return supervisor.run(lambda: announce(wanted, "Ctrl-C stops Panel and node; game servers keep running."))


def say(text: str) -> None:
    """Tell the operator what is being done."""
    print(text, flush=True)


def make_home(home: Path) -> None:
    """Make the instance's directory, readable by its owner only, with room to work in.

    Raises:
        Trouble: it cannot be made, or its file system is full.
    """
    fresh = not home.exists()
    try:
        for folder in (home, home / "run", home / "logs", home / "wings"):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (home, home / "run") if fresh else (home / "run",):
            folder.chmod(0o700)
        (home / "run" / "writable").touch()
    except PermissionError as err:
        raise Trouble(f"No permission to write to {home}; run as its owner or choose another with --home DIR.") from err
    except OSError as err:
        raise Trouble(f"The directory {home} cannot be made: {err.strerror}.") from err
    free = shutil.disk_usage(home).free
    if free < LEAST_FREE:
        raise Trouble(
            f"The disk is full: only {free // 2**20} MiB are free in {home}, at least {LEAST_FREE // 2**20} are needed."
        )


def listens(wanted: Plan) -> tuple[tuple[Address, str, str], ...]:
    """What will listen where, and the flag that moves it."""
    return (
        (wanted.panel, "the Panel", "--panel-listen"),
        (wanted.wings, "the node", "--wings-listen"),
        (wanted.sftp, "SFTP", "--sftp-listen"),
    )


def await_release(wanted: Plan) -> None:
    """After an instance was killed, wait for its halves, which end by themselves, to release their ports."""
    note = instance.read(wanted.home)
    deadline = time.monotonic() + TAKEOVER_SECONDS
    for half in (note.panel, note.wings) if note else ():
        while half and is_ours(half.pid) and time.monotonic() < deadline:
            time.sleep(0.1)


def is_ours(pid: int) -> bool:
    """Whether `pid` is a half started by some `rookery up`."""
    try:
        return b"rookery.cli.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def ensure_free(address: Address, what: str, flag: str) -> None:
    """Try to listen at `address`.

    Raises:
        Trouble: it is taken, not allowed, or not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address.host, address.port))
            trial.listen(1)
        except PermissionError as err:
            raise Trouble(
                f"No permission to listen at {address} for {what}; choose a port from 1024 with {flag}."
            ) from err
        except OSError as err:
            if err.errno == errno.EADDRINUSE:
                reason = f"Port {address.port} of {address.host}, wanted for {what}, is taken by another program"
            else:
                reason = f"This machine cannot listen at {address} for {what} ({err.strerror})"
            raise Trouble(f"{reason}; choose another with {flag} HOST:PORT.") from err


def prepare(wanted: Plan, docker: engine.Engine) -> dict[str, Any]:
    """Have the database, the administrator, the node, the eggs and `config.yml` made; what the steps found out.

    It runs in a process of its own, so that the one that stays never loads the Panel.

    Raises:
        Trouble: a step failed; the sentence is its own.
    """
    request = asdict(wanted) | {
        "home": str(wanted.home),
        "wings_config": str(wanted.wings_config),
        "panel_from_here": wanted.panel_from_here,
        "urls": wanted.urls(),
        "network": asdict(network.ensure(docker, network.name_of(wanted.home))),
    }
    done = subprocess.run(
        [sys.executable, "-m", "rookery.cli.prepare"],
        input=json.dumps(request),
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    *_, last = done.stdout.strip().splitlines() or ["{}"]
    try:
        outcome: dict[str, Any] = json.loads(last)
    except ValueError:
        outcome = {}
    if done.returncode or "panel_environment" not in outcome:
        raise Trouble(outcome.get("trouble") or "Setting up failed; the message above says where.")
    return outcome


def environment() -> dict[str, str]:
    """The environment of this process for the halves: without the options of `rookery up`, secrets among them."""
    return {name: value for name, value in os.environ.items() if name not in SETTINGS_OF_UP}


def halves(wanted: Plan, outcome: dict[str, Any]) -> Supervisor:
    """The two children of this instance."""
    shown = Address("127.0.0.1", wanted.wings.port) if wanted.wings.host in ANY else wanted.wings
    panel = Child(
        name="Panel",
        command=command_of("panel", "serve"),
        environment=environment() | outcome["panel_environment"],
        log=wanted.logs / "panel.log",
        address=wanted.panel,
        health=instance.PANEL_PATH,
        url=wanted.url,
    )
    wings = Child(
        name="node",
        command=command_of("wings", "run", "--config", str(wanted.wings_config)),
        environment=environment() | {"DOCKER_HOST": wanted.docker_host},
        log=wanted.logs / "wings.log",
        address=wanted.wings,
        health=instance.WINGS_PATH,
        url=f"http://{shown}",
    )
    return Supervisor(wanted.home, panel, wings)


def announce_administrator(outcome: dict[str, Any]) -> None:
    """Show a password that was made up, which is kept nowhere."""
    administrator = outcome.get("administrator")
    if administrator:
        say(f"Made the administrator {administrator['username']} ({administrator['email']}).")
        if administrator.get("password"):
            say(f"Its password, shown only this once:  {administrator['password']}")


def announce(wanted: Plan, closing: str) -> None:
    """Tell where everything is, now that it answers."""
    first, last = wanted.game_ports[0], wanted.game_ports[-1]
    say(f"\nRookery is running at  {wanted.url}\n")
    say(f"  node   {wanted.wings}   SFTP {wanted.sftp}   game servers on ports {first} to {last}")
    say(f"  files  {wanted.home}\n\n{closing}")


def in_background(wanted: Plan, supervisor: Supervisor) -> int:
    """Leave the supervisor in a session of its own; the exit status once both halves answer or have failed."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        os.setsid()
        os._exit(_stay(wanted, supervisor, writing))
    os.close(writing)
    with os.fdopen(reading) as pipe:
        message = pipe.read()
    if message != "ready":
        raise Trouble(message or f"It ended while starting; its log is {wanted.logs / 'up.log'}.")
    announce(wanted, "It stays in the background: `rookery status` looks after it, `rookery down` ends it.")
    return 0


def _stay(wanted: Plan, supervisor: Supervisor, pipe: int) -> int:
    """The background process: detached from the terminal, telling the first one by `pipe` how the start went."""
    log = os.open(wanted.logs / "up.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)

    def tell(message: str) -> None:
        os.write(pipe, message.encode())
        os.close(pipe)

    return reported("up", lambda: _supervised(supervisor, tell))


def _supervised(supervisor: Supervisor, tell: Callable[[str], None]) -> int:
    told = False

    def ready() -> None:
        nonlocal told
        told = True
        tell("ready")

    try:
        return supervisor.run(ready)
    except Trouble as trouble:
        if not told:
            tell(str(trouble))
        raise
