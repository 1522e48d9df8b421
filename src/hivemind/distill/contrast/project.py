"""Learn from a project's graded episodes: lessons that rest on several sessions at once."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hivemind.distill.contrast import mine as miner
from hivemind.distill.contrast import patterns, stated
from hivemind.distill.contrast.families import Asked, Family, families
from hivemind.distill.contrast.mine import Attempt, Contrast, Demands
from hivemind.distill.contrast.patterns import MANNER, Pattern
from hivemind.distill.contrast.stated import Ran, Stated
from hivemind.distill.episodes import Episode
from hivemind.domain.lessons import Occurrence
from hivemind.domain.skills import Evidence

#: What goes with success, and what with failure.
KIND, PITFALL = "contrast", "pitfall"
#: Lessons of all of a project's like tasks, and those of one family of them.
TOPIC, FAMILY_TOPIC = "outcomes", "task"
#: Where a lesson's data name the topic of another skill that its tasks are about.
SKILL_TOPIC = "skill_topic"
#: A project's grades are less sure than a verified outcome, so more is demanded.
DEMANDS = Demands(sessions_each_side=3, sessions_showing=3, false_discoveries=0.1, lessons=12)
#: Sessions of each side that a lesson names, and events of each.
MAX_SESSIONS, MAX_EVENTS = 12, 4
MAX_EXCERPT_CHARS = 200
#: A pattern that so many of its attempts' outcomes were concluded from, as a share, teaches nothing; one that
#: stands already goes on teaching for longer.
MAX_GROUNDS, MAX_GROUNDS_STANDING = 0.25, 0.4
#: Never advised, whatever went well: acting without consent, guessing, and what no agent sets out to do.
NO_ADVICE = frozenset({"unagreed", "invents", "repeats", "fails"})
#: That a call failed is how a failure looks, not how to avoid one.
NO_WARNING = frozenset({"fails"})
#: How often something was called, and whether any change went through, is how work with a shell ended.
ENDINGS = frozenset({"changes", "times"})


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
class Stands:
    """Hold a lesson as it was learnt the last time."""

    label: str
    helps: bool
    patterns: tuple[Pattern, ...]
    skill_topic: str = ""

    @classmethod
    def of(cls, kind: str, data: Mapping[str, object]) -> "Stands":
        """Read it from a stored lesson."""
        return cls(
            label=str(data.get("label", "")),
            helps=kind == KIND,
            patterns=tuple(patterns_of(data)),
            skill_topic=str(data.get(SKILL_TOPIC, "")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    graded: Graded
    episode: Episode
    attempt: Attempt
    ran: Ran


Found = list[tuple[str, Occurrence]]


def learn(
    graded: Sequence[Graded],
    load: Callable[[Sequence[Graded]], Iterable[Episode]],
    *,
    known: Sequence[Stated] = (),
    standing: Sequence[Stands] = (),
) -> Found:
    """Give the lessons of a project with the session of each occurrence; in any order of episodes the same.

    Only episodes at like tasks, some of which worked and some failed, are loaded. What skills state, `known`,
    is not learnt again; of what stands already more goes on than would be learnt anew.
    """
    ordered = sorted(graded, key=lambda g: (g.asked.at, g.asked.episode_id))
    named = families([g.asked for g in ordered], standing={one.label for one in standing})
    telling = [(g, f) for g, f in zip(ordered, named, strict=True) if f is not None]
    telling = _of_telling_families(telling)
    if not _enough([g for g, _ in telling]):
        return []
    episodes = {e.episode_id: e for e in load([g for g, _ in telling])}
    seen = [
        (_read(g, family, episodes[g.asked.episode_id], known), family)
        for g, family in telling
        if g.asked.episode_id in episodes
    ]
    return _lessons(_without_grounds(seen, {p for one in standing for p in one.patterns}), standing)


def _of_telling_families(telling: Sequence[tuple[Graded, Family]]) -> list[tuple[Graded, Family]]:
    outcomes: defaultdict[str, set[bool]] = defaultdict(set)
    for graded, family in telling:
        outcomes[family.name].add(graded.succeeded)
    return [(g, family) for g, family in telling if len(outcomes[family.name]) > 1]


def _enough(graded: Sequence[Graded]) -> bool:
    sides = ({g.session_id for g in graded if g.succeeded is side} for side in (True, False))
    return all(len(side) >= DEMANDS.sessions_each_side for side in sides)


def _read(graded: Graded, family: Family, episode: Episode, known: Sequence[Stated]) -> _Seen:
    attempt = Attempt(
        session_id=graded.session_id,
        family=family.name,
        succeeded=graded.succeeded,
        patterns=patterns.found(episode),
    )
    return _Seen(graded=graded, episode=episode, attempt=attempt, ran=stated.ran(episode, known))


def _without_grounds(
    seen: Sequence[tuple[_Seen, Family]], standing: Collection[Pattern]
) -> list[tuple[_Seen, Family]]:
    """Leave out the patterns that outcomes were concluded from: they would only be found again."""
    having, concluded = Counter[Pattern](), Counter[Pattern]()
    for one, _ in seen:
        having.update(one.attempt.patterns.keys())
        concluded.update(_grounds(one))
    grounds = {
        p
        for p, count in concluded.items()
        if count > (MAX_GROUNDS_STANDING if p in standing else MAX_GROUNDS) * having[p]
    }
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


def _lessons(seen: Sequence[tuple[_Seen, Family]], standing: Sequence[Stands]) -> Found:
    """Mine all families together for how things are done, and each by itself for what is done."""
    by_family: defaultdict[str, list[_Seen]] = defaultdict(list)
    labels: dict[str, str] = {}
    for one, family in seen:
        by_family[family.name].append(one)
        labels[family.name] = family.label
    families_of = {name: _set_apart(members) for name, members in by_family.items()}
    by_episode = {one.graded.asked.episode_id: one for members in families_of.values() for one in members}
    every = [by_episode[one.graded.asked.episode_id] for one, _ in seen]
    one_policy = not all(labels.values())
    demands = replace(DEMANDS, kinds=MANNER, families=1 if one_policy else 2)
    common = miner.mine([one.attempt for one in every], demands, standing=_standing(standing, label=""))
    found = list(_occurrences(common, every, label=""))
    told = {pattern for contrast in common for pattern in contrast.patterns}
    for name, members in families_of.items():
        label = labels[name]
        if not label:
            continue
        stood = _standing(standing, label=label)
        own = miner.mine([one.attempt for one in members], DEMANDS, standing=stood)
        before = next((one.skill_topic for one in standing if one.label == label and one.skill_topic), "")
        about = stated.topic_of([one.ran for one in members], before=before)
        own = [c for c in own if not told & {*c.patterns}]
        found += _occurrences(own, members, label=label, skill_topic=about)
    return found


def _set_apart(members: Sequence[_Seen]) -> list[_Seen]:
    """Have attempts of a family compared with those that ran the same of what skills state.

    What goes with success only because it goes with a command that a skill states is then not learnt, nor is
    that command.
    """
    chosen = stated.explaining([one.attempt for one in members], [one.ran for one in members])
    ran = ["\n".join(text for text in chosen if text in one.ran.commands) for one in members]
    return [
        replace(one, attempt=replace(one.attempt, apart=apart))
        for one, apart in zip(members, ran, strict=True)
    ]


def _standing(standing: Sequence[Stands], *, label: str) -> miner.Standing:
    return {(one.patterns[0], one.helps): one.patterns for one in standing if one.label == label}


def _occurrences(
    contrasts: Iterable[Contrast], seen: Sequence[_Seen], *, label: str, skill_topic: str = ""
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
                occurrence = _occurrence(contrast, one, label=label, skill_topic=skill_topic)
                yield one.graded.session_id, occurrence


def teaches(contrast: Contrast, *, own_tools: bool) -> bool:
    """Say whether a contrast can be told as something to do or to beware of.

    How work with a shell or an editor ended says whether it worked, and not why; an agent with `own_tools`
    ends by an act of its own, such as handing over.
    """
    first = contrast.patterns[0]
    if first.kind in (NO_ADVICE if contrast.log_odds > 0 else NO_WARNING):
        return False
    ends = first.kind in ENDINGS or (first.kind == "then" and first.about[-1] == patterns.END)
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


def _occurrence(contrast: Contrast, one: _Seen, *, label: str, skill_topic: str) -> Occurrence:
    helps = contrast.log_odds > 0
    return Occurrence(
        kind=KIND if helps else PITFALL,
        key=f"{label}: {_as_text(contrast.patterns[0])}",
        topic=f"{FAMILY_TOPIC} {label}" if label else TOPIC,
        data={
            "patterns": [[p.kind, *p.about] for p in contrast.patterns],
            "label": label,
            **({SKILL_TOPIC: skill_topic} if skill_topic else {}),
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
