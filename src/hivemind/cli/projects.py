"""`project`: what is captured of each project, and whether the team gets it."""

from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import one_line
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.config import Settings

OFF, LOCAL, TEAM = CAPTURES = ("off", "local", "team")


@click.command()
@click.argument("name", required=False)
@click.option(
    "--capture",
    type=click.Choice(CAPTURES),
    help="off: store nothing; local: keep it on this machine; team: send it to the team's server.",
)
@json_option
@pass_app
def project(app: App, *, name: str | None, capture: str | None, as_json: bool) -> None:
    """Show what is captured of each project, and what the team gets.

    NAME is a project's name, its repository or a folder. What was sent stays with the team.
    """
    if capture and not name:
        raise click.UsageError("name the project: hivemind project NAME --capture " + capture)
    if capture and name:
        _set(app, name, capture)
        app.__dict__.pop("settings", None)  # read anew
    found = _gather(app, name)
    if as_json:
        emit(found)
        return
    rows = [
        [
            one_line(p["name"], 30),
            p["capture"],
            str(p["sessions"]),
            str(p["sent"]),
            one_line(p["remote"] or p["root"], 60),
        ]
        for p in found
    ]
    heads = ["project", "capture", "sessions", "events sent", "repository"]
    app.table(heads, rows, shrink="repository", numbers="sessions")
    if not name:
        app.note("change one: hivemind project NAME --capture off|local|team")


def capture_of(settings: "Settings", *, root: str, remote: str) -> str:
    """Say what is captured of a project."""
    if settings.excludes(root) or settings.excludes_remote(remote):
        return OFF
    return TEAM if remote and settings.shares(root, remote) else LOCAL


def _gather(app: App, name: str | None) -> list[dict[str, Any]]:
    from hivemind.cli.project import project_ids
    from hivemind.store import remotes

    with app.database() as database, database.read(app.workspace_id) as workspace:
        chosen = set(project_ids(workspace, (name,))) if name else None
        rows = remotes.projects(workspace)
    return [
        {
            "project_id": row.project_id,
            "name": row.name,
            "remote": row.remote,
            "root": row.root,
            "capture": capture_of(app.settings, root=row.root, remote=row.remote),
            "sessions": int(row.sessions),
            "sent": int(row.sent),
        }
        for row in rows
        if chosen is None or row.project_id in chosen
    ]


def _set(app: App, name: str, capture: str) -> None:
    from hivemind.cli import settings

    for one in _gather(app, name):
        remote, root = one["remote"], one["root"]
        if capture == TEAM and not remote:
            raise HivemindError(
                "project-without-remote",
                f"{one['name']} has no git remote, by which a team would know it",
                hint="add one: git remote add origin URL, and work in it once more",
            )
        key = remote or root
        held = settings.load(app)
        excluded = [*held.capture_exclude_remotes] if remote else [*held.capture_exclude]
        _toggle(app, "capture.team", [*held.capture_team], key, is_in=capture == TEAM)
        setting = "capture.exclude_remotes" if remote else "capture.exclude"
        _toggle(app, setting, excluded, key, is_in=capture == OFF)
        found = capture_of(settings.load(app), root=root, remote=remote)
        if found != capture:
            raise HivemindError(
                "project-by-pattern",
                f"{one['name']} stays {found}: a pattern of capture.team or capture.exclude matches it",
                hint="see `hivemind config`, and change the pattern there",
            )


def _toggle(app: App, key: str, values: list[str], one: str, *, is_in: bool) -> None:
    from hivemind.cli import settings

    wanted = [value for value in values if value != one] + ([one] if is_in else [])
    if wanted != values:
        settings.store(app, key, wanted)
