"""Measure mined lessons: how often, of two attempts of one model, the one that worked kept more of them.

Lessons are always mined from other models' attempts. A pair is one attempt that worked and one that failed at
the same task by the same model; a tie counts half.
"""

import gzip
import json
import math
import random
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import attempts as recorded
from benchmarks.command import Figures, run
from hivemind.distill.contrast import mine, patterns
from hivemind.distill.contrast.families import Asked, families
from hivemind.distill.contrast.mine import Attempt, Contrast, Demands
from hivemind.distill.contrast.project import DEMANDS as IN_PROJECTS
from hivemind.distill.episodes import Episode

NEEDED = "trajectories/*/attempts.jsonl.gz"
FOLDS = 5
AS_PROJECT = replace(IN_PROJECTS, kinds=patterns.MANNER)
#: A domain has more like attempts, so more must show a lesson; and it may have a longer list.
DOMAIN = Demands(families=3, sessions_showing=3, lessons=30)
#: Lessons that an agent would be given together, at most.
MOST = 30
SEED = 20260301
_MODEL = re.compile(
    r"(?:gpt|gemini|claude|llama|qwen|mistral|mixtral|grok|deepseek|codeact|lemur|o\d)[-\w.]*", re.I
)
_NAMES_ONLY = frozenset({"does", "then"})

Score = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Hold an attempt, its task and the model that made it; an unnamed model is empty, and in no pair."""

    task: str
    model: str
    attempt: Attempt
    episode: Episode


def measure(folder: Path) -> Figures:
    """Give the figures of each set in which a model both worked and failed at a task."""
    figures: dict[str, float | str] = {}
    for path in sorted((folder / "trajectories").iterdir()):
        known = read(path)
        if not _pairs(known):
            continue
        models = {k.model for k in known if k.model}
        found = _of_models(known) if len(models) > 1 else _of_one_model(known)
        figures |= {f"{path.name}.{key}": value for key, value in found.items()}
    return figures


def read(folder: Path) -> list[Known]:
    """Read the attempts of one set."""
    path = folder / "attempts.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        agents = [str(json.loads(line).get("agent", "")) for line in lines]
    return [
        Known(
            task=found.task_id,
            model=model_of(agents[int(found.episode.session_id.rpartition("-")[2])]),
            episode=found.episode,
            attempt=Attempt(
                session_id=found.episode.session_id,
                family=found.task_id,
                succeeded=found.succeeded,
                patterns=patterns.found(found.episode),
            ),
        )
        for group in recorded.read(folder).values()
        for found in group
    ]


def model_of(agent: str) -> str:
    """Give the model that a run's name holds, whatever else it says; empty where it names none."""
    words = (word for word in re.split(r"[\[\]_/\s]+", agent.lower()))
    named = next((word for word in words if _MODEL.fullmatch(word)), "")
    return named.removesuffix("-preview")


def _of_models(known: list[Known]) -> dict[str, float | str]:
    tasks = sorted({k.task for k in known})
    fold = {task: number % FOLDS for number, task in enumerate(tasks)}
    models = sorted({k.model for k in known if k.model})
    keys = [(task, model) for task in tasks for model in models]
    task_lessons = {(t, m): mine.mine(_others(known, m, task=t)) for t, m in keys}
    with_unnamed = {(t, m): mine.mine(_others(known, m, task=t, unnamed=True)) for t, m in keys}
    strict = {(t, m): mine.mine(_others(known, m, task=t), IN_PROJECTS) for t, m in keys}
    whole = {m: mine.mine(_others(known, m), DOMAIN) for m in models}
    elsewhere = {
        (f, m): mine.mine([a for a in _others(known, m) if fold[a.family] != f], DOMAIN)
        for f in range(FOLDS)
        for m in models
    }
    grouped = _with_found_families(known)
    by_text = {
        (f, m): mine.mine(
            [k.attempt for k in grouped if k.model not in (m, "") and fold[k.task] != f], DOMAIN
        )
        for f in range(FOLDS)
        for m in models
    }
    as_project = {
        (f, m): mine.mine(
            [k.attempt for k in grouped if k.model not in (m, "") and fold[k.task] != f], IN_PROJECTS
        )
        for f in range(FOLDS)
        for m in models
    }
    mixed = _shuffled(known)
    chance = [len(mine.mine(_others(mixed, m, task=t))) for t, m in keys]
    return {
        "pairs": float(len(_pairs(known))),
        "names_and_bigrams_unbounded": _accuracy(known, lambda k: _raw(known, k)),
        **_figures("task", known, lambda k: [task_lessons[k.task, k.model]]),
        **_figures("task_with_unnamed_runs", known, lambda k: [with_unnamed[k.task, k.model]]),
        **_figures("task_as_in_projects", known, lambda k: [strict[k.task, k.model]]),
        **_figures("domain", known, lambda k: [whole[k.model]]),
        **_figures("domain_other_tasks", known, lambda k: [elsewhere[fold[k.task], k.model]]),
        **_figures("domain_families_from_requests", known, lambda k: [by_text[fold[k.task], k.model]]),
        **_figures("project", known, lambda k: [as_project[fold[k.task], k.model]]),
        **_figures(
            "task_then_domain",
            known,
            lambda k: _both(task_lessons[k.task, k.model], elsewhere[fold[k.task], k.model]),
        ),
        "task.lessons_a_skill": sum(map(len, task_lessons.values())) / len(keys),
        "task.lessons_a_skill_shuffled": sum(chance) / len(keys),
    }


