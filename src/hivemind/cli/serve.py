"""`serve`: a team's server."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hivemind.cli.app import App, pass_app
from hivemind.cli.team import database_option, team_database
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.store.database import Database

#: Of the collector of figures; a secret is no option, as the list of processes shows those.
METRICS_VARIABLE = "HIVEMIND_METRICS_TOKEN"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@database_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0: all.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--base-url", default="", metavar="URL", help="How people reach it, behind a reverse proxy.")
@click.option("--tls-cert", type=_FILE, help="Certificate with its chain, PEM.")
@click.option("--tls-key", type=_FILE, help="Its key, PEM.")
@click.option("--workspace", default="team", show_default=True, help="Name of the first workspace.")
@click.option("--no-worker", is_flag=True, help="Only serve; `hivemind worker --database-url` distils.")
@click.option("--organisation", default="", help="Whose it is; the workspace's name where none is given.")
@pass_app
def serve(
    app: App,
    database_url: str,
    host: str,
    port: int,
    base_url: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    workspace: str,
    no_worker: bool,
    organisation: str,
) -> None:
    """Serve a team: sessions come in, skills go out.

    The first start makes a workspace and prints the link that lets its admin in.
    """
    from hivemind.server import serving
    from hivemind.server.app import create_app

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    tls = serving.Tls(certificate=tls_cert, key=tls_key) if tls_cert and tls_key else None
    named = serving.checked_base_url(base_url) if base_url else ""
    metrics_token = app.environment.variables.get(METRICS_VARIABLE, "")
    if metrics_token and len(metrics_token) < 16:
        raise HivemindError(
            "metrics-token",
            f"{METRICS_VARIABLE} is too short to be a secret",
            hint="make one with `openssl rand -hex 32`",
        )
    with team_database(app, database_url) as database:
        listening = serving.bind(host, port)
        with listening:
            address = named or serving.address_of(listening, host=host, is_tls=tls is not None)
            invitation = serving.found(database, workspace_id=workspace, organisation=organisation)
            if invitation:
                app.verbatim(f"Open this link once, within seven days, to be the admin of {workspace}:")
                app.verbatim(f"  {address}/invite/{invitation}")
            if serving.is_exposed(address):
                app.note("tokens travel unencrypted: give --tls-cert and --tls-key, or --base-url https://…")
            app.note(f"serving on {address}; stop it with Ctrl-C")
            site = serving.site_of(
                database,
                base_url=address,
                is_named=bool(named),
                metrics_token=metrics_token,
                settings=app.team_settings,
            )
            stop = None if no_worker else _distilling(app, database)
            try:
                serving.run(create_app(site), listening, tls=tls)
            finally:
                if stop is not None:
                    stop()
    app.note("stopped")


def _distilling(app: App, database: "Database") -> Callable[[], None]:
    """Have this process distil, too, in the time between requests; gives what ends it."""
    from hivemind.worker.shared import SharedWorker, started

    worker = SharedWorker(
        database=database,
        settings=app.team_settings,
        variables=app.environment.variables,
        data=app.data,
    )
    return started(worker)
