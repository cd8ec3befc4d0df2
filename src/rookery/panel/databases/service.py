"""Databases of servers, and the hosts they are made on. Source: Panel 1.11, database services.

The row is committed before the host is told, so that nothing on a host is unknown here; when the host refuses, what it
did is undone and the row goes.
"""

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from hashids import Hashids
from sqlalchemy import func, or_, select

from rookery.panel.databases.hosts import Account, Address, HostFailed, connect
from rookery.panel.databases.models import Database, DatabaseHost
from rookery.panel.secrets import random_text
from rookery.panel.servers.limits import hold
from rookery.panel.servers.models import Server
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work
from rookery.protocol.problems import Conflict

log = structlog.get_logger()
_NAME_LENGTH = 48
_PASSWORD_LENGTH, _SPECIAL = 24, "!@=.+^"


class NoHost(Conflict):
    """There is no host for a database of this server."""

    status = 400
    code = "NoSuitableDatabaseHostException"


class NotEnabled(Conflict):
    """Databases are switched off."""

    status = 400
    code = "DatabaseClientFeatureNotEnabledException"


class TooManyDatabases(Conflict):
    """The server has as many as it may have."""

    status = 400
    code = "TooManyDatabasesException"


class NameTaken(Conflict):
    """The server has a database of this name."""

    status = 400
    code = "DuplicateDatabaseNameException"


class HostInUse(Conflict):
    """The host has databases."""

    status = 400
    code = "HasActiveServersException"


class Databases:
    """The verbs about databases and their hosts."""

    def __init__(self, work: Work, settings: PanelSettings) -> None:
        self._work = work
        self._settings = settings

    # Hosts

    async def check_host(self, address: Address) -> None:
        """See that a host can be used.

        Raises:
            HostFailed: it cannot.
        """

        async def step() -> None:
            async with connect(address) as driver:
                await driver.check()

        await self._work.outside(step)

    async def delete_host(self, host: DatabaseHost) -> None:
        """Forget a host.

        Raises:
            HostInUse: it has databases.
        """
        if await self._work.db.scalar(select(Database.id).where(Database.database_host_id == host.id).limit(1)):
            raise HostInUse("There are databases on this host; delete them first.")
        await self._work.db.delete(host)

    async def host_for(self, server: Server) -> DatabaseHost:
        """A host for a server's database, drawn among those of its node, else among all.

        Raises:
            NoHost: there is none, or none with room.
        """
        counted = (
            select(func.count()).where(Database.database_host_id == DatabaseHost.id).correlate(DatabaseHost)
        ).scalar_subquery()
        room = or_(DatabaseHost.max_databases.is_(None), counted < DatabaseHost.max_databases)
        hosts = list(await self._work.db.scalars(select(DatabaseHost).where(room)))
        near = [host for host in hosts if host.node_id == server.node_id]
        if not near and self._settings.client_databases_any_host:
            near = hosts
        if not near:
            raise NoHost("There is no database host for this server.")
        return secrets.choice(near)

    # Databases

    async def create(
        self, server: Server, host: DatabaseHost | None, *, name: str, remote: str, max_connections: int = 0
    ) -> Database:
        """A new database with its user; `host` None draws one.

        Raises:
            NotEnabled, TooManyDatabases, NameTaken, NoHost: see there.
            HostFailed: the host did not make it; nothing is left.
        """
        if not self._settings.client_databases:
            raise NotEnabled("Databases are switched off on this installation.")
        work = self._work
        await hold(work, server)
        host = host or await self.host_for(server)
        mine = Database.server_id == server.id
        count = await work.db.scalar(select(func.count()).where(mine)) or 0
        if server.database_limit is not None and count >= server.database_limit:
            raise TooManyDatabases("This server has as many databases as it may have.")
        full = f"s{server.id}_{name}".encode()[:_NAME_LENGTH].decode(errors="ignore")
        if await work.db.scalar(select(Database.id).where(mine, Database.database == full).limit(1)):
            raise NameTaken("This server has a database of this name.")
        row = Database(
            server_id=server.id,
            database_host_id=host.id,
            database=full,
            username=f"u{server.id}_{random_text(10)}",
            remote=remote,
            password=new_password(),
            max_connections=max_connections,
        )
        work.add(row)
        await work.db.flush()
        try:
            await work.outside(partial(_make, Address.of(host), _account(row), row.password))
        except HostFailed:
            await work.db.delete(row)
            await work.db.commit()
            raise
        return row

    async def rotate(self, row: Database) -> None:
        """Give a database's user another password; rotations at the same moment end with the one that is stored.

        Raises:
            HostFailed: the host did not take it; the old one is shown again.
        """
        work, old = self._work, row.password
        address = await self._address(row)
        row.password, row.updated_at = new_password(), work.now
        await work.db.commit()
        while True:
            told = row.password
            try:
                await work.outside(partial(_change, address, _account(row), told))
            except HostFailed:
                row.password = old
                await work.db.commit()
                raise
            await work.db.refresh(row)
            if row.password == told:
                return

    async def delete(self, row: Database, *, force: bool = False) -> None:
        """Drop a database and its user on its host, then here; with `force` although the host does not answer.

        Raises:
            HostFailed: the host did not do it and `force` is off.
        """
        try:
            await self._work.outside(partial(_drop, await self._address(row), _account(row)))
        except HostFailed as err:
            if not force:
                raise
            log.warning("a database stays on its host", database=row.database, reason=err.detail)
        await self._work.db.delete(row)
        await self._work.db.flush()

    async def delete_all(self, server_id: int, *, force: bool) -> None:
        """Delete the databases of a server; see `delete`."""
        rows = await self._work.db.scalars(select(Database).where(Database.server_id == server_id))
        for row in list(rows):
            await self.delete(row, force=force)

    async def _address(self, row: Database) -> Address:
        return Address.of(await self._work.db.get_one(DatabaseHost, row.database_host_id))


