"""`install` and `uninstall`: all agents found, or one."""

import difflib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hivemind.agents import registry
from hivemind.agents.base import Agent, FileChange
from hivemind.agents.editing import files
from hivemind.agents.registry import agents, by_name
from hivemind.cli.app import App, pass_app
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.store.database import Database

#: How long a worker may take to end before its files are looked after all the same, in seconds.
STOP_S = 5.0

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show the changes to your files as a diff; change nothing."
)
only_option = click.option(
    "--only", metavar="A,B", help="Only these agents (" + ", ".join(registry.NAMES) + ")."
)
names_argument = click.argument("names", nargs=-1, metavar="[AGENT]...")
yes_option = click.option("--yes", is_flag=True, help="Accepted for scripts: nothing is asked anyway.")


@click.command()
@names_argument
@only_option
@dry_run_option
@yes_option
@pass_app
def install(app: App, *, names: tuple[str, ...], only: str | None, dry_run: bool, yes: bool) -> None:  # noqa: ARG001
    """Wire the agents found on this machine.

    Adds Hivemind's hooks and MCP server to each agent's own settings. What else is in those files stays as it
    is, byte for byte; `hivemind uninstall` takes the additions out again.
    """
    chosen = _chosen(names, only)
    found = [agent for agent in chosen or agents() if agent.detect(app.machine)]
    for agent in chosen:
        if agent not in found:
            raise HivemindError(
                "agent-not-found",
                f"{agent.title} was not found on this machine",
                hint=f"install it first; to wire it all the same: hivemind {agent.name} install",
            )
    if not found:
        raise HivemindError(
            "agent-not-found",
            "no supported agent was found on this machine",
            hint="supported: " + ", ".join(a.title for a in agents()) + "; `hivemind demo` works without one",
        )
    _wire(app, found, dry_run=dry_run)


@click.command()
@names_argument
@only_option
@dry_run_option
@yes_option
@click.option("--keep-skills", is_flag=True, help="Leave the skill files in the projects' folders.")
@pass_app
def uninstall(
    app: App,
    *,
    names: tuple[str, ...],
    only: str | None,
    dry_run: bool,
    yes: bool,  # noqa: ARG001
    keep_skills: bool,
) -> None:
    """Take the wiring out again, byte for byte.

    Removes Hivemind's entries from each agent's settings and the skill files it wrote into projects. What was
    stored stays in Hivemind's own folder, which the last line names.
    """
    chosen = _chosen(names, only)
    failed = _unwire(app, chosen or agents(), dry_run=dry_run)
    if not dry_run and not chosen:
        stop_worker(app)  # first: it takes files away and puts them back
    if not chosen and app.database_path.exists():
        (_leave_skills if keep_skills else _unpublish)(app, dry_run=dry_run)
    if not dry_run:
        app.note(f"What was stored stays in {app.data}; delete that folder to forget everything.")
    if failed is not None:
        raise failed


def _chosen(names: Iterable[str], only: str | None) -> list[Agent]:
    """Give the agents that were named; none where neither an argument nor `--only` was given: all."""
    asked = [*names, *(name.strip() for name in (only or "").split(",") if name.strip())]
    if only is not None and not asked:
        raise click.UsageError("--only names no agent")
    for name in asked:
        if name not in registry.NAMES:
            close = difflib.get_close_matches(name, registry.NAMES, n=1)
            guess = f" Did you mean {close[0]}?" if close else ""
            raise click.UsageError(f"{name!r} is not an agent.{guess} Known: {', '.join(registry.NAMES)}")
    return [by_name(name) for name in dict.fromkeys(asked)]


def _wire(app: App, chosen: Iterable[Agent], *, dry_run: bool) -> None:
    failed: HivemindError | None = None
    for agent in chosen:
        try:
            changes = agent.plan_install(app.machine, app.wiring)
            _apply(app, agent, changes, dry_run=dry_run)
        except HivemindError as error:
            app.note(f"{agent.title}: not wired, {error.message}\n    → {error.hint}")
            failed = error
            continue
        if not dry_run:
            done = f"wired ({_names(changes)})" if changes else "already wired, nothing changed"
            app.say(f"{agent.title}: {done}")
        elif not changes:
            app.note(f"{agent.title}: nothing to change")
        _say_notes(app, changes)
        if not dry_run:
            _say_what_has_no_effect(app, agent)
    if failed is not None:
        raise click.exceptions.Exit(1)
    if not dry_run:
        app.note(
            "Start a new session in your agent; `hivemind status` shows what arrives, `uninstall` undoes it."
        )


