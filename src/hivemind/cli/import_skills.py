"""`skills import`: take in skills that others wrote, as candidates."""

import sys
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import count
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hivemind.domain.skills import Finding
    from hivemind.library.importing import Offered, Result
    from hivemind.store.database import Workspace
    from hivemind.store.sessions import ProjectFacts

#: A text on standard input beyond this is not a SKILL.md, in characters.
_MAX_INPUT = 4_194_304
#: So many skills are taken in before anybody wonders whether it goes on.
_QUICK = 20
#: Of so many imported skills each is named that holds commands nobody tried here.
_FEW = 3


class _NothingIsKeptError(Exception):
    """End a transaction without keeping what it did."""


@click.command("import")
@click.argument("path", type=click.Path(exists=True, allow_dash=True))
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project that they are for, by its folder (default: this one).",
)
@click.option("--everywhere", is_flag=True, help="They are for every project.")
@click.option("--update", is_flag=True, help="Make what has the name of a skill its next version.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken in.")
@json_option
@pass_app
def import_skills(
    app: App, *, path: str, project: Path | None, everywhere: bool, update: bool, dry_run: bool, as_json: bool
) -> None:
    """Take in skills that others wrote, as candidates.

    PATH is a SKILL.md or a folder with some below it; - reads one from standard input. They pass the same
    gates as any skill, and nothing loads them before you approve them. Only their instructions are kept;
    files beside them are judged and named.

    Exits 1 where one is refused; the others are taken in.
    """
    from hivemind.library import importing

    if project and everywhere:
        raise click.UsageError("--project and --everywhere exclude each other")
    offered = _offered(path)
    facts = None if everywhere else _project(project or Path.cwd())
    with app.database(must_exist=False) as database:
        try:
            with database.write(app.workspace_id) as workspace:
                facts = _known(workspace, facts)
                results = _taken(app, workspace, offered, facts, update=update) if dry_run else []
                if dry_run:
                    raise _NothingIsKeptError
            for one in _watched(app, offered, path, quiet=as_json):
                # One at a time: others wait for each, and there may be thousands.
                with database.write(app.workspace_id) as workspace:
                    results += _taken(app, workspace, [one], facts, update=update)
        except _NothingIsKeptError:
            pass
        else:
            if update:
                app.publish(database)
    if as_json:
        emit([asdict(result) for result in results])
    else:
        _tell(app, results, where=f"project {facts.name}" if facts else "every project", dry_run=dry_run)
    if any(result.outcome is importing.Outcome.REFUSED for result in results):
        raise click.exceptions.Exit(1)


def _known(workspace: "Workspace", facts: "ProjectFacts | None") -> "ProjectFacts | None":
    from hivemind.store import sessions

    if facts is None:
        return None
    facts = sessions.known_project(workspace, facts)
    sessions.put_project(workspace, facts)
    return facts


def _taken(
    app: App,
    workspace: "Workspace",
    offered: "Iterable[Offered]",
    facts: "ProjectFacts | None",
    *,
    update: bool,
) -> "list[Result]":
    from hivemind.library import importing

    return importing.take_in(
        workspace,
        offered,
        project_id=facts.project_id if facts else "",
        actor=app.person(),
        update=importing.Update.ALL if update else importing.Update.NONE,
    )


def _offered(path: str) -> "Iterator[Offered]":
    from hivemind.library import importing

    if path == "-":
        return iter([_from_input()])
    found = importing.offered_below(Path(path))
    first = next(found, None)
    if first is None:
        raise HivemindError(
            "no-skill-files", f"no SKILL.md is below {path}", hint="name a SKILL.md or its folder"
        )
    return chain([first], found)


def _watched(app: App, offered: "Iterator[Offered]", path: str, *, quiet: bool) -> "Iterator[Offered]":
    """Draw a progress bar where a person watches and it takes a while."""
    if quiet or not app.notes.is_terminal or path == "-" or not Path(path).is_dir():
        yield from offered
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from hivemind.library import skill_folders

    files, problems = skill_folders.skill_files(Path(path))
    total = len(files) + sum(problem.blocking for problem in problems)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=app.notes, transient=True, disable=total <= _QUICK) as bar:
        task = bar.add_task("judging skills", total=total)
        for one in offered:
            yield one
            bar.advance(task)


def _from_input() -> "Offered":
    from hivemind.library import importing

    source = "standard input"
    try:
        return importing.Offered(source=source, text=sys.stdin.read(_MAX_INPUT))
    except UnicodeDecodeError:
        return importing.Offered(source=source, text="", problems=(importing.NOT_TEXT,))


def _project(folder: Path) -> "ProjectFacts":
    from hivemind.capture.git import project_of

    found = project_of(str(folder.resolve()))
    assert found is not None  # noqa: S101 - a folder is a project, if only by its path
    return found


def _is_untried(finding: "Finding") -> bool:
    """Say whether a finding is that of every import with commands: it is told once for all."""
    return finding.gate == "grounding" and not finding.blocking


def _tell(app: App, results: "list[Result]", *, where: str, dry_run: bool) -> None:
    from hivemind.library.importing import Outcome

    for result in results:
        named = f"{result.name} " if result.name else ""
        why = f": {result.reason}" if result.reason else ""
        app.say(f"{result.outcome.value:8} {named}({result.source}){why}")
        for finding in result.findings:
            if finding.message != result.reason and not _is_untried(finding):
                app.say(f"         {'refuse' if finding.blocking else 'note'}: {finding.message}")
        if result.left_out:
            files = ", ".join(result.left_out[:5]) + (" …" if len(result.left_out) > 5 else "")
            app.say(f"         left out, since only instructions are kept: {files}")
    sums = [(outcome, sum(1 for result in results if result.outcome is outcome)) for outcome in Outcome]
    told = ", ".join(f"{number} {outcome.value}" for outcome, number in sums if number)
    app.say(
        f"{count(len(results), 'skill')} for {where}: {told}" + ("; nothing was changed" if dry_run else "")
    )
    untried = [r.name for r in results if any(_is_untried(finding) for finding in r.findings)]
    if untried:
        which = ", ".join(untried) if len(untried) <= _FEW else count(len(untried), "skill")
        app.note(f"Try before you approve: no session stored here ran the commands in {which}")
    if any(result.outcome is Outcome.TAKEN for result in results) and not dry_run:
        app.note("Candidates load nowhere: `hivemind skills show NAME`, then `hivemind skills approve NAME`")
