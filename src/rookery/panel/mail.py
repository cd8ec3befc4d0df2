"""Outgoing mail; without a mail server it is kept and logged."""

from dataclasses import dataclass, field
from typing import Protocol

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Message:
    """One mail."""

    to: str
    subject: str
    text: str


class Mail(Protocol):
    """Delivers messages."""

    async def send(self, message: Message) -> None:
        """Deliver or promise to; never fails the caller."""
        ...


@dataclass(slots=True)
class KeptMail:
    """Keeps the last messages in memory and tells the log that there was one."""

    sent: list[Message] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        """See `Mail.send`."""
        self.sent = [*self.sent[-99:], message]
        log.info("a mail was kept, no mail server is set", subject=message.subject)
