"""Learn from a project's graded episodes: lessons that rest on several sessions at once."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hivemind.distill.contrast import mine as miner
from hivemind.distill.contrast import patterns
from hivemind.distill.contrast.families import Asked, Family, families
from hivemind.distill.contrast.mine import Attempt, Contrast, Demands
from hivemind.distill.contrast.patterns import MANNER, Pattern
from hivemind.distill.episodes import Episode
from hivemind.domain.lessons import Occurrence
from hivemind.domain.skills import Evidence

#: What goes with success, and what with failure.
KIND, PITFALL = "contrast", "pitfall"
#: Lessons of all of a project's like tasks, and those of one family of them.
TOPIC, FAMILY_TOPIC = "outcomes", "task"
#: A project's grades are less sure than a verified outcome, so more is demanded.
DEMANDS = Demands(sessions_each_side=3, sessions_showing=3, false_discoveries=0.1, lessons=12)
#: Sessions of each side that a lesson names, and events of each.
MAX_SESSIONS, MAX_EVENTS = 12, 4
MAX_EXCERPT_CHARS = 200
#: A pattern that so many of its attempts' outcomes were concluded from, as a share, teaches nothing.
MAX_GROUNDS = 0.25
#: Never advised, whatever went well: acting without consent, guessing, and what no agent sets out to do.
NO_ADVICE = frozenset({"unagreed", "invents", "repeats", "fails"})
#: That a call failed is how a failure looks, not how to avoid one.
NO_WARNING = frozenset({"fails"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """Hold an episode whose outcome is known, before its events are read."""

    asked: Asked
    session_id: str
    succeeded: bool
    rests_on: frozenset[str] = frozenset()  #: events from which the outcome was concluded; none if reported
    decided_by: frozenset[str] = frozenset()  #: those of them that were enough by themselves
    same_changes: bool = False  #: it was concluded from changes that like episodes made too


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    graded: Graded
    episode: Episode
    attempt: Attempt


Found = list[tuple[str, Occurrence]]


def learn(graded: Sequence[Graded], load: Callable[[Sequence[Graded]], Iterable[Episode]]) -> Found:
    """Give the lessons of a project with the session of each occurrence; in any order of episodes the same.

    Only episodes at like tasks, some of which worked and some failed, are loaded.
    """
    ordered = sorted(graded, key=lambda g: (g.asked.at, g.asked.episode_id))
    named = families([g.asked for g in ordered])
    telling = [(g, f) for g, f in zip(ordered, named, strict=True) if f is not None]
    telling = _of_telling_families(telling)
    if not _enough([g for g, _ in telling]):
        return []
    episodes = {e.episode_id: e for e in load([g for g, _ in telling])}
    seen = [
        (_read(g, family, episodes[g.asked.episode_id]), family)
        for g, family in telling
        if g.asked.episode_id in episodes
    ]
    return _lessons(_without_grounds(seen))


def _of_telling_families(telling: Sequence[tuple[Graded, Family]]) -> list[tuple[Graded, Family]]:
    outcomes: defaultdict[str, set[bool]] = defaultdict(set)
    for graded, family in telling:
        outcomes[family.name].add(graded.succeeded)
    return [(g, family) for g, family in telling if len(outcomes[family.name]) > 1]


def _enough(graded: Sequence[Graded]) -> bool:
    sides = ({g.session_id for g in graded if g.succeeded is side} for side in (True, False))
    return all(len(side) >= DEMANDS.sessions_each_side for side in sides)


def _read(graded: Graded, family: Family, episode: Episode) -> _Seen:
    attempt = Attempt(
        session_id=graded.session_id,
        family=family.name,
        succeeded=graded.succeeded,
        patterns=patterns.found(episode),
    )
    return _Seen(graded=graded, episode=episode, attempt=attempt)


def _without_grounds(seen: Sequence[tuple[_Seen, Family]]) -> list[tuple[_Seen, Family]]:
    """Leave out the patterns that outcomes were concluded from: they would only be found again."""
    having, concluded = Counter[Pattern](), Counter[Pattern]()
    for one, _ in seen:
        having.update(one.attempt.patterns.keys())
        concluded.update(_grounds(one))
    grounds = {p for p, count in concluded.items() if count > MAX_GROUNDS * having[p]}
    return [(replace(one, attempt=_lacking(one.attempt, grounds)), family) for one, family in seen]


def _grounds(one: _Seen) -> Iterator[Pattern]:
    """Give the patterns of an attempt from which its own outcome was concluded."""
    graded, steps = one.graded, patterns.steps_of(one.episode)
    # A test that ran twice decides by its last run, and is known by its first: so it is left out by name.
    deciding = {step.name for step in steps if step.call.event_id in graded.decided_by}
    changing = {step.name for step in steps if step.kind == "write"} if graded.same_changes else set[str]()
    for pattern, events in one.attempt.patterns.items():
        named = {*pattern.about}
        what_changed = pattern.kind == "changes" or (pattern.kind not in MANNER and named & changing)
        if (
            not graded.rests_on.isdisjoint(events)
            or named & deciding
            or (graded.same_changes and what_changed)
        ):
            yield pattern


def _lacking(attempt: Attempt, grounds: set[Pattern]) -> Attempt:
    return replace(attempt, patterns={p: e for p, e in attempt.patterns.items() if p not in grounds})


def _lessons(seen: Sequence[tuple[_Seen, Family]]) -> Found:
    """Mine all families together for how things are done, and each by itself for what is done."""
    every = [one for one, _ in seen]
    one_policy = any(not family.label for _, family in seen)
    demands = replace(DEMANDS, kinds=MANNER, families=1 if one_policy else 2)
    common = miner.mine([one.attempt for one in every], demands)
    found = list(_occurrences(common, every, label=""))
    known = {pattern for contrast in common for pattern in contrast.patterns}
    by_family: defaultdict[str, list[_Seen]] = defaultdict(list)
    labels: dict[str, str] = {}
    for one, family in seen:
        by_family[family.name].append(one)
        labels[family.name] = family.label
    for name, members in by_family.items():
        own = miner.mine([one.attempt for one in members], DEMANDS) if labels[name] else []
        found += _occurrences([c for c in own if not known & {*c.patterns}], members, label=labels[name])
    return found


def _occurrences(
    contrasts: Iterable[Contrast], seen: Sequence[_Seen], *, label: str
) -> Iterator[tuple[str, Occurrence]]:
    own_tools = all(one.graded.asked.own_tools for one in seen)
    for contrast in contrasts:
        if not teaches(contrast, own_tools=own_tools):
            continue
        helps = contrast.log_odds > 0
        for side in (True, False):
            shown = [
                one
                for one in seen
                if one.attempt.succeeded is side and _has(one.attempt, contrast) is (helps is side)
            ]
            for one in _one_a_session(shown)[:MAX_SESSIONS]:
                yield one.graded.session_id, _occurrence(contrast, one, label=label)


def teaches(contrast: Contrast, *, own_tools: bool) -> bool:
    """Say whether a contrast can be told as something to do or to beware of.

    How work with a shell or an editor ended says whether it worked, and not why; an agent with `own_tools`
    ends by an act of its own, such as handing over.
    """
    first = contrast.patterns[0]
    if first.kind in (NO_ADVICE if contrast.log_odds > 0 else NO_WARNING):
        return False
    ends = first.kind == "then" and first.about[-1] == patterns.END
    return own_tools or not ends


def _has(attempt: Attempt, contrast: Contrast) -> bool | None:
    """Say whether an attempt shows a contrast's patterns; None where it could not have."""
    first = contrast.patterns[0]
    if first.given is not None and first.given not in attempt.patterns:
        return None
    return first in attempt.patterns


