"""Write rows as JSON lines, Parquet or a Deep Lake dataset; each from an iterator, in little memory."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Final

from hivemind.errors import HivemindError, how_to_install
from hivemind.finetune.export import lake

Row = dict[str, Any]
Columns = dict[str, str]
_BATCH_ROWS: Final = 500
#: Nobody listens there: what the library would send home has no way out.
_NOWHERE: Final = "http://127.0.0.1:9"
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Say what columns rows have, and the environment for a library that runs in its own process."""

    columns: Columns
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """Name a kind of file, how it ends, and what writes it; `check` raises where it cannot be written."""

    name: str
    suffix: str
    write: Callable[[Path, Iterable[Row], Target], int]
    check: Callable[[], None] = lambda: None


def write_jsonl(path: Path, rows: Iterable[Row], target: Target) -> int:  # noqa: ARG001 - as the others
    """Write one JSON object a line."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _check_parquet() -> None:
    if find_spec("pyarrow") is None:
        raise HivemindError(
            "parquet-missing",
            "writing Parquet needs pyarrow",
            hint=f"install it: {how_to_install('parquet')}",
        )


def write_parquet(path: Path, rows: Iterable[Row], target: Target) -> int:
    """Write Parquet with turns as JSON in Arrow's sense, which `datasets` reads back as objects."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = target.columns
    kinds = {
        "messages": pa.list_(pa.json_()),
        "json": pa.json_(),
        "text": pa.string(),
        "bool": pa.bool_(),
    }
    features = {
        "messages": {"feature": {"_type": "Json"}, "_type": "List"},
        "json": {"_type": "Json"},
        "text": {"dtype": "string", "_type": "Value"},
        "bool": {"dtype": "bool", "_type": "Value"},
    }
    told = json.dumps({"info": {"features": {name: features[kind] for name, kind in columns.items()}}})
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()]).with_metadata(
        {"huggingface": told}
    )
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(rows):
            arrays = [
                pa.array([_cell(row.get(name), kind) for row in batch], type=_storage(pa, kind)).cast(
                    kinds[kind]
                )
                for name, kind in columns.items()
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(batch)
    return count


def _storage(pa: Any, kind: str) -> Any:
    return {"messages": pa.list_(pa.string()), "bool": pa.bool_()}.get(kind, pa.string())


def _cell(value: Any, kind: str) -> Any:
    if kind == "messages":
        return [json.dumps(item, ensure_ascii=False, default=str) for item in value or []]
    return json.dumps(value, ensure_ascii=False, default=str) if kind == "json" else value


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH_ROWS)):
        yield batch


def _check_lake() -> None:
    if find_spec("deeplake") is None:
        raise HivemindError(
            "deeplake-missing",
            "writing a Deep Lake dataset needs deeplake",
            hint=f"install it: {how_to_install('deeplake')} (about 200 MB)",
        )


def write_lake(path: Path, rows: Iterable[Row], target: Target) -> int:
    """Write a Deep Lake dataset with the real library, in a process that has no way to the network.

    The library calls home (Sentry) and has no setting against it, so it never runs in this process.
    """
    between = path.with_name(f"{path.name}.rows.jsonl")
    count = write_jsonl(between, rows, target)
    try:
        apart([lake.__file__, str(between), str(path), json.dumps(target.columns)], target.environment)
    finally:
        between.unlink()
    return count


def apart(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a script in a Python of its own whose way to the network is closed; give what it printed."""
    blocked = {name: _NOWHERE for proxy in _PROXIES for name in (proxy, proxy.upper())}
    kept = {name: value for name, value in environment.items() if name.lower() != "no_proxy"}
    done = subprocess.run(
        [sys.executable, *words],
        env={**kept, **blocked},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:300]
        raise HivemindError(
            "export-failed",
            f"deeplake could not write the dataset: {last}",
            hint="export to jsonl or parquet, which need no such library",
        )
    return done.stdout


CONTAINERS: Final[dict[str, Container]] = {
    container.name: container
    for container in (
        Container(name="jsonl", suffix=".jsonl", write=write_jsonl),
        Container(name="parquet", suffix=".parquet", write=write_parquet, check=_check_parquet),
        Container(name="deeplake", suffix=".deeplake", write=write_lake, check=_check_lake),
    )
}
