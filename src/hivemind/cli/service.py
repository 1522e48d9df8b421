"""`worker` and `mcp`: the processes."""

import os
from pathlib import Path

import click

from hivemind.cli.app import App, pass_app
from hivemind.errors import HivemindError


@click.command()
@pass_app
def worker(app: App) -> None:
    """Run the background worker in the foreground.

    Hooks start it by themselves; run it here to watch what it does. It stops when idle, or with Ctrl-C.
    """
    from hivemind.worker.lock import WorkerLock
    from hivemind.worker.loop import run

    lock = WorkerLock(app.data)
    if not lock.acquire():
        raise HivemindError(
            "worker-running",
            f"a worker is running already (process {lock.holder() or 'unknown'})",
            hint="there is one for each user; it stops by itself when idle",
        )
    app.note(f"worker running on {app.data}; stop it with Ctrl-C")
    run(app.data, lock=lock, variables=dict(os.environ))


@click.command()
@pass_app
def mcp(app: App) -> None:
    """Serve skills and sessions over MCP on stdio.

    Agents start it by themselves; `hivemind install` registers it.
    """
    from hivemind.server import mcp as server

    server.run(app.database_path, app.workspace_id, Path.cwd())
