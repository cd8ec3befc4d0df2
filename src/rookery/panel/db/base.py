"""The declarative base and the column types all tables share."""

import contextvars
from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData, Text, TypeDecorator
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from rookery.panel.secrets import Encrypter

ENCRYPTER: contextvars.ContextVar[Encrypter] = contextvars.ContextVar("encrypter")
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables; relationships are loaded by name, never by accident."""

    metadata = MetaData(naming_convention=_NAMES)


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC with whole seconds; databases keep it without a zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Aware to stored."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None, microsecond=0)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Stored to aware."""
        return None if value is None else value.replace(tzinfo=UTC)


class Secret(TypeDecorator[str]):
    """Text that is encrypted at rest; call sites see it in clear and cannot forget."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Clear to stored."""
        return None if value is None else ENCRYPTER.get().encrypt(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Stored to clear."""
        return None if value is None else ENCRYPTER.get().decrypt(value)


Id = Annotated[int, mapped_column(Integer, primary_key=True, autoincrement=True)]
BigId = Annotated[
    int,
    mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
]
LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
Json = Annotated[Any, mapped_column(JSON)]


class Timestamps:
    """`created_at` and `updated_at`, set by whoever writes the row."""

    created_at: Mapped[datetime | None] = mapped_column(UtcTime, default=lambda: datetime.now(UTC))
    updated_at: Mapped[datetime | None] = mapped_column(
        UtcTime, default=lambda: datetime.now(UTC), onupdate=lambda: datetime.now(UTC)
    )
