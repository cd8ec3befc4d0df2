"""What each mail says, and how it looks. Source: Panel 1.11: occasions, subjects, facts and buttons; words are ours."""

import json
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from email.utils import formataddr, formatdate, make_msgid
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from rookery.panel.settings import PanelSettings


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail: a greeting, sentences, and at most one button."""

    to: str
    subject: str
    greeting: str
    lines: tuple[str, ...]
    button: str = ""
    url: str = ""

    def stored(self) -> str:
        """As text for the database."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Letter":
        """From that text."""
        found: dict[str, Any] = json.loads(text)
        return cls(**{**found, "lines": tuple(found["lines"])})


def account_created(settings: PanelSettings, email: str, name: str, username: str, setup: str | None) -> Letter:
    """Somebody has an account; `setup` is where they choose a password when they have none."""
    lines = (f"An account was made for you at {settings.name}.", f"Username: {username}", f"E-mail: {email}")
    button = "Choose a password" if setup else "Sign in"
    return Letter(email, "Account Created", f"Hello {name}!", lines, button, setup or settings.url)


def password_reset(email: str, url: str) -> Letter:
    """Somebody forgot their password."""
    lines = (
        "A new password was asked for this account. The link works for one hour.",
        "If it was not you, there is nothing to do.",
    )
    return Letter(email, "Reset Password", "Hello!", lines, "Choose a new password", url)


def added_to_server(settings: PanelSettings, email: str, name: str, server: str, short: str) -> Letter:
    """Somebody may use a server."""
    lines = ("You can use another server now, with the rights its owner gave you.", f"Server: {server}")
    return Letter(
        email, "Added To Server", f"Hello {name}!", lines, "Open the server", f"{settings.url}/server/{short}"
    )


def removed_from_server(settings: PanelSettings, email: str, name: str, server: str) -> Letter:
    """Somebody may no longer use a server."""
    lines = ("Your rights on a server have ended.", f"Server: {server}")
    return Letter(email, "Removed From Server", f"Hello {name}.", lines, "Your servers", settings.url)


def server_installed(settings: PanelSettings, email: str, username: str, server: str) -> Letter:
    """A server is ready."""
    lines = ("Your server is installed and ready to be used.", f"Server: {server}")
    return Letter(email, "Server Installed", f"Hello {username}.", lines, "Your servers", settings.url)


def test(settings: PanelSettings, email: str, name: str) -> Letter:
    """An administrator tries whether mail works."""
    lines = (f"Mail from {settings.name} reaches you.",)
    return Letter(email, f"{settings.name} Test Message", f"Hello {name}!", lines)


def render(settings: PanelSettings, letter: Letter) -> EmailMessage:
    """The whole message, as plain text and as HTML."""
    facts = {"name": settings.name, "home": settings.url, "letter": letter}
    message = EmailMessage()
    message["Subject"] = letter.subject
    message["From"] = formataddr((settings.mail_from_name or settings.name, settings.mail_from_address))
    message["To"] = letter.to
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=settings.mail_from_address.rpartition("@")[2] or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_templates().get_template("letter.txt").render(facts))
    message.add_alternative(_templates().get_template("letter.html").render(facts), subtype="html")
    return message


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("rookery.panel.mail"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
