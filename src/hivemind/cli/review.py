"""`review`: walk through the skills that wait for a person, and decide on each."""

import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import count
from hivemind.domain.skills import SkillState
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.library.review import Case, Waiting
    from hivemind.library.rules import Policies
    from hivemind.store.database import Database, Workspace
    from hivemind.store.skills import Skill

KEYS = "[a]pprove  [e]dit  [r]eject  [s]kip  [u]ndo  [q]uit ? "
LAST_KEYS = "that was the last: [u]ndo  [q]uit ? "
#: Keys that change a skill.
_CHANGING = frozenset("aer")


@click.command()
@click.option("--skill", "name", default="", help="Only this skill, also where it does not wait.")
@click.option("--state", type=click.Choice([s.value for s in SkillState]), help="Only skills in this state.")
@click.option("--project", default="", help="Only skills of this project: its name, id or folder.")
@json_option
@pass_app
def review(app: App, *, name: str, state: str | None, project: str, as_json: bool) -> None:
    """Decide on the skills that wait for you, one after the other.

    Shows each with its diff, the turns it was learnt from, its gates and its numbers, and asks for a key.
    On a terminal one key is enough; from a pipe a line is read for each, and what follows the key on it is
    the reason. Exits 1 where one of these could not be carried out.
    """
    from hivemind.cli.project import project_ids
    from hivemind.cli.skills import set_shares
    from hivemind.library import review as library
    from hivemind.library.rules import Policies

    policies = Policies(publish=app.settings.publish_policy, share=app.settings.share_policy)
    with app.database() as database:
        with database.read(app.workspace_id) as workspace:
            wanted = project_ids(workspace, (project,)) if project else ()
            found = _chosen(workspace, name, policies) if name else library.queue(workspace, policies)
            found = [waiting for waiting in found if _is_asked_for(waiting, state=state, wanted=wanted)]
            if as_json:
                emit([_plain(workspace, library.case(workspace, waiting)) for waiting in found])
                return
        if not found:
            app.say("No such skill waits for you." if state or project else "No skill waits for you.")
            return
        walk = _Walk(app=app, database=database, policies=policies, waiting=found)
        try:
            walk.run()
        finally:
            if walk.changed:
                with database.write(app.workspace_id) as workspace:
                    set_shares(workspace, app.settings)
                app.publish(database)
    if walk.failed:
        raise click.exceptions.Exit(1)


def _chosen(workspace: "Workspace", name: str, policies: "Policies") -> "list[Waiting]":
    from hivemind.cli.skills import find
    from hivemind.library import review as library

    return [library.one(workspace, find(workspace, name), policies)]


def _is_asked_for(waiting: "Waiting", *, state: str | None, wanted: tuple[str, ...]) -> bool:
    skill = waiting.skill
    return (not state or skill.state.value == state) and (not wanted or skill.project_id in wanted)


