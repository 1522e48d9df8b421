"""Measure the worker's index at growing sizes of the library: time, memory, files, and what a prompt costs.

Libraries larger than the corpus are made from it by variation (benchmarks/large_library.py). Each size is
measured in a process of its own, and searched in another one that loads what the first saved.

`python -m benchmarks.retrieval_scale --data FOLDER [--size N] [--json] [--plot FOLDER]`
"""

import argparse
import json
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import large_library
from benchmarks.retrieval import QUERIES, WORKSPACE, records
from hivemind.retrieval.index import Index, embedding
from hivemind.retrieval.select import render_selected, select
from hivemind.retrieval.tokens import count_tokens

SIZES = (100, 1_000, 3_655, 10_000, 30_000, 100_000)
_MIB = 1 << 20


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each size in a process of its own, print a table, and draw it if told so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--size", type=int, action="append", help="may be given several times")
    parser.add_argument("--json", action="store_true", help="print one JSON object a size")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.one:
        print(json.dumps(measure(arguments.data, arguments.one)))
        return 0
    rows = []
    for size in arguments.size or SIZES:
        command = (sys.executable, "-m", "benchmarks.retrieval_scale", "--data", str(arguments.data))
        done = subprocess.run((*command, "--one", str(size)), capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
        if arguments.json:
            print(json.dumps(rows[-1]), flush=True)
    if not arguments.json:
        for name in rows[-1]:
            print(f"{name:<24}", *(f"{row[name]:>10,.1f}" for row in rows))
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
        large_library.store(path, data, size)
        folder = Path(temporary, "index")
        started = time.perf_counter()
        index = large_library.index(path, folder)
        figures["build_s"] = time.perf_counter() - started
        if embed is not None:
            figures["embed_ms"] = 1e3 * _timed(lambda: embed(asked[:50])) / 50
            large_library.give_vectors(index, path, embed)
        figures["save_s"] = _timed(index.save)
        figures["files_mib"] = sum(one.stat().st_size for one in folder.iterdir()) / _MIB
        child = subprocess.run(
            (sys.executable, "-c", _CHILD, str(path), str(folder), json.dumps(asked)),
            capture_output=True,
            text=True,
            check=True,
        )
        figures |= json.loads(child.stdout)
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
        index.use(large_library.Turned(embed), model=embedding.MODEL)
    index.refresh(connection)
    figures: dict[str, float] = {"start_s": time.perf_counter() - started}
    searched, processed, whole, tokens = [], [], [], []
    for prompt in [*asked[:20], *asked]:
        started = time.perf_counter()
        processor = time.thread_time()
        hits = index.search(prompt, project_id="")
        processed.append(time.thread_time() - processor)
        searched.append(time.perf_counter() - started)
        block = render_selected(select(index.candidates(connection, hits), prompt=prompt))
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
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    sizes = [row["skills"] for row in rows]
    for name, unit, lines in (
        (
            "latency",
            "milliseconds",
            {
                "search, 99th of 100": "search_ms_p99",
                "search, median": "search_ms_p50",
                "of it the prompt's embedding, mean": "embed_ms",
                "the searching thread's processor time, median": "search_processor_ms_p50",
            },
        ),
        ("tokens", "tokens", {"mean of requests": "tokens_mean", "most": "tokens_max"}),
    ):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for label, key in lines.items():
            axes.plot(sizes, [row[key] for row in rows], marker="o", label=label)
        axes.set(xscale="log", xlabel="skills in the library", ylabel=unit, ylim=(0, None))
        figure.legend(frameon=False, loc="outside lower center", ncols=2)
        axes.grid(alpha=0.3)
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
            figure.savefig(folder / f"retrieval-{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
