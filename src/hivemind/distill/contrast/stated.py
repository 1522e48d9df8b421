"""Know what skills state already: commands that explain how attempts ended are not learnt a second time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hivemind.distill import commands
from hivemind.distill.commands import Step
from hivemind.distill.contrast.evidence import Stratum, judge
from hivemind.distill.contrast.mine import Attempt
from hivemind.distill.episodes import Episode
from hivemind.distill.grading.environment import is_at_fault

#: Commands that may explain the outcomes of one family: more would leave nothing to compare.
MAX_EXPLAINING = 3
#: From this probability on, that a command was run is taken to be why attempts ended as they did.
EXPLAINS = 0.5
#: A family is about a skill if so large a part of its calls is of what the skill calls; it remains so longer.
ABOUT, STILL_ABOUT = 0.5, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Hold the commands that one skill states: what works, and what fails."""

    topic: str
    commands: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Hold what an attempt ran of what skills state."""

    commands: frozenset[str]
    calls: int  #: all that it made
    about: Mapping[str, int]  #: how many of them call what the skill of a topic is about


def ran(episode: Episode, stated: Sequence[Stated]) -> Ran:
    """Give what an attempt ran of what skills state."""
    known = {text: commands.steps(text) for each in stated for text in sorted(each.commands)}
    found: set[str] = set()
    about = Counter[str]()
    calls = [call for call in episode.calls if not is_at_fault(call)]
    for call in calls:
        shell = call.tool_name in episode.shell_tools
        taken = [commands.generalise(step) for step in commands.steps(call.text)] if shell else []
        found.update(text for text, steps in known.items() if steps and _all_in(steps, taken))
        for each in stated:
            steps = (step for text in each.commands for step in known[text])
            about[each.topic] += any(commands.is_call_of_the_same(s, t) for s in steps for t in taken)
    return Ran(commands=frozenset(found), calls=len(calls), about=about)


def _all_in(steps: Iterable[Step], taken: Sequence[Step]) -> bool:
    """Say whether each step was taken, whatever flags and operands were put behind it."""
    return all(
        any(t.words[: len(s.words)] == s.words and set(s.assignments) <= set(t.assignments) for t in taken)
        for s in steps
    )


def explaining(attempts: Sequence[Attempt], had: Sequence[Ran]) -> tuple[str, ...]:
    """Choose the stated commands that explain how a family's attempts ended, the surest first."""
    chosen: tuple[str, ...] = ()
    candidates = sorted({text for one in had for text in one.commands})
    while candidates and len(chosen) < MAX_EXPLAINING:
        sureness = {text: _sureness(text, chosen, attempts, had) for text in candidates}
        best = max(candidates, key=lambda text: (sureness[text], text))
        if sureness[best] < EXPLAINS:
            break
        chosen += (best,)
        candidates.remove(best)
    return chosen


def _sureness(text: str, chosen: Sequence[str], attempts: Sequence[Attempt], had: Sequence[Ran]) -> float:
    counts: defaultdict[frozenset[str], Counter[tuple[bool, bool]]] = defaultdict(Counter)
    for attempt, one in zip(attempts, had, strict=True):
        counts[one.commands & {*chosen}][attempt.succeeded, text in one.commands] += 1
    strata = []
    for n in counts.values():
        worked, failed = n[True, True] + n[True, False], n[False, True] + n[False, False]
        strata.append(Stratum(worked, failed, n[True, True], n[False, True]))
    return judge(strata).probability


def topic_of(had: Sequence[Ran], *, before: str = "") -> str:
    """Name the topic of the skill that a family of attempts is about, if any; `before` is what it was."""
    calls = sum(one.calls for one in had)
    shares = Counter[str]()
    for one in had:
        shares.update(one.about)
    fitting = [
        (count / calls, topic)
        for topic, count in shares.items()
        if calls and count / calls >= (STILL_ABOUT if topic == before else ABOUT)
    ]
    return before if any(topic == before for _, topic in fitting) else max(fitting, default=(0.0, ""))[1]
