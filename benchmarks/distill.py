"""Count what wording skills by a model takes over real sessions: predicted, and then really asked.

`python -m benchmarks.distill --data FOLDER [--json]`; FOLDER holds sessions/index.jsonl and the transcripts
that it names under sessions/. The model is the scripted one of the end-to-end tests, on this machine: it
counts the requests that reach it, and answers with the template's own words around one more sentence.
"""

import json
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.model import Request, ScriptedModel, Step, say

from benchmarks.command import Figures, run
from hivemind.agents.registry import agents
from hivemind.capture import ingest
from hivemind.capture.redaction import Redactor
from hivemind.distill import pipeline, reword
from hivemind.domain.model_calls import Cap
from hivemind.domain.skills import LIVE_STATES
from hivemind.llm.ledger import Ledger, estimate
from hivemind.llm.providers import RemoteModel
from hivemind.store import model_calls, skills
from hivemind.store.database import Database, open_database

INDEX = "sessions/index.jsonl"
WORDS = "This is what has been known to work here."
NO_CAP = Cap(usd=1e6, calls=1_000_000)


def measure(folder: Path) -> Figures:
    """Distil every session of the index, and have each skill worded."""
    rows = [json.loads(line) for line in (folder / INDEX).read_text().splitlines()]
    redactor = Redactor()
    with tempfile.TemporaryDirectory(prefix="hivemind-bench-") as name, ScriptedModel() as scripted:
        scripted.when("BEGIN MATERIAL", _better)
        database = open_database(Path(name) / "hivemind.db")
        stored = sum(_stored(database, folder / "sessions" / row["file"], redactor=redactor) for row in rows)
        began = time.perf_counter()
        pipeline.distill(database, "default", author="bench")
        distilled_s = time.perf_counter() - began
        model = RemoteModel(
            kind="openai-compatible", name="scripted-1", key="", base_url=f"{scripted.url}/v1", timeout_s=60
        )
        with database.read() as workspace:
            promoted = len(skills.listed(workspace, states=LIVE_STATES))
            waiting = reword.pending(workspace)
        predicted = [estimate(one.question, model) for one in waiting]
        ledger = Ledger(database, "default", model=model, cap=NO_CAP, redactor=redactor)
        began = time.perf_counter()
        done = reword.reword(ledger, waiting, author="bench")
        worded_s = time.perf_counter() - began
        with database.read() as workspace:
            calls = model_calls.recent(workspace, limit=len(done) + 1)
            again = len(reword.pending(workspace))
        database.close()
        requests = len(scripted.turns)
    asked = sum(call.input_tokens or 0 for call in calls)
    said = sum(call.output_tokens or 0 for call in calls)
    return {
        "sessions": stored,
        "skills": promoted,
        "calls_predicted": len(waiting),
        "calls": requests,
        "calls_used": sum(one.status == "used" for one in done),
        "calls_if_run_again": again,
        "calls_per_skill": requests / promoted if promoted else 0.0,
        "one_call_a_session_would_be": stored,
        "input_tokens_predicted": sum(size[0] for size in predicted),
        "output_tokens_predicted": sum(size[1] for size in predicted),
        "input_tokens": asked,
        "output_tokens": said,
        "tokens_per_skill": (asked + said) / promoted if promoted else 0.0,
        "seconds_to_distil": distilled_s,
        "seconds_to_word": worded_s,
        "other_ends": "; ".join(
            f"{one.name}: {one.status} {one.detail}" for one in done if one.status != "used"
        ),
    }


def _stored(database: Database, path: Path, *, redactor: Redactor) -> bool:
    agent = ingest.recognise(path, agents())
    done = ingest.ingest(database, path, agent=agent, workspace_id="default", redactor=redactor, final=True)
    return done.events > 0


def _better(request: Request) -> Step:
    found = re.search(r'^\{"skill": .*\}$', request.text, re.MULTILINE)
    skill = json.loads(found.group())["skill"] if found else {"description": "", "body": ""}
    heading, _, rest = skill["body"].partition("\n\n")
    return say(json.dumps({"description": skill["description"], "body": f"{heading}\n\n{WORDS}\n\n{rest}"}))


if __name__ == "__main__":
    sys.exit(run("distill", measure, needs=[INDEX]))
