"""Write a Deep Lake dataset; started as a script, in a process of its own without a way to the network.

`python lake.py ROWS.jsonl DATASET COLUMNS`; it imports nothing of ours.
"""

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

_BATCH_ROWS = 500


def write(rows: Path, target: Path, columns: dict[str, str]) -> None:
    """Write the rows of a file; what is no text is kept as JSON in a text."""
    import deeplake

    dataset = deeplake.create(target.resolve().as_uri())
    for name, kind in columns.items():
        dataset.add_column(name, deeplake.types.Bool() if kind == "bool" else deeplake.types.Text())
    with rows.open(encoding="utf-8") as lines:
        while batch := [json.loads(line) for line in islice(lines, _BATCH_ROWS)]:
            dataset.append(
                {name: [_cell(row.get(name), kind) for row in batch] for name, kind in columns.items()}
            )
    dataset.commit("written by hivemind export")


def _cell(value: Any, kind: str) -> Any:
    return value if kind in ("bool", "text") else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