def _account(row: Database) -> Account:
    return Account(row.database, row.username, row.remote, row.max_connections or 0)


async def _make(address: Address, account: Account, password: str) -> None:
    try:
        async with connect(address) as driver:
            await driver.make_database(account)
            await driver.make_user(account, password)
    except HostFailed:
        try:
            await _drop(address, account)
        except HostFailed as err:
            log.warning("a half-made database may be left on its host", database=account.database, reason=err.detail)
        raise


async def _change(address: Address, account: Account, password: str) -> None:
    async with connect(address) as driver:
        await driver.drop_user(account)
        await driver.make_user(account, password)


async def _drop(address: Address, account: Account) -> None:
    async with connect(address) as driver:
        await driver.drop_database(account)
        await driver.drop_user(account)


def new_password() -> str:
    """24 letters and digits with a few signs among them."""
    letters = list(random_text(_PASSWORD_LENGTH))
    for place in secrets.SystemRandom().sample(range(1, _PASSWORD_LENGTH), secrets.choice((2, 3, 4))):
        letters[place] = secrets.choice(_SPECIAL)
    return "".join(letters)


def hashids_of(settings: PanelSettings) -> Hashids:
    """How numbers of databases are shown to clients."""
    salt = settings.hashids_salt or settings.app_key()
    return Hashids(salt=salt, min_length=settings.hashids_length)


def number_of_hash(settings: PanelSettings, text: str) -> int | None:
    """The number a client means: a hash, or the number itself."""
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    found = hashids_of(settings).decode(text)
    return int(found[0]) if len(found) == 1 and found[0] < 2**31 else None


def host_values(inputs: Mapping[str, Any], old: DatabaseHost | None = None) -> dict[str, Any]:
    """The columns of a host from its form; an empty password keeps the old one."""
    return {
        "name": inputs["name"],
        "host": inputs["host"],
        "port": int(inputs["port"]),
        "username": inputs["username"],
        "password": inputs.get("password") or (old.password if old else ""),
        "node_id": int(inputs["node_id"]) if inputs.get("node_id") else None,
        "kind": inputs.get("kind") or (old.kind if old else "mysql"),
    }
