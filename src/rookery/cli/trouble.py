"""What stops a command of one machine: one clear sentence for the operator, and the exit status 1."""

import sys
from collections.abc import Callable


class Trouble(Exception):
    """The command cannot go on; the message is one or two full sentences that say what to do."""


def reported(command: str, work: Callable[[], int]) -> int:
    """The exit status of `work`; what stops it is printed after the command's name and never as a traceback."""
    try:
        return work()
    except Trouble as trouble:
        print(f"rookery {command}: {trouble}", file=sys.stderr)
        return 1
    except PermissionError as err:
        print(
            f"rookery {command}: No permission for {err.filename or 'a file'}; run as its owner or as root.",
            file=sys.stderr,
        )
        return 1
    except OSError as err:
        where = f" ({err.filename})" if err.filename else ""
        print(f"rookery {command}: The system refused{where}: {err.strerror or err}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