@dataclass(slots=True, kw_only=True)
class _Walk:
    """Go through the queue; keeps what was decided, to take it back."""

    app: App
    database: "Database"
    policies: "Policies"
    waiting: "list[Waiting]"
    place: int = 0
    done: list[tuple[int, str]] = field(default_factory=list)  #: place and skill of each decision
    changed: bool = False
    has_quit: bool = False
    failed: bool = False  #: a line of a pipe could not be carried out

    def run(self) -> None:
        """Show and ask until the queue or the person has ended."""
        while self.place < len(self.waiting):
            shown = self._show()
            while not self._answer(shown):
                pass
            if self.place == len(self.waiting) and self.done and not self.has_quit:
                self._offer_undo()
        self.app.say(f"{count(len(self.done), 'decision')}; {self._left()}")

    def _offer_undo(self) -> None:
        """Let the last decision be taken back too; a pipe is not asked, and may have ended."""
        while self.place == len(self.waiting) and self.done:
            if sys.stdin.isatty():
                key, _ = _read(LAST_KEYS)
            else:
                key = sys.stdin.readline().strip().lower() or "q"
            if key == "u":
                self._undo()
            elif key == "q":
                return
            else:
                self.app.note("that was the last skill: press u or q")

    def _left(self) -> str:
        """Say how many skills wait, whatever the walk showed."""
        from hivemind.library import review as library

        with self.database.read(self.app.workspace_id) as workspace:
            number = len(library.queue(workspace, self.policies))
        if not number:
            return "no skill waits for you now."
        return f"{count(number, 'skill')} still {'waits' if number == 1 else 'wait'} for you."

    def _show(self) -> "Waiting":
        from hivemind.library import review as library
        from hivemind.store import skills as store

        with self.database.read(self.app.workspace_id) as workspace:
            skill = store.by_id(workspace, self.waiting[self.place].skill.skill_id)
            waiting = library.one(workspace, skill, self.policies)
            case = library.case(workspace, waiting)
            measured = numbers(workspace, case)
        from hivemind.cli.review_case import lines

        shown = lines(
            case, measured=measured, place=self.place + 1, places=len(self.waiting), width=self._width()
        )
        for line in shown:
            self.app.say(line)
        return waiting

    def _width(self) -> int | None:
        return self.app.console.width if self.app.console.is_terminal else None

    def _answer(self, shown: "Waiting") -> bool:
        """Read a key and do what it says; say whether the next skill, or this one again, is to be shown."""
        key, rest = _read()
        if key in _CHANGING:
            try:
                self._change(key, rest, shown)
            except HivemindError as error:
                return self._not_done(f"{error.message}; {error.hint}" if error.hint else error.message)
            except click.ClickException as error:  # the editor failed
                return self._not_done(error.message)
            return True
        if key == "u":
            return self._undo()
        if key in ("s", "q"):
            self.has_quit = key == "q"
            self.place = self.place + 1 if key == "s" else len(self.waiting)
            return True
        self.app.note("press a, e, r, s, u or q")
        return False

    def _not_done(self, why: str) -> bool:
        """Say why nothing was done; a pipe's next line is for the next skill, a person is asked again."""
        self.app.note(why)
        if sys.stdin.isatty():
            return False
        self.failed, self.place = True, self.place + 1
        return True

    def _change(self, key: str, rest: str, shown: "Waiting") -> None:
        from hivemind.cli.skills import edit_skill
        from hivemind.library import review as library
        from hivemind.store import skills as store

        if key == "e":
            new = edit_skill(self.app, self.database, shown.skill)
            if new is None:
                self.app.say(f"{shown.skill.name} is unchanged")
                return
        else:
            decide = library.approve if key == "a" else library.reject
            reason = rest or (_reason() if key == "r" else "")
            with self.database.write(self.app.workspace_id) as workspace:
                now = store.by_id(workspace, shown.skill.skill_id)
                if (now.state, now.version) != (shown.skill.state, shown.skill.version):
                    self._not_done(f"{now.name} changed meanwhile: look at it again")
                    return
                new = decide(workspace, now, actor=self.app.person(), reason=reason)
        self.changed = True
        self.done.append((self.place, new.skill_id))
        self.app.say(f"{new.name} is now {new.state.value}, version {new.version}")
        if key == "e":
            self._show_edit(shown, new)
        if key != "e":  # what was edited is shown again, to decide on it
            self.place += 1

    def _show_edit(self, shown: "Waiting", new: "Skill") -> None:
        from hivemind.cli.review_case import changed, framed
        from hivemind.store import skills as store

        with self.database.read(self.app.workspace_id) as workspace:
            before, after = (
                store.version_of(workspace, new.skill_id, version=version)
                for version in (shown.skill.version, new.version)
            )
        self.app.say(f"── your edit of version {before.version}")
        for line in framed(changed(before, after), width=self._width()):
            self.app.say(line)

    def _undo(self) -> bool:
        from hivemind.library import lifecycle

        if not self.done:
            self.app.note("nothing was decided in this review; earlier decisions: hivemind skills undo NAME")
            return False
        place, skill_id = self.done.pop()
        try:
            with self.database.write(self.app.workspace_id) as workspace:
                new = lifecycle.undo(workspace, skill_id, actor=self.app.person())
        except HivemindError as error:
            self.app.note(f"{error.message}; {error.hint}")
            return False
        self.place = place
        self.app.say(f"taken back: {new.name} is {new.state.value}, version {new.version}, again")
        return True


def _read(keys: str = KEYS) -> tuple[str, str]:
    """Give the next key, and what a line from a pipe says behind it; the end of the input quits."""
    click.echo(keys, nl=False)
    if sys.stdin.isatty():
        try:
            key = click.getchar().lower() or "q"
        except EOFError:
            key = "q"
        click.echo(key if key.isprintable() else "")
        return key, ""
    line = sys.stdin.readline()
    word, _, rest = line.strip().partition(" ")
    click.echo(word[:1] if word.isprintable() else "")
    return (word.lower() if line else "q"), rest.strip()


def _reason() -> str:
    if not sys.stdin.isatty():
        return ""
    click.echo("why? (Enter for no reason) ", nl=False)
    return sys.stdin.readline().strip()


def numbers(workspace: "Workspace", case: "Case") -> dict[str, Any]:
    """Collect what was measured of a skill's use."""
    from hivemind.evaluation import uplift

    found = uplift.of_workspace(workspace, skill_ids=[case.version.skill_id])
    if not found:
        return {"exposures": 0, "is_enough": False}
    (one,) = found
    return {
        "exposures": one.exposures,
        "successes_given": one.given.successes,
        "known_given": one.given.successes + one.given.failures,
        "successes_withheld": one.withheld.successes,
        "known_withheld": one.withheld.successes + one.withheld.failures,
        "difference": one.difference,
        "low": one.interval.low if one.interval else None,
        "high": one.interval.high if one.interval else None,
        "harm_probability": one.harm_probability,
        "is_enough": one.is_enough,
    }


def _plain(workspace: "Workspace", case: "Case") -> dict[str, Any]:
    from hivemind.cli.review_case import diff
    from hivemind.library.document import render

    return {
        **asdict(case.waiting.skill),
        "why": case.waiting.why,
        "reason": case.waiting.reason,
        "flags": [asdict(flag) for flag in case.waiting.flags],
        "skill_md": render(case.version.document),
        "diff": diff(case),
        "support": case.support.as_numbers(),
        "turns": [asdict(turn) for turn in case.turns],
        "findings": [asdict(finding) for finding in case.version.findings],
        "numbers": numbers(workspace, case),
    }
