"""Give every benchmark the same command line: a folder of data in, a table or one JSON object out."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Figures = Mapping[str, float | str]


def run(
    name: str,
    measure: Callable[[Path], Figures],
    *,
    needs: Sequence[str],
    argv: Sequence[str] | None = None,
) -> int:
    """Measure with the folder that `--data` names, print the figures, and return the exit status.

    `needs` are paths or glob patterns inside the folder; if one has no match, nothing is measured, and
    standard error says what is needed.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help=f"holds {', '.join(needs)}")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args(argv)
    if missing := _missing(arguments.data, needs):
        print(f"{parser.prog}: {missing}", file=sys.stderr)
        return 2
    figures = measure(arguments.data)
    print(json.dumps(figures, ensure_ascii=False) if arguments.json else table(figures))
    return 0


def _missing(folder: Path | None, needs: Sequence[str]) -> str:
    if folder is None:
        return f"needs --data FOLDER, a folder with {' and '.join(needs)}"
    lacking = [pattern for pattern in needs if not any(folder.glob(pattern))]
    return f"{folder} has no {' and no '.join(lacking)}" if lacking else ""


def table(figures: Figures) -> str:
    """Write figures one a line, their names in a column."""
    width = max(map(len, figures))
    return "\n".join(f"{key:<{width}}  {_shown(value)}" for key, value in figures.items())


def _shown(value: float | str) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
