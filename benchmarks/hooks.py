"""Measure what an agent waits for: the hook's wall time, beside a bare interpreter in the same run.

`python -m benchmarks.hooks --data FOLDER [--skills N] [--json]`; FOLDER holds skills/corpus.jsonl.gz, whose
first 1,000 skills are put into a database of a made-up project; more are of every project, varied from the
corpus (benchmarks/large_library.py). Commands are run in turn, so that a busy moment hits all of
them; the figures are wall times of whole processes in milliseconds.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import large_library
from benchmarks.command import Figures, run
from benchmarks.retrieval import WORKSPACE
from hivemind.capture import hook, layout
from hivemind.capture.git import project_of
from hivemind.domain.events import SessionFacts
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.library import lifecycle
from hivemind.retrieval.index import embedding
from hivemind.server import worker_socket
from hivemind.store import sessions
from hivemind.store.database import open_database

CORPUS = "skills/corpus.jsonl.gz"
#: Skills of the project at most; the others are of every project.
PROJECT_SKILLS = 1_000
RUNS = 200
#: What a worker does at its start, such as reading what all skills name, is over by then, in seconds.
START_S = 10.0
CLI_RUNS = 10
PROMPTS = (
    "Please run the unit tests of the billing service and fix what fails before I open the pull request.",
    "Write a migration that adds a nullable column to the orders table and backfill it in batches.",
    "The docker build is slow in CI, can you find out why and speed it up?",
    "continue",
)


@dataclass(frozen=True, kw_only=True)
class Command:
    """Name a command line with what it reads on standard input and its environment."""

    words: tuple[str, ...]
    stdin: bytes = b""
    env: dict[str, str]

    def time_ms(self) -> float:
        """Run it once, from its start to its end."""
        started = time.perf_counter()
        done = subprocess.run(self.words, input=self.stdin, capture_output=True, env=self.env, check=False)
        took_ms = (time.perf_counter() - started) * 1000
        if done.returncode:
            raise SystemExit(f"{' '.join(self.words)} failed: {done.stderr.decode()}")
        return took_ms


def measure(folder: Path, *, skills: int = PROJECT_SKILLS) -> Figures:
    """Time hooks with and without a worker, and the command line."""
    with tempfile.TemporaryDirectory(prefix="hivemind-bench-") as name:
        data, project = Path(name, "data"), Path(name, "project")
        project.mkdir()
        stored = _fill(data, project, folder / CORPUS, most=min(skills, PROJECT_SKILLS))
        database, index = Path(layout.database(str(data))), Path(layout.index_dir(str(data)), WORKSPACE)
        if skills > stored:
            large_library.store(database, folder, skills - stored)
        made = large_library.index(database, index)
        if (embed := embedding.load(threads=2)) is not None:
            large_library.give_vectors(made, database, embed)
        made.save()
        env = {"PATH": os.environ["PATH"], "HOME": name, "HIVEMIND_HOME": str(data), "LANG": "C.UTF-8"}
        cold_data = Path(name, "cold")
        cold_data.mkdir()
        for path in data.glob("hivemind.db*"):
            (cold_data / path.name).write_bytes(path.read_bytes())
        worker = subprocess.Popen([sys.executable, "-P", "-m", "hivemind.worker", str(data)], env=env)
        try:
            _wait_for(data, project)
            times = _interleaved(data, cold_data, project, env)
        finally:
            worker.terminate()
            worker.wait()
        cli = {
            verb: statistics.median(
                Command(words=(sys.executable, "-m", "hivemind", *words), env=env).time_ms()
                for _ in range(CLI_RUNS)
            )
            for verb, words in (("help", ("--help",)), ("status", ("status",)))
        }
    figures: dict[str, float | str] = {"skills": max(skills, stored), "runs": RUNS}
    for name_, values in times.items():
        figures[f"{name_}_median_ms"] = statistics.median(values)
        figures[f"{name_}_p99_ms"] = statistics.quantiles(values, n=100)[98]
    bare = statistics.median(times["bare"])
    for name_ in list(times)[1:]:
        figures[f"{name_}_over_bare"] = statistics.median(times[name_]) / bare
    return figures | {f"hivemind_{verb}_ms": value for verb, value in cli.items()}


def _fill(data: Path, project: Path, corpus: Path, *, most: int) -> int:
    """Make a database with skills on trial in one project; texts from the corpus, no gates in the way."""
    facts = project_of(str(project))
    database = open_database(Path(layout.database(str(data))))
    stored = 0
    with database.write() as workspace, gzip.open(corpus, "rt", encoding="utf-8") as lines:
        sessions.append(workspace, SessionFacts(session_id="bench", agent="claude"), events=[], project=facts)
        for line in lines:
            row = json.loads(line)
            document = SkillDocument(
                name=f"skill-{stored}", description=row["description"][:1024], body=row["body"][:20_000]
            )
            skill = lifecycle.create(
                workspace,
                document,
                project_id=facts.project_id if facts else "",
                topic=f"topic-{stored}",
                origin="import",
                actor="policy:bench",
            )
            lifecycle.decide(workspace, skill.skill_id, SkillState.TRIAL, actor="policy:bench")
            stored += 1
            if stored == most:
                break
    database.close()
    return stored


def _wait_for(data: Path, project: Path) -> None:
    """Wait until the worker ranks by its index, and has done what it does at its start."""
    end = time.monotonic() + 600
    here = project_of(str(project))
    own = here.project_id if here else ""
    request = {"op": "rank", "workspace": WORKSPACE, "project": own, "prompt": PROMPTS[0]}
    while not (worker_socket.ask(data, request) or {}).get("ranked"):
        if time.monotonic() > end:
            raise SystemExit("the worker did not come up")
        time.sleep(0.2)
    time.sleep(START_S)


def _interleaved(data: Path, cold_data: Path, project: Path, env: dict[str, str]) -> dict[str, list[float]]:
    script = str(Path(hook.__file__).resolve())
    off = {**env, "HIVEMIND_WORKER": "off"}

    def call(event: str, target: Path, variables: dict[str, str], number: int) -> Command:
        payload = {
            "session_id": f"bench-{number}",
            "cwd": str(project),
            "transcript_path": "",
            "hook_event_name": event,
            "prompt": PROMPTS[number % len(PROMPTS)],
            "last_assistant_message": "Done.",
        }
        words = (sys.executable, "-I", "-S", script, "claude", event, str(target))
        return Command(words=words, stdin=json.dumps(payload).encode(), env=variables)

    times: dict[str, list[float]] = {"bare": [], "announce": [], "prompt": [], "prompt_no_worker": []}
    for number in range(RUNS):
        commands = {
            "bare": Command(words=(sys.executable, "-I", "-S", "-c", "pass"), env=env),
            "announce": call("Stop", data, env, number),
            "prompt": call("UserPromptSubmit", data, env, number),
            "prompt_no_worker": call("UserPromptSubmit", cold_data, off, number),
        }
        for name, command in commands.items():
            times[name].append(command.time_ms())
    return times


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--skills", type=int, default=PROJECT_SKILLS)
    known, others = parser.parse_known_args(argv)
    return run("hooks", partial(measure, skills=known.skills), needs=[CORPUS], argv=others)


if __name__ == "__main__":
    sys.exit(main())
