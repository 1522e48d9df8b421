"""Measure ingestion over real transcripts of several agents: counts, speed on one core, memory, size.

`python -m benchmarks.ingest --data FOLDER [--json]`; FOLDER holds sessions/index.jsonl, with the counts to
compare, and the transcripts that it names under sessions/. The measured process reads plain files, as agents
write them; compressed ones are unpacked before the clock starts. The index counts no failures of other agents
than Claude Code, and leaves out Codex' searches, which are counted here in the files.
"""

import contextlib
import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.command import Figures, run

INDEX = "sessions/index.jsonl"
#: Which agent wrote the transcripts of a format of the index.
FORMATS = {"claude_code": "claude", "codex": "codex", "copilot_cli": "copilot"}
#: Codex' searches, as they are asked for and answered; one of the web answers itself.
SEARCHES = ({"web_search_call", "tool_search_call"}, {"web_search_call", "tool_search_output"})


def measure(folder: Path) -> Figures:
    """Ingest every transcript of the index in a process of its own, and compare what it counted."""
    rows = [json.loads(line) for line in (folder / INDEX).read_text().splitlines()]
    rows = [row for row in rows if row["format"] in FORMATS]
    with tempfile.TemporaryDirectory(prefix="hivemind-bench-") as name:
        work = Path(name)
        paths = {
            _unpack(folder / "sessions" / row["file"], work / FORMATS[row["format"]]): row for row in rows
        }
        done = _measured(work)
        database = sum(p.stat().st_size for p in (work / "data").glob("hivemind.db*"))
        size = sum(path.stat().st_size for path in paths)
        wrong = [d["path"] for d in done["sessions"] if _differs(d, paths[Path(d["path"])])]
    slowest = sorted(done["sessions"], key=lambda d: -d["seconds"])[:3]
    return {
        "transcripts": len(rows),
        "transcripts_with_other_counts": len(wrong) + len(rows) - len(done["sessions"]),
        "equal": "; ".join(_equal(agent, done["sessions"], rows, wrong=wrong) for agent in FORMATS.values()),
        "lines": sum(d["lines"] for d in done["sessions"]),
        "tool_calls": sum(d["tool_calls"] for d in done["sessions"]),
        "tool_results": sum(d["tool_results"] for d in done["sessions"]),
        "events": done["events"],
        "mb": size / 1e6,
        "seconds": done["seconds"],
        "cpu_seconds": done["cpu_seconds"],
        "mb_per_s": size / 1e6 / done["cpu_seconds"],
        "json_parse_alone_mb_per_s": size / 1e6 / done["parse_seconds"],
        "over_json_parse_alone": done["cpu_seconds"] / done["parse_seconds"],
        "peak_memory_mb": done["peak_memory_mb"],
        "database_mb_per_transcript_mb": database / size,
        "seconds_when_nothing_is_new": done["again_seconds"],
        "slowest": "; ".join(
            f"{Path(d['path']).stem[:8]} {d['seconds']:.2f} s, {d['bytes_read'] / 1e6:.1f} MB"
            for d in slowest
        ),
        "different": "; ".join(wrong),
    }


def _unpack(path: Path, folder: Path) -> Path:
    target = folder / path.parent.name / path.name.removesuffix(".gz")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as source,
        target.open("wb") as copy,
    ):
        shutil.copyfileobj(source, copy)
    return target


def _differs(done: dict[str, Any], row: dict[str, Any]) -> bool:
    flags = row["flags"]
    asked, answered = _searches(Path(done["path"])) if row["format"] == "codex" else (0, 0)
    wanted = (
        *(row["lines"], row["bad_lines"]),
        *(flags.get("tool_use", 0) + asked, flags.get("tool_result", 0) + answered),
    )
    counted = (done["lines"], done["bad_lines"], done["tool_calls"], done["tool_results"])
    is_claude = FORMATS[row["format"]] == "claude"
    return counted != wanted or (is_claude and done["tool_errors"] != flags.get("tool_error", 0))


def _searches(path: Path) -> tuple[int, int]:
    items = [record for record in map(json.loads, path.open()) if record.get("type") == "response_item"]
    kinds = [item["payload"].get("type") for item in items]
    asked, answered = SEARCHES
    return sum(kind in asked for kind in kinds), sum(kind in answered for kind in kinds)


def _equal(
    agent: str, sessions: list[dict[str, Any]], rows: list[dict[str, Any]], *, wrong: list[str]
) -> str:
    there = sum(FORMATS[row["format"]] == agent for row in rows)
    return f"{agent} {sum(d['agent'] == agent and d['path'] not in wrong for d in sessions)} of {there}"


def _measured(work: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.ingest", "--measured", str(work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the measured process failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _ingest_all(work: Path) -> dict[str, Any]:
    """Run in the measured process: on one core, with nothing else in its memory."""
    from hivemind.agents.registry import by_name
    from hivemind.capture import ingest
    from hivemind.capture.redaction import Redactor
    from hivemind.store.database import open_database

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    waiting = [
        (agent, path)
        for agent in map(by_name, FORMATS.values())
        if (work / agent.name).is_dir()
        for path in agent.transcripts(work / agent.name)
    ]
    parse_seconds = _parse_all(work)
    database = open_database(work / "data" / "hivemind.db")
    redactor = Redactor()
    sessions = []
    started, cpu = time.perf_counter(), time.process_time()
    for agent, path in waiting:
        began = time.perf_counter()
        done = ingest.ingest(
            database, path, agent=agent, workspace_id="default", redactor=redactor, final=True
        )
        names = (
            "path",
            "agent",
            "lines",
            "bad_lines",
            "bytes_read",
            "tool_calls",
            "tool_results",
            "tool_errors",
            "events",
        )
        sessions.append(
            {name: getattr(done, name) for name in names} | {"seconds": time.perf_counter() - began}
        )
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    again = time.perf_counter()
    for agent, path in waiting:
        ingest.ingest(database, path, agent=agent, workspace_id="default", redactor=redactor, final=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    database.close()
    return {
        "sessions": sessions,
        "events": sum(s["events"] for s in sessions),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "parse_seconds": parse_seconds,
        "again_seconds": time.perf_counter() - again,
        "peak_memory_mb": peak,
    }


def _parse_all(work: Path) -> float:
    """Time what no reader can do without, to tell a slow machine from a slow program."""
    import orjson

    started = time.process_time()
    for path in sorted(work.rglob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(orjson.JSONDecodeError):
                orjson.loads(line)
    return time.process_time() - started


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measured"]:
        print(json.dumps(_ingest_all(Path(sys.argv[2]))))
    else:
        sys.exit(run("ingest", measure, needs=[INDEX]))
