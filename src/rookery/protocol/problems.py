"""The six kinds of error a caller can act on; nothing here knows about HTTP, websockets or SFTP.

Everything that is not one of these is a bug and surfaces as an opaque internal error with an identifier.
"""


class Problem(Exception):
    """An error with a sentence for the person and a kind for the program.

    The sentence never contains a secret, a token, or a path of the host.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Invalid(Problem):
    """The input is wrong; `field` names what is wrong, where one thing is."""

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


class Denied(Problem):
    """The caller is known and may not do this."""


class NotFound(Problem):
    """There is no such thing, or it is not the caller's to know."""


class Conflict(Problem):
    """The right request at the wrong moment."""


class Limited(Problem):
    """A quota or a rate is used up; `retry_after` seconds where waiting helps."""

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(Problem):
    """Something we depend on did not answer."""
