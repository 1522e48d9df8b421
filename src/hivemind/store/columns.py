"""Types of columns that are the same on every database, and what sorts and writes them."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, DateTime, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData()

#: PostgreSQL is told what SQLite does anyway: texts of any length that sort by their bytes, and integers of
#: 64 bits. What is stored, found and sorted is then the same on both.
_BYTES_IN_ORDER = sa.Text(collation="C")
Text = sa.Text().with_variant(_BYTES_IN_ORDER, "postgresql")
Integer = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def String(length: int) -> sa.String:  # noqa: N802 - stands where SQLAlchemy's type would
    """Give the type of a short text; the length is what its writers keep to, and is not enforced."""
    return sa.String(length).with_variant(_BYTES_IN_ORDER, "postgresql")


def earliest(column: sa.ColumnElement[Any]) -> sa.UnaryExpression[Any]:
    """Sort by a time that may be missing, the missing first, on every database."""
    return column.asc().nulls_first()


def latest(column: sa.ColumnElement[Any]) -> sa.UnaryExpression[Any]:
    """Sort by a time that may be missing, the latest first and the missing last, on every database."""
    return column.desc().nulls_last()


def utc_text(value: datetime) -> str:
    """Write an aware time as SQLite keeps it: ISO 8601 in UTC, to the millisecond."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_millisecond(value: datetime) -> datetime:
    """Cut a time off where SQLite does, so that a time that was stored equals itself."""
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


class UtcTime(TypeDecorator[datetime]):
    """Store an aware time: `timestamptz` on PostgreSQL, ISO 8601 text in UTC, which sorts, on SQLite."""

    impl = sa.String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Choose the column's type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(sa.String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a time; refuse one without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value!r}: times are aware and in UTC")
        value = value.astimezone(UTC)
        if dialect.name == "postgresql":
            return to_millisecond(value)
        return utc_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read a time."""
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return None if value is None else datetime.fromisoformat(value)


def workspace_column() -> Column[str]:
    """Make the column that every primary key begins with."""
    return Column("workspace_id", String(64), primary_key=True, comment="unit of sharing and isolation")
