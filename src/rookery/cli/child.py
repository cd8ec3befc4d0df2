"""One half as a child of `rookery up`: ends by itself when its parent is gone, whatever ended the parent.

`python -m rookery.cli.child panel serve …`, with the parent's process id in `ROOKERY_PARENT`.
"""

import ctypes
import os
import signal
import sys

from rookery.cli.app import run

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then be the command that the arguments name."""
    parent = os.environ.pop("ROOKERY_PARENT")
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it ended before the tie was made
        sys.exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the parent waits for its signals with all of them blocked
    run()


if __name__ == "__main__":
    main()
