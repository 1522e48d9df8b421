"""`export`: write graded work as files to train a model with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import bytes_text, count

_KINDS = ("sft", "dpo", "kto", "plain")
_CONTAINERS = ("jsonl", "parquet", "deeplake")
_DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "kinds",
    multiple=True,
    type=click.Choice(_KINDS),
    help="What for: sft, dpo, kto as TRL reads them, or plain (default: all four).",
)
@click.option(
    "--to",
    "containers",
    multiple=True,
    type=click.Choice(_CONTAINERS),
    help="Kind of file (default: jsonl).",
)
@click.option("--project", "projects", multiple=True, help="Of this project: its name, id or folder.")
@click.option("--since", type=_DAY, help="Begun on this day (UTC) or later.")
@click.option("--until", type=_DAY, help="Begun before this day (UTC).")
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    type=click.Choice(["success", "failure", "unknown"]),
    help="With this outcome (default: successes in sft, all in plain).",
)
@click.option("--model", "models", multiple=True, help="By this model.")
@click.option("--agent", "agents", multiple=True, help="By this agent; `import` for imported rows.")
@click.option("--replace", is_flag=True, help="Take the place of an earlier export.")
@json_option
@pass_app
def export(
    app: App,
    *,
    folder: Path,
    kinds: tuple[str, ...],
    containers: tuple[str, ...],
    projects: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    outcomes: tuple[str, ...],
    models: tuple[str, ...],
    agents: tuple[str, ...],
    replace: bool,
    as_json: bool,
) -> None:
    """Write graded work as files to train a model with.

    FOLDER is made, with a manifest of counts and hashes; it is there whole or not at all. Secrets are
    replaced once more. A pair is a success against a failure at the same or nearly the same request.
    """
    from hivemind.capture import boundary
    from hivemind.cli.project import project_ids
    from hivemind.finetune.export.choosing import Filters
    from hivemind.finetune.export.writing import Exporter, Wanted

    wanted_files = containers or ("jsonl",)
    if "deeplake" in wanted_files:
        app.note(
            "deeplake calls home (Sentry); it runs in a process of its own that cannot reach the network"
        )
    with app.database() as database:
        with database.read(app.workspace_id) as workspace:
            wanted_ids = project_ids(workspace, projects)
        filters = Filters(
            projects=wanted_ids,
            since=since.replace(tzinfo=UTC) if since else None,
            until=until.replace(tzinfo=UTC) if until else None,
            outcomes=outcomes,
            models=models,
            agents=agents,
        )
        manifest = _watched(
            app,
            folder,
            Wanted(kinds=kinds or _KINDS, containers=wanted_files, filters=filters),
            exporter=Exporter(
                database=database,
                workspace_id=app.workspace_id,
                redactor=boundary.redactor(),
                environment=app.environment.variables,
            ),
            replace=replace,
            quiet=as_json,
        )
    if as_json:
        emit(manifest)
        return
    for file in manifest["files"]:
        app.say(f"{file['file']}: {count(file['rows'], 'row')}, {bytes_text(file['bytes'])}")
    for kind, rows in manifest["rows"].items():
        if not rows:
            app.say(f"{kind}: nothing fits, so no file")
    replaced = sum(file["redactions"] for file in manifest["files"])
    app.say(
        f"Written to {folder}, with manifest.json"
        + (f"; {count(replaced, 'secret')} replaced" if replaced else "")
    )
    if not manifest["files"]:
        app.note('Nothing fits: `hivemind sql "SELECT score_label, count(*) FROM episodes GROUP BY 1"`')


def _watched(
    app: App, folder: Path, wanted: Any, *, exporter: Any, replace: bool, quiet: bool
) -> dict[str, Any]:
    """Write with a count of rows where a person watches."""
    from dataclasses import replace as changed

    from rich.progress import Progress, TextColumn

    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,} rows"))
    bar = Progress(*columns, console=app.notes, transient=True, disable=quiet or not app.notes.is_terminal)
    with bar:
        task = bar.add_task("writing", total=None)
        watched = changed(
            exporter,
            progress=lambda name, rows: bar.update(task, description=f"writing {name}", completed=rows),
        )
        written: dict[str, Any] = watched.write(folder, wanted, replace=replace)
        return written
