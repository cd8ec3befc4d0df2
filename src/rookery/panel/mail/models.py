"""Mails that are owed."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from rookery.panel.db.base import Base, BigId, Secret, UtcTime


class OwedMail(Base):
    """A mail nobody has delivered yet; its text may hold a link that signs in, so it is encrypted."""

    __tablename__ = "owed_mails"
    id: Mapped[BigId]
    recipient: Mapped[str] = mapped_column(String(191))
    subject: Mapped[str] = mapped_column(String(191))
    letter: Mapped[str] = mapped_column(Secret)
    """The rest of it as JSON, see `letters.Letter`."""
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
