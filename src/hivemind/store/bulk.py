"""The bulk seam of SQLite: many rows in one call, without SQLAlchemy's work for each value."""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hivemind.store.database import Workspace
from hivemind.store.schema import UtcTime, utc_text


def append(workspace: Workspace, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that all have the same columns; times are aware, JSON columns take what json can write."""
    if not rows:
        return
    names = list(rows[0])
    types = [table.columns[name].type for name in names]
    times = [n for n, kind in enumerate(types) if isinstance(kind, UtcTime)]
    documents = [n for n, kind in enumerate(types) if isinstance(kind, sa.JSON)]
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
    bound = []
    for row in rows:
        values = list(row.values())
        for n in times:
            values[n] = values[n] and utc_text(values[n])
        for n in documents:
            values[n] = None if values[n] is None else json.dumps(values[n])
        bound.append(tuple(values))
    workspace.connection.exec_driver_sql(statement, bound)
