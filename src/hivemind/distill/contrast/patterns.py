"""What an attempt did, as small patterns that can be counted: calls, their order, values and care."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from hivemind.distill import commands, phrases
from hivemind.distill.episodes import Episode
from hivemind.distill.grading.environment import is_at_fault
from hivemind.distill.grading.features import kind_of, leaves, same_call
from hivemind.distill.session_view import Call, Prompt

#: Ends of an attempt, in the place of a step's name.
START, END = "", "."
#: Patterns that tell how something was done, not what: they mean the same whatever was asked for.
MANNER = frozenset({"before", "then", "agreed", "unagreed", "invents", "repeats", "fails", "times"})
#: What all tools that change files are called: their names differ between agents.
EDIT = "edit"
#: More calls of one tool than this say nothing more.
MAX_TIMES = 3
MAX_STEPS = 400
#: A longer value is a text, not a choice, in characters.
MAX_VALUE_CHARS = 40
MAX_VALUES_A_CALL = 24
#: Arguments of one call that can be told in one sentence.
MAX_STATED = 8
MAX_ITEMS = 9
_WORD = re.compile(r"[^\s,;\"'()\[\]{}]{3,60}")
_SEEN_CHARS = 20_000
#: Where a yes stands in an answer that says more, in characters.
_ANSWER_CHARS = 80
_OF_A_CHANGE = frozenset({"agreed", "unagreed", "invents"})


@dataclass(frozen=True, slots=True, order=True)
class Pattern:
    """Hold something that an attempt did or did not do; `about` names steps, then arguments and values."""

    kind: str
    about: tuple[str, ...] = ()

    @property
    def given(self) -> "Pattern | None":
        """Give what makes an order or a yes matter at all: having done the step that it is about."""
        if self.kind == "before":
            return Pattern("does", self.about[1:])
        if self.kind in _OF_A_CHANGE:
            return Pattern("does", self.about) if self.about else Pattern("changed")
        if self.kind == "then":
            return Pattern("does", (self.about[0] if self.about[1] == END else self.about[1],))
        return None


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one thing that was done under the name that like things share."""

    name: str
    kind: str  #: read, write, handover or empty
    call: Call


Found = dict[Pattern, tuple[str, ...]]


def found(episode: Episode) -> Found:
    """Give the patterns of an attempt, each with the first events that show it."""
    steps = steps_of(episode)
    patterns: Found = {}
    for pattern, events in _all(episode, steps):
        patterns.setdefault(pattern, tuple(events))
    return patterns


def steps_of(episode: Episode) -> list[Step]:
    """Give what was done, in order; calls that the machine or the network made fail are left out."""
    steps: list[Step] = []
    for call in episode.calls:
        if not is_at_fault(call):
            kind = kind_of(call, episode)
            steps += [Step(name, kind, call) for name in _names(call, episode)]
    return steps[:MAX_STEPS]


def _names(call: Call, episode: Episode) -> list[str]:
    if call.tool_name in episode.edit_tools:
        return [EDIT]
    if call.tool_name not in episode.shell_tools:
        return [call.tool_name] if call.tool_name.isprintable() and call.tool_name.strip() else []
    named = []
    for step in commands.steps(call.text):
        text = " ".join(commands.head(commands.generalise(step)))
        # Only what stands in the line as it is named can be quoted from it.
        known = step.program not in commands.LOOKING and text.isprintable() and text in call.text
        if known:
            named.append(text)
    return named


def _all(episode: Episode, steps: list[Step]) -> Iterator[tuple[Pattern, Iterable[str]]]:
    yield from _calls(steps)
    yield from _order(steps)
    yield from _values(episode, steps)
    yield from _care(episode, steps)


def _calls(steps: list[Step]) -> Iterator[tuple[Pattern, Iterable[str]]]:
    events: dict[str, list[str]] = {}
    for step in steps:
        events.setdefault(step.name, []).append(step.call.event_id)
        if step.call.failed:
            yield Pattern("fails", (step.name,)), [step.call.event_id]
    for name, ids in events.items():
        yield Pattern("does", (name,)), ids[:1]
        for times in range(2, min(len(ids), MAX_TIMES) + 1):
            yield Pattern("times", (name, str(times))), ids[:times]


