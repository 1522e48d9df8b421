"""`login`, `logout`: a token of a team's server for this machine."""

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.sync.client import Client
    from hivemind.sync.credentials import Credentials

#: A login is given up after so long, in seconds; the server says how long at most.
MAX_WAIT_S = 900
REQUEST_S = 30.0


@click.command()
@click.argument("url")
@click.option("--paste", is_flag=True, help="Paste a token that the server's page made.")
@click.option("--workspace", default="", metavar="NAME", help="Require that the token is for this workspace.")
@json_option
@pass_app
def login(app: App, *, url: str, paste: bool, workspace: str, as_json: bool) -> None:
    """Join a team's server with this machine.

    Prints a code and an address: whoever is logged in there confirms the code, and this machine gets a token
    of theirs. Nothing is sent until `hivemind project NAME --capture team` says of which project.
    """
    from hivemind.sync import credentials
    from hivemind.sync.credentials import Credentials

    variables = app.environment.variables
    checked = credentials.check_url(url, variables=variables)
    local = app.workspace_id
    if paste:
        token = click.prompt("Token", hide_input=True, type=str).strip()
        found = Credentials(url=checked, token=token, local_workspace=local)
    else:
        found = _by_device(app, Credentials(url=checked, token="", local_workspace=local))
    found = _known(found)
    if workspace and found.workspace != workspace:
        raise HivemindError(
            "login-workspace",
            f"the token is for the workspace {found.workspace!r} and not for {workspace!r}",
            hint="log in there as a member of the other workspace, and try again",
        )
    credentials.save(app.data, found)
    with app.database(must_exist=False) as database, database.write(local) as held:
        from hivemind.store import remotes

        before = remotes.remote(held)
        if before is not None and (before.url, before.remote_workspace) == (found.url, found.workspace):
            # Whoever logs in anew trusts the server as it is now.
            remotes.update(held, public_key="", last_error="")
    if as_json:
        emit({"url": found.url, "workspace": found.workspace, "name": found.name})
        return
    app.say(f"This machine is {found.name or 'a member'} in {found.workspace} on {found.url}.")
    app.note("The team's skills come from now on. Nothing goes up until you say of which project:")
    app.note("  hivemind project NAME --capture team, and hivemind sync --dry-run shows what that is")


def _by_device(app: App, remote: "Credentials") -> "Credentials":
    """Have a person confirm a code in their browser, and wait for it."""
    from dataclasses import replace

    from hivemind.sync.client import Client, Deadline

    deadline = Deadline(seconds=MAX_WAIT_S)
    with Client(remote, deadline=deadline) as client:
        started = _mapping(client.post("/api/v1/login/device", {"label": socket.gethostname()[:100]}).value)
        address = str(started.get("verification_uri_complete") or started.get("verification_uri") or "")
        app.note("Open this address, and confirm that it shows the same code:")
        app.notes.print(f"  {address}", markup=False, soft_wrap=True)
        app.notes.print(f"  code: {started.get('user_code', '')}", markup=False, soft_wrap=True)
        granted = _wait(client, started)
    return replace(
        remote,
        token=str(granted.get("access_token") or ""),
        workspace=str(granted.get("workspace") or ""),
        name=str(granted.get("name") or ""),
    )


def _wait(
    client: "Client", started: dict[str, Any], *, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    from hivemind.sync.client import RefusedError

    said = started.get("interval"), started.get("expires_in")
    interval = float(said[0]) if isinstance(said[0], int | float) else 5.0
    lasts = float(said[1]) if isinstance(said[1], int | float) else MAX_WAIT_S
    end = time.monotonic() + min(lasts, MAX_WAIT_S)
    while time.monotonic() < end:
        try:
            return _mapping(
                client.post("/api/v1/login/token", {"device_code": started.get("device_code", "")}).value
            )
        except RefusedError as error:
            if error.kind not in ("authorization-pending", "slow-down"):
                raise
            interval += 5.0 if error.kind == "slow-down" else 0.0
        sleep(min(interval, 30.0))
    raise HivemindError(
        "login-timeout", "nobody confirmed the code in time", hint="run `hivemind login` again"
    )


def _mapping(value: Any) -> dict[str, Any]:
    from hivemind.sync import reading

    return reading.mapping(value, "the server's answer")


def _known(found: "Credentials") -> "Credentials":
    """Ask the server what the token is good for; raises where it lets nobody in."""
    from dataclasses import replace

    from hivemind.sync.client import Client, Deadline
    from hivemind.sync.wire import read_state

    with Client(found, deadline=Deadline(seconds=REQUEST_S), tries=2) as client:
        state = read_state(client.get("/api/v1/sync/state", query={"machine": "0" * 32}).value)
    return replace(found, workspace=state.workspace)


@click.command()
@json_option
@pass_app
def logout(app: App, *, as_json: bool) -> None:
    """Leave the team's server; what is stored here stays.

    The token is revoked where the server can be reached, and deleted from this machine in any case. Skills of
    the team stay in use, and what went up stays with the team.
    """
    from hivemind.cli.sync import stays
    from hivemind.store.glance import team_of
    from hivemind.sync import credentials

    try:
        found = credentials.find(app.data, {})
    except HivemindError:
        found = None  # what cannot be read is deleted all the same
    revoked = found is not None and _revoke(found)
    deleted = credentials.delete(app.data)
    if as_json:
        emit({"deleted": deleted, "revoked": revoked})
        return
    if not deleted:
        app.say("This machine is not logged in.")
        return
    app.say("Logged out." + ("" if revoked else " The server could not be asked to revoke the token."))
    if left := team_of(app.database_path, found.local_workspace if found else app.workspace_id)[1]:
        app.note(stays(left).removeprefix("; ").replace("its", "The team's", 1) + ".")
        app.note("What went up stays with the team.")
    if credentials.find(app.data, app.environment.variables) is not None:
        app.note(f"{credentials.URL} and {credentials.TOKEN} are set: syncing goes on with those")


def _revoke(found: "Credentials") -> bool:
    from hivemind.sync.client import Client, Deadline

    token_id = found.token.split(".")[-2] if found.token.count(".") >= 3 else ""
    try:
        with Client(found, deadline=Deadline(seconds=REQUEST_S), tries=1) as client:
            client.delete(f"/api/v1/tokens/{token_id}")
    except HivemindError:
        return False
    return True
