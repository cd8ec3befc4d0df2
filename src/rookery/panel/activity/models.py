"""The audit trail."""

from datetime import datetime

from sqlalchemy import CHAR, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rookery.panel.db.base import Base, BigId, UtcTime
from rookery.panel.db.base import Json as JsonColumn


class ActivityLog(Base):
    """Something that was done; the actor is a user or, NULL, the system."""

    __tablename__ = "activity_logs"
    __table_args__ = (Index(None, "actor_type", "actor_id"), Index(None, "event"), Index(None, "timestamp"))
    id: Mapped[BigId]
    batch: Mapped[str | None] = mapped_column(CHAR(36))
    event: Mapped[str] = mapped_column(String(191))
    ip: Mapped[str] = mapped_column(String(191))
    description: Mapped[str | None] = mapped_column(Text)
    actor_type: Mapped[str | None] = mapped_column(String(191))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    api_key_id: Mapped[int | None]
    properties: Mapped[JsonColumn]
    timestamp: Mapped[datetime] = mapped_column(UtcTime)


class ActivitySubject(Base):
    """Whom or what an activity was about."""

    __tablename__ = "activity_log_subjects"
    __table_args__ = (Index(None, "subject_type", "subject_id"),)
    id: Mapped[BigId]
    activity_log_id: Mapped[int] = mapped_column(ForeignKey("activity_logs.id", ondelete="CASCADE"), index=True)
    subject_type: Mapped[str] = mapped_column(String(191))
    subject_id: Mapped[int] = mapped_column(BigInteger)
