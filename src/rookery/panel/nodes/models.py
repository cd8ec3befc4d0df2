"""Locations, nodes and their addresses, and folders of nodes shown inside servers."""

from sqlalchemy import CHAR, Column, ForeignKey, Index, Integer, SmallInteger, String, Table, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rookery.panel.db.base import Base, Id, Secret, Timestamps


class Location(Timestamps, Base):
    """A place nodes stand in."""

    __tablename__ = "locations"
    id: Mapped[Id]
    short: Mapped[str] = mapped_column(String(191), unique=True)
    long: Mapped[str | None] = mapped_column(Text)


class Node(Timestamps, Base):
    """A machine that runs servers; sizes in MiB, over-allocation in per cent."""

    __tablename__ = "nodes"
    id: Mapped[Id]
    uuid: Mapped[str] = mapped_column(CHAR(36), unique=True)
    public: Mapped[bool] = mapped_column(default=True)
    name: Mapped[str] = mapped_column(String(191))
    description: Mapped[str | None] = mapped_column(Text)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id", ondelete="RESTRICT"), index=True)
    fqdn: Mapped[str] = mapped_column(String(191))
    scheme: Mapped[str] = mapped_column(String(191), default="https")
    behind_proxy: Mapped[bool] = mapped_column(default=False)
    maintenance_mode: Mapped[bool] = mapped_column(default=False)
    memory: Mapped[int]
    memory_overallocate: Mapped[int] = mapped_column(default=0)
    disk: Mapped[int]
    disk_overallocate: Mapped[int] = mapped_column(default=0)
    upload_size: Mapped[int] = mapped_column(default=100)
    daemon_token_id: Mapped[str] = mapped_column(CHAR(16), unique=True)
    daemon_token: Mapped[str] = mapped_column(Secret)
    daemon_listen: Mapped[int] = mapped_column("daemonListen", Integer, default=8080)
    daemon_sftp: Mapped[int] = mapped_column("daemonSFTP", Integer, default=2022)
    daemon_base: Mapped[str] = mapped_column("daemonBase", String(191), default="/var/lib/pterodactyl/volumes")

    @property
    def address(self) -> str:
        """Where the Panel and browsers reach the daemon."""
        return f"{self.scheme}://{self.fqdn}:{self.daemon_listen}"


class Allocation(Timestamps, Base):
    """An address of a node; free while `server_id` is NULL."""

    __tablename__ = "allocations"
    __table_args__ = (UniqueConstraint("node_id", "ip", "port"), Index(None, "server_id"))
    id: Mapped[Id]
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"))
    ip: Mapped[str] = mapped_column(String(191))
    ip_alias: Mapped[str | None] = mapped_column(Text)
    port: Mapped[int]
    server_id: Mapped[int | None] = mapped_column(
        ForeignKey("servers.id", ondelete="SET NULL", use_alter=True, name="fk_allocations_server_id_servers")
    )
    notes: Mapped[str | None] = mapped_column(String(256))


class Mount(Base):
    """A folder of nodes that servers may see."""

    __tablename__ = "mounts"
    id: Mapped[Id]
    uuid: Mapped[str] = mapped_column(CHAR(36), unique=True)
    name: Mapped[str] = mapped_column(String(191), unique=True)
    description: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(191))
    target: Mapped[str] = mapped_column(String(191))
    read_only: Mapped[int] = mapped_column(SmallInteger)
    user_mountable: Mapped[int] = mapped_column(SmallInteger)


def _pivot(name: str, other: str, table: str) -> Table:
    return Table(
        name,
        Base.metadata,
        Column(other, ForeignKey(f"{table}.id", ondelete="CASCADE", onupdate="CASCADE"), nullable=False),
        Column("mount_id", ForeignKey("mounts.id", ondelete="CASCADE", onupdate="CASCADE"), nullable=False),
        UniqueConstraint(other, "mount_id"),
    )


egg_mount = _pivot("egg_mount", "egg_id", "eggs")
mount_node = _pivot("mount_node", "node_id", "nodes")
mount_server = _pivot("mount_server", "server_id", "servers")
