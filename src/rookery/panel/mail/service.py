"""Mails that are owed and their delivery: by SMTP, into a file, or, without a mail server, not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import structlog
from sqlalchemy import select, update

from rookery.panel.mail.letters import Letter, render
from rookery.panel.mail.models import OwedMail
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work

log = structlog.get_logger()
_SECONDS = 30
_ATTEMPTS = 10
_FIRST_PAUSE = timedelta(seconds=30)
_LEASE = timedelta(minutes=5)
_AT_ONCE = 20


class NotSent(OSError):
    """A mail server did not take a mail."""


def owe(work: Work, settings: PanelSettings, letter: Letter) -> None:
    """Promise a mail together with everything else the transaction writes."""
    if settings.mail_mailer == "log":
        log.info("a mail was not sent, no mail server is set", subject=letter.subject)
        return
    work.add(
        OwedMail(
            recipient=letter.to[:191],
            subject=letter.subject[:191],
            letter=letter.stored(),
            due_at=work.now,
            created_at=work.now,
        )
    )


async def send(settings: PanelSettings, letter: Letter) -> None:
    """Deliver a mail now.

    Raises:
        NotSent: it was not taken.
    """
    await _mailer(settings)(settings, render(settings, letter))


async def due_mails(work: Work) -> list[int]:
    """Numbers of the mails to be tried now."""
    statement = select(OwedMail.id).where(OwedMail.due_at <= work.now).order_by(OwedMail.id).limit(_AT_ONCE)
    return list(await work.db.scalars(statement))


async def deliver(work: Work, settings: PanelSettings, number: int) -> None:
    """Try to deliver an owed mail, unless another process does; one that fails comes later again, ten times."""
    row = await work.db.get(OwedMail, number)
    if row is None:
        return
    claimed = await work.db.execute(
        update(OwedMail)
        .where(OwedMail.id == number, OwedMail.due_at == row.due_at)
        .values(due_at=work.now + _LEASE, attempts=OwedMail.attempts + 1)
        .execution_options(synchronize_session=False)
    )
    await work.db.commit()
    if claimed.rowcount != 1:  # type: ignore[attr-defined]  # updates have one
        return
    await work.db.refresh(row)
    try:
        await send(settings, Letter.read(row.letter))
    except NotSent as err:
        await work.db.refresh(row)
        if row.attempts < _ATTEMPTS:
            row.due_at = work.now + _FIRST_PAUSE * 2**row.attempts
            log.warning("a mail was not taken and is tried again", subject=row.subject, reason=str(err))
            await work.db.commit()
            return
        log.exception("a mail was given up", subject=row.subject)
    await work.db.delete(row)
    await work.db.commit()


Mailer = Callable[[PanelSettings, EmailMessage], Awaitable[None]]


def _mailer(settings: PanelSettings) -> Mailer:
    return {"smtp": _by_smtp, "file": _into_file}.get(settings.mail_mailer, _nowhere)


async def _by_smtp(settings: PanelSettings, message: EmailMessage) -> None:
    import aiosmtplib

    encryption = settings.mail_encryption
    try:
        await aiosmtplib.send(
            message,
            hostname=settings.mail_host,
            port=settings.mail_port,
            username=settings.mail_username or None,
            password=settings.mail_password or None,
            use_tls=encryption == "ssl",
            start_tls=encryption == "tls",
            timeout=_SECONDS,
        )
    except (aiosmtplib.SMTPException, OSError, ValueError) as err:
        raise NotSent(f"{type(err).__name__}: {err}") from err


async def _into_file(settings: PanelSettings, message: EmailMessage) -> None:
    """Decoded, so that people and programs can read the links in it."""

    def append() -> None:
        body = message.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        with Path(settings.mail_file).open("a", encoding="utf-8") as out:
            out.write(f"To: {message['To']}\nSubject: {message['Subject']}\nDate: {message['Date']}\n\n{text}\n")

    try:
        await asyncio.to_thread(append)
    except OSError as err:
        raise NotSent(str(err)) from err


async def _nowhere(_settings: PanelSettings, _message: EmailMessage) -> None:
    raise NotSent("No mail server is set.")
