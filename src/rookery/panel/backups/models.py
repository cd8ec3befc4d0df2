"""Backups of servers."""

from datetime import datetime

from sqlalchemy import CHAR, BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rookery.panel.db.base import Base, BigId, Timestamps, UtcTime
from rookery.panel.db.base import Json as JsonColumn


class Backup(Timestamps, Base):
    """One backup; `completed_at` NULL is under way, `deleted_at` keeps it for the throttle only."""

    __tablename__ = "backups"
    id: Mapped[BigId]
    server_id: Mapped[int] = mapped_column(ForeignKey("servers.id", ondelete="CASCADE"), index=True)
    uuid: Mapped[str] = mapped_column(CHAR(36), unique=True)
    upload_id: Mapped[str | None] = mapped_column(Text)
    is_successful: Mapped[bool] = mapped_column(default=False)
    is_locked: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str] = mapped_column(String(191))
    ignored_files: Mapped[JsonColumn]
    disk: Mapped[str] = mapped_column(String(191))
    checksum: Mapped[str | None] = mapped_column(String(191))
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    completed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)
