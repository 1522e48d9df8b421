"""Simulate teams whose skills help, do nothing or harm, and count what each policy of promotion costs them.

What is simulated is the world only: the policies under test decide with `hivemind.evaluation.policy` itself.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from statistics import fmean, stdev

from benchmarks.promotion_world import Fit, History, Session, World, make_history
from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.evaluation.holdouts import ENOUGH_EPISODES, MOST_EPISODES
from hivemind.evaluation.policy import DEFAULT, Numbers, Thresholds, Verdict, holdout_share, judge
from hivemind.evaluation.statistics import Comparison, Proportion, standardised

CHECKPOINTS = (200, 1_000, 5_000)
EXPOSED = (
    50,
    100,
    200,
)  #: episodes that a harmful skill was given to, after which one looks whether it is live


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Hold how a team decides."""

    name: str
    trial: float = 0.0  #: share of sessions from which a skill on trial is withheld
    active: float = 0.0
    new_model: float = 0.0
    adaptive: bool = True  #: the share follows `policy.holdout_share`
    judged: bool = True  #: by `policy.judge`
    by_model: bool = False  #: also judged by the new model's episodes alone
    against_before: bool = False  #: compared with the time before the skill, not with what is withheld
    opinion_right: float = 0.0  #: of a model's opinions, which decide at the start and for good; 0: not asked
    thresholds: Thresholds = DEFAULT


HIVEMIND = Policy(name="Hivemind", trial=0.10, active=0.05, new_model=0.30)
POLICIES = (
    Policy(name="publish everything", judged=False),
    Policy(name="a model's opinion, right 4 in 5", judged=False, opinion_right=0.8),
    Policy(name="a model's opinion, right 3 in 5", judged=False, opinion_right=0.6),
    Policy(name="before and after", against_before=True),
    replace(HIVEMIND, name="Hivemind, fixed shares", adaptive=False),
    HIVEMIND,
)
#: The same policy with other thresholds, to choose one.
WITH_THRESHOLDS = (
    *(
        replace(HIVEMIND, name=f"demotes at {harm}", thresholds=replace(DEFAULT, harm=harm))
        for harm in (0.9, 0.95, 0.97, 0.99, 0.995)
    ),
    replace(HIVEMIND, name="in doubt at 0.9", thresholds=replace(DEFAULT, doubt=0.9)),
    replace(HIVEMIND, name="margin 0.05, demotes at 0.9", thresholds=replace(DEFAULT, harm=0.9, margin=0.05)),
    replace(HIVEMIND, name="a new model is nothing special", new_model=0.0),
    replace(HIVEMIND, name="also judged by the new model alone", by_model=True),
)


@dataclass(slots=True)
class Side:
    """Count one side of one stratum."""

    successes: int = 0
    total: int = 0
    sessions: int = 0

    def add(self, grades: Sequence[bool]) -> None:
        """Count a session's graded episodes."""
        if grades:
            self.successes += sum(grades)
            self.total += len(grades)
            self.sessions += 1


@dataclass(slots=True)
class Skill:
    """Hold what a team knows of one skill, and what became of it."""

    evidence: int
    state: SkillState = SkillState.TRIAL
    share: float = 0.0
    #: by model and share: given, withheld
    strata: dict[tuple[int, float], tuple[Side, Side]] = field(default_factory=dict)
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    exposures: list[int] = field(default_factory=lambda: [0, 0])  #: by model
    promoted_at: int | None = None
    demoted_at: int | None = None  #: or refused at the start
    demoted_as: float = 0.0  #: what it truly did then
    harmed: int = 0  #: episodes that it harmed so far

    @property
    def is_live(self) -> bool:
        """Say whether agents have it."""
        return self.state in LIVE_STATES


