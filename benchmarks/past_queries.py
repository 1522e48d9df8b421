"""Make questions about past sessions whose answer is known, from the sessions themselves.

Each kind hides what would make it trivial: the half of a request that is asked with, the closing message that
the question is made of. `build` gives one database for each kind.
"""

import json
import random
import re
import shutil
import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ingest import FORMATS, INDEX, _unpack
from hivemind.agents.registry import by_name
from hivemind.capture import ingest
from hivemind.capture.redaction import Redactor
from hivemind.distill.grading.sweep import grade_new
from hivemind.store import past, search
from hivemind.store.database import Workspace, open_database
from hivemind.store.past import Filter, Work
from hivemind.store.sessions import indexed_text

WORKSPACE = "default"
#: Questions in other words by the id of the episode that is right, written by hand.
PARAPHRASES = Path(__file__).with_name("past_paraphrases.json")
MAX_ASKED_WORDS = 25
#: A request of fewer words cannot be halved.
LEAST_WORDS = 12
#: Of each session at most so many errors are asked about.
ERRORS_A_SESSION = 3
_WORD = re.compile(r"\S+")
_VARIABLE = re.compile(r"/\S+|\S*\d\S*|[^\w\s.,:'-]+")
_ERROR_LINE = re.compile(r"error|fail|cannot|not found|undefined|denied|unexpected|invalid", re.IGNORECASE)

