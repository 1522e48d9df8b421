"""How SQLite takes rows: many new ones in one call, or one in place of what has its key."""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from hivemind.store.database import Workspace
from hivemind.store.schema import UtcTime, utc_text


def append(workspace: Workspace, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that all have the same columns, without SQLAlchemy's work for each value.

    Times are aware; JSON columns take what json can write.
    """
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


def put_new(workspace: Workspace, table: sa.Table, values: dict[str, Any]) -> None:
    """Write one row of the workspace, unless there is one with its key."""
    row = {"workspace_id": workspace.workspace_id, **values}
    workspace.execute(insert(table).values(**row).on_conflict_do_nothing())


def put(workspace: Workspace, table: sa.Table, values: dict[str, Any]) -> None:
    """Write one row of the workspace, in place of the one with its key where there is one."""
    row = {"workspace_id": workspace.workspace_id, **values}
    key = [column.name for column in table.primary_key]
    statement = insert(table).values(**row)
    others = {name: statement.excluded[name] for name in row if name not in key}
    workspace.execute(statement.on_conflict_do_update(index_elements=key, set_=others))
