"""`skillify`: mine now, and show scope and state."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli import model
from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import count

if TYPE_CHECKING:
    from rich.progress import Progress

    from hivemind.store.database import Database

#: What the bar says of each step of learning.
_DOING = {"grading": "grading sessions", "mining": "learning from sessions"}


@click.command()
@click.option("--again", is_flag=True, help="Mine every stored session again, not only what is new.")
@click.option(
    "--dry-run", is_flag=True, help="Change nothing; show what would be made, and the model's bill."
)
@json_option
@pass_app
def skillify(app: App, *, again: bool, dry_run: bool, as_json: bool) -> None:
    """Mine now, and show scope and state.

    Reads what was stored since the last time, distils lessons from calls and results, and writes the skills
    that have enough evidence and pass every gate. Needs no model; with one (`hivemind model`) it has each new
    or changed skill worded better, in one call.
    """
    if dry_run:
        _predict(app, again=again, as_json=as_json)
        return
    changes = mine(app, quiet=as_json, again=again)
    state = _state(app)
    if as_json:
        emit({"skills": changes, **state})
        return
    print_changes(app, changes)
    app.say(
        f"workspace {state['workspace']}, policy {state['policy']}: "
        + (", ".join(f"{n} {name}" for name, n in state["by_state"].items()) or "no skills yet")
    )


def mine(app: App, *, quiet: bool, again: bool = False) -> list[dict[str, Any]]:
    """Distil and publish in this process; give what happened to each skill."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from hivemind.store import lessons

    watched = app.notes.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=app.notes, transient=True, disable=quiet or not watched)
    with app.database() as database:
        if again:
            with database.write(app.workspace_id) as workspace:
                lessons.forget_mined(workspace)
        if not quiet and not watched:
            _say_what_comes(app, database)
        with bar:
            return _learn(app, database, bar)


def _learn(app: App, database: "Database", bar: "Progress") -> list[dict[str, Any]]:
    from hivemind.worker.learn import learn

    task = bar.add_task(_DOING["grading"], total=None)

    def show(doing: str, done: int, total: int) -> None:
        bar.update(task, description=_DOING[doing], completed=done, total=total)

    learnt = learn(database, app.workspace_id, settings=app.settings, progress=show)
    bar.update(task, description="asking the model", completed=0, total=None)
    model.word(app, database, progress=lambda done, total: bar.update(task, completed=done, total=total))
    app.publish(database)
    return [asdict(change) for change in learnt.changes]


def _say_what_comes(app: App, database: "Database") -> None:
    """Say from how much will be learnt, where no bar shows that something is being done."""
    from hivemind.distill import miners
    from hivemind.store import lessons

    with database.read(app.workspace_id) as workspace:
        waiting = lessons.unmined(workspace, miners_version=miners.VERSION)
    if waiting:
        events = count(sum(session.next_seq for session in waiting), "event")
        app.note(f"learning from {count(len(waiting), 'session')} with {events} …")


def _predict(app: App, *, again: bool, as_json: bool) -> None:
    """Distil into a copy of the database, and show what a model would be asked."""
    from tempfile import TemporaryDirectory

    from hivemind.store import lessons
    from hivemind.store.database import open_database
    from hivemind.worker.learn import learn

    with TemporaryDirectory(prefix="dry-run-", dir=app.data) as folder:
        copy = open_database(app.copy_database(Path(folder)))
        try:
            if again:
                with copy.write(app.workspace_id) as workspace:
                    lessons.forget_mined(workspace)
            learnt = learn(copy, app.workspace_id, settings=app.settings)
            bill = model.bill(app, copy)
        finally:
            copy.close()
    changes = [asdict(change) for change in learnt.changes]
    if as_json:
        emit({"dry_run": True, "skills": changes, "model": bill})
        return
    print_changes(app, changes)
    for line in model.bill_lines(bill):
        app.say(line)
    app.say("dry run: nothing was changed, no model was asked")


def print_changes(app: App, changes: list[dict[str, Any]]) -> None:
    """Say what was made, improved or refused, and why nothing was if so."""
    if not changes:
        app.say(
            "No skill was made or changed: nothing new has enough evidence (two sessions, or a stated rule)."
        )
    for change in changes:
        state = f" ({change['state']})" if change["state"] else ""
        why = f": {change['reason']}" if change["reason"] else ""
        app.say(f"{change['action']} {change['name']}{state}{why}")
    if any(change["action"] == "created" for change in changes):
        app.note("Read one: hivemind skills show NAME")


def _state(app: App) -> dict[str, Any]:
    from hivemind.store import skills

    with app.database() as database, database.read(app.workspace_id) as workspace:
        by_state = {str(state): number for state, number in skills.counts(workspace).items() if number}
    return {"workspace": app.workspace_id, "policy": app.settings.publish_policy, "by_state": by_state}
