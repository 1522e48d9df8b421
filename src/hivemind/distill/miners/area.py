"""Where a command belongs: the folders that had been changed before it ran."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from hivemind.distill import commands
from hivemind.distill.miners.command import known_steps
from hivemind.distill.session_view import Call, SessionView
from hivemind.domain.lessons import Occurrence
from hivemind.domain.skills import Evidence

KIND = "area"
#: Checks concern the whole project; these concern what was changed.
PURPOSES = frozenset({"build", "generate", "migrate"})
#: One part is too wide to tell anything, and a very deep folder is one task's.
MIN_PARTS, MAX_PARTS = 2, 4
MAX_FOLDERS = 40


def mine(view: SessionView) -> Iterator[Occurrence]:
    """Yield each folder that was changed before a build or generator ran, once a session and command."""
    seen: set[str] = set()
    for stream in view.streams:
        changed: dict[str, Call] = {}
        for call in stream.calls:
            if call.tool_name in view.edit_tools:
                for folder in _folders(call, view.root):
                    if len(changed) < MAX_FOLDERS:
                        changed.setdefault(folder, call)
            for step in known_steps(call, view):
                if commands.purpose(step) in PURPOSES:
                    yield from _occurrences(step.text, changed, call, view, seen)


def _folders(call: Call, root: str) -> list[str]:
    path = call.data.get("file_path")
    inside = root.rstrip("/") + "/"
    if not isinstance(path, str) or len(inside) < 2 or not path.startswith(inside):
        return []
    parts = PurePosixPath(path[len(inside) :]).parts[:-1]
    if any(not part.isprintable() or " " in part for part in parts):
        return []
    return ["/".join(parts[:n]) for n in range(MIN_PARTS, min(len(parts), MAX_PARTS) + 1)]


def _occurrences(
    command: str, changed: dict[str, Call], ran: Call, view: SessionView, seen: set[str]
) -> Iterator[Occurrence]:
    for folder, edit in changed.items():
        key = f"{command} < {folder}"
        if key not in seen:
            seen.add(key)
            yield Occurrence(
                kind=KIND,
                key=key,
                topic="area",
                data={"command": command, "folder": folder},
                evidence=tuple(
                    Evidence(
                        event_id=call.event_id, session_id=view.session_id, role=role, excerpt=text[:200]
                    )
                    for call, role, text in ((edit, "change", folder), (ran, "success", ran.text))
                ),
                at=ran.at,
            )
