"""A container's output: bytes to lines, which line means "up", and how many lines are shown per moment."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()
LINE_LIMIT = 64 * 1024
"""Bytes of a line shown in one piece."""
_ANSI = re.compile(
    rb"[\x1B\x9B][\[\]()#;?]*(?:(?:(?:[a-zA-Z\d]*(?:;[a-zA-Z\d]*)*)?\x07)"
    rb"|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PRZcf-ntqry=><~]))"
)


class LineSplitter:
    """Cuts a stream of chunks into lines; holds at most one unfinished line of `LINE_LIMIT` bytes.

    A carriage return before the line end goes, one after a space inside a line becomes a line break within it, empty
    lines vanish, and a line that is too long comes in pieces. Source: Wings 1.11 console reader.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes."""
        data = self._rest + chunk if self._rest else chunk
        *whole, self._rest = data.split(b"\n")
        lines = []
        for line in whole:
            lines += self._pieces(line)
        while len(self._rest) >= LINE_LIMIT:
            lines.append(_shown(self._rest[:LINE_LIMIT]))
            self._rest = self._rest[LINE_LIMIT:]
        return lines

    def finish(self) -> list[bytes]:
        """The last line, when the stream ends without a line end."""
        rest, self._rest = self._rest, b""
        return self._pieces(rest)

    def _pieces(self, line: bytes) -> list[bytes]:
        if line.endswith(b"\r"):
            line = line[:-1]
        if not line:
            return []
        if len(line) <= LINE_LIMIT:
            return [_shown(line)]
        return [_shown(line[at : at + LINE_LIMIT]) for at in range(0, len(line), LINE_LIMIT)]


def _shown(line: bytes) -> bytes:
    return line.replace(b" \r", b"\r\n") if b"\r" in line else line


def without_ansi(line: bytes) -> bytes:
    """The line without terminal control sequences."""
    return _ANSI.sub(b"", line) if b"\x1b" in line or b"\x9b" in line else line


class DoneMatcher:
    """Tells by a line of output whether a starting server is up.

    An entry is a case-sensitive substring, or `regex:` with an RE2 expression that matches anywhere in the line; one
    that does not compile counts as plain text including its prefix.
    """

    def __init__(self, entries: Iterable[str], *, strip_ansi: bool) -> None:
        self._strip = strip_ansi
        self._tests = [_test(entry) for entry in entries]

    def matches(self, line: bytes) -> bool:
        """Whether any entry fits the line."""
        text = without_ansi(line) if self._strip else line
        return any(test(text) for test in self._tests)


def _test(entry: str) -> Callable[[bytes], bool]:
    if entry.startswith("regex:") and len(entry) > len("regex:"):
        import re2

        options = re2.Options()
        options.log_errors = False
        try:
            pattern = re2.compile(entry.removeprefix("regex:").encode(), options)
        except re2.error:
            log.warning("the expression of a done line does not compile and is taken literally", entry=entry)
        else:
            return lambda line: pattern.search(line) is not None
    needle = entry.encode()
    return lambda line: needle in line


@dataclass(slots=True)
class Throttle:
    """Decides line by line how many are shown; holds no clock of its own.

    At most `lines` pass per window of `period` seconds. Withheld lines are not queued: the engine's log has them.
    Source: Wings 1.11 configuration key `throttles`.
    """

    lines: int
    period: float
    _left: int = field(init=False, default=0)
    _until: float = field(init=False, default=0.0)
    _told: bool = field(init=False, default=False)

    def allows(self, now: float) -> bool:
        """Spend one line at monotonic time `now`; False when the window is used up."""
        if now >= self._until:
            self._until, self._left = now + self.period, self.lines
        if self._left <= 0:
            return False
        self._left -= 1
        self._told = False
        return True

    def first_refusal(self) -> bool:
        """True once per burst, for the notice."""
        told, self._told = self._told, True
        return not told

    def reset(self) -> None:
        """Start over, as when a server starts."""
        self._until, self._told = 0.0, False


def daemon_line(app_name: str, text: str) -> str:
    """A console line of the daemon itself, in its colours."""
    return f"\x1b[33m\x1b[1m[{app_name} Daemon]:\x1b[39m {text}\x1b[0m"


def decoded(lines: Sequence[bytes]) -> list[str]:
    """Console bytes as text; what is not UTF-8 becomes U+FFFD."""
    return [line.decode("utf-8", "replace") for line in lines]
