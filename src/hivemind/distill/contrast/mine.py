"""Find the patterns that go with success or failure in attempts at like tasks, and score attempts by them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hivemind.distill.contrast.evidence import Stratum, judge, taken
from hivemind.distill.contrast.patterns import Found, Pattern

#: Two lessons that concern so much the same attempts are one lesson; of two that stand, both stay for longer.
SAME_ATTEMPTS, SAME_STANDING = 0.6, 0.8
#: A lesson that stands falls once this little speaks for it: less than it takes to become one, so that a few
#: more attempts do not make it come and go.
LEAVES = 0.5
#: Patterns that one lesson states, of those that always come together.
MAX_TOGETHER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Hold one attempt at a task: what it did, and whether it worked."""

    session_id: str
    family: str  #: attempts of one family were at like tasks
    succeeded: bool
    patterns: Found
    apart: str = ""  #: attempts of a family are compared where this is the same


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


#: What stands already: the pattern by which a lesson is known and whether it helps, with all it states.
Standing = Mapping[tuple[Pattern, bool], tuple[Pattern, ...]]


@dataclass(frozen=True, slots=True)
class _Judged:
    contrast: Contrast
    members: frozenset[int]
    may_enter: bool  #: enough sessions and families show it
    stands: bool = False


def mine(
    attempts: Iterable[Attempt], demands: Demands | None = None, *, standing: Standing | None = None
) -> list[Contrast]:
    """Give what sets attempts that worked apart from those that failed, the surest first.

    What stands comes before all else, and stays in the same words while anything speaks for it.
    """
    demands = demands or Demands()
    compared = _comparable(attempts)
    for succeeded in (True, False):
        if len({a.session_id for a in compared if a.succeeded is succeeded}) < demands.sessions_each_side:
            return []
    having: defaultdict[Pattern, set[int]] = defaultdict(set)
    for number, attempt in enumerate(compared):
        for pattern in attempt.patterns:
            having[pattern].add(number)
    judged: list[_Judged] = []
    by_pattern: dict[Pattern, _Judged] = {}
    for members, among, together in _together(having, kinds=demands.kinds, everyone=len(compared)):
        one = _judged(together, compared, members, among, demands)
        if one is not None:
            judged.append(one)
            by_pattern.update(dict.fromkeys(together, one))
    judged.sort(key=_surest_first)
    entering = [one for one in judged if one.may_enter]
    count = taken([one.contrast.probability for one in entering], limit=demands.false_discoveries)
    return _distinct([*_still_standing(standing or {}, by_pattern), *entering[:count]])[: demands.lessons]


def _surest_first(one: _Judged) -> tuple[float, float, tuple[Pattern, ...]]:
    return (-one.contrast.probability, -abs(one.contrast.log_odds), one.contrast.patterns)


def _still_standing(standing: Standing, by_pattern: Mapping[Pattern, _Judged]) -> list[_Judged]:
    """Give what stood and is still supported, with those of its patterns that still go the same way."""

    def supported(pattern: Pattern, helps: bool) -> _Judged | None:
        one = by_pattern.get(pattern)
        same = one is not None and (one.contrast.log_odds > 0) is helps
        return one if one is not None and same and one.contrast.probability >= LEAVES else None

    found = []
    for (first, helps), stated in standing.items():
        one = supported(first, helps)
        if one is not None:
            kept = (first, *(p for p in stated if p != first and supported(p, helps) is not None))
            found.append(replace(one, contrast=replace(one.contrast, patterns=kept), stands=True))
    return sorted(found, key=_surest_first)


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


def _judged(
    patterns: list[Pattern],
    compared: Sequence[Attempt],
    members: frozenset[int],
    among: frozenset[int],
    demands: Demands,
) -> _Judged | None:
    all_of, with_it = _counts(compared, among), _counts(compared, members)
    strata = {
        alike: Stratum(all_of[alike, True], all_of[alike, False], with_it[alike, True], with_it[alike, False])
        for alike in sorted({alike for alike, _ in with_it})
    }
    verdict = judge(strata.values())
    if not verdict.log_odds:
        return None
    telling = {family for (family, _), stratum in strata.items() if stratum.tells}
    showing = {compared[n].session_id for n in members}
    contrast = Contrast(
        patterns=tuple(sorted(patterns, key=_plainness)[:MAX_TOGETHER]),
        probability=verdict.probability,
        log_odds=verdict.log_odds,
        worked=sum(n for (_, succeeded), n in all_of.items() if succeeded),
        worked_with=sum(n for (_, succeeded), n in with_it.items() if succeeded),
        failed=sum(n for (_, succeeded), n in all_of.items() if not succeeded),
        failed_with=sum(n for (_, succeeded), n in with_it.items() if not succeeded),
    )
    may_enter = len(telling) >= demands.families and len(showing) >= demands.sessions_showing
    return _Judged(contrast, members, may_enter)


def _counts(compared: Sequence[Attempt], numbers: frozenset[int]) -> Counter[tuple[tuple[str, str], bool]]:
    return Counter(((compared[n].family, compared[n].apart), compared[n].succeeded) for n in numbers)


#: What a person understands at once comes first.
_PLAIN_FIRST = "does call gives before agreed unagreed repeats invents fails changes changed times items then"
_PLAIN = _PLAIN_FIRST.split()


def _plainness(pattern: Pattern) -> tuple[int, Pattern]:
    return (_PLAIN.index(pattern.kind), pattern)


def _distinct(found: Sequence[_Judged]) -> list[Contrast]:
    kept: list[_Judged] = []
    for one in found:
        if not any(_is_the_same(one, other) for other in kept):
            kept.append(one)
    return [one.contrast for one in kept]


def _is_the_same(one: _Judged, other: _Judged) -> bool:
    alike = SAME_STANDING if one.stands and other.stands else SAME_ATTEMPTS
    return (one.contrast.log_odds > 0) == (other.contrast.log_odds > 0) and len(
        one.members & other.members
    ) >= alike * len(one.members | other.members)
