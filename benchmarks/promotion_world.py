"""Make up teams, their work and their skills for `benchmarks.promotion`: all that luck decides, once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Hold what is assumed of a team; each number is an option of the benchmark."""

    episodes: int = 5_000
    skills: int = 40
    projects: int = 4
    fit: float = (
        0.0  #: share of its project's sessions that a skill fits; 0: heavy-tailed, median 4 %, at most half
    )
    helpful: float = 1 / 7  #: share of skills: 7 of 49 (SWE-Skills-Bench, arXiv 2603.15401)
    helpful_least: float = 0.10  #: success that they add
    helpful_most: float = 0.30
    harmful: float = 1 / 16  #: share of skills: 3 of 49, by up to 10 points (the same)
    harmful_least: float = 0.02  #: success that they take
    harmful_most: float = 0.10
    base: float = 0.55  #: mean success without skills
    session_episodes: float = 2.5  #: on average
    correlation: float = 0.2  #: of the outcomes of one session
    unknown: float = 0.39  #: of outcomes (docs/grading.md)
    misgraded: float = 0.09  #: of those that are told (docs/grading.md)
    swap: float = 0.6  #: of the way, at which a new model comes; 1: none does
    swap_gain: float = 0.08  #: success that it brings by itself
    swap_useless: float = 0.25  #: of helpful skills, which it no longer needs
    swap_harmful: float = 0.06  #: of skills, which harm it though they did not before


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Hold a skill that fits a session."""

    skill: int
    episodes: frozenset[int]  #: places within the session
    draw: float  #: decides whether it is withheld
    shows: bool  #: the session succeeds and shows the skill's lesson again


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Hold one session: the same for every policy."""

    first: int  #: number of its first episode
    episodes: int
    model: int
    rate: float  #: success without skills
    luck: tuple[float, ...]  #: an episode succeeds where this is below its rate
    told: tuple[bool, ...]
    flipped: tuple[bool, ...]
    fits: tuple[Fit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Hold all sessions of a team, and what its skills really do."""

    sessions: tuple[Session, ...]
    effects: tuple[tuple[float, ...], ...]  #: by model and skill
    born: tuple[int, ...]  #: number of the episode with which each skill comes
    evidence: tuple[int, ...]  #: successful sessions that show each skill when it comes
    opinions: tuple[float, ...]  #: luck of a model that is asked whether each skill helps


def make_history(world: World, seed: int) -> History:
    """Make up the history of one team."""
    random = np.random.default_rng(seed)
    effects = _effects(world, random)
    born = np.sort(np.where(random.random(world.skills) < 1 / 3, 0.0, random.random(world.skills) * 0.5))
    return History(
        sessions=tuple(_sessions(world, random)),
        effects=tuple(tuple(map(float, row)) for row in effects),
        born=tuple(int(share * world.episodes) if world.skills > 1 else 0 for share in born),
        evidence=tuple(map(int, random.binomial(3, 0.4, world.skills))),
        opinions=tuple(map(float, random.random(world.skills))),
    )


def _effects(world: World, random: np.random.Generator) -> np.ndarray:
    kind = random.random(world.skills)
    helps = random.uniform(world.helpful_least, world.helpful_most, world.skills)
    harms = -random.uniform(world.harmful_least, world.harmful_most, world.skills)
    first = np.where(kind < world.helpful, helps, np.where(kind > 1 - world.harmful, harms, 0.0))
    fate = random.random(world.skills)
    second = np.where((first > 0) & (fate < world.swap_useless), 0.0, first)
    second = np.where((first >= 0) & (fate > 1 - world.swap_harmful), harms, second)
    return np.array([first, second])


def _sessions(world: World, random: np.random.Generator) -> Iterator[Session]:
    traffic = 1 / np.arange(1, world.projects + 1)
    traffic /= traffic.sum()
    rates = np.clip(random.normal(world.base, 0.1 if world.projects > 1 else 0.0, world.projects), 0.2, 0.85)
    home = random.choice(world.projects, size=world.skills, p=traffic)
    fitting = np.minimum(random.lognormal(np.log(0.04), 1.0, world.skills), 0.5)
    if world.fit:
        fitting = np.full(world.skills, world.fit)
    first = 0
    while first < world.episodes:
        project = int(random.choice(world.projects, p=traffic))
        count = min(int(random.geometric(1 / world.session_episodes)), 12)
        model = int(first >= world.swap * world.episodes)
        mean = float(np.clip(rates[project] + model * world.swap_gain, 0.05, 0.95))
        fits = np.flatnonzero((home == project) & (random.random(world.skills) < fitting))
        yield Session(
            first=first,
            episodes=count,
            model=model,
            rate=_session_rate(mean, world.correlation, random),
            luck=tuple(map(float, random.random(count))),
            told=tuple(map(bool, random.random(count) >= world.unknown)),
            flipped=tuple(map(bool, random.random(count) < world.misgraded)),
            fits=tuple(_fit(int(skill), count, random) for skill in fits),
        )
        first += count


def _session_rate(mean: float, correlation: float, random: np.random.Generator) -> float:
    """Draw a session's own success rate: a Beta, so that two outcomes of it have this correlation."""
    if correlation <= 0:
        return mean
    weight = 1 / correlation - 1
    return float(random.beta(mean * weight, (1 - mean) * weight))


def _fit(skill: int, count: int, random: np.random.Generator) -> Fit:
    where = set(np.flatnonzero(random.random(count) < 0.5).tolist()) | {int(random.integers(count))}
    return Fit(
        skill=skill,
        episodes=frozenset(where),
        draw=float(random.random()),
        shows=bool(random.random() < 0.3),
    )
