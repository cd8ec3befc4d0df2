"""Keeps Panel and node running as children of `rookery up`, each in a session of its own.

A signal to `rookery up`, Ctrl-C too, reaches only it; it then ends both in order, and no game server. A half that dies
is started again: at once the first time, later ones after a growing pause.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rookery.cli import instance
from rookery.cli.plan import Address
from rookery.cli.trouble import Trouble

START_SECONDS = 90.0
STOP_SECONDS = 25.0
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
"""A half that lived this long is started again without a pause when it dies."""
LOG_BYTES = 20 * 1024 * 1024
PARENT = "ROOKERY_PARENT"
"""Environment variable by which a child knows the process it must not outlive."""
SIGNALS = {signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@dataclass(slots=True)
class Child:
    """One half: how it is started, how it is asked whether it answers, and the process it is now."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    address: Address
    health: str
    url: str
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    started: float = 0.0
    due: float = 0.0
    """Monotonic time of the next start while it is down."""
    pause: float = 0.0
    since: int = 0

    def start(self) -> None:
        """Start it; its output goes to the end of its log."""
        self.starts += 1
        self.started, self.since = time.monotonic(), int(time.time())
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**self.environment, PARENT: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def runs(self) -> bool:
        """Whether its process is alive."""
        return self.process is not None and self.process.poll() is None

    def answers(self) -> bool:
        """Whether it serves requests."""
        return instance.answers(self.address, self.health)

    def plan_restart(self) -> None:
        """Note that it died: how long it lived decides when it is started again."""
        now = time.monotonic()
        steady = now - self.started > STEADY_SECONDS
        self.pause = 0.0 if steady or self.starts == 1 else min(max(1.0, self.pause * 2), LONGEST_PAUSE)
        self.due = now + self.pause
        self.process = None

    def last_words(self) -> str:
        """The last line of its log that says something."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def half(self) -> instance.Half | None:
        """What the note says about it."""
        if self.process is None:
            return None
        return instance.Half(self.process.pid, self.url, self.since, self.starts)


@dataclass(slots=True)
class Supervisor:
    """Runs the two halves until a signal asks it to stop."""

    home: Path
    panel: Child
    wings: Child
    _asked: int = field(default=0, init=False)

    def run(self, ready: Callable[[], None]) -> int:
        """Start both, call `ready` once both answer, keep them up, and end them when asked; the exit status.

        Raises:
            Trouble: a half could not be started; both are ended again.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            for child in (self.panel, self.wings):
                self._bring_up(child)
            if not self._asked:
                ready()
            while not self._asked:
                self._tend()
        finally:
            self._end()
            instance.forget(self.home)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return 0

    def _bring_up(self, child: Child) -> None:
        child.start()
        self._note()
        deadline = time.monotonic() + START_SECONDS
        while not self._asked and not child.answers():
            if not child.runs():
                raise Trouble(f"The {child.name} ended while starting: {child.last_words()} Its log is {child.log}.")
            if time.monotonic() > deadline:
                raise Trouble(f"The {child.name} does not answer at {child.address}; its log is {child.log}.")
            self._wait(0.1)

    def _tend(self) -> None:
        self._wait(1.0)
        for child in (self.panel, self.wings):
            if child.process is not None and not child.runs():
                child.plan_restart()
                self._note()
            if child.process is None and time.monotonic() >= child.due and not self._asked:
                child.start()
                self._note()
            trim(child.log)

    def _wait(self, seconds: float) -> None:
        """Wait for a signal; those that ask us to stop are counted."""
        found = signal.sigtimedwait(SIGNALS, seconds)
        if found is not None and found.si_signo != signal.SIGCHLD:
            self._asked += 1

    def _note(self) -> None:
        instance.write(self.home, instance.Note(os.getpid(), self.panel.half(), self.wings.half()))

    def _end(self) -> None:
        """Ask both to end, node first; whoever takes too long, or a second request, has them killed."""
        children = [child for child in (self.wings, self.panel) if child.runs()]
        asked = self._asked
        for child in children:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while any(child.runs() for child in children):
            if time.monotonic() > deadline or self._asked > asked:
                for child in children:
                    _signal(child, signal.SIGKILL)
            self._wait(0.05)


def _signal(child: Child, number: signal.Signals) -> None:
    if child.process is not None and child.runs():
        child.process.send_signal(number)


def command_of(*words: str) -> list[str]:
    """The command line that runs `rookery WORDS…` as a child tied to this process."""
    return [sys.executable, "-m", "rookery.cli.child", *words]


def trim(log: Path) -> None:
    """Keep a log below its size: the older part moves aside, once."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.with_suffix(".log.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)