def _order(steps: list[Step]) -> Iterator[tuple[Pattern, Iterable[str]]]:
    for one, other in pairwise(steps):
        yield Pattern("then", (one.name, other.name)), [one.call.event_id, other.call.event_id]
    if steps:
        yield Pattern("then", (START, steps[0].name)), [steps[0].call.event_id]
        yield Pattern("then", (steps[-1].name, END)), [steps[-1].call.event_id]
    first: dict[str, Step] = {}
    for step in steps:
        if step.kind in ("write", "handover") and step.name not in first:
            for name, earlier in first.items():
                yield Pattern("before", (name, step.name)), [earlier.call.event_id, step.call.event_id]
        first.setdefault(step.name, step)


def _values(episode: Episode, steps: list[Step]) -> Iterator[tuple[Pattern, Iterable[str]]]:
    for step in steps:
        call = step.call
        if call.tool_name in episode.shell_tools or call.tool_name in episode.edit_tools:
            continue
        stated: list[str] = []
        for name, given in call.data.items():
            if isinstance(given, list):
                yield Pattern("items", (step.name, name, str(min(len(given), MAX_ITEMS)))), [call.event_id]
            for value in list(leaves(given))[:MAX_VALUES_A_CALL]:
                if _is_choice(value) and _stands_in(value, call) and name.isprintable():
                    stated += [name, value]
                    yield Pattern("gives", (step.name, name, value)), [call.event_id]
        if 2 < len(stated) <= 2 * MAX_STATED and len(stated) == 2 * len(list(leaves(call.data))):
            yield Pattern("call", (step.name, *stated)), [call.event_id]


def _stands_in(value: str, call: Call) -> bool:
    """Say whether a value can be quoted from a call as it was stored."""
    return value in call.text or not value.replace(".", "").lstrip("-").isdigit()


def _is_choice(value: str) -> bool:
    return 0 < len(value) <= MAX_VALUE_CHARS and value.isprintable() and "`" not in value


def _care(episode: Episode, steps: list[Step]) -> Iterator[tuple[Pattern, Iterable[str]]]:
    writes = [s for s in steps if s.kind == "write" and not s.call.failed]
    yield (
        Pattern("changes", (str(min(len(writes), MAX_TIMES)),)),
        [s.call.event_id for s in writes[:MAX_TIMES]],
    )
    again = Counter[str]()
    for step in steps:
        if step.kind == "write":
            again.clear()  # what was read before a change may read differently after it
        again[same_call(step.call)] += 1
        if again[same_call(step.call)] == 2:
            yield Pattern("repeats"), [step.call.event_id]
            yield Pattern("repeats", (step.name,)), [step.call.event_id]
    yield from _agreement(episode, writes)
    yield from _origin(episode, writes)


def _agreement(episode: Episode, writes: list[Step]) -> Iterator[tuple[Pattern, Iterable[str]]]:
    """Tell the changes that a person had just said yes to from those that nobody did."""
    changing = {s.call.event_id: s for s in writes}
    agreed = False
    count = Counter[bool]()
    for moment in episode.moments:
        if isinstance(moment, Prompt):
            agreed = phrases.begins("approval", moment.text) or bool(
                phrases.says("approval", moment.text[:80])
            )
        elif isinstance(moment, Call) and moment.event_id in changing:
            step = changing[moment.event_id]
            count[agreed] += 1
            yield Pattern("agreed" if agreed else "unagreed", (step.name,)), [moment.event_id]
    if count:
        yield Pattern("unagreed" if count[False] else "agreed"), [s.call.event_id for s in writes[:MAX_TIMES]]


def _origin(episode: Episode, writes: list[Step]) -> Iterator[tuple[Pattern, Iterable[str]]]:
    """Tell values of changes that had come up before from those that came from nowhere."""
    changing = {s.call.event_id: s for s in writes}
    seen: set[str] = set()
    for moment in episode.moments:
        if isinstance(moment, Call):
            step = changing.get(moment.event_id)
            if step is not None:
                words = {
                    w
                    for v in leaves(moment.data)
                    if len(v) <= MAX_VALUE_CHARS
                    for w in _WORD.findall(v.lower())
                }
                if words - seen:
                    yield Pattern("invents"), [moment.event_id]
                    yield Pattern("invents", (step.name,)), [moment.event_id]
            seen.update(_WORD.findall(moment.output[:_SEEN_CHARS].lower()))
        elif isinstance(moment, Prompt):
            seen.update(w.strip(".:!?") for w in _WORD.findall(moment.text[:_SEEN_CHARS].lower()))


def _says_yes(text: str) -> bool:
    return phrases.begins("approval", text) or bool(phrases.says("approval", text[:_ANSWER_CHARS]))


def _words(call: Call) -> set[str]:
    values = (v.lower() for v in leaves(call.data) if len(v) <= MAX_VALUE_CHARS)
    return {word for value in values for word in _WORD.findall(value)}
