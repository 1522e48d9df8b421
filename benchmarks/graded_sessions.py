"""Compare grades of real coding sessions with what a person made of the same episodes.

`python -m benchmarks.graded_sessions --data FOLDER [--json]`; FOLDER holds sessions/index.jsonl and the
transcripts that it names under sessions/. One reader judged a sample: an episode is `success` or `failure`
where its record bears that out, with what the person wrote next, else `unknown`. The file of these labels has
keys of episodes and no content of a session. `first` and `second` were read while the signals were revised,
`third` before the last of that; `failures` are episodes that were graded a failure before all of it.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from benchmarks.command import Figures, run
from hivemind.agents.registry import agents
from hivemind.capture import ingest
from hivemind.capture.redaction import Redactor
from hivemind.distill.grading import sweep
from hivemind.domain.outcomes import Outcome
from hivemind.store import schema
from hivemind.store.database import open_database

INDEX = "sessions/index.jsonl"
READ_FILE = Path(__file__).with_name("graded_sessions.json")


def measure(folder: Path) -> Figures:
    """Grade every session of the index, and count what agrees with the reader."""
    labels = grade(folder)
    counts = Counter(labels.values())
    found: dict[str, float | str] = {"episodes": len(labels)}
    found |= {f"graded_{outcome.value}": counts[outcome.value] for outcome in Outcome}
    read: dict[str, dict[str, str]] = json.loads(READ_FILE.read_text("utf-8"))
    everything = {key: label for sample in read.values() for key, label in sample.items()}
    for name, sample in {**read, "all": everything}.items():
        found |= {f"{name}.{key}": value for key, value in _compared(sample, labels).items()}
    return found


def grade(folder: Path) -> dict[str, str]:
    """Give the grade of each episode in the sessions of a folder."""
    rows = [json.loads(line) for line in (folder / INDEX).read_text("utf-8").splitlines()]
    redactor = Redactor()
    with tempfile.TemporaryDirectory(prefix="hivemind-bench-") as name:
        database = open_database(Path(name) / "hivemind.db")
        for row in rows:
            path = folder / "sessions" / row["file"]
            agent = ingest.recognise(path, agents())
            ingest.ingest(database, path, agent=agent, workspace_id="default", redactor=redactor, final=True)
        sweep.grade_new(database, "default")
        with database.read() as workspace:
            t = schema.episodes
            graded = workspace.execute(sa.select(t.c.episode_id, t.c.graded_label)).all()
        database.close()
    return {row.episode_id: row.graded_label for row in graded}


def _compared(sample: dict[str, str], labels: dict[str, str]) -> dict[str, float]:
    pairs = [(label, labels[key]) for key, label in sample.items() if key in labels]
    found: dict[str, float] = {"read": len(pairs)}
    for outcome in (Outcome.SUCCESS.value, Outcome.FAILURE.value):
        read_as = [label for label, graded in pairs if graded == outcome]
        found[f"graded_{outcome}"] = len(read_as)
        if read_as:
            found[f"{outcome}_precision"] = read_as.count(outcome) / len(read_as)
        found[f"{outcome}_missed"] = sum(label == outcome != graded for label, graded in pairs)
    return found


if __name__ == "__main__":
    sys.exit(run("graded_sessions", measure, needs=[INDEX]))
