"""Users and what belongs to them."""

from datetime import datetime

from sqlalchemy import CHAR, ForeignKey, Index, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rookery.panel.db.base import Base, BigId, Id, Secret, Timestamps, UtcTime
from rookery.panel.db.base import Json as JsonColumn


class User(Timestamps, Base):
    """Somebody who can sign in."""

    __tablename__ = "users"
    id: Mapped[Id]
    external_id: Mapped[str | None] = mapped_column(String(191), index=True)
    uuid: Mapped[str] = mapped_column(CHAR(36), unique=True)
    username: Mapped[str] = mapped_column(String(191), unique=True)
    email: Mapped[str] = mapped_column(String(191), unique=True)
    name_first: Mapped[str | None] = mapped_column(String(191))
    name_last: Mapped[str | None] = mapped_column(String(191))
    password: Mapped[str] = mapped_column(Text)
    remember_token: Mapped[str | None] = mapped_column(String(191))
    language: Mapped[str] = mapped_column(String(5), default="en")
    root_admin: Mapped[bool] = mapped_column(default=False)
    use_totp: Mapped[bool] = mapped_column(default=False)
    totp_secret: Mapped[str | None] = mapped_column(Secret)
    totp_authenticated_at: Mapped[datetime | None] = mapped_column(UtcTime)
    gravatar: Mapped[bool] = mapped_column(default=True)


class ApiKey(Timestamps, Base):
    """An API key; `key_type` 1 is a client key, 2 an application key."""

    __tablename__ = "api_keys"
    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    key_type: Mapped[int] = mapped_column(SmallInteger, default=0)
    identifier: Mapped[str | None] = mapped_column(CHAR(16), unique=True)
    token: Mapped[str] = mapped_column(Secret)
    allowed_ips: Mapped[JsonColumn | None]
    memo: Mapped[str | None] = mapped_column(Text)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    r_servers: Mapped[int] = mapped_column(SmallInteger, default=0)
    r_nodes: Mapped[int] = mapped_column(SmallInteger, default=0)
    r_allocations: Mapped[int] = mapped_column(SmallInteger, default=0)
    r_users: Mapped[int] = mapped_column(SmallInteger, default=0)
    r_locations: Mapped[int] = mapped_column(SmallInteger, default=0)
    r_nests: Mapped[int] = mapped_column(SmallInteger, default=0)
    r_eggs: Mapped[int] = mapped_column(SmallInteger, default=0)
    r_database_hosts: Mapped[int] = mapped_column(SmallInteger, default=0)
    r_server_databases: Mapped[int] = mapped_column(SmallInteger, default=0)


class RecoveryToken(Base):
    """A one-time code for somebody who lost the second factor; kept as a hash."""

    __tablename__ = "recovery_tokens"
    id: Mapped[BigId]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token: Mapped[str] = mapped_column(String(191))
    created_at: Mapped[datetime | None] = mapped_column(UtcTime)


class SshKey(Timestamps, Base):
    """A public key for SFTP."""

    __tablename__ = "user_ssh_keys"
    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(191))
    fingerprint: Mapped[str] = mapped_column(String(191))
    public_key: Mapped[str] = mapped_column(Text)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)


class PasswordReset(Base):
    """A mailed link for a new password; kept as a hash."""

    __tablename__ = "password_resets"
    email: Mapped[str] = mapped_column(String(191), primary_key=True)
    token: Mapped[str] = mapped_column(String(191))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Session(Base):
    """A signed-in browser; `id` is the hash of what its cookie holds."""

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id"), Index(None, "last_activity"))
    id: Mapped[str] = mapped_column(String(191), primary_key=True)
    user_id: Mapped[int | None]
    ip_address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(Text)
    payload: Mapped[str] = mapped_column(Text)
    last_activity: Mapped[int]
