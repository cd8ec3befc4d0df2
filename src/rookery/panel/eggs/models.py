"""Nests, eggs and their variables."""

from sqlalchemy import CHAR, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rookery.panel.db.base import Base, Id, LongText, Timestamps
from rookery.panel.db.base import Json as JsonColumn


class Nest(Timestamps, Base):
    """A group of eggs."""

    __tablename__ = "nests"
    id: Mapped[Id]
    uuid: Mapped[str] = mapped_column(CHAR(36), unique=True)
    author: Mapped[str] = mapped_column(String(191))
    name: Mapped[str] = mapped_column(String(191))
    description: Mapped[str | None] = mapped_column(Text)


class Egg(Timestamps, Base):
    """How a kind of game server is installed, configured and run; `config_*` texts are JSON, NULL inherits."""

    __tablename__ = "eggs"
    id: Mapped[Id]
    uuid: Mapped[str] = mapped_column(CHAR(36), unique=True)
    nest_id: Mapped[int] = mapped_column(ForeignKey("nests.id", ondelete="CASCADE"), index=True)
    author: Mapped[str] = mapped_column(String(191))
    name: Mapped[str] = mapped_column(String(191))
    description: Mapped[str | None] = mapped_column(Text)
    features: Mapped[JsonColumn | None]
    docker_images: Mapped[JsonColumn | None]
    file_denylist: Mapped[JsonColumn | None]
    update_url: Mapped[str | None] = mapped_column(Text)
    config_files: Mapped[str | None] = mapped_column(LongText)
    config_startup: Mapped[str | None] = mapped_column(Text)
    config_logs: Mapped[str | None] = mapped_column(Text)
    config_stop: Mapped[str | None] = mapped_column(String(191))
    config_from: Mapped[int | None] = mapped_column(ForeignKey("eggs.id", ondelete="SET NULL"))
    startup: Mapped[str | None] = mapped_column(Text)
    script_container: Mapped[str] = mapped_column(String(191), default="alpine:3.4")
    copy_script_from: Mapped[int | None] = mapped_column(ForeignKey("eggs.id", ondelete="SET NULL"))
    script_entry: Mapped[str] = mapped_column(String(191), default="ash")
    script_is_privileged: Mapped[bool] = mapped_column(default=True)
    script_install: Mapped[str | None] = mapped_column(LongText)
    force_outgoing_ip: Mapped[bool] = mapped_column(default=False)


class EggVariable(Timestamps, Base):
    """A setting of an egg; `rules` are Laravel's, split by `|`."""

    __tablename__ = "egg_variables"
    id: Mapped[Id]
    egg_id: Mapped[int] = mapped_column(ForeignKey("eggs.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(191))
    description: Mapped[str] = mapped_column(Text)
    env_variable: Mapped[str] = mapped_column(String(191))
    default_value: Mapped[str] = mapped_column(Text)
    user_viewable: Mapped[bool]
    user_editable: Mapped[bool]
    rules: Mapped[str | None] = mapped_column(Text)
