"""Mails: owed with their cause, delivered by a real SMTP conversation, tried again, and readable in a file."""

import asyncio
import email
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from sqlalchemy import update
from tests.panel.conftest import Browser, Site, free_port

from rookery.panel.clock import Clock
from rookery.panel.mail import letters
from rookery.panel.mail.models import OwedMail
from rookery.panel.mail.service import NotSent, owe, send
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work

pytestmark = pytest.mark.anyio


@dataclass
class Post:
    """A mail server that keeps what it is given, unless told to refuse."""

    port: int
    mails: list[Message] = field(default_factory=list)
    refuses: bool = False
    signed_in: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())

        say("220 post")
        while line := (await reader.readline()).decode().strip():
            word = line.split()[0].upper()
            if word == "EHLO":
                say("250-post\r\n250 AUTH PLAIN")
            elif word == "AUTH":
                self.signed_in.append(line)
                say("235 welcome")
            elif word == "RCPT" and self.refuses:
                say("451 not now")
            elif word == "DATA":
                say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(email.message_from_bytes(raw[:-5].replace(b"\r\n..", b"\r\n.")))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                break
            else:
                say("250 fine")
        writer.close()


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    found = Post(free_port())
    server = await asyncio.start_server(found.serve, "127.0.0.1", found.port)
    async with server:
        yield found


@pytest.fixture
def more_settings(post: Post) -> dict[str, Any]:
    return {"mail_mailer": "smtp", "mail_host": "127.0.0.1", "mail_port": post.port, "mail_encryption": ""}


@pytest.fixture
async def posted(site: Site, post: Post) -> Site:
    """The site with a mail server, after the mails about its own accounts."""
    await Clock(site.panel).deliver()
    post.mails.clear()
    return site


def parts(mail: Message) -> dict[str, str]:
    return {
        part.get_content_type(): part.get_payload(decode=True).decode()  # type: ignore[union-attr]
        for part in mail.walk()
        if not part.is_multipart()
    }


async def test_a_forgotten_password_is_mailed_as_text_and_html_with_the_same_link(posted: Site, post: Post) -> None:
    async with Browser(posted) as browser:
        answer = await browser.call("POST", "/auth/password", {"email": "alice@example.com"})
    assert answer.status == 200
    assert post.mails == []  # nothing is said before the clock comes
    await Clock(posted.panel).deliver()
    (mail,) = post.mails
    assert (mail["To"], mail["Subject"]) == ("alice@example.com", "Reset Password")
    shown = parts(mail)
    links = [re.findall(r"http://\S+?/auth/password/reset/\w+\?email=[\w.%@]+", text)[0] for text in shown.values()]
    assert len(links) == 2
    assert len(set(links)) == 1
    assert await posted.rows(OwedMail) == []


async def test_the_link_is_not_readable_in_the_database(posted: Site) -> None:
    async with Browser(posted) as browser:
        await browser.call("POST", "/auth/password", {"email": "alice@example.com"})
    async with posted.panel.engine.connect() as connection:
        raw = (await connection.exec_driver_sql("SELECT letter FROM owed_mails")).scalar_one()
    assert "reset" not in raw


async def test_a_mail_that_is_refused_is_kept_and_tried_again(posted: Site, post: Post) -> None:
    post.refuses = True
    async with Browser(posted) as browser:
        await browser.call("POST", "/auth/password", {"email": "alice@example.com"})
    clock = Clock(posted.panel)
    await clock.deliver()
    (row,) = await posted.rows(OwedMail)
    assert (row.attempts, row.due_at > datetime.now(UTC)) == (1, True)
    post.refuses = False
    await clock.deliver()
    assert post.mails == []  # not due yet
    await _let_time_pass(posted)
    await clock.deliver()
    assert len(post.mails) == 1
    assert await posted.rows(OwedMail) == []


async def _let_time_pass(site: Site) -> None:
    async with site.panel.sessions() as session:
        await session.execute(update(OwedMail).values(due_at=datetime.now(UTC) - timedelta(seconds=1)))
        await session.commit()


async def test_many_clocks_deliver_a_mail_once(posted: Site, post: Post) -> None:
    async with Browser(posted) as browser:
        await browser.call("POST", "/auth/password", {"email": "alice@example.com"})
    await asyncio.gather(*(Clock(posted.panel).deliver() for _ in range(6)))
    assert len(post.mails) == 1


