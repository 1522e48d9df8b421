"""The bulk seam of SQLite: many rows in one call, without SQLAlchemy's work for each value."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hivemind.store.database import Workspace
from hivemind.store.schema import utc_text


def append(workspace: Workspace, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that all have the same columns; times are aware, JSON columns take what json can write."""
    if not rows:
        return
    names = list(rows[0])
    as_json = {column.name for column in table.columns if isinstance(column.type, sa.JSON)}
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
    workspace.connection.exec_driver_sql(
        statement, [tuple(_bound(row[name], name in as_json) for name in names) for row in rows]
    )


def _bound(value: Any, as_json: bool) -> Any:
    if isinstance(value, datetime):
        return utc_text(value)
    return json.dumps(value) if as_json and value is not None else value