def _both(own: list[Contrast], common: list[Contrast]) -> list[list[Contrast]]:
    """Give what a session at a known task would read: the task's lessons, then its domain's."""
    return [own, common[: MOST - len(own)]]


def _of_one_model(known: list[Known]) -> dict[str, float | str]:
    """Mine from other tasks, where there is no other model to learn from."""
    tasks = sorted({k.task for k in known})
    fold = {task: number % FOLDS for number, task in enumerate(tasks)}
    lessons = [mine.mine([k.attempt for k in known if fold[k.task] != f], DOMAIN) for f in range(FOLDS)]
    found = _figures("same_model_other_tasks", known, lambda k: [lessons[fold[k.task]]])
    return {"pairs": float(len(_pairs(known))), **found}


def _others(known: Sequence[Known], model: str, *, task: str = "", unnamed: bool = False) -> list[Attempt]:
    """Give what other models did; a run that names no model may be of this one, so it is left out."""
    here = (k for k in known if not task or k.task == task)
    return [k.attempt for k in here if k.model != model and (k.model or unnamed)]


def _pairs(known: Sequence[Known]) -> list[tuple[Known, Known]]:
    by_task: defaultdict[tuple[str, str], list[Known]] = defaultdict(list)
    for k in known:
        if k.model:
            by_task[k.task, k.model].append(k)
    return [
        (one, other)
        for group in by_task.values()
        for one in group
        for other in group
        if one.attempt.succeeded and not other.attempt.succeeded
    ]


def _accuracy(known: Sequence[Known], score: Callable[[Known], Score]) -> float:
    return _compare(known, score)[0]


def _compare(known: Sequence[Known], score: Callable[[Known], Score]) -> tuple[float, float]:
    """Give the share of pairs in the right order, ties half, and the share of ties."""
    scores: dict[str, Score] = {}
    right = ties = 0.0
    pairs = _pairs(known)
    for pair in pairs:
        one, other = (
            scores.setdefault(k.attempt.session_id, tuple(round(x, 9) for x in score(k))) for k in pair
        )
        right += 1.0 if one > other else 0.5 if one == other else 0.0
        ties += one == other
    return right / len(pairs), ties / len(pairs)


def _figures(
    name: str, known: Sequence[Known], lessons: Callable[[Known], Sequence[Sequence[Contrast]]]
) -> dict[str, float]:
    """Score by the first list of lessons, and where that leaves two attempts equal, by the next."""
    accuracy, ties = _compare(
        known, lambda k: tuple(mine.adherence(each, k.attempt.patterns) for each in lessons(k))
    )
    sizes = [sum(map(len, lessons(one))) for one, _ in _pairs(known)]
    return {
        f"{name}.pair_accuracy": accuracy,
        f"{name}.ties": ties,
        f"{name}.lessons_mean": sum(sizes) / len(sizes),
        f"{name}.lessons_most": float(max(sizes)),
    }


def _raw(known: Sequence[Known], asked: Known) -> Score:
    """Score by a weight for every tool name and bigram, for comparison: the log odds, smoothed by a half."""
    others = _others(known, asked.model, task=asked.task)
    sides = {side: [a for a in others if a.succeeded is side] for side in (True, False)}
    total = 0.0
    for pattern in {p for p in asked.attempt.patterns if p.kind in _NAMES_ONLY}:
        having = {side: sum(pattern in a.patterns for a in sides[side]) for side in sides}
        if any(having.values()):
            odds = [(having[side] + 0.5) / (len(sides[side]) - having[side] + 0.5) for side in (True, False)]
            total += math.log(odds[0] / odds[1])
    return (total,)


def _with_found_families(known: Sequence[Known]) -> list[Known]:
    asked = [
        Asked(
            episode_id=k.episode.episode_id,
            request=k.episode.prompts[0].text if k.episode.prompts else "",
            at="",
            agent="agent",
            own_tools=True,
        )
        for k in known
    ]
    found = families(asked)
    return [
        replace(k, attempt=replace(k.attempt, family=family.name))
        for k, family in zip(known, found, strict=True)
        if family is not None
    ]


def _shuffled(known: Sequence[Known]) -> list[Known]:
    """Deal the outcomes of each task out again, so that every lesson is a false one."""
    generator = random.Random(SEED)
    by_task: defaultdict[str, list[Known]] = defaultdict(list)
    for k in known:
        by_task[k.task].append(k)
    mixed = []
    for task in sorted(by_task):
        outcomes = [k.attempt.succeeded for k in by_task[task]]
        generator.shuffle(outcomes)
        mixed += [
            replace(k, attempt=replace(k.attempt, succeeded=succeeded))
            for k, succeeded in zip(by_task[task], outcomes, strict=True)
        ]
    return mixed


if __name__ == "__main__":
    sys.exit(run("lessons", measure, needs=[NEEDED]))
