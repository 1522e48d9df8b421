"""`worker` and `mcp`: the processes."""

import os
from pathlib import Path

import click

from hivemind.cli.app import App, pass_app
from hivemind.errors import HivemindError


@click.command()
@click.option(
    "--database-url",
    envvar="HIVEMIND_DATABASE_URL",
    default="",
    metavar="URL",
    help="Work on a team's database, beside any number of other workers, until told to stop.",
)
@pass_app
def worker(app: App, database_url: str) -> None:
    """Run the background worker in the foreground.

    Hooks start it by themselves; run it here to watch what it does. It stops when idle, or with Ctrl-C.
    """
    if database_url:
        _work_on(app, database_url)
        return
    from hivemind.worker.lock import WorkerLock
    from hivemind.worker.process import run

    lock = WorkerLock(app.data)
    if not lock.acquire():
        raise HivemindError(
            "worker-running",
            f"a worker is running already (process {lock.holder() or 'unknown'})",
            hint="there is one for each user; it stops by itself when idle",
        )
    app.note(f"worker running on {app.data}; stop it with Ctrl-C")
    run(app.data, lock=lock, variables=dict(os.environ))


def _work_on(app: App, database_url: str) -> None:
    """Do the jobs of a team's database until a signal comes; what is at hand is finished first."""
    import logging
    import signal

    from hivemind.cli.team import with_token
    from hivemind.store.database import open_url
    from hivemind.worker.shared import SharedWorker

    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    database = open_url(with_token(app, database_url))
    shared = SharedWorker(
        database=database, settings=app.team_settings, variables=dict(os.environ), data=app.data
    )
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: shared.stopped.set())
    app.note(f"worker {shared.owner} waits for jobs; stop it with Ctrl-C")
    try:
        shared.run()
    finally:
        database.close()


@click.command()
@pass_app
def mcp(app: App) -> None:
    """Serve skills and sessions over MCP on stdio.

    Agents start it by themselves; `hivemind install` registers it.
    """
    from hivemind.server import mcp as server

    server.run(app.database_path, app.workspace_id, Path.cwd())
