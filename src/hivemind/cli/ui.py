"""`ui`: the pages on this machine's own database."""

import secrets
import socket
import webbrowser
from typing import TYPE_CHECKING

import click

from hivemind import config
from hivemind.cli.app import App, pass_app
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hivemind.server.access.local import LocalAccess
    from hivemind.store.database import Database

LOOPBACK = "127.0.0.1"


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=0, help="This port; 0, the default: any free one."
)
@click.option("--no-browser", is_flag=True, help="Print the address only.")
@pass_app
def ui(app: App, *, port: int, no_browser: bool) -> None:
    """Open the pages: review, skills, sessions, models, settings.

    They are served to this machine alone, from its own database, until Ctrl-C. The address that is printed
    opens them once: in one browser, for you.
    """
    import uvicorn

    with app.database() as database, _listening(port) as listener:
        host = f"{LOOPBACK}:{listener.getsockname()[1]}"
        made, access = pages(app, database, host=host)
        address = f"http://{host}/open?token={access.new_link()}"
        app.verbatim(address)
        app.note("The address works once; Ctrl-C ends it.")
        if not no_browser:
            webbrowser.open(address)
        settings = uvicorn.Config(made, log_level="warning", lifespan="off", access_log=False)
        uvicorn.Server(settings).run(sockets=[listener])


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise HivemindError(
            "port-taken",
            f"port {port} of this machine cannot be used: {error.strerror}",
            hint="leave --port out",
        ) from error
    return listener


def pages(app: App, database: "Database", *, host: str) -> "tuple[FastAPI, LocalAccess]":
    """Build the application, and what lets its one user in."""
    from hivemind.cli import settings
    from hivemind.server.access.local import LocalAccess
    from hivemind.server.app import create_app
    from hivemind.server.site import OwnMachine, Site

    cookie = f"hm_ui_{secrets.token_hex(4)}"
    access = LocalAccess(workspace_id=app.workspace_id, person=config.user_name(), cookie=cookie)
    site = Site(
        database=database,
        access=access,
        settings=app.settings,
        hosts=frozenset({host, host.replace(LOOPBACK, "localhost")}),
        is_local=True,
        counts_ahead=True,
        cookie=cookie,
        data=app.data,
        after_decision=lambda _space: _follow(app, database),
        machine=OwnMachine(
            settings=lambda: settings.load(app),
            change=lambda key, value: settings.change(app, key, value),
        ),
    )
    return create_app(site), access


def _follow(app: App, database: "Database") -> None:
    """Bring what is withheld, and the skill files, in line with what was decided."""
    from hivemind.cli.settings import load
    from hivemind.cli.skills import set_shares

    with database.write(app.workspace_id) as workspace:
        set_shares(workspace, load(app))
    app.publish(database)