@dataclass(slots=True)
class Team:
    """Play a history under a policy."""

    policy: Policy
    history: History
    skills: list[Skill] = field(default_factory=list)
    lost: list[tuple[int, float]] = field(default_factory=list)  #: episode, success lost against the oracle

    def play(self) -> None:
        """Go through all sessions."""
        self.skills = [Skill(evidence=count) for count in self.history.evidence]
        for number, skill in enumerate(self.skills):
            skill.share = self.policy.trial
            if not self.policy.judged:
                skill.state = SkillState.ACTIVE if self._is_kept(number) else SkillState.REJECTED
                born = self.history.born[number]
                if skill.is_live:
                    skill.promoted_at = born
                else:
                    skill.demoted_at, skill.demoted_as = born, self.history.effects[0][number]
        for session in self.history.sessions:
            self._session(session)

    def _session(self, session: Session) -> None:
        effects = self.history.effects[session.model]
        present = [fit for fit in session.fits if self.history.born[fit.skill] <= session.first]
        arms = {fit.skill: self._is_given(fit, session) for fit in present if self.skills[fit.skill].is_live}
        grades: dict[int, bool] = {}
        for place in range(session.episodes):
            fitting = [fit.skill for fit in present if place in fit.episodes]
            rate = _rate(session, [effects[skill] for skill in fitting if arms.get(skill)])
            best = _rate(session, [max(0.0, effects[skill]) for skill in fitting])
            self.lost.append((session.first + place, best - rate))
            if session.told[place]:
                grades[place] = (session.luck[place] < rate) != session.flipped[place]
        for fit in session.fits:
            known = [grades[place] for place in sorted(fit.episodes) if place in grades]
            if fit.skill not in arms:
                if self.history.born[fit.skill] > session.first:
                    self.skills[fit.skill].before.add(known)
                continue
            self._count(fit, session, is_given=arms[fit.skill], grades=known)
            if self.policy.judged:
                self._judge(self.skills[fit.skill], session, effect=effects[fit.skill])

    def _is_kept(self, number: int) -> bool:
        """Say whether a skill is published at the start, by everyone's or a model's opinion."""
        if not self.policy.opinion_right:
            return True
        is_right = self.history.opinions[number] < self.policy.opinion_right
        return is_right == (self.history.effects[0][number] > 0)

    def _is_given(self, fit: Fit, session: Session) -> bool:
        return fit.draw >= self._share(self.skills[fit.skill], session.model)

    def _share(self, skill: Skill, model: int) -> float:
        """Give the share that holds now: a new model's is larger until enough is known of it."""
        if model and self.policy.new_model and skill.exposures[model] < MOST_EPISODES:
            withheld = sum(out.total for (of_model, _), (_, out) in skill.strata.items() if of_model == model)
            if withheld < ENOUGH_EPISODES:
                return max(skill.share, self.policy.new_model)
        return skill.share

    def _count(self, fit: Fit, session: Session, *, is_given: bool, grades: Sequence[bool]) -> None:
        skill = self.skills[fit.skill]
        stratum = session.model, self._share(skill, session.model)
        skill.strata.setdefault(stratum, (Side(), Side()))[not is_given].add(grades)
        skill.evidence += fit.shows
        if is_given:
            skill.after.add(grades)
            skill.exposures[session.model] += len(fit.episodes)
            if self.history.effects[session.model][fit.skill] < 0:
                skill.harmed += len(fit.episodes)

    def _judge(self, skill: Skill, session: Session, *, effect: float) -> None:
        policy = self.policy
        whole = _against_before(skill) if policy.against_before else _comparison(skill)
        views = [whole]
        if policy.by_model and session.model:
            views.append(_comparison(skill, session.model))
        base = policy.trial if skill.state is SkillState.TRIAL else policy.active
        shares = [base]
        verdicts = set()
        for view in views:
            if skill.state is SkillState.ACTIVE and not _seems_worse(view):
                continue  # nothing would follow, and it saves two thirds of the time
            numbers = Numbers.of(view, evidence_sessions=skill.evidence, exposures=sum(skill.exposures))
            verdicts.add(judge(skill.state, numbers, thresholds=policy.thresholds).verdict)
            shares.append(holdout_share(skill.state, numbers, base, thresholds=policy.thresholds))
        now = session.first + session.episodes
        if Verdict.DEMOTE in verdicts:
            skill.state, skill.demoted_at, skill.demoted_as = SkillState.RETIRED, now, effect
        elif verdicts == {Verdict.PROMOTE}:
            skill.state, skill.promoted_at = SkillState.ACTIVE, now
            shares[0] = policy.active
        skill.share = max(shares) if policy.adaptive else shares[0]


def measure(
    policies: Sequence[Policy], world: World, *, seed: int, teams: int
) -> dict[str, dict[str, float]]:
    """Give the figures of each policy, over the same made-up teams."""
    played: dict[str, list[Team]] = {policy.name: [] for policy in policies}
    for number in range(teams):
        history = make_history(world, seed * 100_003 + number)
        for policy in policies:
            team = Team(policy=policy, history=history)
            team.play()
            played[policy.name].append(team)
    return {name: _figures(found, world) for name, found in played.items()}


