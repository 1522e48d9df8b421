"""Measure the search of past work: how well by words, by meaning and by both, and how fast.

`python -m benchmarks.past --data FOLDER [--json]`; FOLDER holds sessions/index.jsonl and the transcripts that
it names. Questions are made by benchmarks/past_queries.py, and `paraphrased` ones were written by hand. Each
figure is the mean reciprocal rank within ten, the share found first, and within the first five.

`fitted` chooses the weights of words and meaning anew with the project left out of which a question is; the
shipped ones were chosen near them. Speed is measured on copies of the sessions with words exchanged.
"""

import hashlib
import itertools
import random
import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from benchmarks.command import Figures, run
from benchmarks.ingest import INDEX
from benchmarks.past_queries import WORKSPACE, Asked, Key, build, questions
from hivemind.retrieval.index import embedding
from hivemind.retrieval.past import ranking, search
from hivemind.retrieval.past.meanings import Meanings
from hivemind.retrieval.past.ranking import Near, Ranked, Weights
from hivemind.store import schema
from hivemind.store.database import Workspace, open_database
from hivemind.store.past import Filter
from hivemind.store.search import index_events

#: Copies of the sessions beside themselves, of whose longer words so many are exchanged.
COPIES, EXCHANGED = 4, 0.15
TIMED = 150
#: The constant of reciprocal rank fusion.
RRF = 60
_LONG_WORD = re.compile(r"\b[a-z]{7,}\b")
#: What the left-out choice is among.
GRID = tuple(
    Weights(best=1.5, asked=asked, nearer=nearer, request=request)
    for asked, nearer, request in itertools.product(
        (0.0, 0.2, 0.5), (0.2, 0.4, 0.7, 1.0, 1.4), (0.0, 0.2, 0.5)
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Hold a question and its candidates with their figures, by words alone and with meaning."""

    asked: Asked
    words: list[Ranked]
    both: list[Ranked]


def measure(data: Path) -> Figures:
    """Measure quality and speed."""
    embed = embedding.load()
    figures: dict[str, float | str] = {}
    with tempfile.TemporaryDirectory(prefix="hivemind-bench-") as name:
        work = Path(name)
        paths = build(data, work)
        asked = questions(paths["whole"])
        seen: list[Seen] = []
        for kind in dict.fromkeys(one.kind for one in asked):
            database = open_database(paths.get(kind, paths["whole"]))
            with database.read(WORKSPACE) as workspace:
                near = _near(workspace, embed)
                seen += [_seen(workspace, one, near) for one in asked if one.kind == kind]
                if kind == "error":
                    figures["fix_shown_of_errors_found"] = _fix_shown(workspace, seen)
            database.close()
        figures |= _quality(seen, has_meaning=embed is not None)
        figures |= _speed(paths["whole"], asked, embed)
    return figures


def _near(workspace: Workspace, embed: Any, *, made_by: Any = None) -> Near | None:
    if embed is None:
        return None
    meanings = Meanings(None, workspace_id=WORKSPACE)
    meanings.use(made_by or embed, model=embedding.MODEL)
    meanings.refresh(workspace)
    meanings.embed_pending(workspace, at_most_s=3_600)
    meanings.use(embed, model=embedding.MODEL)
    return meanings.near


def _drawn(embed: Any) -> Any:
    """Give vectors of a few topics by chance: those of all copies would take minutes to make."""
    draw = random.Random(0)
    made = embed(
        ["a plan for a release", "tests that fail", "a page of documentation", "login does not work"]
    )
    return lambda texts: np.array([made[draw.randrange(len(made))] for _ in texts])


def _seen(workspace: Workspace, asked: Asked, near: Near | None) -> Seen:
    words, _ = ranking.rank(workspace, asked.text, chosen=Filter(), limit=10_000)
    both, _ = ranking.rank(workspace, asked.text, chosen=Filter(), limit=10_000, near=near)
    return Seen(asked=asked, words=words, both=both)


def _quality(seen: Sequence[Seen], *, has_meaning: bool) -> dict[str, str]:
    ways: dict[str, Callable[[Seen], list[Key]]] = {"words": lambda one: _keys(one.words)}
    if has_meaning:
        chosen = _left_out(seen)
        ways |= {
            "meaning": lambda one: _by_meaning(one.both),
            "equal_rrf": _rrf,
            "words_and_meaning": lambda one: _keys(one.both),
            "words_and_meaning_fitted": lambda one: _weighed(one.both, chosen[one.asked.project_id]),
        }
    found: dict[str, str] = {}
    for name, order in ways.items():
        ranks: defaultdict[str, list[int]] = defaultdict(list)
        for one in seen:
            ranks[one.asked.kind].append(_rank(order(one), one.asked))
        for kind, its in ranks.items():
            found[f"{name}.{kind}"] = _told(its)
        found[f"{name}.mean_mrr"] = f"{statistics.mean(_mrr(its) for its in ranks.values()):.3f}"
    counts: defaultdict[str, int] = defaultdict(int)
    for one in seen:
        counts[one.asked.kind] += 1
    return {"questions": ", ".join(f"{kind} {count}" for kind, count in counts.items())} | found


def _keys(ranked: Sequence[Ranked]) -> list[Key]:
    return [(one.work.session_id, one.work.number) for one in ranked]


def _weighed(ranked: Sequence[Ranked], weights: Weights) -> list[Key]:
    return _keys(sorted(ranked, key=lambda one: -weights.score(one.figures)))


def _by_meaning(ranked: Sequence[Ranked]) -> list[Key]:
    return _keys(sorted(ranked, key=lambda one: -max(one.figures.request, one.figures.closing)))


def _rrf(one: Seen) -> list[Key]:
    scores: defaultdict[Key, float] = defaultdict(float)
    for order in (_keys(one.words), _by_meaning(one.both)):
        for place, key in enumerate(order):
            scores[key] += 1 / (RRF + place)
    return sorted(scores, key=lambda key: -scores[key])


def _rank(order: Sequence[Key], asked: Asked) -> int:
    """Give the place of the first right episode from 1, or 0 beyond the tenth."""
    return next((place for place, key in enumerate(order[:10], 1) if key in asked.right), 0)


def _mrr(ranks: Sequence[int]) -> float:
    return statistics.mean(1 / rank if rank else 0.0 for rank in ranks)


def _told(ranks: Sequence[int]) -> str:
    first, five = (statistics.mean(0 < rank <= most for rank in ranks) for most in (1, 5))
    return f"{_mrr(ranks):.3f} / {first:.3f} / {five:.3f}"


def _left_out(seen: Sequence[Seen]) -> dict[str, Weights]:
    """Choose weights for each project by the questions of the others."""
    gains = {
        weights: [
            (one.asked.project_id, one.asked.kind, 1 / rank if rank else 0.0)
            for one in seen
            for rank in [_rank(_weighed(one.both, weights), one.asked)]
        ]
        for weights in GRID
    }

    def others(weights: Weights, project_id: str) -> float:
        by_kind: defaultdict[str, list[float]] = defaultdict(list)
        for its, kind, gain in gains[weights]:
            if its != project_id:
                by_kind[kind].append(gain)
        return statistics.mean(statistics.mean(its) for its in by_kind.values())

    return {
        project_id: max(GRID, key=lambda weights: others(weights, project_id))
        for project_id in {one.asked.project_id for one in seen}
    }


def _fix_shown(workspace: Workspace, seen: Sequence[Seen]) -> float:
    """Say in which share of the errors that are found within five answers the call is shown that worked."""
    shown = []
    for one in seen:
        if one.asked.kind != "error":
            continue
        answer = search(workspace, one.asked.text, chosen=Filter(), limit=5)
        right = [its for its in answer.episodes if (its.session_id, its.episode) in one.asked.right]
        if right:
            shown.append(any(turn.role == "fixed" for its in right for turn in its.turns))
    return statistics.mean(shown)


def _speed(path: Path, asked: Sequence[Asked], embed: Any) -> dict[str, float | str]:
    database = open_database(path)
    with database.write(WORKSPACE) as workspace:
        for number in range(1, COPIES + 1):
            _copy(workspace, number)
    draw = random.Random(1)
    chosen = draw.sample(list(asked), TIMED)
    found: dict[str, float | str] = {}
    with database.read(WORKSPACE) as workspace:
        found["events"] = _count(workspace, schema.events)
        found["episodes"] = _count(workspace, schema.episodes)
        near = _near(workspace, embed, made_by=_drawn(embed)) if embed is not None else None
        agents = [Filter(agent="copilot"), Filter(project_ids=(chosen[0].project_id,), outcome="success")]
        for name, filters, its in (
            ("words", [Filter()], None),
            ("words_and_meaning", [Filter()], near),
            ("narrowed", agents, near),
        ):
            if name != "words" and near is None:
                continue
            times, processor = [], []
            for one, its_filter in zip(chosen, itertools.cycle(filters), strict=False):
                started, used = time.perf_counter(), time.process_time()
                search(workspace, one.text, chosen=its_filter, near=its)
                times.append(time.perf_counter() - started)
                processor.append(time.process_time() - used)
            for what, values in (("ms", times), ("processor_ms", processor)):
                found[f"{name}_{what}_p50"] = statistics.median(values) * 1e3
                found[f"{name}_{what}_p99"] = statistics.quantiles(values, n=100)[98] * 1e3
    database.close()
    return found


def _count(workspace: Workspace, table: sa.Table) -> float:
    return float(workspace.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _copy(workspace: Workspace, number: int) -> None:
    """Store every session once more under another id, with words exchanged."""
    draw = random.Random(number)

    def other(found: "re.Match[str]") -> str:
        return f"{found.group()[:4]}{draw.randrange(4_000):x}" if draw.random() < EXCHANGED else found.group()

    def key(text: str) -> str:
        return hashlib.blake2b(f"{number}{text}".encode(), digest_size=12).hexdigest()

    for table, ids in (
        (schema.sessions, ()),
        (schema.episodes, ("episode_id",)),
        (schema.events, ("event_id",)),
    ):
        is_copy = table.c.session_id.contains("-copy-")
        rows = [dict(row._mapping) for row in workspace.execute(sa.select(table).where(~is_copy))]
        for row in rows:
            row["session_id"] += f"-copy-{number}"
            row |= {name: key(row[name]) for name in ids}
            if "text" in row:
                row |= {"text": _LONG_WORD.sub(other, row["text"]), "data": None}
        workspace.execute(table.insert(), rows)
        if "text" in table.c:
            index_events(workspace, [(row["event_id"], row["text"]) for row in rows])


if __name__ == "__main__":
    sys.exit(run("past", measure, needs=[INDEX]))
