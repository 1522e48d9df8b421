"""Write rows: many new ones in one call, or one in place of what has its key."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hivemind.store.database import Workspace


def append(workspace: Workspace, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert new rows that all have the same columns, without SQLAlchemy's work for each value.

    Times are aware; JSON columns take what json can write.
    """
    if rows:
        workspace.seam.append(workspace.connection, table, rows)


def put_new(workspace: Workspace, table: sa.Table, values: dict[str, Any]) -> bool:
    """Write one row of the workspace, unless there is one with its key; say whether it was written."""
    row = {"workspace_id": workspace.workspace_id, **values}
    statement = workspace.seam.insert(table).values(**row).on_conflict_do_nothing()
    return workspace.execute(statement.execution_options(preserve_rowcount=True)).rowcount == 1


def put(workspace: Workspace, table: sa.Table, values: dict[str, Any]) -> None:
    """Write one row of the workspace, in place of the one with its key where there is one."""
    row = {"workspace_id": workspace.workspace_id, **values}
    key = [column.name for column in table.primary_key]
    statement = workspace.seam.insert(table).values(**row)
    others = {name: statement.excluded[name] for name in row if name not in key}
    workspace.execute(statement.on_conflict_do_update(index_elements=key, set_=others))
