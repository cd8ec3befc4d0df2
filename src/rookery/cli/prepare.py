"""What `rookery up` does to the Panel's database and the node's `config.yml`, as a program of its own.

`python -m rookery.cli.prepare` reads one JSON object (the plan of the instance) and writes one as its last line: what
the halves need to start, or `{"trouble": sentence}`. Every step finds what it made before and leaves it alone.
"""

import asyncio
import hashlib
import json
import os
import pwd
import secrets
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

import rookery.panel.eggs
import rookery.panel.schema
from rookery.panel.accounts import service as accounts
from rookery.panel.accounts.models import User
from rookery.panel.db.base import ENCRYPTER
from rookery.panel.db.engine import make_engine, make_sessions
from rookery.panel.db.migrate import migrate
from rookery.panel.eggs import service as eggs
from rookery.panel.eggs.models import Egg, Nest
from rookery.panel.nodes import service as nodes
from rookery.panel.nodes.models import Location, Node
from rookery.panel.secrets import Encrypter
from rookery.panel.settings import PanelSettings
from rookery.panel.validation.inputs import ValidationFailed
from rookery.panel.work import Work
from rookery.protocol.problems import Problem
from rookery.wings.config import Config, ConfigFile, Interfaces, Subnet

BUNDLED = Path(rookery.panel.eggs.__file__).with_name("bundled")
AUTHOR = "eggs@rookery.invalid"
MEBI = 1024 * 1024

Request = Mapping[str, Any]


def main() -> int:
    """Carry out the request on standard input; the exit status."""
    request = json.load(sys.stdin)
    record = Path(request["home"]) / "bundled-eggs.json"
    config = Path(request["wings_config"])
    try:
        file = ConfigFile.read(config) if config.exists() else ConfigFile(config, Config())
        seen = json.loads(record.read_text()) if record.exists() else {}
        outcome, node, seen = asyncio.run(prepare(request, file.current.uuid, seen))
        record.write_text(json.dumps(seen, indent=2) + "\n")
        file.save(node_config(file.current, request, node))
    except ValidationFailed as failed:
        outcome = {"trouble": " ".join(failure.detail for failure in failed.failures)}
    except Problem as problem:
        outcome = {"trouble": problem.detail}
    except DBAPIError as err:
        outcome = {"trouble": f"The database cannot be used: {err.orig}."}
    except OSError as err:
        outcome = {"trouble": f"A file cannot be written ({err.filename}): {err.strerror}."}
    print(json.dumps(outcome))
    return 1 if "trouble" in outcome else 0


async def prepare(
    request: Request, node_uuid: str, seen: Mapping[str, str]
) -> tuple[dict[str, Any], Node, dict[str, str]]:
    """Everything in the database, in order, in one transaction.

    What the halves need to start; the node; and which bundled eggs have been imported, of which `seen` were before.
    """
    settings = PanelSettings(home=Path(request["home"]), url=request["url"])
    ENCRYPTER.set(Encrypter(settings.app_key()))
    engine = make_engine(settings.database_url)
    try:
        await migrate(engine)
        sessions = make_sessions(engine)
        async with sessions() as session:
            work = Work(session, sessions)
            administrator = await ensure_administrator(work, settings, request)
            node = await ensure_node(work, request, node_uuid)
            imported = await ensure_eggs(work, seen)
            await work.commit()
    finally:
        await engine.dispose()
    outcome = {
        "administrator": administrator,
        "panel_environment": {
            "ROOKERY_HOME": request["home"],
            "ROOKERY_URL": request["url"],
            "ROOKERY_PANEL_LISTEN": f"{request['panel']['host']}:{request['panel']['port']}",
        },
    }
    return outcome, node, imported


async def ensure_administrator(work: Work, settings: PanelSettings, request: Request) -> dict[str, Any] | None:
    """Make the first administrator unless there is one; what to show of a new one.

    Raises:
        ValidationFailed: name or e-mail address are not valid or taken.
    """
    if await work.db.scalar(select(User.id).where(User.root_admin).limit(1)):
        return None
    given = request["admin_password"]
    username, email = request["admin_username"], request["admin_email"]
    form = {"username": username, "email": email, "first_name": username, "last_name": username, "password": given}
    await accounts.check_user(work, form)
    password = given or secrets.token_urlsafe(15)
    await accounts.create_user(work, settings, username=username, email=email, password=password, root_admin=True)
    return {"username": username, "email": email, "password": None if given else password}


