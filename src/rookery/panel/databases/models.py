"""Database hosts and the databases servers own on them."""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rookery.panel.db.base import Base, Id, Secret, Timestamps


class DatabaseHost(Timestamps, Base):
    """A database server on which we may make databases and users."""

    __tablename__ = "database_hosts"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(191))
    host: Mapped[str] = mapped_column(String(191))
    port: Mapped[int]
    username: Mapped[str] = mapped_column(String(191))
    password: Mapped[str] = mapped_column(Secret)
    max_databases: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(16), default="mysql", server_default="mysql")
    """`mysql` (MariaDB too) or, as our own extension, `postgresql`."""
    node_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id", ondelete="SET NULL"), index=True)


class Database(Timestamps, Base):
    """One database of a server."""

    __tablename__ = "databases"
    __table_args__ = (
        UniqueConstraint("database_host_id", "username"),
        UniqueConstraint("database_host_id", "server_id", "database"),
    )
    id: Mapped[Id]
    server_id: Mapped[int] = mapped_column(ForeignKey("servers.id", ondelete="RESTRICT"), index=True)
    database_host_id: Mapped[int] = mapped_column(ForeignKey("database_hosts.id", ondelete="RESTRICT"))
    database: Mapped[str] = mapped_column(String(191))
    username: Mapped[str] = mapped_column(String(191))
    remote: Mapped[str] = mapped_column(String(191), default="%")
    password: Mapped[str] = mapped_column(Secret)
    max_connections: Mapped[int | None] = mapped_column(default=0)
