"""`demo`: the whole loop on recorded sessions, in a throwaway workspace."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hivemind.cli.app import App, pass_app
from hivemind.cli.text import count, one_line

if TYPE_CHECKING:
    from hivemind.domain.lessons import Lesson
    from hivemind.store.database import Database

WORKSPACE = "demo"


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="Keep the workspace in this new folder, to look around in.",
)
@pass_app
def demo(app: App, *, keep: Path | None) -> None:
    """Show the whole loop on recorded sessions; leaves nothing behind.

    The sessions ship with Hivemind: real Claude Code, at work in a small web service. Nothing on this machine
    is read or changed, and no model is asked.
    """
    with _folder(keep) as folder, resources.as_file(resources.files("hivemind.demo")) as recorded:
        from hivemind.store.database import open_database

        database = open_database(folder / "hivemind.db")
        try:
            _ingest(app, database, recorded / "sessions")
            _mine(app, database)
            _show_skills(app, database)
            _prompts(app, database, recorded / "prompts.json")
        finally:
            database.close()
    _next_steps(app, keep)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        try:
            keep.mkdir(parents=True, mode=0o700)
        except OSError as error:
            message = f"{keep}: {error.strerror}"
            raise click.BadParameter(message, param_hint="--keep") from error
        yield keep
        return
    folder = Path(tempfile.mkdtemp(prefix="hivemind-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _heading(app: App, number: int, text: str) -> None:
    from rich.text import Text

    app.say()
    app.console.print(Text(f"{number}. {text}", style="bold"))


def _ingest(app: App, database: "Database", sessions: Path) -> None:
    from hivemind.agents.registry import by_name
    from hivemind.capture import ingest
    from hivemind.capture.redaction import Redactor
    from hivemind.store import sessions as store

    _heading(app, 1, "Capture: what the agent did")
    redactor, claude = Redactor(), by_name("claude")
    replaced = 0
    for path in claude.transcripts(sessions):
        done = ingest.ingest(
            database, path, agent=claude, workspace_id=WORKSPACE, redactor=redactor, final=True
        )
        replaced += done.redactions
    with database.read(WORKSPACE) as workspace:
        for row in reversed(store.recent(workspace, limit=50)):
            calls = f"{count(row.tool_calls, 'call')}, {row.tool_errors} failed"
            room = max(20, min(app.console.width, 120) - 33)
            app.say(f"   {row.ended_at:%b %d}  {calls:<19}  {one_line(row.title, room)}")
        totals = store.totals(workspace)
    app.say(
        f"   {count(totals['sessions'], 'session')}, {count(totals['events'], 'event')} stored; "
        f"{count(replaced, 'secret')} replaced before anything was written."
    )


def _mine(app: App, database: "Database") -> None:
    from hivemind.config import Settings
    from hivemind.store import lessons, schema, skills
    from hivemind.worker.learn import learn

    _heading(app, 2, "Distil: what they have in common (no model needed)")
    learn(database, WORKSPACE, settings=Settings())
    with database.read(WORKSPACE) as workspace:
        used = {
            lesson_id
            for skill in skills.listed(workspace)
            for lesson_id in skills.version_of(workspace, skill.skill_id, version=skill.version).lesson_ids
        }
        for project in workspace.execute(schema.projects.select()).all():
            for lesson in lessons.of_project(workspace, project.project_id):
                if lesson.lesson_id in used:
                    seen = count(lesson.sessions, "session")
                    app.say(f"   {lesson.kind:<11} {seen:>10}  {one_line(_lesson_text(lesson), 90)}")


def _lesson_text(lesson: "Lesson") -> str:
    data = lesson.data
    match lesson.kind:
        case "correction":
            return f"“{data['rule']}”"
        case "fix":
            return f"{data['failed']} ✗  →  {data['fix']} ✓"
        case "procedure":
            return " → ".join(data["steps"])
        case "pitfall":
            return f"{data['rule']} {data['message']}"
        case "area":
            return f"{data['command']} after changing {data['folder']}"
        case _:
            return f"{data['command']} ✓"


def _show_skills(app: App, database: "Database") -> None:
    from rich.text import Text

    from hivemind.store import skills

    _heading(app, 3, "Skills: what passed every gate, with its evidence")
    with database.read(WORKSPACE) as workspace:
        for skill in sorted(skills.listed(workspace), key=lambda s: s.name):
            version = skills.version_of(workspace, skill.skill_id, version=skill.version)
            app.say()
            app.console.print(Text(f"   {skill.name}/SKILL.md", style="bold"), f"({skill.state.value})")
            app.say(f"   {skill.description}\n")
            for line in version.document.body.splitlines():
                app.say(f"      {line}".rstrip())
            app.say()
            cited = [c for c in skills.evidence_of(workspace, version.lesson_ids) if c.role != "request"]
            for c in cited[:3]:
                when = f"{c.at:%b %d}" if c.at else ""
                app.say(f"      {when} session {c.session_id[:8]} #{c.seq}: {one_line(c.excerpt, 80)}")
            if len(cited) > 3:
                app.say(f"      and {count(len(cited) - 3, 'more event')}")


def _prompts(app: App, database: "Database", path: Path) -> None:
    import sqlite3

    from hivemind import retrieval
    from hivemind.store import schema

    _heading(app, 4, "Next session: what the agent would be given at a prompt")
    with database.read(WORKSPACE) as workspace:
        project_id = str(workspace.execute(schema.projects.select()).first().project_id)  # type: ignore[union-attr]
    connection = sqlite3.connect(f"file:{database.path}?mode=ro", uri=True)
    try:
        for row in json.loads(path.read_text("utf-8")):
            found = retrieval.relevant(
                connection,
                workspace_id=WORKSPACE,
                project_id=project_id,
                prompt=row["prompt"],
                already=frozenset(),
                k=app.settings.inject_max_skills,
                budget_tokens=app.settings.inject_budget_tokens,
            )
            app.say(f"\n   ❯ {row['prompt']}")
            if not found.text:
                app.say("     nothing: no skill is about this")
            for line in found.text.splitlines():
                app.say(f"     {line}")
    finally:
        connection.close()


def _next_steps(app: App, keep: Path | None) -> None:
    _heading(app, 5, "On your own machine")
    app.say("   hivemind scan       what is in your sessions; stores nothing")
    app.say("   hivemind install    wire the agents found here; --dry-run shows how")
    app.say("   hivemind backfill   learn from the sessions that are on disk already")
    app.say("   hivemind status     is it working?")
    if keep is not None:
        variables = f"HIVEMIND_HOME={os.fspath(keep.resolve())} HIVEMIND_WORKSPACE_ID={WORKSPACE}"
        app.verbatim(f"\n   kept: {variables} hivemind skills list")
