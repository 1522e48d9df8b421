"""Measure the import of fine-tuning data: rows, formats, refusals and candidates by file; speed and memory.

`python -m benchmarks.finetune --data FOLDER [--json] [--rows N] [--distinct N]`; FOLDER, or its folder
finetune, holds files of rows, and an index.json with their counts where there is one. The rows of one file
are repeated until there are N (1,000,000), as lines and as one JSON list, and imported in a process of its
own; so are fewer that all differ (20,000).
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.command import Figures, run
from hivemind.capture.redaction import Redactor
from hivemind.finetune import reading
from hivemind.finetune.importing import FileReport, Importer
from hivemind.finetune.mining import candidates
from hivemind.store.database import open_database

ROWS, DISTINCT = 1_000_000, 20_000
_NOT_DATA = frozenset({"index.json", "README.md", "README", "LICENSE"})


def measure(folder: Path, *, rows: int = ROWS, distinct: int = DISTINCT) -> Figures:
    """Import every file into a project of its own, then many rows."""
    folder = folder / "finetune" if (folder / "finetune").is_dir() else folder
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name not in _NOT_DATA)
    index = folder / "index.json"
    expected = {i["file"]: i["rows"] for i in json.loads(index.read_text())} if index.exists() else {}
    with tempfile.TemporaryDirectory(prefix="hivemind-bench-") as name:
        work = Path(name)
        done = [(_imported(path, work)) for path in files]
        many = _many(files, work, rows=rows, distinct=distinct) if rows else {}
    pairs = sum(report.kinds["pair"] + report.kinds["labelled"] for report, _ in done)
    of_pairs = sum(len(found) for report, found in done if report.kinds["pair"] + report.kinds["labelled"])
    return {
        "files": len(files),
        "rows": sum(report.rows for report, _ in done),
        "new": sum(report.new for report, _ in done),
        "known": sum(report.known for report, _ in done),
        "refused": sum(report.refused for report, _ in done),
        "files_with_other_counts": sum(
            expected.get(report.file, report.rows) != report.rows for report, _ in done
        ),
        "candidates": sum(len(found) for _, found in done),
        "candidates_per_1000_rows": 1000
        * sum(len(f) for _, f in done)
        / max(1, sum(r.rows for r, _ in done)),
        "pairs_and_labels": pairs,
        "candidates_per_1000_pairs_and_labels": 1000 * of_pairs / max(1, pairs),
        **many,
        **{report.file: _line(report, found) for report, found in done},
    }


def _imported(path: Path, work: Path) -> tuple[FileReport, list[candidates.Learnt]]:
    database = open_database(work / f"{path.name}.db")
    try:
        importer = Importer(database=database, workspace_id="default", project_id="p", redactor=Redactor())
        report = importer.take(path)
        found = candidates.learn(database, "default", "p", author="", policy="auto")
    finally:
        database.close()
    return report, [one for one in found if one.action == "created"]


def _line(report: FileReport, found: list[candidates.Learnt]) -> str:
    formats = ", ".join(f"{number} {name}" for name, number in report.formats.most_common())
    named = f" ({', '.join(one.name for one in found)})" if found else ""
    return (
        f"{report.container}; {report.rows} rows: {formats or 'none known'}; {report.refused} refused; "
        f"{len(found)} candidates{named}"
    )


def _many(files: list[Path], work: Path, *, rows: int, distinct: int) -> dict[str, float]:
    """Import one file's rows again and again, and as many as asked for that all differ."""
    sizes = {path: sum(1 for _ in reading.rows(path)) for path in files}
    source = max(files, key=lambda path: (sizes[path], path.name))
    texts = [json.dumps(row.value) for row in reading.rows(source) if not row.problem]
    lines, listed, differing = work / "lines", work / "list", work / "distinct"
    with lines.open("w") as file:
        file.writelines(f"{text}\n" for text in islice(cycle(texts), rows))
    with listed.open("w") as file:
        file.write("[")
        file.writelines((", " if n else "") + text for n, text in enumerate(islice(cycle(texts), rows)))
        file.write("]")
    with differing.open("w") as file:
        for n, row in enumerate(islice(cycle(texts), distinct)):
            file.write(json.dumps(_changed(json.loads(row), n)) + "\n")
    found: dict[str, float] = {}
    for name, path, count in (
        ("repeated_lines", lines, rows),
        ("repeated_list", listed, rows),
        ("distinct_lines", differing, distinct),
    ):
        done = _apart(path, work / f"{name}.db")
        assert done["rows"] == count == done["new"] + done["known"]
        found |= {
            f"{name}_rows": count,
            f"{name}_mb": path.stat().st_size / 1e6,
            f"{name}_rows_per_s": count / done["seconds"],
            f"{name}_peak_memory_mb": done["peak_memory_mb"],
        }
        path.unlink()
    return found


def _changed(value: Any, number: int) -> Any:
    """Make a row another one, by its first texts."""
    if isinstance(value, dict):
        return {key: _changed(item, number) for key, item in value.items()}
    if isinstance(value, list):
        return [_changed(item, number) for item in value]
    return f"{value} ({number})" if isinstance(value, str) and len(value) > 20 else value


def _apart(path: Path, database: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.finetune", "--one", str(path), str(database)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _one(path: Path, database_path: Path) -> dict[str, Any]:
    database = open_database(database_path)
    redactor = Redactor()
    redactor.redact("warm")
    started = time.perf_counter()
    report = Importer(database=database, workspace_id="default", project_id="p", redactor=redactor).take(path)
    seconds = time.perf_counter() - started
    database.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    counts = Counter({"rows": report.rows, "new": report.new, "known": report.known})
    return {**counts, "seconds": seconds, "peak_memory_mb": peak}


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--distinct", type=int, default=DISTINCT)
    parser.add_argument("--one", nargs=2, type=Path)
    own, rest = parser.parse_known_args(argv)
    if own.one:
        print(json.dumps(_one(*own.one)))
        return 0
    return run(
        "finetune",
        lambda folder: measure(folder, rows=own.rows, distinct=own.distinct),
        needs=["**/*.json*"],
        argv=rest,
    )


if __name__ == "__main__":
    sys.exit(main())
