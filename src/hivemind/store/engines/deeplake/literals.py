"""Write values into statements, by the quoting of PostgreSQL's own driver: the endpoint binds none."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import DataError, sql


def literal(value: Any) -> str:
    """Write a value as SQL; raise the driver's DataError where PostgreSQL cannot hold it."""
    try:
        return sql.Literal(value).as_string(None)
    except UnicodeEncodeError as error:
        raise DataError(f"a text cannot be encoded: {error.reason}") from error


def rendered(statement: str, parameters: Mapping[str, Any]) -> str:
    """Write parameters where `%(name)s` stands for them, and `%` for `%%`."""
    return statement % {name: literal(value) for name, value in parameters.items()}


def insertion(table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write an INSERT of many rows; empty where there are none."""
    values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
    columns = ", ".join(sql.Identifier(name).as_string(None) for name in names)
    target = sql.Identifier(table).as_string(None)
    return f"INSERT INTO {target} ({columns}) VALUES {values}" if values else ""  # noqa: S608 - quoted above
