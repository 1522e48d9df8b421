"""`explain`: what a prompt would be given, and why."""

import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, json_option, pass_app
from hivemind.cli.text import count, one_line
from hivemind.domain.text import storable
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.retrieval.index import Index
    from hivemind.retrieval.index.explaining import Explained

#: What is looked up beside a prompt in a line of JSON on standard input.
_PROMPT_KEYS = ("prompt", "query")


@click.command()
@click.argument("prompts", nargs=-1, metavar="[PROMPT]...")
@click.option(
    "--library",
    type=click.Path(exists=True, path_type=Path),
    help="Search this instead of your library: a folder of SKILL.md files, or JSON lines of id, name, "
    "description and body (.gz too).",
)
@click.option(
    "--project",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The project folder to ask in; the current one if not given.",
)
@click.option("--session", "session_id", default="", help="Ask as this session would (its id).")
@click.option(
    "--limit", default=10, show_default=True, type=click.IntRange(1, 100), help="Skills ranked at most."
)
@click.option(
    "--embeddings/--no-embeddings",
    default=None,
    help="Also by meaning (the default where the extra is installed and inject.embeddings is on).",
)
@json_option
@pass_app
def explain(
    app: App,
    *,
    prompts: tuple[str, ...],
    library: Path | None,
    folder: Path | None,
    session_id: str,
    limit: int,
    embeddings: bool | None,
    as_json: bool,
) -> None:
    """Show which skills a prompt would be given, and why.

    Without PROMPT each line of standard input is one: plain text, or JSON with a "prompt" or "query", whose
    other keys are handed through. With --json one object a line is printed for each.
    """
    from hivemind.retrieval.index import explaining

    asked = [{"prompt": prompt} for prompt in prompts] or list(_from_lines(_stdin()))
    if not asked:
        raise click.UsageError("There is no prompt: give one, or a line for each on standard input.")
    # What the agent would be given, as it is set now.
    k = app.settings.inject_max_skills if app.settings.inject_enabled else 0
    wanted = app.settings.inject_embeddings if embeddings is None else embeddings
    with ExitStack() as stack:
        shelf = stack.enter_context(_foreign(app, library) if library else _own(app, folder or Path.cwd()))
        without = _give_meaning(app, shelf, wanted=wanted, asked_for=embeddings is True)
        for one in asked:
            found = explaining.explain(
                shelf.index,
                shelf.connection,
                workspace_id=shelf.workspace_id,
                project_id=shelf.project_id,
                prompt=storable(one["prompt"]),
                asked=_going_back(shelf, storable(one["prompt"]), session_id=storable(session_id)),
                at_hand=_languages(shelf, session_id=storable(session_id)),
                k=k,
                budget_tokens=app.settings.inject_budget_tokens,
                limit=limit,
            )
            if as_json:
                click.echo(json.dumps({**one, **asdict(found), "by_meaning": not without}))
            else:
                _show(app, found)
    if not k:
        app.note("Nothing is given: inject.enabled is false, or inject.max_skills 0.")
    if without and not as_json:
        app.note(without)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Hold what is searched: an index, the database that it follows, and where in it."""

    index: "Index"
    connection: sqlite3.Connection
    workspace_id: str
    project_id: str = ""
    folder: str = ""  #: where the prompt would be given


@contextmanager
def _own(app: App, folder: Path) -> Iterator[Shelf]:
    from hivemind.capture import layout
    from hivemind.capture.git import project_of
    from hivemind.retrieval.index import Index
    from hivemind.store import sessions
    from hivemind.store.database import read_only_uri

    here = project_of(str(folder))
    with app.database() as database, closing(_reading(read_only_uri(database.path))) as connection:
        with database.read(app.workspace_id) as workspace:
            project_id = sessions.known_project(workspace, here).project_id if here else ""
        # The worker's own files are read and never written: it may be at work on them.
        files = layout.index_dir(str(app.data))
        index = Index.open(Path(files, app.workspace_id), workspace_id=app.workspace_id)
        index.refresh(connection)
        index.weigh_evidence(connection)
        yield Shelf(
            index=index,
            connection=connection,
            workspace_id=app.workspace_id,
            project_id=project_id,
            folder=str(folder),
        )


@contextmanager
def _foreign(app: App, library: Path) -> Iterator[Shelf]:
    from hivemind.library import listing
    from hivemind.retrieval.index import Index, foreign
    from hivemind.store.database import open_database

    if not (library.is_file() or library.is_dir()):
        raise click.BadParameter(f"{str(library)!r} is neither a folder nor a file", param_hint="--library")
    skills, left_out = listing.read(library)
    if left_out:
        app.note(f"{library}: {left_out:,} left out, no skill or an id that was there before.")
    cache = app.data / "cache" / "libraries" / foreign.digest(skills)
    with tempfile.TemporaryDirectory(prefix="hivemind-") as temporary:
        database = open_database(Path(temporary, "library.db"))
        try:
            with database.write(_FOREIGN) as workspace:
                foreign.store(workspace, skills)
            with closing(_reading(f"file:{database.path}?mode=ro")) as connection:
                index = Index.open(cache, workspace_id=_FOREIGN)
                if index.refresh(connection):
                    _keep(index)
                yield Shelf(index=index, connection=connection, workspace_id=_FOREIGN)
        finally:
            database.close()


def _keep(index: "Index") -> None:
    # For the next time; without room for it, it is made again.
    with suppress(OSError):
        index.save()


#: The workspace of a throwaway database.
_FOREIGN = "library"


def _reading(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True)


def _give_meaning(app: App, shelf: Shelf, *, wanted: bool, asked_for: bool) -> str:
    """Have the index search by meaning, too; where it does not, give the reason."""
    from hivemind.retrieval import packages
    from hivemind.retrieval.index import embedding

    if not wanted:
        return "Searched by words alone (--no-embeddings, or inject.embeddings is off)."
    embed = embedding.load(threads=2)
    if embed is None:
        if asked_for:
            raise HivemindError("embeddings-missing", packages.MISSING, hint=packages.HOW_TO)
        return f"Searched by words alone: {packages.MISSING}. {packages.HOW_TO}"
    shelf.index.use(embed, model=embed.name)
    if shelf.index.lacks_vectors:
        _make_vectors(app, shelf)
    return ""


def _make_vectors(app: App, shelf: Shelf) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    total = len(shelf.index)
    with Progress(*columns, console=app.notes, transient=True, disable=not app.notes.is_terminal) as bar:
        task = bar.add_task("reading what the skills mean", total=total)
        while lacking := shelf.index.embed_pending(shelf.connection, at_most_s=2):
            bar.update(task, completed=total - lacking)
    if shelf.workspace_id == _FOREIGN:
        _keep(shelf.index)


def _going_back(shelf: Shelf, prompt: str, *, session_id: str) -> str:
    from hivemind.retrieval import situation

    return situation.asked(
        shelf.connection, workspace_id=shelf.workspace_id, session_id=session_id, prompt=prompt
    )


def _languages(shelf: Shelf, *, session_id: str) -> frozenset[str]:
    from hivemind.retrieval import languages

    return languages.at_hand(
        shelf.connection, workspace_id=shelf.workspace_id, session_id=session_id, cwd=shelf.folder
    )


def _stdin() -> Iterable[str]:
    """Read lines in whatever encoding they come."""
    binary = getattr(sys.stdin, "buffer", None)
    if binary is None:
        return sys.stdin
    return (line.decode("utf-8", "replace") for line in binary)


def _from_lines(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        text = line.strip()
        if not text:
            continue
        yield _prompt_in(text) or {"prompt": text}


def _prompt_in(text: str) -> dict[str, Any] | None:
    """Read a line of JSON that holds a prompt; None for any other text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, str):
        return {"prompt": found}
    if isinstance(found, dict):
        for key in _PROMPT_KEYS:
            if isinstance(found.get(key), str):
                return {**found, "prompt": found[key]}
    return None


