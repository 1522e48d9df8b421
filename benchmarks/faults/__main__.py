"""Break a team's server and its machines in every way, and count what was lost or stored twice.

    python -m benchmarks.faults [--json] [--events N] [--strikes N] [--only NAME] [--engine NAME]
                                [--postgresql FOLDER]

Real processes (`hivemind serve`, `hivemind sync`, `hivemind worker`), on SQLite and on PostgreSQL, and
between machines and server a line that drops, cuts, delays, repeats and reorders requests. Each fault goes on
until it was seen to strike; then follows one sync on a sound line, and every event, decision and lesson is
compared. Exits 1 where one is not as it should be, and where a fault never struck.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks.faults.processes import Cluster, File, PostgreSQL
from benchmarks.faults.suite import ENGINES, NAMES, STRIKES, Result, runs_on, suffer

_COLUMNS = (
    ("struck", 7),
    ("events", 7),
    ("decisions", 10),
    ("learnt", 7),
    ("lost", 5),
    ("doubled", 8),
    ("apart", 6),
    ("failed rounds", 14),
    ("seconds", 8),
)


def main() -> int:
    """Run the suite and print a table, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--events", type=int, default=1_200, help="events that each step of a fault adds")
    parser.add_argument("--strikes", type=int, default=STRIKES, help="how often each fault is to strike")
    parser.add_argument("--only", choices=NAMES, action="append")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: both")
    parser.add_argument("--postgresql", metavar="FOLDER", help="PostgreSQL's programs: the folder of initdb")
    chosen = parser.parse_args()
    results = []
    if not chosen.json:
        print(f"{'fault':32} {'database':10}" + "".join(f" {name:>{width}}" for name, width in _COLUMNS))
    for result in _run(chosen):
        results.append(result)
        if not chosen.json:
            print(_row(result), flush=True)
    if chosen.json:
        print(json.dumps(_totals(results) | {"faults": [asdict(one) for one in results]}, indent=2))
    else:
        totals = _totals(results)
        print("\n" + ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in totals.items()))
    return 0 if results and all(one.is_good for one in results) else 1


def _run(chosen: argparse.Namespace) -> Iterator[Result]:
    names = chosen.only or NAMES
    with tempfile.TemporaryDirectory() as text, ExitStack() as stack:
        place = Path(text)
        for engine in chosen.engine or ENGINES:
            found = [name for name in names if runs_on(name, engine)]
            cluster = (
                stack.enter_context(_cluster(chosen.postgresql)) if engine == "postgresql" and found else None
            )
            for name in found:
                folder = place / f"{engine}-{NAMES.index(name)}"
                store = PostgreSQL(cluster) if cluster else File(folder / "server")
                yield suffer(name, folder, store=store, events=chosen.events, wanted=chosen.strikes)


def _cluster(named: str | None) -> AbstractContextManager[Cluster]:
    """Start a PostgreSQL server as the tests do; raises where there is none, for it would prove nothing."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    import databases  # type: ignore[import-not-found]

    programs = databases.programs(named)
    if programs is None:
        raise SystemExit(
            "no PostgreSQL: pip install -e '.[test]', name one by --postgresql, or --engine sqlite"
        )
    running: AbstractContextManager[Cluster] = databases.running(programs)
    return running


def _row(one: Result) -> str:
    lost = one.lost + one.misplaced + one.decisions_lost + one.learnt_lost
    doubled = one.doubled + one.decisions_doubled + one.learnt_doubled
    values: dict[str, object] = {
        "struck": one.struck or "no",
        "events": one.sent,
        "decisions": one.decisions or "",
        "learnt": one.learnt or "",
        "lost": lost,
        "doubled": doubled,
        "apart": one.skills_apart,
        "failed rounds": one.rounds_failed,
        "seconds": one.seconds,
    }
    return f"{one.fault:32} {one.engine:10}" + "".join(f" {values[n]!s:>{width}}" for n, width in _COLUMNS)


def _totals(results: list[Result]) -> dict[str, int]:
    return {
        "faults": len(results),
        "never_struck": sum(not one.struck for one in results),
        "events": sum(one.sent for one in results),
        "lost": sum(one.lost + one.misplaced for one in results),
        "doubled": sum(one.doubled for one in results),
        "decisions": sum(one.decisions for one in results),
        "decisions_unanswered": sum(one.decisions_unanswered for one in results),
        "decisions_lost": sum(one.decisions_lost for one in results),
        "decisions_doubled": sum(one.decisions_doubled for one in results),
        "skills_apart": sum(one.skills_apart for one in results),
        "learnt": sum(one.learnt for one in results),
        "learnt_lost": sum(one.learnt_lost for one in results),
        "learnt_doubled": sum(one.learnt_doubled for one in results),
    }


if __name__ == "__main__":
    sys.exit(main())
