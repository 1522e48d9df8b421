"""Measure the worker's index at growing sizes of the library: time, memory, files, and what a prompt costs.

Libraries larger than the corpus are made from it by variation: a copy of a skill has its paragraphs in
another order, a share of its longer words exchanged for made-up ones of which most are rare, and another
name. So lengths, common words and vocabulary are those of a real library of that size. The vectors of skills
are turned from random topics, not embedded, since 100,000 texts would take an hour; prompts are embedded.
Each size is measured in a process of its own, and searched in another one that loads what the first saved.

`python -m benchmarks.retrieval_scale --data FOLDER [--sizes 100,1000,…] [--plot FOLDER]`
"""

import argparse
import json
import random
import re
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.retrieval import BUDGET_TOKENS, CORPUS, QUERIES, WORKSPACE, build_library, records
from hivemind.retrieval.index import Index, embedding
from hivemind.retrieval.index.embedding import DIMENSIONS
from hivemind.retrieval.select import render_selected, select
from hivemind.retrieval.tokens import count_tokens
from hivemind.store.database import open_database

SIZES = (100, 1_000, 3_655, 10_000, 30_000, 100_000)
#: Of a copy's words longer than six letters, so many are exchanged.
EXCHANGED = 0.15
#: How far a copy's vector is turned: noise of this length is added.
TURNED = 0.6
_LONG_WORD = re.compile(r"\b[a-z]{7,}\b")
_MIB = 1 << 20


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each size in a process of its own, print a table, and draw it if told so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.one:
        print(json.dumps(measure(arguments.data, arguments.one)))
        return 0
    rows = []
    for size in map(int, arguments.sizes.split(",")):
        command = (sys.executable, "-m", "benchmarks.retrieval_scale", "--data", str(arguments.data))
        done = subprocess.run((*command, "--one", str(size)), capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.plot:
        plot(rows, arguments.plot)
    return 0


def measure(data: Path, size: int) -> dict[str, float]:
    """Build, save, load and search a library of so many skills."""
    asked = [row["query"] for row in records(data / QUERIES) if row["label"] == "positive"][::3]
    embed = embedding.load()
    figures: dict[str, float] = {"skills": size}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "hivemind.db")
        database = open_database(path)
        build_library(database, varied(list(records(data / CORPUS)), size))
        connection = sqlite3.connect(path)
        folder = Path(temporary, "index")
        index = Index.open(folder, workspace_id=WORKSPACE)
        figures["build_s"] = _timed(lambda: index.refresh(connection))
        if embed is not None:
            figures["embed_ms"] = 1e3 * _timed(lambda: embed(asked[:50])) / 50
            index.use(_Turned(embed), model="turned")
            index.embed_pending(connection, at_most_s=3600)
        figures["save_s"] = _timed(index.save)
        figures["files_mib"] = sum(one.stat().st_size for one in folder.iterdir()) / _MIB
        child = subprocess.run(
            (sys.executable, "-c", _CHILD, str(path), str(folder), json.dumps(asked)),
            capture_output=True,
            text=True,
            check=True,
        )
        figures |= json.loads(child.stdout)
        connection.close()
        database.close()
    return figures


_CHILD = "from benchmarks.retrieval_scale import search_saved; search_saved()"


