"""Databases and users on a database host, by its administrator's account: MySQL, MariaDB; PostgreSQL as our own.

Source: Panel 1.11, database services: which statements, and which rights. Names are quoted, and what would be a
wildcard in a grant is escaped.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import asyncmy
import asyncpg

from rookery.panel.databases.models import DatabaseHost
from rookery.protocol.problems import Unavailable

_SECONDS = 5
_RIGHTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, REFERENCES, INDEX, LOCK TABLES, CREATE ROUTINE, "
    "ALTER ROUTINE, EXECUTE, CREATE TEMPORARY TABLES, CREATE VIEW, SHOW VIEW, EVENT, TRIGGER"
)


class HostFailed(Unavailable):
    """A database host could not be reached, or refused a statement."""

    status = 502
    code = "QueryException"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a host is and who administers it."""

    kind: str
    host: str
    port: int
    username: str
    password: str

    @classmethod
    def of(cls, host: DatabaseHost) -> "Address":
        """That of a stored host."""
        return cls(host.kind, host.host, host.port, host.username, host.password)


@dataclass(frozen=True, slots=True)
class Account:
    """A database and the user who may use it, from `remote` (a host with wildcards; not told apart by PostgreSQL)."""

    database: str
    username: str
    remote: str
    max_connections: int = 0


class Driver(Protocol):
    """What a host can be told, on one connection."""

    async def check(self) -> None:
        """See that the connection works."""

    async def make_database(self, account: Account) -> None:
        """Make the database if it is not there."""

    async def make_user(self, account: Account, password: str) -> None:
        """Make the user, with all rights on the database and no others."""

    async def drop_user(self, account: Account) -> None:
        """Remove the user if there is one."""

    async def drop_database(self, account: Account) -> None:
        """Remove the database if there is one."""


@contextlib.asynccontextmanager
async def connect(address: Address) -> AsyncIterator[Driver]:
    """A connection to a host.

    Raises:
        HostFailed: it cannot be made, or a statement inside is refused.
    """
    opener = _open_postgresql if address.kind == "postgresql" else _open_mysql
    try:
        async with opener(address) as driver:
            yield driver
    except (asyncmy.errors.MySQLError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as err:
        raise HostFailed(f"The database host said: {_reason(err)}") from err


def _reason(err: Exception) -> str:
    """The host's own words, without what a message must not carry."""
    words = err.args[1] if isinstance(err, asyncmy.errors.MySQLError) and len(err.args) > 1 else str(err)
    return re.sub(r"\s+", " ", str(words)).strip()[:300] or type(err).__name__


@contextlib.asynccontextmanager
async def _open_mysql(address: Address) -> AsyncIterator[Driver]:
    connection = await asyncmy.connect(
        host=address.host,
        port=address.port,
        user=address.username,
        password=address.password,
        db="mysql",
        charset="utf8mb4",
        connect_timeout=_SECONDS,
        autocommit=True,
    )
    try:
        yield _MySql(connection)
    finally:
        connection.close()


class _MySql:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def check(self) -> None:
        await self._do("SELECT 1 FROM dual")

    async def make_database(self, account: Account) -> None:
        await self._do(f"CREATE DATABASE IF NOT EXISTS {_quoted(account.database)}")

    async def make_user(self, account: Account, password: str) -> None:
        limit = f" WITH MAX_USER_CONNECTIONS {account.max_connections}" if account.max_connections else ""
        await self._do(f"CREATE USER {self._user(account)} IDENTIFIED BY {_literal(password)}{limit}")
        pattern = _quoted(re.sub(r"([_%\\])", r"\\\1", account.database))
        await self._do(f"GRANT {_RIGHTS} ON {pattern}.* TO {self._user(account)}")
        await self._do("FLUSH PRIVILEGES")

    async def drop_user(self, account: Account) -> None:
        await self._do(f"DROP USER IF EXISTS {self._user(account)}")
        await self._do("FLUSH PRIVILEGES")

    async def drop_database(self, account: Account) -> None:
        await self._do(f"DROP DATABASE IF EXISTS {_quoted(account.database)}")

    def _user(self, account: Account) -> str:
        return f"{_quoted(account.username)}@{_quoted(account.remote)}"

    async def _do(self, statement: str) -> None:
        async with self._connection.cursor() as cursor:
            await cursor.execute(statement)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@contextlib.asynccontextmanager
async def _open_postgresql(address: Address) -> AsyncIterator[Driver]:
    connection = await asyncpg.connect(
        host=address.host,
        port=address.port,
        user=address.username,
        password=address.password,
        database="postgres",
        timeout=_SECONDS,
        command_timeout=30,
    )
    try:
        yield _PostgreSql(connection)
    finally:
        await connection.close(timeout=_SECONDS)


class _PostgreSql:
    """The user owns the database, so that tables survive when it is made anew with another password."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def check(self) -> None:
        await self._connection.execute("SELECT 1")

    async def make_database(self, account: Account) -> None:
        found = await self._connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", account.database)
        if not found:
            await self._connection.execute(f"CREATE DATABASE {_named(account.database)}")
            await self._connection.execute(f"REVOKE ALL ON DATABASE {_named(account.database)} FROM PUBLIC")

    async def make_user(self, account: Account, password: str) -> None:
        role, limit = _named(account.username), account.max_connections or -1
        secret = "'" + password.replace("'", "''") + "'"
        found = await self._connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", account.username)
        verb = "ALTER" if found else "CREATE"
        await self._connection.execute(f"{verb} ROLE {role} LOGIN CONNECTION LIMIT {limit} PASSWORD {secret}")
        await self._connection.execute(f"GRANT {role} TO CURRENT_USER")
        await self._connection.execute(f"ALTER DATABASE {_named(account.database)} OWNER TO {role}")

    async def drop_user(self, account: Account) -> None:
        """A user who owns a database stays and is locked out; `make_user` lets them in again."""
        found = await self._connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", account.username)
        if not found:
            return
        await self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", account.username
        )
        owns = await self._connection.fetchval(
            "SELECT 1 FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname = $1", account.username
        )
        statement = "ALTER ROLE {} NOLOGIN" if owns else "DROP ROLE {}"
        await self._connection.execute(statement.format(_named(account.username)))

    async def drop_database(self, account: Account) -> None:
        await self._connection.execute(f"DROP DATABASE IF EXISTS {_named(account.database)} WITH (FORCE)")


def _named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
