"""`import`: take fine-tuning data in as evidence for candidates."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import count
from hivemind.domain.text import storable
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.finetune.importing import FileReport
    from hivemind.finetune.mining.candidates import Learnt
    from hivemind.store.database import Database

#: Rows that a candidate names on the terminal.
_SHOWN_ROWS = 8
_SHOWN_REASONS = 5


@click.command("import")
@click.argument(
    "files",
    nargs=-1,
    metavar="[FILE…]",
    type=click.Path(dir_okay=False, path_type=Path),
)
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project that it is for, by its folder (default: this one).",
)
@click.option("--everywhere", is_flag=True, help="It is for every project.")
@click.option("--dry-run", is_flag=True, help="Say what would be imported; store nothing.")
@click.option("--forget", is_flag=True, help="Delete what was imported from files of these names.")
@click.option(
    "--from-deeplake", is_flag=True, help="Bring over an Activeloop Hivemind workspace: sessions and skills."
)
@click.option("--no-mine", is_flag=True, help="Only store; the next import mines.")
@json_option
@pass_app
def import_data(
    app: App,
    *,
    files: tuple[Path, ...],
    project: Path | None,
    everywhere: bool,
    dry_run: bool,
    forget: bool,
    from_deeplake: bool,
    no_mine: bool,
    as_json: bool,
) -> None:
    """Take fine-tuning data in as evidence for candidates.

    FILE is JSON, JSON lines or Parquet, packed with gzip or not. The format of each row is known by what is
    in it: OpenAI, Anthropic, Bedrock and Gemini messages, ShareGPT, Alpaca, prompt and completion, DPO pairs,
    KTO labels. Import a file again, or after an interruption, and nothing is stored twice. What they teach
    becomes candidates, which load nowhere before real work confirms them or you approve them.

    Exits 1 where a row is refused; the others are taken in. `--forget` goes by the files' names, and exits 1
    where nothing was imported from a name that is no file either.

    `--from-deeplake` takes no file: it reads ~/.deeplake/credentials.json, or HIVEMIND_TOKEN,
    HIVEMIND_ORG_ID, HIVEMIND_WORKSPACE_ID and HIVEMIND_API_URL. Sessions are stored as if captured here.
    """
    if from_deeplake:
        if files or project or everywhere or forget:
            raise click.UsageError("--from-deeplake goes with --dry-run and --json alone")
        from hivemind.cli.from_deeplake import bring_over

        bring_over(app, dry_run=dry_run, as_json=as_json)
        return
    _check(files, project=project, everywhere=everywhere, forget=forget, dry_run=dry_run)
    reports: list[FileReport] = []
    learnt: list[Learnt] = []
    forgotten: dict[Path, int] = {}
    with app.database(must_exist=False) as database:
        facts = None if everywhere else _project(app, database, project or Path.cwd(), keep=not dry_run)
        project_id = facts[0] if facts else ""
        if forget:
            forgotten = _forget(app, database, files, project_id=project_id)
        else:
            reports = _take(app, database, files, project_id=project_id, dry_run=dry_run, quiet=as_json)
        mines = not (dry_run or no_mine) and (not forget or any(forgotten.values()))
        if mines:
            learnt = _learn(app, database, project_id, quiet=as_json)
    where = facts[1] if facts else "every project"
    unknown = [path for path, rows in forgotten.items() if not rows]
    if as_json:
        told = {"forgotten": sum(forgotten.values()), "unknown": [storable(str(path)) for path in unknown]}
        emit(_summary(reports, learnt, dry_run=dry_run) | told)
    else:
        _tell(app, reports, where=where, dry_run=dry_run)
        if forget:
            app.say(f"{count(sum(forgotten.values()), 'row')} deleted.")
        if mines:
            _tell_learnt(app, learnt, where=where)
    for path in unknown:
        missing_too = "" if path.is_file() else ", and there is no such file"
        app.note(f"{storable(path.name)}: none of its rows are known for {where}{missing_too}")
    if any(report.refused for report in reports) or any(not path.is_file() for path in unknown):
        raise click.exceptions.Exit(1)


def _check(
    files: tuple[Path, ...], *, project: Path | None, everywhere: bool, forget: bool, dry_run: bool
) -> None:
    if not files:
        raise click.UsageError("name a FILE, or --from-deeplake")
    if project and everywhere:
        raise click.UsageError("--project and --everywhere exclude each other")
    if forget and dry_run:
        raise click.UsageError("--forget and --dry-run exclude each other")
    if missing := [path for path in files if not (forget or path.is_file())]:
        raise click.BadParameter(f"file {str(missing[0])!r} does not exist", param_hint="FILE…")


def _project(app: App, database: "Database", folder: Path, *, keep: bool) -> tuple[str, str]:
    """Give the id and the name of a folder's project."""
    from hivemind.capture.git import project_of
    from hivemind.store import sessions

    found = project_of(str(folder.resolve()))
    assert found is not None  # noqa: S101 - a folder is a project, if only by its path
    if not keep:
        with database.read(app.workspace_id) as workspace:
            known = sessions.known_project(workspace, found)
        return known.project_id, known.name
    with database.write(app.workspace_id) as workspace:
        known = sessions.known_project(workspace, found)
        sessions.put_project(workspace, known)
    return known.project_id, known.name


