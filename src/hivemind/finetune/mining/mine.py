"""Find what accepted answers to like requests share, and what rejected ones share that accepted ones lack."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, exp, lgamma, log
from typing import Final

from hivemind.distill.contrast.families import words_of
from hivemind.finetune.mining import phrases
from hivemind.finetune.mining.behaviour import COMMON, PHRASES, Behaviour, background
from hivemind.finetune.mining.groups import EVERYTHING, Group, groups
from hivemind.finetune.mining.samples import Sample, Side

#: Answers of a group that have to be seen, and the share of them that does the same.
MIN_ANSWERS: Final = 5
CONSISTENT: Final = 0.9
#: What many answers do anyway needs more of them.
MIN_OF_COMMON: Final = 10
#: Where answers were rejected: the share of one side that does something, and of the other, at most.
ONE_SIDE, OTHER_SIDE = 0.5, 0.1
#: The chance of one false finding among all that are looked for.
FALSE: Final = 0.01
#: What is thought of a behaviour before any answer is seen weighs as much as so many answers.
_PRIOR_ANSWERS: Final = 30
#: Groups so much alike are one; a behaviour of one group is not told again of another that overlaps it.
SAME_GROUP, SAME_ROWS = 0.6, 0.5
MAX_GROUPS: Final = 12
MAX_LESSONS, MAX_PITFALLS = 6, 4
_SAMPLED: Final = 80
_WORD = re.compile(r"[^\W\d_]{3,}")
#: Habits and failings: nothing that anybody would be told to do.
_NO_ADVICE = frozenset({"preamble", "as-an-ai", "emoji", "no-call"})
#: How an answer looks that was merely too short or too long is no reason by itself.
_NO_WARNING = frozenset({"no-call", "one-line", "numbered", "bulleted", "asks-back"})
#: What says less than another behaviour that is found with it.
_SAYS_LESS = {
    "one-line": frozenset({"number", "option", "one-word", "json", "refuses"}),
    "code": frozenset({"code-in", "only-code"}),
    "calls": frozenset({"calls-with"}),
    "field": frozenset({"begins", "says", "ends"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Hold one behaviour of one group of requests."""

    group: Group
    behaviour: Behaviour
    is_pitfall: bool
    chance: float  #: of seeing as much if there were nothing in it
    accepted: int
    accepted_with: int
    rejected: int
    rejected_with: int
    members: frozenset[int] = field(default_factory=frozenset)  #: numbers of the group's samples
    shown_by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Hold what belongs into one skill: findings of a group, or of several that show the very same."""

    groups: tuple[Group, ...]
    findings: tuple[Finding, ...]


def mine(samples: Sequence[Sample]) -> list[Candidate]:
    """Give the findings, those of one group together, the surest group first; the same rows give the same."""
    found = groups([s.asked for s in samples], least=MIN_ANSWERS)
    found[EVERYTHING] = tuple(range(len(samples)))
    whole = Counter[Behaviour]()
    accepted = [s.accepted for s in samples if s.accepted is not None]
    for side in accepted:
        whole.update(side.does)
    looked_at = 0
    findings: list[Finding] = []
    for group in sorted(found):
        compared = _Compared.of(group, found[group], samples)
        judged = list(_judged(compared, whole=whole, answers=len(accepted)))
        looked_at += len(judged)
        findings += [finding for finding in judged if finding is not None]
    limit = FALSE / max(1, looked_at)
    return _few([f for f in findings if f.chance <= limit], found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """Hold a group's answers, each request's same answer once."""

    group: Group
    members: tuple[int, ...]
    accepted: dict[int, Side]
    rejected: dict[int, Side]
    requests: str

    @classmethod
    def of(cls, group: Group, members: Sequence[int], samples: Sequence[Sample]) -> "_Compared":
        sides: list[dict[int, Side]] = [{}, {}]
        for place in (0, 1):
            seen: set[tuple[str, int]] = set()
            for n in members:
                side = (samples[n].accepted, samples[n].rejected)[place]
                if side is not None and (samples[n].asked.request, side.key) not in seen:
                    seen.add((samples[n].asked.request, side.key))
                    sides[place][n] = side
        some = "\n".join(samples[n].asked.request for n in members[:_SAMPLED])
        return cls(
            group=group,
            members=tuple(members),
            accepted=sides[0],
            rejected=sides[1],
            requests=" ".join(some.split()),
        )


def _judged(compared: _Compared, *, whole: Mapping[Behaviour, int], answers: int) -> Iterator[Finding | None]:
    """Yield a finding or None for each behaviour that is looked at."""
    good, bad = compared.accepted, compared.rejected
    if len(good) >= MIN_ANSWERS:
        for behaviour in _candidates(list(good.values()), share=CONSISTENT, requests=compared.requests):
            yield _consistent(compared, behaviour, whole=whole, answers=answers)
    if min(len(good), len(bad)) >= MIN_ANSWERS:
        for is_pitfall, mine_, other in ((False, good, bad), (True, bad, good)):
            for behaviour in _candidates(list(mine_.values()), share=ONE_SIDE, requests=compared.requests):
                yield _one_sided(compared, behaviour, mine_, other, is_pitfall=is_pitfall)


def _candidates(sides: Sequence[Side], *, share: float, requests: str) -> list[Behaviour]:
    counts = Counter(behaviour for side in sides for behaviour in side.does)
    least = ceil(share * len(sides))
    found = [behaviour for behaviour, count in counts.items() if count >= least]
    texts = [side.words for side in sides[:_SAMPLED]]
    wanted = max(MIN_ANSWERS, ceil(share * len(texts)))
    found += [b for b in phrases.shared(texts, least=wanted) if not _repeats(b[1], requests)]
    return sorted(found)


def _repeats(phrase: str, requests: str) -> bool:
    """Say whether most of what a phrase says stands in the requests: answers repeat those."""
    said = words_of(phrase)
    asked = {word.lower() for word in _WORD.findall(requests)}
    return 2 * len(said & asked) >= len(said)


def _consistent(
    compared: _Compared, behaviour: Behaviour, *, whole: Mapping[Behaviour, int], answers: int
) -> Finding | None:
    sides = compared.accepted
    shown = [n for n, side in sides.items() if side.shows(behaviour)]
    if len(shown) < max(MIN_ANSWERS, CONSISTENT * len(sides)) or behaviour[0] in _NO_ADVICE:
        return None
    # What all answers of a file say is who wrote them, and holds for no request in particular.
    if compared.group == EVERYTHING and behaviour[0] in PHRASES:
        return None
    rejected = compared.rejected.values()
    if len(rejected) >= MIN_ANSWERS and 2 * sum(s.shows(behaviour) for s in rejected) > len(rejected):
        return None  # what rejected answers do as well is not why the others were accepted
    outside = max(0, answers - len(sides))
    elsewhere = max(0, whole.get(behaviour, 0) - len(shown)) if behaviour in whole else 0
    # What many answers do is worth telling only of many, and where others do not.
    if behaviour[0] in COMMON and (min(len(sides), outside) < MIN_OF_COMMON or 2 * elsewhere > outside):
        return None
    usual = (elsewhere + background(behaviour) * _PRIOR_ANSWERS) / (outside + _PRIOR_ANSWERS)
    usual = max(usual, background(behaviour))
    return _finding(
        compared, behaviour, is_pitfall=False, chance=_at_least(len(shown), len(sides), usual), shown=shown
    )


def _one_sided(
    compared: _Compared,
    behaviour: Behaviour,
    own: Mapping[int, Side],
    other: Mapping[int, Side],
    *,
    is_pitfall: bool,
) -> Finding | None:
    if behaviour[0] in (_NO_WARNING if is_pitfall else _NO_ADVICE):
        return None
    shown = [n for n, side in own.items() if side.shows(behaviour)]
    elsewhere = sum(side.shows(behaviour) for side in other.values())
    if len(shown) < ONE_SIDE * len(own) or elsewhere > OTHER_SIDE * len(other):
        return None
    usual = (elsewhere + 1) / (len(other) + 2)
    chance = _at_least(len(shown), len(own), max(usual, background(behaviour) / 2))
    return _finding(compared, behaviour, is_pitfall=is_pitfall, chance=chance, shown=shown)


def _finding(
    compared: _Compared, behaviour: Behaviour, *, is_pitfall: bool, chance: float, shown: Sequence[int]
) -> Finding:
    return Finding(
        group=compared.group,
        behaviour=behaviour,
        is_pitfall=is_pitfall,
        chance=chance,
        accepted=len(compared.accepted),
        accepted_with=sum(side.shows(behaviour) for side in compared.accepted.values()),
        rejected=len(compared.rejected),
        rejected_with=sum(side.shows(behaviour) for side in compared.rejected.values()),
        members=frozenset(compared.members),
        shown_by=tuple(shown),
    )


def _at_least(count: int, of: int, share: float) -> float:
    """Give the chance that at least so many of so many do what this share usually does."""
    if share >= 1:
        return 1.0
    total = 0.0
    for k in range(count, of + 1):
        ways = lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1)
        total += exp(ways + k * log(share) + (of - k) * log(1 - share))
    return min(1.0, total)


#: Of groups that say the same, the one that is told most easily.
_PLAIN = ("system", "line", "opening", "alike", "everything")


def _few(findings: Sequence[Finding], found: Mapping[Group, tuple[int, ...]]) -> list[Candidate]:
    """Keep each behaviour once, for the group that shows it best, and few groups."""
    kept: dict[Group, list[Finding]] = {}
    for finding in sorted(findings, key=_order):
        group = finding.group
        if any(_covers(f, finding) for fs in kept.values() for f in fs):
            continue
        same = next((g for g in kept if _alike(found[g], found[group]) >= SAME_GROUP), group)
        chosen = next((f for f in findings if _is_of(f, finding, same)), finding)
        kept.setdefault(chosen.group, []).append(chosen)
    told = [fs for fs in map(_told, kept.values()) if fs]
    return _joined(told)[:MAX_GROUPS]


def _order(f: Finding) -> tuple[float, int, int, Group, Behaviour]:
    return (f.chance, _PLAIN.index(f.group[0]), -len(f.group[1]), f.group, f.behaviour)


def _covers(known: Finding, new: Finding) -> bool:
    """Say whether what is known tells a new finding too: the same of an overlapping group."""
    if known.is_pitfall != new.is_pitfall or _overlap(known, new) < SAME_ROWS:
        return False
    if known.behaviour[0] in PHRASES and new.behaviour[0] in PHRASES:
        return known.behaviour[1] in new.behaviour[1] or new.behaviour[1] in known.behaviour[1]
    return known.behaviour == new.behaviour


def _joined(told: Sequence[list[Finding]]) -> list[Candidate]:
    """Make one candidate of groups whose answers do the very same."""
    joined: dict[frozenset[tuple[Behaviour, bool]], list[list[Finding]]] = {}
    for findings in told:
        same = frozenset((f.behaviour, f.is_pitfall) for f in findings)
        joined.setdefault(same, []).append(findings)
    return [
        Candidate(groups=tuple(fs[0].group for fs in all_of), findings=tuple(f for fs in all_of for f in fs))
        for all_of in joined.values()
    ]


def _is_of(f: Finding, like: Finding, group: Group) -> bool:
    return (f.group, f.behaviour, f.is_pitfall) == (group, like.behaviour, like.is_pitfall)


def _overlap(one: Finding, other: Finding) -> float:
    return len(one.members & other.members) / min(len(one.members), len(other.members))


def _alike(one: Sequence[int], other: Sequence[int]) -> float:
    a, b = set(one), set(other)
    return len(a & b) / len(a | b)


def _told(findings: Sequence[Finding]) -> list[Finding]:
    """Leave out what says less than something else that is said."""
    distinct = {(f.behaviour, f.is_pitfall): f for f in findings}
    sides: list[list[Finding]] = []
    for is_pitfall in (False, True):
        own = [f for f in distinct.values() if f.is_pitfall is is_pitfall]
        kinds = {f.behaviour[0] for f in own}
        sides.append([f for f in own if not _SAYS_LESS.get(f.behaviour[0], frozenset()) & kinds])
    lessons, pitfalls = sides
    return [*lessons[:MAX_LESSONS], *pitfalls[:MAX_PITFALLS]]
