"""Settings an administrator edits at run time."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rookery.panel.db.base import Base, Id


class Setting(Base):
    """A setting by its wire key, such as `settings::app:name`."""

    __tablename__ = "settings"
    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(191), unique=True)
    value: Mapped[str] = mapped_column(Text)
