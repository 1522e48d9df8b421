"""Failing call → what finally worked: another way to call it, or a remedy after which it passes."""

from collections.abc import Iterator, Sequence

from hivemind.distill import commands
from hivemind.distill.commands import Step
from hivemind.distill.miners.failures import failed, is_absent, is_transient, is_usage, telling_line, worked
from hivemind.distill.session_view import Call, Prompt, SessionView, Stream
from hivemind.domain.lessons import Occurrence
from hivemind.domain.skills import Evidence

KIND = "fix"
#: How many later calls are searched for what worked.
WINDOW_CALLS = 15
#: Share of words that two calls with the same program must have in common to be two tries at one thing.
SIMILAR = 0.5


def mine(view: SessionView) -> Iterator[Occurrence]:
    """Yield each failing command that another command, or a remedy, was the answer to."""
    for stream in view.streams:
        seen: set[str] = set()
        for index, item in enumerate(stream.items):
            if not isinstance(item, Call):
                continue
            step = _failed_step(item, view)
            if step is None:
                continue
            found = _remedy(stream, index, item, step, view) or _other_way(stream, index, item, step, view)
            if found is not None and found.key not in seen:
                seen.add(found.key)
                yield found


def _failed_step(call: Call, view: SessionView) -> Step | None:
    if call.tool_name not in view.shell_tools or not failed(call) or is_transient(call.output):
        return None
    found = [s for s in commands.steps(call.text) if s.program not in commands.LOOKING]
    if len(found) != 1:
        return None
    step = commands.generalise(found[0], root=view.root)
    return step if commands.stands_in(step, call.text, root=view.root) else None


def _later(stream: Stream, index: int) -> list[Call | Prompt]:
    return list(stream.items[index + 1 : index + 1 + WINDOW_CALLS])


def _steps(call: Call, view: SessionView) -> list[Step]:
    if call.tool_name not in view.shell_tools:
        return []
    found = [commands.generalise(s, root=view.root) for s in commands.steps(call.text)]
    return [
        s
        for s in found
        if s.program not in commands.LOOKING and commands.stands_in(s, call.text, root=view.root)
    ]


def _remedy(stream: Stream, index: int, tried: Call, step: Step, view: SessionView) -> Occurrence | None:
    """Find `step fails, remedy works, step works` with nothing edited in between."""
    if not commands.is_repeatable(step):
        return None
    remedy: tuple[Call, Step] | None = None
    for item in _later(stream, index):
        if isinstance(item, Prompt) or item.tool_name in view.edit_tools:
            return None
        for other in _steps(item, view):
            if other.words == step.words and other.assignments == step.assignments:
                if not worked(item) or remedy is None:
                    return None
                return _occurrence(
                    tried,
                    step,
                    answer=remedy[0],
                    fix=remedy[1],
                    relation="remedy",
                    view=view,
                    stream=stream,
                    then=item,
                )
            if worked(item) and _may_remedy(other):
                remedy = (item, other)
    return None


def _may_remedy(step: Step) -> bool:
    """Say whether a step changes something; a check that passed in between has mended nothing."""
    mends = any("fix" in word or word in ("--write", "-w") for word in step.words)
    looks = commands.purpose(step) in ("test", "lint", "typecheck", "serve") and not mends
    looks = looks or any(word in commands.LOOKING_VERBS for word in step.words[1:2])
    return not looks and step.program != "git" and commands.is_repeatable(step)


def _other_way(stream: Stream, index: int, tried: Call, step: Step, view: SessionView) -> Occurrence | None:
    edited = False
    usage = is_usage(tried.output)
    absent = is_absent(tried.output, step.program)
    for item in _later(stream, index):
        if isinstance(item, Prompt):
            continue
        edited = edited or item.tool_name in view.edit_tools
        if edited and not usage:
            return None
        if not worked(item):
            continue
        for other in _steps(item, view):
            relation = _relation(step, other, usage=usage)
            if absent and not any(w.rsplit("/", 1)[-1].startswith(step.program) for w in other.words):
                relation = ""  # the machine lacks the program; what ran next did something else
            if relation and commands.is_repeatable(other):
                return _occurrence(
                    tried, step, answer=item, fix=other, relation=relation, view=view, stream=stream
                )
            if other == step:
                return None
    return None


def _relation(tried: Step, other: Step, *, usage: bool) -> str:
    if tried == other:
        return ""
    a, b = [*tried.words], [*other.words]
    if len(a) != len(b) and (_is_within(a, b) or _is_within(b, a)) and (min(len(a), len(b)) > 1 or usage):
        return "wrapper" if a[-1] == b[-1] or tried.program != other.program else "arguments"
    if not usage:
        return ""
    if tried.words == other.words and tried.assignments != other.assignments:
        return "arguments"
    if commands.same_job(tried, other) and commands.similarity(tried, other) >= SIMILAR:
        return "arguments"
    same = commands.purpose(tried)
    if not same or same != commands.purpose(other) or tried.program == other.program:
        return ""
    # A run of single tests is not another way to run them all.
    return "" if commands.is_selective(other) and not commands.is_selective(tried) else "other"


def _is_within(short: Sequence[str], long: Sequence[str]) -> bool:
    """Say whether the words stand in the longer line in one piece at its beginning or its end."""
    n = len(short)
    return n < len(long) and (list(long[-n:]) == list(short) or list(long[:n]) == list(short))


def _occurrence(
    tried: Call,
    step: Step,
    *,
    answer: Call,
    fix: Step,
    relation: str,
    view: SessionView,
    stream: Stream,
    then: Call | None = None,
) -> Occurrence:
    line = telling_line(tried.output)
    before, after = " ".join(commands.head(step)), " ".join(commands.head(fix))
    key = f"{relation}: {before} -> {after}"
    if relation == "arguments":
        key = f"{relation}: {before}: {_difference(step, fix)}"
    evidence = [
        Evidence(
            event_id=tried.result_id or tried.event_id,
            session_id=view.session_id,
            role="failure",
            excerpt=line,
        ),
        Evidence(
            event_id=tried.event_id, session_id=view.session_id, role="failed-call", excerpt=tried.text[:200]
        ),
        Evidence(event_id=answer.event_id, session_id=view.session_id, role="fix", excerpt=answer.text[:200]),
    ]
    if then is not None:
        evidence.append(
            Evidence(
                event_id=then.event_id, session_id=view.session_id, role="success", excerpt=then.text[:200]
            )
        )
    asked = stream.request_before(tried.seq)
    if asked is not None:
        evidence.append(
            Evidence(
                event_id=asked.event_id, session_id=view.session_id, role="request", excerpt=asked.text[:200]
            )
        )
    return Occurrence(
        kind=KIND,
        key=key,
        topic=commands.topic(step),
        data={"failed": step.text, "fix": fix.text, "relation": relation, "error": line},
        evidence=tuple(evidence),
        at=answer.at,
    )


def _difference(tried: Step, fix: Step) -> str:
    old, new = {*tried.words, *tried.assignments}, {*fix.words, *fix.assignments}
    added = sorted(w.split("=")[0] for w in new - old)
    removed = sorted(w.split("=")[0] for w in old - new)
    return " ".join([*(f"+{w}" for w in added), *(f"-{w}" for w in removed)])
