"""Servers and what belongs to them."""

from datetime import datetime

from sqlalchemy import CHAR, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rookery.panel.db.base import Base, Id, Timestamps, UtcTime
from rookery.panel.db.base import Json as JsonColumn


class Server(Timestamps, Base):
    """A game server; sizes in MiB, 0 is unlimited; `status` NULL is ready to use."""

    __tablename__ = "servers"
    id: Mapped[Id]
    external_id: Mapped[str | None] = mapped_column(String(191), unique=True)
    uuid: Mapped[str] = mapped_column(CHAR(36), unique=True)
    uuid_short: Mapped[str] = mapped_column("uuidShort", CHAR(8), unique=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="RESTRICT"), index=True)
    name: Mapped[str] = mapped_column(String(191))
    description: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str | None] = mapped_column(String(191))
    skip_scripts: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    memory: Mapped[int]
    swap: Mapped[int]
    disk: Mapped[int]
    io: Mapped[int]
    cpu: Mapped[int]
    threads: Mapped[str | None] = mapped_column(String(191))
    oom_disabled: Mapped[bool] = mapped_column(default=True)
    allocation_id: Mapped[int] = mapped_column(ForeignKey("allocations.id", ondelete="RESTRICT"), unique=True)
    nest_id: Mapped[int] = mapped_column(ForeignKey("nests.id", ondelete="RESTRICT"), index=True)
    egg_id: Mapped[int] = mapped_column(ForeignKey("eggs.id", ondelete="RESTRICT"), index=True)
    startup: Mapped[str] = mapped_column(Text)
    image: Mapped[str] = mapped_column(String(191))
    allocation_limit: Mapped[int | None]
    database_limit: Mapped[int | None] = mapped_column(default=0)
    backup_limit: Mapped[int] = mapped_column(default=0)
    installed_at: Mapped[datetime | None] = mapped_column(UtcTime)

    @property
    def is_installed(self) -> bool:
        """Whether the first installation ended well; a failed reinstallation leaves a server usable."""
        return is_installed(self.status)


def is_installed(status: str | None) -> bool:
    """Whether a server of this status was ever installed."""
    return status not in ("installing", "install_failed")


class ServerVariable(Timestamps, Base):
    """A server's value of an egg's variable."""

    __tablename__ = "server_variables"
    __table_args__ = (UniqueConstraint("server_id", "variable_id"),)
    id: Mapped[Id]
    server_id: Mapped[int] = mapped_column(ForeignKey("servers.id", ondelete="CASCADE"))
    variable_id: Mapped[int] = mapped_column(ForeignKey("egg_variables.id", ondelete="CASCADE"), index=True)
    variable_value: Mapped[str] = mapped_column(Text)


class Subuser(Timestamps, Base):
    """Somebody with some rights on a server of another."""

    __tablename__ = "subusers"
    __table_args__ = (UniqueConstraint("user_id", "server_id"),)
    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    server_id: Mapped[int] = mapped_column(ForeignKey("servers.id", ondelete="CASCADE"), index=True)
    permissions: Mapped[JsonColumn | None]


class ServerTransfer(Timestamps, Base):
    """A move between nodes; `successful` NULL is under way."""

    __tablename__ = "server_transfers"
    id: Mapped[Id]
    server_id: Mapped[int] = mapped_column(ForeignKey("servers.id", ondelete="CASCADE"), index=True)
    successful: Mapped[bool | None]
    old_node: Mapped[int]
    new_node: Mapped[int]
    old_allocation: Mapped[int]
    new_allocation: Mapped[int]
    old_additional_allocations: Mapped[JsonColumn | None]
    new_additional_allocations: Mapped[JsonColumn | None]
    archived: Mapped[bool] = mapped_column(default=False)
