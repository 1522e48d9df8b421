"""`sql`: the user's own queries, read-only."""

import csv
import sys
from collections.abc import Sequence
from typing import Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import one_line, printable
from hivemind.errors import HivemindError

MAX_CELL_CHARS = 60
#: A query that runs longer is stopped, in instructions of SQLite's machine (about a minute).
MAX_STEPS = 5_000_000_000
_STEPS_A_LOOK = 1_000_000


@click.command()
@click.argument("query", required=False)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--schema", "show_schema", is_flag=True, help="Print the tables and what their columns mean.")
@click.option("--limit", default=1_000, show_default=True, type=click.IntRange(1), help="Rows at most.")
@json_option
@pass_app
def sql(app: App, *, query: str | None, as_csv: bool, show_schema: bool, limit: int, as_json: bool) -> None:
    """Query the database with plain SQL, read-only.

    It sees every workspace; narrow it with `where workspace_id = 'default'`.

    For example: hivemind sql "select session_id, count(*) from events where status = 'error' group by 1"
    """
    if show_schema and as_json:
        emit(_tables())
        return
    if show_schema:
        from hivemind.store.describe import describe

        app.verbatim(describe())
        return
    if not query:
        raise click.UsageError("a query is missing; `hivemind sql --schema` prints the tables")
    names, rows, more = _run(app, query, limit=limit)
    if as_json:
        emit([dict(zip(names, row, strict=True)) for row in rows])
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(names)
        writer.writerows(rows)
    elif len(names) == 1 and len(rows) == 1:
        app.verbatim("" if rows[0][0] is None else str(rows[0][0]))
    elif app.console.is_terminal:
        _print(app, names, rows)
    else:
        for row in (names, *rows):
            click.echo("\t".join(_cell(value) for value in row))
    if more:
        app.note(f"only the first {limit:,} rows are shown; --limit shows more")


def _tables() -> list[dict[str, Any]]:
    from hivemind.store.schema import metadata

    return [
        {
            "table": table.name,
            "meaning": table.comment or "",
            "columns": [
                {
                    "column": column.name,
                    "type": type(column.type).__name__.lower().replace("utctime", "time"),
                    "is_key": column.primary_key,
                    "meaning": column.comment or "",
                }
                for column in table.columns
            ],
        }
        for table in sorted(metadata.tables.values(), key=lambda table: table.name)
    ]


def _run(app: App, query: str, *, limit: int) -> tuple[list[str], list[Sequence[Any]], bool]:
    import sqlite3

    from hivemind.store.database import open_read_only

    engine = open_read_only(app.database_path)
    connection = engine.raw_connection()
    try:
        raw: Any = connection.driver_connection
        # The file is opened read-only; this keeps ATTACH and VACUUM INTO from making or reading other files.
        raw.execute("PRAGMA query_only = ON")
        raw.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        raw.set_authorizer(_only_reads)
        raw.set_progress_handler(_Patience(), _STEPS_A_LOOK)
        cursor = raw.cursor()
        cursor.execute(query)
        if cursor.description is None:
            return [], [], False
        rows: list[Sequence[Any]] = cursor.fetchmany(limit + 1)
        return [column[0] for column in cursor.description], rows[:limit], len(rows) > limit
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:  # ValueError: a NUL or a lone surrogate
        raise HivemindError(
            "sql-failed",
            f"{error}",
            hint="the database is read-only here; `hivemind sql --schema` prints its tables",
        ) from error
    finally:
        connection.invalidate()  # its authorizer would stay with it
        engine.dispose()


class _Patience:
    """Count how often SQLite asks whether to go on."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked * _STEPS_A_LOOK > MAX_STEPS


def _only_reads(action: int, one: str | None, _: str | None, __: str | None, ___: str | None) -> int:
    import sqlite3

    # 33 is SQLITE_RECURSIVE, which Python does not name before 3.12.
    allowed = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, 33)
    if action in allowed or (action == sqlite3.SQLITE_PRAGMA and one in ("table_info", "table_list")):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _cell(value: Any) -> str:
    return "" if value is None else " ".join(printable(str(value)).split())


def _print(app: App, names: list[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table, or one line for each column where the table would not fit."""
    cells = [["" if value is None else one_line(str(value), MAX_CELL_CHARS) for value in row] for row in rows]
    heads = [one_line(name, MAX_CELL_CHARS) for name in names]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    if sum(widths) + 2 * len(widths) > app.console.width and len(names) > 1:
        longest = max(map(len, heads))
        for number, row in enumerate(rows, start=1):
            app.verbatim(f"── row {number}")
            for head, value in zip(heads, row, strict=True):
                room = max(20, app.console.width - longest - 2)
                app.verbatim(f"{head:<{longest}}  {'' if value is None else one_line(str(value), room)}")
        return
    app.table(heads, cells)
