"""Procedures: the checks that ran after the last change and before the commit, in their order."""

from collections.abc import Iterator

from hivemind.distill import commands
from hivemind.distill.miners.command import is_known, known_steps
from hivemind.distill.miners.failures import worked
from hivemind.distill.session_view import Call, Prompt, SessionView, Stream
from hivemind.domain.lessons import Occurrence
from hivemind.domain.skills import Evidence

KIND = "procedure"
TOPIC = "checks"
PURPOSES = frozenset({"test", "lint", "format", "typecheck", "build", "generate"})
MAX_STEPS = 6

_Run = dict[str, Call]


def mine(view: SessionView) -> Iterator[Occurrence]:
    """Yield each order of two or more checks that all passed after a change, once a session."""
    seen: set[str] = set()
    for stream in view.streams:
        for run in _runs(stream, view):
            key = " && ".join(run)
            if 1 < len(run) <= MAX_STEPS and key not in seen:
                seen.add(key)
                yield _occurrence(key, run, view)


def _runs(stream: Stream, view: SessionView) -> Iterator[_Run]:
    """Give the checks that passed since the last change, whenever a commit, a request or the end comes."""
    run: _Run = {}
    changed = False
    for item in stream.items:
        if isinstance(item, Prompt):
            yield dict(run)
        elif item.tool_name in view.edit_tools:
            run, changed = {}, True
        elif item.tool_name in view.shell_tools:
            if not worked(item) and _checks(item, view):
                run = {}
            if changed:
                for step in known_steps(item, view):
                    if commands.purpose(step) in PURPOSES:
                        run.setdefault(step.text, item)
            if worked(item) and commands.commits(item.text):
                yield run
                run, changed = {}, False
    yield run


def _checks(call: Call, view: SessionView) -> bool:
    found = (commands.generalise(s, root=view.root) for s in commands.steps(call.text))
    return any(is_known(s) and commands.purpose(s) in PURPOSES for s in found)


def _occurrence(key: str, run: _Run, view: SessionView) -> Occurrence:
    calls = dict.fromkeys(call.event_id for call in run.values())
    texts = {call.event_id: call.text for call in run.values()}
    return Occurrence(
        kind=KIND,
        key=key,
        topic=TOPIC,
        data={"steps": list(run)},
        evidence=tuple(
            Evidence(event_id=e, session_id=view.session_id, role="success", excerpt=texts[e][:200])
            for e in calls
        ),
        at=next(iter(run.values())).at,
    )