def _one_a_session(seen: Iterable[_Seen]) -> list[_Seen]:
    first: dict[str, _Seen] = {}
    for one in seen:
        first.setdefault(one.graded.session_id, one)
    return list(first.values())


def _occurrence(contrast: Contrast, one: _Seen, *, label: str) -> Occurrence:
    helps = contrast.log_odds > 0
    return Occurrence(
        kind=KIND if helps else PITFALL,
        key=f"{label}: {_as_text(contrast.patterns[0])}",
        topic=f"{FAMILY_TOPIC} {label}" if label else TOPIC,
        data={
            "patterns": [[p.kind, *p.about] for p in contrast.patterns],
            "label": label,
            "probability": round(contrast.probability, 4),
            "log_odds": round(contrast.log_odds, 4),
            "worked": contrast.worked,
            "worked_with": contrast.worked_with,
            "failed": contrast.failed,
            "failed_with": contrast.failed_with,
        },
        evidence=tuple(_evidence(contrast, one)),
        at=one.episode.started_at,
    )


def _as_text(pattern: Pattern) -> str:
    return json.dumps([pattern.kind, *pattern.about], ensure_ascii=False)


def _evidence(contrast: Contrast, one: _Seen) -> Iterator[Evidence]:
    role = "success" if one.attempt.succeeded else "failure"
    session = one.graded.session_id
    events = dict.fromkeys(e for p in contrast.patterns for e in one.attempt.patterns.get(p, ()))
    texts = {call.event_id: call.text or call.tool_name for call in one.episode.calls}
    for event_id in list(events)[:MAX_EVENTS]:
        yield Evidence(
            event_id=event_id,
            session_id=session,
            role=role,
            excerpt=texts.get(event_id, "")[:MAX_EXCERPT_CHARS],
        )
    if not events:
        yield Evidence(
            event_id=one.episode.event_ids[-1], session_id=session, role=role, excerpt="ended without it"
        )
    for prompt in one.episode.prompts[:1]:
        yield Evidence(
            event_id=prompt.event_id,
            session_id=session,
            role="request",
            excerpt=prompt.text[:MAX_EXCERPT_CHARS],
        )


def patterns_of(data: Mapping[str, object]) -> list[Pattern]:
    """Give the patterns that a lesson's data hold."""
    stored = data.get("patterns")
    rows = stored if isinstance(stored, list) else []
    return [Pattern(str(kind), tuple(map(str, about))) for kind, *about in rows]