def _figures(teams: Sequence[Team], world: World) -> dict[str, float]:
    found: dict[str, float] = {}
    for limit in (limit for limit in CHECKPOINTS if limit <= world.episodes):
        lost = [1_000 * fmean(loss for at, loss in team.lost if at < limit) for team in teams]
        found[f"lost_per_1000@{limit}"] = fmean(lost)
        found[f"lost_per_1000_error@{limit}"] = stdev(lost) / len(lost) ** 0.5 if len(lost) > 1 else 0.0
        found |= {f"{name}@{limit}": value for name, value in _decided(teams, limit, world).items()}
    return found | _survival(teams)


def _decided(teams: Sequence[Team], limit: int, world: World) -> dict[str, float]:
    """Count, over all teams, what was promoted and demoted within a number of episodes."""
    kinds = {"harmful": 0, "useless": 0, "helpful": 0}
    promoted, demoted, born = dict(kinds), dict(kinds), dict(kinds)
    live_harmful = harmful = 0
    for team in teams:
        effects = team.history.effects[int(limit > world.swap * world.episodes)]
        for skill, effect, start in zip(team.skills, effects, team.history.born, strict=True):
            if start > limit:
                continue
            born[_kind(effect)] += 1
            is_demoted = skill.demoted_at is not None and skill.demoted_at <= limit
            if skill.promoted_at is not None and skill.promoted_at <= limit and not is_demoted:
                promoted[_kind(effect)] += 1
            if is_demoted:
                demoted[_kind(effect)] += 1
            harmful += effect < 0
            live_harmful += effect < 0 and not is_demoted
    active = max(1, sum(promoted.values()))
    return {
        "active": sum(promoted.values()) / len(teams),
        "active_harmful": promoted["harmful"] / active,
        "active_useless": promoted["useless"] / active,
        "harmful_live": live_harmful / max(1, harmful),
        "helpful_lost": demoted["helpful"] / max(1, born["helpful"]),
        "useless_lost": demoted["useless"] / max(1, born["useless"]),
    }


def _survival(teams: Sequence[Team]) -> dict[str, float]:
    """Give the share of harmful skills that are live after so many episodes that they were given to."""
    skills = [skill for team in teams for skill in team.skills]
    found = {}
    for count in EXPOSED:
        reached = sum(skill.harmed >= count for skill in skills)
        ended = sum(skill.demoted_as < 0 and skill.harmed < count for skill in skills)
        found[f"harmful_live_after_{count}"] = reached / max(1, reached + ended)
        found[f"harmful_after_{count}_seen"] = reached + ended
    return found


def _kind(effect: float) -> str:
    return "harmful" if effect < 0 else "helpful" if effect > 0 else "useless"


def _rate(session: Session, effects: Iterable[float]) -> float:
    return min(max(session.rate + sum(effects), 0.0), 1.0)


def _proportion(side: Side) -> Proportion:
    return Proportion(side.successes, side.total)


def _comparison(skill: Skill, model: int | None = None) -> Comparison:
    return standardised(
        [
            _compared(given, withheld)
            for (of_model, _), (given, withheld) in skill.strata.items()
            if model in (None, of_model)
        ]
    )


def _against_before(skill: Skill) -> Comparison:
    return _compared(skill.after, skill.before)


def _compared(given: Side, withheld: Side) -> Comparison:
    return Comparison(
        given=_proportion(given),
        withheld=_proportion(withheld),
        sessions_given=given.sessions,
        sessions_withheld=withheld.sessions,
    )


def _seems_worse(view: Comparison) -> bool:
    given, withheld = view.given.rate, view.withheld.rate
    return given is not None and withheld is not None and given < withheld


def _table(figures: dict[str, dict[str, float]]) -> str:
    names = {name: None for found in figures.values() for name in found}
    width = max(map(len, names))
    lines = []
    for policy, found in figures.items():
        lines += ["", policy, *(f"  {name:<{width}}  {found[name]:.3f}" for name in names if name in found)]
    return "\n".join(lines[1:])


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate, print the figures, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promotion", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--teams", type=int, default=40, help="made-up teams to average over")
    parser.add_argument("--thresholds", action="store_true", help="compare thresholds of harm instead")
    for one in fields(World):
        parser.add_argument(
            f"--{one.name.replace('_', '-')}", type=type(one.default), default=one.default, metavar="N"
        )
    arguments = parser.parse_args(argv)
    world = World(**{one.name: getattr(arguments, one.name) for one in fields(World)})
    policies = WITH_THRESHOLDS if arguments.thresholds else POLICIES
    figures = measure(policies, world, seed=arguments.seed, teams=arguments.teams)
    print(json.dumps({"world": asdict(world), "policies": figures}) if arguments.json else _table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
