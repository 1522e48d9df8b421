"""`skills`: list, show, edit, and decide."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hivemind.cli.app import App, OrderedGroup, emit, json_option, pass_app
from hivemind.cli.check import check
from hivemind.cli.import_skills import import_skills
from hivemind.cli.text import ago, count, one_line
from hivemind.domain.skills import SkillState
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hivemind.config import Settings
    from hivemind.domain.skills import Finding
    from hivemind.store import skills as store
    from hivemind.store.database import Database, Workspace

#: From this width on, in characters, a table shows descriptions.
WIDE = 140
_DESCRIPTION = "what and when"


@click.group(cls=OrderedGroup)
def skills() -> None:
    """List, show, edit and decide on skills."""


@skills.command("list")
@click.option("--state", type=click.Choice([s.value for s in SkillState]), help="Only skills in this state.")
@json_option
@pass_app
def list_skills(app: App, *, state: str | None, as_json: bool) -> None:
    """List skills, the latest changed first."""
    from hivemind.store import skills as store

    with app.database() as database, database.read(app.workspace_id) as workspace:
        found = store.listed(workspace, states=(SkillState(state),) if state else ())
        supported = {s.skill_id: store.support(workspace, _current(workspace, s).lesson_ids) for s in found}
    if as_json:
        emit([asdict(s) | {"sessions": supported[s.skill_id]} for s in found])
        return
    if not found:
        none = "No skills yet. They come from sessions: `hivemind backfill`, or work with a wired agent."
        app.say(f"No skill is {state}." if state else none)
        return
    wide = app.console.width >= WIDE
    clash = len({s.name for s in found}) < len(found)
    heads = ["name", *(["id"] if clash else []), "state", "sessions", "changed", "project"]
    cells = [
        [
            one_line(s.name, 64),
            *([s.skill_id] if clash else []),
            s.state.value,
            str(supported[s.skill_id]),
            ago(s.updated_at),
            one_line(s.project or "every project", 24),
            *([one_line(s.description, 120)] if wide else []),
        ]
        for s in found
    ]
    heads += [_DESCRIPTION] if wide else []
    app.table(heads, cells, shrink=_DESCRIPTION if wide else "project", numbers="sessions")
    app.note("Read one: hivemind skills show NAME" + (" (or its id)" if clash else ""))


@skills.command()
@click.argument("name")
@click.option("--version", type=int, help="An older version.")
@click.option("--raw", is_flag=True, help="Only the SKILL.md.")
@json_option
@pass_app
def show(app: App, *, name: str, version: int | None, raw: bool, as_json: bool) -> None:
    """Show a skill with its evidence and decisions."""
    from hivemind.library.document import render
    from hivemind.store import installs, offers
    from hivemind.store import skills as store

    with app.database() as database, database.read(app.workspace_id) as workspace:
        skill = find(workspace, name)
        use = offers.sessions_by_arm(workspace, skill.skill_id)
        shown = store.version_of(workspace, skill.skill_id, version=version or skill.version)
        cited = store.evidence_of(workspace, shown.lesson_ids)
        decisions = store.decisions(workspace, skill.skill_id)
        files = [i for i in installs.listed(workspace) if i.skill_id == skill.skill_id]
    if as_json:
        emit(
            {
                **asdict(skill),
                "document": asdict(shown.document),
                "skill_md": render(shown.document),
                "findings": [asdict(f) for f in shown.findings],
                "evidence": [asdict(c) for c in cited],
                "decisions": [asdict(d) for d in decisions],
                "files": [i.path for i in files],
                "use": {"sessions_given": use.get("given", 0), "sessions_withheld": use.get("withheld", 0)},
            }
        )
        return
    if raw:
        click.echo(render(shown.document), nl=False)
        return
    app.say(render(shown.document))
    app.say(
        f"── {skill.state.value}, version {shown.version}, {shown.origin}; {skill.project or 'every project'}"
    )
    app.say(_used(use))
    for i in files:
        app.say(f"file: {i.path}")
    for finding in shown.findings:
        app.say(f"{'refused by' if finding.blocking else 'note of'} gate {finding.gate}: {finding.message}")
    print_evidence(app, cited)
    app.say("── decisions")
    for d in decisions:
        moved = f"{d.from_state.value if d.from_state else 'new'} → {d.to_state.value}"
        if d.from_state is d.to_state:
            kept = d.from_version == d.to_version
            moved = "looked at, kept" if kept else f"version {d.from_version} → {d.to_version}"
        app.say(f"{d.number}. {d.at:%Y-%m-%d %H:%M} {d.actor}: {moved}. {d.reason}")
    if shown.version > 1:
        app.note(f"What changed since version {shown.version - 1}: hivemind skills diff {name}")


def _used(use: "Mapping[str, int]") -> str:
    """Say how many sessions had a skill; of one that was only withheld so far, that a draw did it."""
    given, withheld = use.get("given", 0), use.get("withheld", 0)
    if not given and not withheld:
        return "use: it has fitted no session yet"
    had = f"{count(given, 'session')} had it" if given else "no session has had it yet"
    if not withheld:
        return f"use: {had}"
    without = f"{count(withheld, 'session')} that it fitted went without, drawn to learn whether it helps"
    return f"use: {had}; {without} (hivemind holdout)"


@skills.command()
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="This version; else the current one.")
@click.option("--against", type=click.IntRange(1), help="The version to compare with; else the one before.")
@json_option
@pass_app
def diff(app: App, *, name: str, version: int | None, against: int | None, as_json: bool) -> None:
    """Show what changed between two versions.

    Says of each item that came what kind of lesson it rests on, and which sessions show that.
    """
    from hivemind.cli.skills_diff import show_diff

    with app.database() as database, database.read(app.workspace_id) as workspace:
        skill = find(workspace, name)
        show_diff(app, workspace, skill, version=version, against=against, as_json=as_json)


def print_evidence(app: App, cited: "list[store.Cited]", *, limit: int = 12) -> None:
    """Print the cited events once each, the newest sessions last, requests left out."""
    told = list({c.event_id: c for c in reversed(cited) if c.role != "request"}.values())[::-1]
    sessions = len({c.session_id for c in told})
    app.say(f"── evidence: {count(len(told), 'event')} of {count(sessions, 'session')}")
    for c in told[:limit]:
        when = f"{c.at:%Y-%m-%d} " if c.at else ""
        place = f"{c.session_id[:8]} #{c.seq} {when}{c.role}: "
        room = max(30, app.console.width - len(place)) if app.console.is_terminal else 100
        app.say(place + one_line(c.excerpt or c.text, room))
    if len(told) > limit:
        app.say(f"… {len(told) - limit} more: hivemind skills show NAME --json")


@skills.command()
@click.argument("name")
@pass_app
def edit(app: App, *, name: str) -> None:
    """Edit a skill in $EDITOR.

    What passes the gates becomes its next version. While it is on trial Hivemind may add and remove lines of
    its own in it, never yours, and none that you took out.
    """
    with app.database() as database:
        with database.read(app.workspace_id) as workspace:
            skill = find(workspace, name)
        new = edit_skill(app, database, skill)
        if new is None:
            app.say(f"{skill.name} is unchanged")
            return
        app.publish(database)
    app.say(f"{new.name} is now version {new.version}, {new.state.value}")


def edit_skill(app: App, database: "Database", skill: "store.Skill") -> "store.Skill | None":
    """Let a person edit a skill in $EDITOR; give it with its new version, None where nothing changed.

    A text that is not taken in is kept in Hivemind's folder.
    """
    from hivemind.library import document

    with database.read(app.workspace_id) as workspace:
        before = document.render(_current(workspace, skill).document)
    after = _from_editor(before)
    if after == before.encode():
        return None
    try:
        return _take_in(app, database, skill, after)
    except HivemindError:
        kept = app.data / f"refused-{skill.skill_id}.md"
        kept.write_bytes(after)
        app.note(f"your text is kept in {kept}")
        raise


def _from_editor(before: str) -> bytes:
    # Not by click's own temporary file: what is no UTF-8 text would be gone with it.
    with tempfile.TemporaryDirectory(prefix="hivemind-") as folder:
        path = Path(folder) / "SKILL.md"
        path.write_text(before, encoding="utf-8", newline="")
        click.edit(filename=str(path))
        try:
            return path.read_bytes()
        except OSError as error:
            raise click.ClickException(f"the editor left no file: {error.strerror}") from error


def _take_in(app: App, database: "Database", skill: "store.Skill", written: bytes) -> "store.Skill":
    from hivemind.library import editing

    try:
        text = written.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise HivemindError(
            "skill-unparseable", "this is not a SKILL.md: it is not UTF-8 text", hint="save it as UTF-8"
        ) from error
    with database.write(app.workspace_id) as workspace:
        checked = editing.check(workspace, skill, text)
        _tell(app, checked.findings)
        actor = app.person()
        return editing.take_in(workspace, skill, checked, actor=actor, author=actor.partition(":")[2])


def _tell(app: App, findings: "Iterable[Finding]") -> None:
    for finding in findings:
        app.note(f"gate {finding.gate}: {finding.message}")


def _decision(verb: str, to_state: SkillState, help_text: str) -> None:
    @skills.command(verb, help=help_text)
    @click.argument("names", metavar="NAME...", nargs=-1, required=True)
    @click.option("--reason", default="", help="Why, for the ledger.")
    @json_option
    @pass_app
    def command(app: App, *, names: tuple[str, ...], reason: str, as_json: bool) -> None:
        from hivemind.library import lifecycle

        settings = app.settings  # a file that is wrong is told before anything is decided
        with app.database() as database:
            with database.write(app.workspace_id) as workspace:
                # In one transaction: where one cannot be decided on, none is.
                found = list({s.skill_id: s for s in (find(workspace, name) for name in names)}.values())
                held = {s.skill_id for s in found if s.state is to_state is SkillState.ACTIVE}
                decided = [
                    s
                    if s.skill_id in held
                    else lifecycle.decide(workspace, s.skill_id, to_state, actor=app.person(), reason=reason)
                    for s in found
                ]
                if len(held) < len(decided):
                    set_shares(workspace, settings)
            if len(held) < len(decided):
                app.publish(database)
        for skill in decided:
            if skill.scope != "me" and skill.skill_id not in held:
                app.note(f"{skill.name} is your {skill.scope}'s: this holds on this machine alone")
            if skill.skill_id in held:
                app.note(f"{skill.name} is active already: nothing was changed")
            elif not as_json:
                _said(app, skill, as_json=False)
        if as_json:
            emit(asdict(decided[0]) if len(names) == 1 else [asdict(s) for s in decided])


_decision("approve", SkillState.ACTIVE, "Approve skills: they become active.")
_decision("reject", SkillState.REJECTED, "Reject skills: they load nowhere, and stay away.")
_decision("retire", SkillState.RETIRED, "Retire skills: their files are removed.")


@skills.command()
@click.argument("name")
@json_option
@pass_app
def undo(app: App, *, name: str, as_json: bool) -> None:
    """Take back the last decision about a skill."""
    from hivemind.library import lifecycle

    settings = app.settings
    with app.database() as database:
        with database.write(app.workspace_id) as workspace:
            skill = find(workspace, name)
            new = lifecycle.undo(workspace, skill.skill_id, actor=app.person())
            set_shares(workspace, settings)
        app.publish(database)
    _said(app, new, as_json=as_json)


@skills.command()
@click.argument("name")
@json_option
@pass_app
def share(app: App, *, name: str, as_json: bool) -> None:
    """Propose a skill to your team."""
    from hivemind.cli.skills_share import share_skill

    with app.database() as database:
        share_skill(app, database, name, as_json=as_json)


skills.add_command(check)
skills.add_command(import_skills)


def set_shares(workspace: "Workspace", settings: "Settings") -> None:
    """Withhold by the states as they are now: a skill that moved may have another share."""
    from hivemind.evaluation import refresh
    from hivemind.worker import learn

    refresh.set_shares(workspace, learn.shares(settings))


def find(workspace: "Workspace", name: str) -> "store.Skill":
    """Give a skill by name or id, of the project in this folder where several have the name."""
    from hivemind.capture.git import project_of
    from hivemind.store import skills as store

    try:
        here = project_of(str(Path.cwd()))
    except FileNotFoundError:  # the folder that the shell is in was deleted
        here = None
    return store.find(workspace, name, project_id=here.project_id if here else None)


def _current(workspace: "Workspace", skill: "store.Skill") -> "store.Version":
    from hivemind.store import skills as store

    return store.version_of(workspace, skill.skill_id, version=skill.version)


def _said(app: App, skill: "store.Skill", *, as_json: bool) -> None:
    if as_json:
        emit(asdict(skill))
    else:
        app.say(f"{skill.name} is now {skill.state.value}, version {skill.version}")
