"""Find the patterns that go with success or failure in attempts at like tasks, and score attempts by them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hivemind.distill.contrast.evidence import Stratum, judge, taken
from hivemind.distill.contrast.patterns import Found, Pattern

#: Two lessons that concern so much the same attempts are one lesson.
SAME_ATTEMPTS = 0.6
#: Patterns that one lesson states, of those that always come together.
MAX_TOGETHER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Hold one attempt at a task: what it did, and whether it worked."""

    session_id: str
    family: str  #: attempts of one family were at like tasks
    succeeded: bool
    patterns: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """Hold what must be seen before anything is learnt."""

    sessions_each_side: int = 2  #: that worked, and that failed
    sessions_showing: int = 2  #: a pattern
    families: int = 1  #: in which a pattern makes a difference
    false_discoveries: float = 0.3  #: mean probability of error among the lessons, at most
    lessons: int = 20
    kinds: frozenset[str] = frozenset()  #: of patterns; empty for all


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Hold patterns that come together and go with success (`log_odds` above 0) or with failure."""

    patterns: tuple[Pattern, ...]
    probability: float
    log_odds: float
    worked: int
    worked_with: int
    failed: int
    failed_with: int


def mine(attempts: Iterable[Attempt], demands: Demands | None = None) -> list[Contrast]:
    """Give what sets attempts that worked apart from those that failed, the surest first."""
    demands = demands or Demands()
    compared = _comparable(attempts)
    for succeeded in (True, False):
        if len({a.session_id for a in compared if a.succeeded is succeeded}) < demands.sessions_each_side:
            return []
    having: defaultdict[Pattern, set[int]] = defaultdict(set)
    for number, attempt in enumerate(compared):
        for pattern in attempt.patterns:
            having[pattern].add(number)
    found = [
        (contrast, members)
        for members, among, patterns in _together(having, kinds=demands.kinds, everyone=len(compared))
        if len({compared[n].session_id for n in members}) >= demands.sessions_showing
        and (contrast := _contrast(patterns, compared, members, among, demands)) is not None
    ]
    found.sort(key=lambda each: (-each[0].probability, -abs(each[0].log_odds), each[0].patterns))
    count = taken([contrast.probability for contrast, _ in found], limit=demands.false_discoveries)
    return _distinct(found[:count])[: demands.lessons]


def adherence(contrasts: Iterable[Contrast], patterns: Mapping[Pattern, object]) -> float:
    """Say how far an attempt did what lessons say: each kept adds its weight, each ignored takes it."""
    return sum(c.log_odds * sum(_kept(p, patterns) for p in c.patterns) / len(c.patterns) for c in contrasts)


def _kept(pattern: Pattern, patterns: Mapping[Pattern, object]) -> float:
    if pattern.given is None:
        return float(pattern in patterns)
    return (pattern in patterns) - 0.5 if pattern.given in patterns else 0.0


def _comparable(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Keep the families where some attempts worked and some failed, one attempt a session and outcome."""
    ordered = sorted(attempts, key=lambda a: (a.family, a.session_id, a.succeeded, sorted(a.patterns)))
    first = {(a.family, a.session_id, a.succeeded): a for a in reversed(ordered)}
    outcomes: defaultdict[str, set[bool]] = defaultdict(set)
    for family, _, succeeded in first:
        outcomes[family].add(succeeded)
    return [
        a for a in ordered if first[a.family, a.session_id, a.succeeded] is a and len(outcomes[a.family]) > 1
    ]


def _together(
    having: Mapping[Pattern, set[int]], *, kinds: frozenset[str], everyone: int
) -> list[tuple[frozenset[int], frozenset[int], list[Pattern]]]:
    """Join the patterns that the very same attempts show, among the same attempts that could have."""
    joined: defaultdict[tuple[frozenset[int], frozenset[int]], list[Pattern]] = defaultdict(list)
    all_of_them = set(range(everyone))
    for pattern, members in having.items():
        among = having.get(pattern.given, all_of_them) if pattern.given else all_of_them
        if len(members) < len(among) and (not kinds or pattern.kind in kinds):
            joined[frozenset(members), frozenset(among)].append(pattern)
    return [(members, among, patterns) for (members, among), patterns in joined.items()]


def _contrast(
    patterns: list[Pattern],
    compared: Sequence[Attempt],
    members: frozenset[int],
    among: frozenset[int],
    demands: Demands,
) -> Contrast | None:
    all_of, with_it = _counts(compared, among), _counts(compared, members)
    strata = [
        Stratum(all_of[family, True], all_of[family, False], with_it[family, True], with_it[family, False])
        for family in sorted({family for family, _ in with_it})
    ]
    if sum(s.tells for s in strata) < demands.families:
        return None
    verdict = judge(strata)
    if not verdict.log_odds:
        return None
    return Contrast(
        patterns=tuple(sorted(patterns, key=_plainness)[:MAX_TOGETHER]),
        probability=verdict.probability,
        log_odds=verdict.log_odds,
        worked=sum(n for (_, succeeded), n in all_of.items() if succeeded),
        worked_with=sum(n for (_, succeeded), n in with_it.items() if succeeded),
        failed=sum(n for (_, succeeded), n in all_of.items() if not succeeded),
        failed_with=sum(n for (_, succeeded), n in with_it.items() if not succeeded),
    )


def _counts(compared: Sequence[Attempt], numbers: frozenset[int]) -> Counter[tuple[str, bool]]:
    return Counter((compared[n].family, compared[n].succeeded) for n in numbers)


#: What a person understands at once comes first.
_PLAIN_FIRST = "does call gives before agreed unagreed repeats invents fails changes changed times items then"
_PLAIN = _PLAIN_FIRST.split()


def _plainness(pattern: Pattern) -> tuple[int, Pattern]:
    return (_PLAIN.index(pattern.kind), pattern)


def _distinct(found: Sequence[tuple[Contrast, frozenset[int]]]) -> list[Contrast]:
    kept: list[tuple[Contrast, frozenset[int]]] = []
    for contrast, members in found:
        if not any(
            (contrast.log_odds > 0) == (other.log_odds > 0)
            and len(members & others) >= SAME_ATTEMPTS * len(members | others)
            for other, others in kept
        ):
            kept.append((contrast, members))
    return [contrast for contrast, _ in kept]
