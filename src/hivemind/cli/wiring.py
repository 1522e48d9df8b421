"""`install` and `uninstall`: all agents found, or one."""

import os
import signal
from collections.abc import Iterable

import click

from hivemind.agents.base import Agent, FileChange
from hivemind.agents.editing import files
from hivemind.agents.registry import NAMES, agents, by_name
from hivemind.cli.app import App, pass_app
from hivemind.errors import HivemindError

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show the changes to your files as a diff; change nothing."
)
only_option = click.option("--only", metavar="A,B", help="Only these agents (" + ", ".join(NAMES) + ").")
yes_option = click.option("--yes", is_flag=True, help="Accepted for scripts: nothing is asked anyway.")


@click.command()
@only_option
@dry_run_option
@yes_option
@pass_app
def install(app: App, *, only: str | None, dry_run: bool, yes: bool) -> None:  # noqa: ARG001
    """Wire the agents found on this machine.

    Adds Hivemind's hooks and MCP server to each agent's own settings. What else is in those files stays as it
    is, byte for byte; `hivemind uninstall` takes the additions out again.
    """
    chosen = _chosen(only)
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
@only_option
@dry_run_option
@yes_option
@click.option("--keep-skills", is_flag=True, help="Leave the skill files in the projects' folders.")
@pass_app
def uninstall(app: App, *, only: str | None, dry_run: bool, yes: bool, keep_skills: bool) -> None:  # noqa: ARG001
    """Take the wiring out again, byte for byte.

    Removes Hivemind's entries from each agent's settings and the skill files it wrote into projects. What was
    stored stays in Hivemind's own folder, which the last line names.
    """
    _unwire(app, _chosen(only) or list(agents()), dry_run=dry_run)
    if not keep_skills and not only and app.database_path.exists():
        _unpublish(app, dry_run=dry_run)
    if not dry_run and not only:
        _stop_worker(app)
    if not dry_run:
        app.note(f"What was stored stays in {app.data}; delete that folder to forget everything.")


def _chosen(only: str | None) -> list[Agent]:
    return [by_name(name.strip()) for name in only.split(",") if name.strip()] if only else []


def _wire(app: App, chosen: Iterable[Agent], *, dry_run: bool) -> None:
    failed: HivemindError | None = None
    for agent in chosen:
        try:
            changes = agent.plan_install(app.machine, app.wiring)
            _apply(app, changes, dry_run=dry_run)
        except HivemindError as error:
            app.note(f"{agent.title}: {error.message}")
            failed = error
            continue
        if dry_run:
            continue
        if changes:
            app.say(f"{agent.title}: wired ({_names(changes)})")
        else:
            app.say(f"{agent.title}: already wired, nothing changed")
        for change in changes:
            if change.note:
                app.say(f"    {change.note}")
    if failed is not None:
        raise failed
    if not dry_run:
        app.note(
            "Start a new session in your agent; `hivemind status` shows what arrives, `uninstall` undoes it."
        )


def _unwire(app: App, chosen: Iterable[Agent], *, dry_run: bool) -> None:
    failed: HivemindError | None = None
    for agent in chosen:
        try:
            changes = agent.plan_uninstall(app.machine)
            _apply(app, changes, dry_run=dry_run)
        except HivemindError as error:
            app.note(f"{agent.title}: {error.message}")
            failed = error
            continue
        if not dry_run:
            app.say(f"{agent.title}: " + (f"unwired ({_names(changes)})" if changes else "was not wired"))
    if failed is not None:
        raise failed


def _unpublish(app: App, *, dry_run: bool) -> None:
    from hivemind.library import publish

    with app.database() as database:
        if dry_run:
            with database.read(app.workspace_id) as workspace:
                for path in publish.installed_paths(workspace):
                    app.say(f"would remove {path}")
            return
        report = publish.unpublish_all(database, workspace_id=app.workspace_id, person=app.person())
    for path in report.removed:
        app.say(f"removed {path}")
    for problem in report.problems:
        app.say(f"kept {problem.path}: {problem.message}")


def _stop_worker(app: App) -> None:
    from contextlib import suppress

    from hivemind.worker.lock import WorkerLock

    if pid := WorkerLock(app.data).holder():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


def _apply(app: App, changes: list[FileChange], *, dry_run: bool) -> None:
    if dry_run:
        app.verbatim(files.diff(changes) or "nothing to change")
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
        _unwire(app, [agent], dry_run=dry_run)

    return group