async def ensure_node(work: Work, request: Request, known: str) -> Node:
    """The node of this machine, with the plan's addresses and allocations; its configuration may name it already."""
    url = urlsplit(request["node_url"])
    wanted = {
        "fqdn": url.hostname or "",
        "scheme": url.scheme,
        "behind_proxy": url.scheme == "https",
        "daemon_listen": url.port or (443 if url.scheme == "https" else 80),
        "daemon_sftp": request["sftp"]["port"],
        "daemon_base": volumes_of(request),
    }
    node = await find_node(work, known)
    if node is None:
        location = await ensure_location(work)
        memory, disk = machine_size(Path(request["home"]))
        node = nodes.new_node(name="local", location_id=location.id, memory=memory, disk=disk, public=True, **wanted)
        work.add(node)
    else:
        for name, value in wanted.items():
            setattr(node, name, value)
    await work.db.flush()
    address = request["game_address"]
    alias = request["address"] if address == "0.0.0.0" else None
    await nodes.add_allocations(work, node, address, [str(port) for port in request["game_ports"]], alias)
    return node


async def find_node(work: Work, known: str) -> Node | None:
    """The node an existing configuration names, else the one that was made for this machine before."""
    found: Node | None = await work.db.scalar(select(Node).where(Node.uuid == known))
    return found or await work.db.scalar(select(Node).where(Node.name == "local").order_by(Node.id).limit(1))


async def ensure_location(work: Work) -> Location:
    """The location of this machine's node."""
    found: Location | None = await work.db.scalar(select(Location).order_by(Location.id).limit(1))
    if found is None:
        found = Location(short="local", long="This machine")
        work.add(found)
        await work.db.flush()
    return found


def machine_size(home: Path) -> tuple[int, int]:
    """Memory and disk of this machine in MiB."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return memory // MEBI, shutil.disk_usage(home).total // MEBI


async def ensure_eggs(work: Work, seen: Mapping[str, str]) -> dict[str, str]:
    """Import the bundled eggs this instance never had; one that was changed or deleted since stays so."""
    imported = dict(seen)
    nests: dict[str, dict[str, str]] = json.loads((BUNDLED / "nests.json").read_text())
    for folder, about in nests.items():
        for path in sorted((BUNDLED / folder).glob("*.json")):
            key = f"{folder}/{path.name}"
            if key in imported:
                continue
            raw = path.read_bytes()
            document = eggs.parse_document(raw)
            nest = await work.db.scalar(select(Nest).where(Nest.name == about["name"]).limit(1))
            nest = nest or await eggs.make_nest(work, about["name"], about["description"], AUTHOR)
            same = select(Egg.id).where(Egg.nest_id == nest.id, Egg.name == document.name)
            if await work.db.scalar(same) is None:
                await eggs.import_egg(work, document, nest)
            imported[key] = hashlib.sha256(raw).hexdigest()
    return imported


def volumes_of(request: Request) -> str:
    """Where server files of the instance live."""
    return str(Path(request["home"]) / "wings" / "volumes")


def node_config(old: Config, request: Request, node: Node) -> Config:
    """The node's configuration with what this command decides; everything else stays as it is."""
    home = Path(request["wings_config"]).parent
    network = request["network"]
    interfaces = Interfaces(
        v4=Subnet(network["subnet"], network["gateway"]), v6=Subnet(network["subnet_v6"], network["gateway_v6"])
    )
    docker_network = replace(
        old.docker.network,
        name=network["name"],
        network_mode=network["name"],
        interface=network["gateway"],
        interfaces=interfaces,
    )
    system = replace(
        old.system,
        root_directory=str(home),
        log_directory=str(home / "log"),
        data=volumes_of(request),
        archive_directory=str(home / "archives"),
        backup_directory=str(home / "backups"),
        tmp_directory=str(home / "tmp"),
        username=old.system.username if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name,
        sftp=replace(old.system.sftp, bind_address=request["sftp"]["host"], bind_port=request["sftp"]["port"]),
    )
    return replace(
        old,
        app_name="Rookery" if old.app_name == Config().app_name else old.app_name,
        uuid=node.uuid,
        token_id=node.daemon_token_id,
        token=node.daemon_token,
        api=replace(old.api, host=request["wings"]["host"], port=request["wings"]["port"]),
        system=system,
        docker=replace(old.docker, network=docker_network),
        remote=request["panel_from_here"],
        allowed_origins=tuple(dict.fromkeys([*old.allowed_origins, *request["urls"]])),
        # The addresses above are this command's to say, not the Panel's.
        ignore_panel_config_updates=True,
    )


if __name__ == "__main__":
    sys.exit(main())