def _forget(app: App, database: "Database", files: tuple[Path, ...], *, project_id: str) -> dict[Path, int]:
    """Delete what was imported from files of these names; give the number of rows of each."""
    from hivemind.capture import boundary
    from hivemind.finetune import importing

    forgotten: dict[Path, int] = {}
    for path in dict.fromkeys(files):
        name = boundary.redactor().redact(storable(path.name)).text
        forgotten[path] = importing.forget(database, app.workspace_id, project_id=project_id, file=name)
    return forgotten


def _take(
    app: App,
    database: "Database",
    files: tuple[Path, ...],
    *,
    project_id: str,
    dry_run: bool,
    quiet: bool,
) -> "list[FileReport]":
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from hivemind.capture import boundary
    from hivemind.finetune.importing import Importer

    importer = Importer(
        database=database,
        workspace_id=app.workspace_id,
        project_id=project_id,
        redactor=boundary.redactor(),
        dry_run=dry_run,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=app.notes, transient=True, disable=quiet or not app.notes.is_terminal)
    reports = []
    with bar:
        for path in files:
            task = bar.add_task(f"reading {path.name[:40]}", total=path.stat().st_size)
            try:
                report = importer.take(path, progress=lambda done, t=task: bar.update(t, completed=done))  # type: ignore[misc]
            except OSError as error:
                raise HivemindError(
                    "import-unreadable",
                    f"{path} cannot be read: {error.strerror or error}",
                    hint="check its name and who may read it (ls -l)",
                ) from error
            reports.append(report)
            bar.remove_task(task)
    return reports


def _learn(app: App, database: "Database", project_id: str, *, quiet: bool) -> "list[Learnt]":
    from hivemind import config
    from hivemind.finetune.mining import candidates

    if not quiet:
        app.note("Comparing answers …")
    return candidates.learn(
        database,
        app.workspace_id,
        project_id,
        author=config.user_name(),
        policy=app.settings.publish_policy,
    )


def _summary(reports: "list[FileReport]", learnt: "list[Learnt]", *, dry_run: bool) -> dict[str, Any]:
    totals = {
        key: sum(getattr(r, key) for r in reports)
        for key in ("rows", "new", "known", "refused", "redactions")
    }
    return {
        "dry_run": dry_run,
        **totals,
        "files": [report.as_json() for report in reports],
        "candidates": [asdict(one) for one in learnt],
    }


def _tell(app: App, reports: "list[FileReport]", *, where: str, dry_run: bool) -> None:
    for r in reports:
        formats = ", ".join(f"{n:,} {name}" for name, n in r.formats.most_common()) or "nothing known"
        would = "would be new" if dry_run else "new"
        app.say(
            f"{r.file} ({r.container}): {count(r.rows, 'row')}: {r.new:,} {would}, {r.known:,} known, "
            f"{r.refused:,} refused; {formats}"
        )
        for reason, number in r.reasons.most_common(_SHOWN_REASONS):
            first = next((n for n, why in r.refused_rows if why == reason), 0)
            app.say(f"  refused {number:,}: {reason}" + (f" (first: row {first})" if first else ""))
        if len(r.reasons) > _SHOWN_REASONS:
            app.say(f"  … and {len(r.reasons) - _SHOWN_REASONS} other reasons; `--json` has them")
        if r.left_out:
            kinds = ", ".join(f"{n:,} {kind}" for kind, n in r.left_out.most_common(5))
            app.say(f"  left out what is no text: {kinds}")
    secrets = sum(r.redactions for r in reports)
    if secrets:
        app.say(f"{count(secrets, 'secret')} replaced.")
    if dry_run:
        app.say(f"For {where}. Nothing was stored.")


def _tell_learnt(app: App, learnt: "list[Learnt]", *, where: str) -> None:
    for one in learnt:
        app.say(
            f"{one.action} {one.name} ({one.state or 'no skill'})" + (f": {one.reason}" if one.reason else "")
        )
        for line in one.says:
            app.say(f"    {line}")
        if one.rows:
            rows = ", ".join(f"{file}:{row}" for file, row in one.rows[:_SHOWN_ROWS])
            app.say(f"    from {rows}" + (" …" if len(one.rows) > _SHOWN_ROWS else ""))
    waiting = sum(one.state == "candidate" for one in learnt)
    app.say(
        f"{count(waiting, 'candidate')} for {where}" + ("" if learnt else ": no answers agree on anything")
    )
    if waiting:
        app.note("Candidates load nowhere: `hivemind review`, or `hivemind skills show NAME`")