def _show(app: App, found: "Explained") -> None:
    app.say(f"“{one_line(found.prompt, 200)}”")
    if found.asked != found.prompt:
        app.say(
            f"  says little, so it was searched with what the session was about: {one_line(found.asked, 200)}"
        )
    if not found.ranking:
        app.say("  No skill has a telling word of it: nothing is given.")
        return
    rows = [
        [
            str(place),
            one_line(one.name, 64),
            "project" if one.project_id else "everywhere",
            f"{one.score:.2f}",
            f"{one.confidence:.2f}",
            f"{one.strength:.2f} of {one.needed:.2f}",
            f"{one.decision}, {count(one.tokens, 'token')}" if one.tokens else one.decision,
        ]
        for place, one in enumerate(found.ranking, start=1)
    ]
    app.table(
        ("", "skill", "of", "score", "sure", "strength", "decision"),
        rows,
        shrink="skill",
        numbers="score sure",
    )
    best = found.ranking[0]
    told = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in best.figures.items() if value)
    app.say(f"  {one_line(best.name, 64)}: {told}")
    if any(one.elsewhere for one in found.ranking):
        others = ", ".join(one_line(one.name, 64) for one in found.ranking if one.elsewhere)
        app.say(f"  Here it is {' and '.join(found.at_hand)}; held back, for other languages: {others}.")
    given = (
        f"{count(len(found.given), 'skill')}, {count(found.tokens, 'token')}" if found.given else "nothing"
    )
    app.say(f"  Given: {given}; {found.search_ms:.1f} ms.")
