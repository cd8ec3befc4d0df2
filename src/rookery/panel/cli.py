"""The Panel's commands."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from rookery.panel.accounts import service as accounts
from rookery.panel.accounts.service import APPLICATION_KEY, CLIENT_KEY, RESOURCES
from rookery.panel.app import create_app, make_panel
from rookery.panel.clock import Clock
from rookery.panel.db.migrate import migrate
from rookery.panel.eggs.models import Nest
from rookery.panel.eggs.service import import_egg, make_nest, parse_document
from rookery.panel.panel import Panel
from rookery.panel.secrets import random_text
from rookery.panel.settings import PanelSettings
from rookery.panel.validation.inputs import ValidationFailed
from rookery.panel.work import Work
from rookery.protocol.problems import Problem


def main(argv: list[str]) -> int:
    """Run `rookery panel …`; the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except ValidationFailed as err:
        for failure in err.failures:
            print(f"Error: {failure.detail}", file=sys.stderr)
        return 1
    except (Problem, OSError) as err:
        print(f"Error: {err}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rookery panel", description="The web application.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="run the web application")
    serve.add_argument("--listen", metavar="HOST:PORT", help="where to listen (ROOKERY_PANEL_LISTEN)")
    serve.set_defaults(run=_serve)

    worker = commands.add_parser("worker", help="run schedules, where the web processes do not (ROOKERY_JOBS=worker)")
    worker.set_defaults(run=_worker)

    commands.add_parser("migrate", help="bring the database up to date").set_defaults(run=_within(_migrate))

    user = commands.add_parser("user", help="users").add_subparsers(metavar="COMMAND", required=True)
    create = user.add_parser("create", help="make a user")
    create.add_argument("--username", required=True)
    create.add_argument("--email", required=True)
    create.add_argument("--password", help="without one, a random one is made and printed")
    create.add_argument("--first-name", default="")
    create.add_argument("--last-name", default="")
    create.add_argument("--admin", action="store_true", help="make an administrator")
    create.set_defaults(run=_within(_create_user))

    key = commands.add_parser("key", help="API keys").add_subparsers(metavar="COMMAND", required=True)
    create = key.add_parser("create", help="make a key and print it")
    create.add_argument("--user", required=True, help="name or e-mail address")
    create.add_argument("--type", choices=("client", "application"), required=True)
    create.add_argument("--memo", default="made by the command line")
    create.add_argument("--read-only", action="store_true", help="an application key that changes nothing")
    create.set_defaults(run=_within(_create_key))

    egg = commands.add_parser("egg", help="eggs").add_subparsers(metavar="COMMAND", required=True)
    bring = egg.add_parser("import", help="import eggs from files")
    bring.add_argument("files", nargs="+", type=Path, metavar="FILE")
    bring.add_argument("--nest", default="Imported", help="name of the nest they go to")
    bring.set_defaults(run=_within(_import_eggs))
    return parser


def _serve(arguments: argparse.Namespace) -> int:
    import uvicorn

    settings = PanelSettings()
    host, _, port = (arguments.listen or settings.panel_listen).rpartition(":")
    config = uvicorn.Config(
        create_app(settings),
        host=host.strip("[]") or "127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    print(f"The Panel listens on {host}:{port}; browsers reach it at {settings.url}", flush=True)
    server.run()
    return 0 if server.started else 1


def _worker(_arguments: argparse.Namespace) -> int:
    async def run() -> None:
        panel = make_panel(PanelSettings())
        try:
            await migrate(panel.engine)
            print("The worker runs schedules.", flush=True)
            await Clock(panel).serve()
        finally:
            await panel.nodes.close()
            await panel.engine.dispose()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())
    return 0


Command = Callable[[Panel, Work, argparse.Namespace], Awaitable[None]]


def _within(command: Command) -> Callable[[argparse.Namespace], int]:
    """A command as one transaction on an up-to-date database."""

    async def run(arguments: argparse.Namespace) -> None:
        panel = make_panel(PanelSettings())
        try:
            await migrate(panel.engine)
            async with panel.sessions() as session:
                work = Work(session, panel.sessions)
                await command(panel, work, arguments)
                await work.commit()
        finally:
            await panel.nodes.close()
            await panel.engine.dispose()

    def start(arguments: argparse.Namespace) -> int:
        asyncio.run(run(arguments))
        return 0

    return start


async def _migrate(panel: Panel, work: Work, arguments: argparse.Namespace) -> None:
    del panel, work, arguments
    print("The database is up to date.")


async def _create_user(panel: Panel, work: Work, arguments: argparse.Namespace) -> None:
    inputs: dict[str, Any] = {
        "username": arguments.username,
        "email": arguments.email,
        "first_name": arguments.first_name or arguments.username,
        "last_name": arguments.last_name or arguments.username,
    }
    await accounts.check_user(work, inputs)
    password = arguments.password or random_text(16)
    user = await accounts.create_user(
        work,
        panel.settings,
        username=arguments.username,
        email=arguments.email,
        password=password,
        first_name=inputs["first_name"],
        last_name=inputs["last_name"],
        root_admin=arguments.admin,
    )
    print(f"User {user.username} was made." + ("" if arguments.password else f" Password: {password}"))


async def _create_key(panel: Panel, work: Work, arguments: argparse.Namespace) -> None:
    del panel
    user = await accounts.find_user(work, arguments.user)
    if user is None:
        raise Problem(f"There is no user {arguments.user}.")
    kind = CLIENT_KEY if arguments.type == "client" else APPLICATION_KEY
    grants = dict.fromkeys(RESOURCES, 1 if arguments.read_only else 3) if kind == APPLICATION_KEY else None
    key, secret = await accounts.create_key(work, user, kind=kind, memo=arguments.memo, grants=grants)
    print(f"{key.identifier}{secret}")


async def _import_eggs(panel: Panel, work: Work, arguments: argparse.Namespace) -> None:
    nest = await work.db.scalar(select(Nest).where(Nest.name == arguments.nest))
    if nest is None:
        nest = await make_nest(work, arguments.nest, None, panel.settings.service_author)
    for path in arguments.files:
        try:
            egg = await import_egg(work, parse_document(path.read_bytes()), nest)
        except Problem as err:
            raise Problem(f"{path}: {err.detail}") from err
        print(f"{path}: {egg.name} is egg {egg.id}")
