"""Tell the sessions that agents had from imported rows of training data, which nobody grades or mines."""

import sqlalchemy as sa

from hivemind.store import schema
from hivemind.store.database import Workspace

#: The agent of imported rows.
IMPORTED = "import"
#: How the ids of imported rows begin, and what sorts right behind them.
PREFIX, _BEHIND = f"{IMPORTED}.", f"{IMPORTED}/"


def was_done(workspace: Workspace) -> sa.ColumnElement[bool]:
    """Choose the workspace's sessions that an agent had.

    By the ids on either side of imported ones, so that an index passes over a million of them.
    """
    return sa.or_(*sides(workspace, schema.sessions))


def sides(workspace: Workspace, table: sa.Table) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Choose a table's rows of such sessions, as what lies before imported ones and what lies behind."""
    here, t = table.c.workspace_id == workspace.workspace_id, table.c.session_id
    return sa.and_(here, t < PREFIX), sa.and_(here, t >= _BEHIND)
