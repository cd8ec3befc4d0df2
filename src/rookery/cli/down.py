"""`rookery down`: ends the Panel and the node of an instance, and no game server."""

import argparse
import os
import signal
from collections.abc import Sequence

from rookery.cli import instance, plan
from rookery.cli.supervise import STOP_SECONDS
from rookery.cli.trouble import Trouble, reported


def main(argv: Sequence[str]) -> int:
    """The exit status of `rookery down`."""
    parser = argparse.ArgumentParser(
        prog="rookery down", description="Stop Panel and node of this machine; game servers keep running."
    )
    plan.add_home(parser)
    return reported("down", lambda: down(parser.parse_args(argv).home))


def down(home: str | None) -> int:
    """End a running instance and wait until it has ended; not running is fine.

    Raises:
        Trouble: it belongs to somebody else, or does not end.
    """
    folder = plan.home_of(home, os.environ)
    lock = instance.Lock(folder)
    note = instance.read(folder)
    if not lock.is_held() or note is None:
        print(f"Rookery does not run in {folder}.")
        return 0
    try:
        os.kill(note.pid, signal.SIGTERM)
    except PermissionError as err:
        raise Trouble("No permission to stop it; run as the user who started it, or as root.") from err
    if not lock.released(STOP_SECONDS + 10):
        raise Trouble(f"It did not end; its process is {note.pid}, its logs are in {folder / 'logs'}.")
    print("Stopped Panel and node; game servers keep running.")
    return 0