def search_saved() -> None:
    """Load a saved index as a worker does, search, add a skill, and print the figures."""
    path, folder, asked = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    connection = sqlite3.connect(path)
    embed = embedding.load()
    before = _memory_mib()
    started = time.perf_counter()
    index = Index.open(folder, workspace_id=WORKSPACE)
    if embed is not None:
        index.use(_Turned(embed), model="turned")
    index.refresh(connection)
    figures: dict[str, float] = {"start_s": time.perf_counter() - started}
    searched, processed, whole, tokens = [], [], [], []
    for prompt in [*asked[:20], *asked]:
        started = time.perf_counter()
        processor = time.thread_time()
        hits = index.search(prompt, project_id="")
        processed.append(time.thread_time() - processor)
        searched.append(time.perf_counter() - started)
        block = render_selected(select(index.candidates(connection, hits), budget_tokens=BUDGET_TOKENS))
        whole.append(time.perf_counter() - started)
        tokens.append(count_tokens(block))
    # The processor's time tells what a busy machine hides.
    for name, values in (
        ("search", searched[20:]),
        ("search_processor", processed[20:]),
        ("answer", whole[20:]),
    ):
        figures[f"{name}_ms_p50"] = statistics.median(values) * 1e3
        figures[f"{name}_ms_p99"] = statistics.quantiles(values, n=100)[98] * 1e3
    figures |= {"tokens_mean": statistics.mean(tokens[20:]), "tokens_max": max(tokens)}
    figures |= {"memory_mib": _memory_mib(), "memory_before_mib": before}
    figures["new_skill_ms"] = 1e3 * _new_skill(connection, index)
    print(json.dumps(figures))


def varied(skills: Sequence[dict[str, Any]], size: int) -> Iterator[dict[str, str]]:
    """Yield so many skills: those of the corpus, then copies of them with other words, names and orders."""
    draw = random.Random(0)
    for number in range(size):
        skill = skills[number % len(skills)]
        round_ = number // len(skills)
        if not round_:
            yield {key: skill[key] for key in ("id", "name", "description", "body")}
            continue

        def exchange(text: str) -> str:
            return _LONG_WORD.sub(
                lambda found: _made_up(draw) if draw.random() < EXCHANGED else found.group(), text
            )

        paragraphs = skill["body"].split("\n\n")
        draw.shuffle(paragraphs)
        yield {
            "id": f"v{number}",
            "name": f"{skill['name'][:50]}-{_made_up(draw)}",
            "description": exchange(skill["description"]),
            "body": exchange("\n\n".join(paragraphs)),
        }


def _made_up(draw: random.Random) -> str:
    # Some are common and most are rare, as words are.
    return f"w{int(draw.paretovariate(0.5)) % 400_000:x}q"


class _Turned:
    """Embed prompts as they are, and skills (several at a time) by turning random vectors of topics."""

    def __init__(self, embed: embedding.Embedder) -> None:
        self._embed = embed
        self._draw = np.random.default_rng(0)
        self._topics = self._draw.standard_normal((3655, DIMENSIONS)).astype(np.float32)

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if len(texts) == 1:
            return self._embed(texts)
        topics = self._topics[self._draw.integers(0, len(self._topics), len(texts))]
        noise = self._draw.standard_normal(topics.shape).astype(np.float32)
        found = topics + TURNED * noise
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def _new_skill(connection: sqlite3.Connection, index: Index) -> float:
    for table in ("skills", "skill_versions"):
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        chosen = ", ".join("'fresh'" if one == "skill_id" else one for one in names)
        connection.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {table} LIMIT 1"  # noqa: S608
        )
    connection.execute(
        "UPDATE skill_versions SET description = 'Unjam the zorblax reactor' WHERE skill_id = 'fresh'"
    )
    connection.commit()
    took = _timed(lambda: index.refresh(connection))
    assert index.search("zorblax reactor")[0].skill_id == "fresh"
    return took


def _memory_mib() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike getrusage, what this process has now.
        return int(status.read_text().partition("VmRSS:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _timed(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def plot(rows: Sequence[dict[str, float]], folder: Path) -> None:
    """Draw the time and the tokens of a prompt over the size of the library."""
    from matplotlib.figure import Figure

    sizes = [row["skills"] for row in rows]
    for name, unit, lines in (
        (
            "latency",
            "milliseconds",
            {"search, median": "search_ms_p50", "search, 99th of 100": "search_ms_p99"},
        ),
        ("tokens", "tokens", {"mean of requests": "tokens_mean", "most": "tokens_max"}),
    ):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        axes = figure.subplots()
        for label, key in lines.items():
            axes.plot(sizes, [row[key] for row in rows], marker="o", label=label)
        axes.set(xscale="log", xlabel="skills in the library", ylabel=unit, ylim=(0, None))
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        figure.savefig(folder / f"retrieval-{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
