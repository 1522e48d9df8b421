"""What the verbs of a team's server share: where its database is, and which workspace is meant."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hivemind.capture import layout
from hivemind.cli.app import App
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.store.database import Database, Workspace

F = TypeVar("F", bound=Callable[..., Any])
URL_VARIABLE = "HIVEMIND_DATABASE_URL"


def database_option(function: F) -> F:
    """Add `--database-url`."""
    return click.option(
        "--database-url",
        default="",
        metavar="URL",
        help=f"PostgreSQL or deeplake:; {URL_VARIABLE} keeps its password off the list of processes. "
        "Without either: a file of this machine.",
    )(function)


def with_token(app: App, url: str) -> str:
    """Give a database's URL with what opens it, where that is kept elsewhere."""
    if not url.startswith("deeplake"):
        return url
    from hivemind.deeplake.tables import store_url

    environment = app.environment
    return store_url(url, environment.home / ".deeplake/credentials.json", variables=environment.variables)


@contextmanager
def team_database(app: App, url: str) -> Iterator["Database"]:
    """Open the server's database."""
    from hivemind.server.serving import open_store

    url = url or app.environment.variables.get(URL_VARIABLE, "")
    database = open_store(with_token(app, url), file=Path(layout.team_database(str(app.data))))
    try:
        yield database
    finally:
        database.close()


@contextmanager
def team_workspace(app: App, url: str, named: str, *, is_writing: bool) -> Iterator["Workspace"]:
    """Open a transaction on the workspace that is meant: the only one, where none is named."""
    with team_database(app, url) as database:
        workspace_id = _chosen(database, named)
        with database.write(workspace_id) if is_writing else database.read(workspace_id) as workspace:
            yield workspace


def _chosen(database: "Database", named: str) -> str:
    from hivemind.store import accounts

    with database.read() as workspace:
        known = accounts.team_workspaces(workspace)
    if named in known:
        return named
    if not named and len(known) == 1:
        return known[0]
    said = ", ".join(known) or "none: `hivemind serve` makes the first"
    raise HivemindError(
        "workspace-unknown",
        f"there is no workspace {named!r} on this server" if named else "there is no single workspace",
        hint=f"name one with --workspace; known: {said}",
    )