def _say_notes(app: App, changes: Iterable[FileChange]) -> None:
    for change in changes:
        if change.note:
            app.say(f"    {change.note}")


def _say_what_has_no_effect(app: App, agent: Agent) -> None:
    for check in agent.check_wiring(app.machine, app.wiring):
        if not check.ok:
            app.note(f"    but {check.name} have no effect yet: {check.detail}\n    → {check.hint}")


def _unwire(app: App, chosen: Iterable[Agent], *, dry_run: bool) -> HivemindError | None:
    """Unwire each agent; give the last failure, after every other agent has been unwired."""
    failed: HivemindError | None = None
    absent: list[str] = []
    for agent in chosen:
        try:
            changes = agent.plan_uninstall(app.machine)
            _apply(app, agent, changes, dry_run=dry_run)
        except HivemindError as error:
            app.note(f"{agent.title}: {error.message}")
            failed = error
            continue
        if not changes:
            absent.append(agent.title)
        elif not dry_run:
            app.say(f"{agent.title}: unwired ({_names(changes)})")
        _say_notes(app, changes)
    if absent:
        app.say(("nothing to change: " if dry_run else "not wired: ") + ", ".join(absent))
    return failed


def _unpublish(app: App, *, dry_run: bool) -> None:
    from hivemind.library import publish

    with app.database() as database:
        for workspace_id in _workspaces(database):
            if dry_run:
                with database.read(workspace_id) as workspace:
                    for path in publish.installed_paths(workspace):
                        app.say(f"would remove {path}")
                continue
            report = publish.unpublish_all(database, workspace_id=workspace_id, person=app.person())
            for path in report.removed:
                app.say(f"removed {path}")
            for problem in report.problems:
                app.say(f"kept {problem.path}: {problem.message}")


def _leave_skills(app: App, *, dry_run: bool) -> None:
    """Put back the files that a comparison holds back: nobody would do so later."""
    from hivemind.library import held_back, publish

    with app.database() as database:
        for workspace_id in _workspaces(database):
            for root in held_back.read(database.path, workspace_id):
                if dry_run:
                    app.say(f"would put back the skill files that are held back in {root}")
                    continue
                report = publish.hold_back(
                    database,
                    workspace_id=workspace_id,
                    root=Path(root),
                    skill_ids=(),
                    wait_s=publish.PUBLISH_WAIT_S,
                    person=app.person(),
                )
                for path in report.written:
                    app.say(f"put back {path}")
        if not dry_run:
            held_back.clear(database.path)


def _workspaces(database: "Database") -> list[str]:
    """Give every workspace of the database: all of them wrote files for the agents that are unwired."""
    import sqlalchemy as sa

    from hivemind.store import schema

    with database.read() as workspace:
        return list(workspace.execute(sa.select(schema.workspaces.c.workspace_id)).scalars())


def stop_worker(app: App) -> None:
    """End the worker that runs, if one does."""
    from contextlib import suppress

    from hivemind.worker.lock import WorkerLock

    lock = WorkerLock(app.data)
    if pid := lock.holder():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + STOP_S
        while lock.holder() == pid and time.monotonic() < end:
            time.sleep(0.05)


def _apply(app: App, agent: Agent, changes: list[FileChange], *, dry_run: bool) -> None:
    if dry_run:
        if shown := files.diff(changes):
            app.note(f"{agent.title}:")
            app.verbatim(shown)
    else:
        files.apply_changes(changes, backup_dir=app.data / "backups")


def _names(changes: list[FileChange]) -> str:
    return ", ".join(str(change.path) for change in changes if not change.internal)


def agent_group(name: str) -> click.Group:
    """Make the verb of one agent."""
    agent = by_name(name)

    @click.group(name=name, help=f"Wire or unwire {agent.title} alone.")
    def group() -> None:
        pass

    @group.command("install", help=f"Wire {agent.title}.")
    @dry_run_option
    @pass_app
    def install_one(app: App, *, dry_run: bool) -> None:
        _wire(app, [agent], dry_run=dry_run)

    @group.command("uninstall", help=f"Take the wiring out of {agent.title} again.")
    @dry_run_option
    @pass_app
    def uninstall_one(app: App, *, dry_run: bool) -> None:
        if failed := _unwire(app, [agent], dry_run=dry_run):
            raise failed

    return group