async def test_who_is_invited_without_an_account_gets_one_and_two_mails(posted: Site, post: Post) -> None:
    server = await posted.server()
    invited = await posted.call(
        "POST",
        f"/api/client/servers/{server['identifier']}/users",
        {"email": "new@example.com", "permissions": ["control.console"]},
        key=posted.ids["alice_key"],
    )
    assert invited.status == 200, invited.text
    await Clock(posted.panel).deliver()
    mine = {mail["Subject"]: parts(mail)["text/plain"] for mail in post.mails if mail["To"] == "new@example.com"}
    assert set(mine) == {"Account Created", "Added To Server"}
    assert "/auth/password/reset/" in mine["Account Created"]
    assert f"/server/{server['identifier']}" in mine["Added To Server"]
    uuid = invited.json["attributes"]["uuid"]
    await posted.call("DELETE", f"/api/client/servers/{server['identifier']}/users/{uuid}", key=posted.ids["alice_key"])
    await Clock(posted.panel).deliver()
    assert post.mails[-1]["Subject"] == "Removed From Server"


async def test_the_owner_is_told_of_a_good_installation_only(posted: Site, post: Post) -> None:
    server = await posted.server()
    path = f"/api/remote/servers/{server['uuid']}/install"
    await posted.call("POST", path, {"successful": False, "reinstall": True}, key=posted.node_token)
    await Clock(posted.panel).deliver()
    assert [mail["Subject"] for mail in post.mails if mail["To"] == "alice@example.com"] == ["Server Installed"]


async def test_a_mail_can_be_tried_by_an_administrator(posted: Site, post: Post) -> None:
    async with Browser(posted) as browser:
        await browser.sign_in("admin")
        answer = await browser.call("POST", "/admin/settings/mail/test")
        assert (answer.status, len(post.mails)) == (204, 1)
        post.refuses = True
        failed = await browser.call("POST", "/admin/settings/mail/test")
    assert failed.status == 500
    assert "not now" in failed.text


async def test_a_mail_server_can_be_set_while_the_panel_runs(posted: Site, post: Post) -> None:
    fields: dict[str, Any] = {
        "mail:mailers:smtp:host": "127.0.0.1",
        "mail:mailers:smtp:port": post.port,
        "mail:mailers:smtp:encryption": "",
        "mail:mailers:smtp:username": "me",
        "mail:mailers:smtp:password": "secret word",
        "mail:from:address": "games@example.com",
        "mail:from:name": "Games",
    }
    async with Browser(posted) as browser:
        await browser.sign_in("admin")
        wrong = await browser.call("PATCH", "/admin/settings/mail", {**fields, "mail:mailers:smtp:port": 70000})
        assert wrong.status == 422
        assert (await browser.call("PATCH", "/admin/settings/mail", fields)).status == 204
        kept = {**fields, "mail:mailers:smtp:password": ""}
        assert (await browser.call("PATCH", "/admin/settings/mail", kept)).status == 204
        assert (await browser.call("POST", "/admin/settings/mail/test")).status == 204
    assert post.mails[-1]["From"] == "Games <games@example.com>"
    assert len(post.signed_in) == 1
    async with posted.panel.engine.connect() as connection:
        raw = (await connection.exec_driver_sql("SELECT value FROM settings")).scalars().all()
    assert "secret word" not in raw


async def test_markup_in_names_stays_text(site: Site) -> None:
    letter = letters.added_to_server(site.panel.settings, "a@example.com", "<b>A", "<script>x</script>", "1234")
    html = parts(letters.render(site.panel.settings, letter))["text/html"]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


async def test_a_panel_without_a_mail_server_owes_nothing_and_says_so_when_asked(site: Site) -> None:
    settings = site.panel.settings.model_copy(update={"mail_mailer": "log"})
    with pytest.raises(NotSent):
        await send(settings, letters.test(settings, "a@example.com", "A"))
    before = len(await site.rows(OwedMail))
    await site.within(lambda work: _owe(work, settings))
    assert len(await site.rows(OwedMail)) == before


async def _owe(work: Work, settings: PanelSettings) -> None:
    owe(work, settings, letters.password_reset("a@example.com", "http://x"))