Key = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Hold a question, and the episodes that are right."""

    kind: str
    text: str
    right: frozenset[Key]
    project_id: str


def build(data: Path, work: Path) -> dict[str, Path]:
    """Store and grade the sessions, and give the database of each kind of question."""
    path = work / "all" / "hivemind.db"
    if not path.exists():
        _store(data, path, work / "transcripts")
    found = {"whole": path}
    for kind, hide in (("halved", _hide_halves), ("closing", _hide_closings)):
        copy = work / kind / "hivemind.db"
        found[kind] = copy
        if not copy.exists():
            copy.parent.mkdir(parents=True)
            shutil.copy(path, copy)
            database = open_database(copy)
            with database.write(WORKSPACE) as workspace:
                hide(workspace)
            database.close()
    return found


def _store(data: Path, path: Path, transcripts: Path) -> None:
    for line in (data / INDEX).read_text().splitlines():
        row = json.loads(line)
        if row["format"] in FORMATS:
            _unpack(data / "sessions" / row["file"], transcripts / FORMATS[row["format"]])
    database = open_database(path)
    redactor = Redactor()
    for agent in map(by_name, FORMATS.values()):
        for one in agent.transcripts(transcripts / agent.name):
            ingest.ingest(database, one, agent=agent, workspace_id=WORKSPACE, redactor=redactor, final=True)
    grade_new(database, WORKSPACE)
    database.close()
    # Everything into the one file that is copied.
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def questions(path: Path) -> list[Asked]:
    """Make the questions of every kind from the database that hides nothing."""
    draw = random.Random(0)
    database = open_database(path)
    found = []
    paraphrases = json.loads(PARAPHRASES.read_text("utf-8"))
    with database.read(WORKSPACE) as workspace:
        works = [one for one in past.work(workspace, Filter()) if one.number]
        same = _same(works)
        for one in works:
            right = same[_said(one)]
            request = _request(workspace, one)
            words = _WORD.findall(request)
            if len(words) >= LEAST_WORDS:
                kept = [word for word in words[: 2 * MAX_ASKED_WORDS] if draw.random() < 0.5]
                found.append(_asked("dropped", " ".join(kept), right, one))
                half = " ".join(_halves(request)[0].split()[:MAX_ASKED_WORDS])
                found.append(_asked("halved", half, right, one))
            last = past.closing(workspace, one)
            if last is not None and len(last.text.split()) >= LEAST_WORDS:
                said = re.sub(r"[#*`|_]+", " ", last.text)
                found.append(_asked("closing", " ".join(said.split()[:MAX_ASKED_WORDS]), right, one))
            found += [_asked("error", text, right, one) for text in _errors(workspace, one, draw)]
            if one.episode_id in paraphrases:
                found.append(_asked("paraphrased", paraphrases[one.episode_id], right, one))
    database.close()
    return found


def _asked(kind: str, text: str, right: frozenset[Key], one: Work) -> Asked:
    return Asked(kind=kind, text=text, right=right, project_id=one.project_id)


def _said(one: Work) -> str:
    return one.request.casefold()[:100]


def _same(works: list[Work]) -> dict[str, frozenset[Key]]:
    """Put episodes together that were asked for in the same words: copies of a session, and plans."""
    found: defaultdict[str, set[Key]] = defaultdict(set)
    for one in works:
        found[_said(one)].add((one.session_id, one.number))
    return {said: frozenset(keys) for said, keys in found.items()}


def _request(workspace: Workspace, one: Work) -> str:
    event = past.request(workspace, one)
    return str(event.text) if event is not None else ""


def _halves(text: str) -> tuple[str, str]:
    words = _WORD.findall(text)
    half = min(len(words) // 2, 2 * MAX_ASKED_WORDS)
    return " ".join(words[:half]), " ".join(words[half:])


def _errors(workspace: Workspace, one: Work, draw: random.Random) -> list[str]:
    """Give words of errors that a later run of the same command no longer shows."""
    found: list[str] = []
    rows = past.between(workspace, one.session_id, first_seq=one.first_seq, last_seq=one.last_seq)
    calls = {row.tool_call_id: row for row in rows if row.kind == "tool_call" and row.tool_call_id}
    failed: dict[str, Any] = {}
    for row in rows:
        call = calls.get(row.tool_call_id) if row.kind == "tool_result" else None
        if call is None:
            continue
        if row.status == "error" and row.text:
            failed.setdefault(call.text, row)
        elif row.status == "ok" and call.text in failed:
            lines = [line for line in failed.pop(call.text).text.splitlines() if _ERROR_LINE.search(line)]
            words = _VARIABLE.sub(" ", " ".join(lines[:4])).split()
            kept = [word for word in words[: 2 * MAX_ASKED_WORDS] if draw.random() < 0.6]
            if len(kept) >= 4:
                found.append(" ".join(kept))
    return found[:ERRORS_A_SESSION]


def _hide_halves(workspace: Workspace) -> None:
    for one in past.work(workspace, Filter()):
        event = past.request(workspace, one)
        if event is not None and len(event.text.split()) >= LEAST_WORDS:
            rest = _halves(event.text)[1]
            _replace(workspace, event, rest)
            workspace.connection.exec_driver_sql(
                "UPDATE episodes SET request = ? WHERE workspace_id = ? AND episode_id = ?",
                (" ".join(rest.split())[:200], WORKSPACE, one.episode_id),
            )
            # The session's title is the same text.
            workspace.connection.exec_driver_sql(
                "UPDATE sessions SET title = '' WHERE workspace_id = ? AND session_id = ?",
                (WORKSPACE, one.session_id),
            )


def _hide_closings(workspace: Workspace) -> None:
    for one in past.work(workspace, Filter()):
        event = past.closing(workspace, one)
        if event is not None:
            _replace(workspace, event, "")


def _replace(workspace: Workspace, event: Any, text: str) -> None:
    here = (WORKSPACE, event.event_id)
    stored = workspace.connection.exec_driver_sql(
        "SELECT text FROM events WHERE workspace_id = ? AND event_id = ?", here
    ).scalar_one()
    # The index forgets a text only if it is told the whole of it.
    search.forget_events(workspace, [(event.event_id, indexed_text(stored, None))])
    workspace.connection.exec_driver_sql(
        "UPDATE events SET text = ? WHERE workspace_id = ? AND event_id = ?", (text, *here)
    )
    search.index_events(workspace, [(event.event_id, text)])
