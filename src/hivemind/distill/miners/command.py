"""Commands known to work in a project: tests, builds, checks that ran and passed."""

from collections.abc import Iterator

from hivemind.distill import commands
from hivemind.distill.commands import Step
from hivemind.distill.miners.failures import worked
from hivemind.distill.session_view import Call, SessionView
from hivemind.domain.lessons import Occurrence
from hivemind.domain.skills import Evidence

KIND = "command"
#: What a new session needs to know how to do; installing and serving differ from machine to machine.
PURPOSES = frozenset({"test", "lint", "format", "typecheck", "build", "generate", "migrate"})
#: More words than this make a command one of a moment.
MAX_WORDS = 8


def mine(view: SessionView) -> Iterator[Occurrence]:
    """Yield each command of the project that did its work at least once, once a session."""
    seen: set[str] = set()
    for stream in view.streams:
        for call in stream.calls:
            for step in known_steps(call, view):
                if step.text not in seen:
                    seen.add(step.text)
                    yield _occurrence(step, call, view)


def known_steps(call: Call, view: SessionView) -> list[Step]:
    """Give the steps of a call that worked and that another session can repeat as they stand."""
    if call.tool_name not in view.shell_tools or not worked(call):
        return []
    found = [commands.generalise(s, root=view.root) for s in commands.steps(call.text)]
    return [s for s in found if is_known(s) and commands.stands_in(s, call.text, root=view.root)]


def is_known(step: Step) -> bool:
    """Say whether a step is worth knowing: it has a purpose, and belongs to the project, not to one task."""
    return (
        commands.purpose(step) in PURPOSES
        and len(step.words) <= MAX_WORDS
        and commands.is_repeatable(step)
        and not commands.is_selective(step)
        and not commands.is_obvious(step)
        and not any(w.startswith("--help") for w in step.words)
    )


def _occurrence(step: Step, call: Call, view: SessionView) -> Occurrence:
    purpose = commands.purpose(step)
    return Occurrence(
        kind=KIND,
        key=step.text,
        topic=purpose,
        data={"command": step.text, "purpose": purpose},
        evidence=(
            Evidence(
                event_id=call.event_id, session_id=view.session_id, role="success", excerpt=call.text[:200]
            ),
        ),
        at=call.at,
    )
