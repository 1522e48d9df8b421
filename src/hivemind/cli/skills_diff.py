"""`skills diff`: two versions of a skill side by side, and what each new item rests on."""

import difflib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from hivemind.cli.app import App, emit
from hivemind.cli.text import count, one_line, printable

if TYPE_CHECKING:
    from hivemind.distill.items import Edit
    from hivemind.store import skills as store
    from hivemind.store.database import Workspace

MAX_SESSIONS = 3
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rested:
    """Hold an item that came, changed or went, and what shows it."""

    action: str
    text: str
    kinds: list[str]
    lesson_ids: list[str]
    sessions: list[str]


def show_diff(
    app: App,
    workspace: "Workspace",
    skill: "store.Skill",
    *,
    version: int | None,
    against: int | None,
    as_json: bool,
) -> None:
    """Print what changed between two versions, by default the current one and the one before it."""
    from hivemind.distill import items
    from hivemind.distill.revise import History
    from hivemind.library.document import render
    from hivemind.store import skills as store

    new = store.version_of(workspace, skill.skill_id, version=version or skill.version)
    before = against or new.version - 1
    old = store.version_of(workspace, skill.skill_id, version=before) if before else None
    lines = _lines(render(old.document) if old else "", render(new.document), skill.name, old, new)
    history = History.read(workspace, skill)
    was = history.wrote[old.version].items if old else ()
    found = [_rested(workspace, edit) for edit in items.edits(was, history.wrote[new.version].items)]
    reasons = [d.reason for d in history.decisions if d.to_version == new.version != d.from_version]
    if as_json:
        emit(
            {
                "name": skill.name,
                "skill_id": skill.skill_id,
                "version": new.version,
                "against": old.version if old else None,
                "origin": new.origin,
                "reason": reasons[0] if reasons else "",
                "diff": "\n".join(lines),
                "items": [asdict(one) for one in found],
            }
        )
        return
    _print(app, lines)
    if reasons:
        app.say(f"── {new.origin}: {reasons[0]}")
    for one in found:
        app.say(_line(one))
    if old is None:
        app.note(f"{skill.name} has no earlier version")


def _lines(
    before: str, after: str, name: str, old: "store.Version | None", new: "store.Version"
) -> list[str]:
    names = (f"{name} version {old.version}" if old else "nothing", f"{name} version {new.version}")
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm=""))


def _print(app: App, lines: list[str]) -> None:
    from rich.text import Text

    for number, line in enumerate(lines):
        style = "bold" if number < 2 else _STYLES.get(line[:1], "")
        app.console.print(Text(printable(line), style=style), soft_wrap=True)


def _rested(workspace: "Workspace", edit: "Edit") -> Rested:
    from hivemind.store import lessons

    item = edit.after or edit.before
    assert item is not None  # noqa: S101 - an edit has one of them
    shown = lessons.shown_in(workspace, item.lesson_ids)
    return Rested(
        action=edit.action,
        text=item.text,
        kinds=sorted({kind for kind, _ in shown}),
        lesson_ids=list(item.lesson_ids),
        sessions=sorted({session_id for _, session_id in shown}),
    )


def _line(one: Rested) -> str:
    text = one_line(" / ".join(one.text.removeprefix("- ").split("\n")), 100)
    if one.action == "removed":
        return f"removed: {text}"
    named = ", ".join(session[:8] for session in one.sessions[:MAX_SESSIONS])
    more = "…" if len(one.sessions) > MAX_SESSIONS else ""
    kinds = ", ".join(one.kinds) or "no lesson that is stored"
    return f"{one.action}: {text} ({kinds}; {count(len(one.sessions), 'session')}: {named}{more})"
