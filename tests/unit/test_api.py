"""What a program records is stored, what it asks is answered, and nothing reaches its hot path."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from hypothesis import given
from hypothesis import strategies as st
from retrieval_library import store_skill

import hivemind
from hivemind import config
from hivemind.agents import registry
from hivemind.agents.base import ReaderState
from hivemind.agents.sdk import transcript
from hivemind.agents.sdk.transcript import MARK
from hivemind.capture import ingest, layout
from hivemind.capture.redaction import Redactor
from hivemind.config import Settings
from hivemind.domain.projects import project_id, service_remote
from hivemind.errors import HivemindError
from hivemind.store import episodes, sessions, skills
from hivemind.store.database import Database, open_database
from hivemind.worker import learn

REDACTOR = Redactor()
SHOP = project_id(remote=service_remote("acme/shop"), root="")
BODY = "# Cancel an order\n\n- Look the order up with `get_order` before `cancel_order`.\n"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a data folder in which no worker is started."""
    monkeypatch.setenv("HIVEMIND_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HIVEMIND_WORKER", "off")
    return tmp_path / "data"


@pytest.fixture
def library(data: Path) -> Iterator[Database]:
    """Store two skills of a program."""
    database = open_database(Path(layout.database(str(data))))
    with database.write() as workspace:
        store_skill(workspace, "cancel-an-order", "How to cancel an order.", body=BODY, project_id=SHOP)
        store_skill(
            workspace, "refund-money", "How to refund a payment.", body="Ask first.\n", project_id=SHOP
        )
    yield database
    database.close()


def kept(data: Path) -> list[Path]:
    """Give the transcripts that were kept."""
    return sorted(Path(layout.kept_dir(str(data), "sdk")).glob("*.jsonl"))


def stored(data: Path, **named: Any) -> Database:
    """Store what was recorded, as the worker does."""
    database = open_database(Path(layout.database(str(data))))
    for path in kept(data):
        agent = registry.by_name("sdk")
        ingest.ingest(database, path, agent=agent, workspace_id="default", redactor=REDACTOR, **named)
    return database


def cancel(number: int, *, careful: bool) -> hivemind.Session:
    """Record a run that looks the order up first, or does not and fails."""
    order = {"order": f"A{number}"}
    with hivemind.session(agent="bot", project="acme/shop", model="m-1", strict=True) as s:
        s.prompt(f"Please cancel the order A{number} of a customer.")
        if careful:
            with s.tool("get_order", order) as tool:
                tool.result = "open"
        with s.tool("cancel_order", order) as tool:
            if not careful:
                tool.fail("it was not looked up")
        s.assistant("Done." if careful else "It did not work.")
        s.usage(input_tokens=50, output_tokens=5)
        s.outcome(success=careful)
    return s


def test_a_session_is_stored_as_it_was_recorded(data: Path) -> None:
    """Prompts, calls, failures, words, tokens and the outcome are there, under the program's project."""
    s = cancel(1, careful=False)
    with stored(data).read() as workspace:
        (session,) = sessions.recent(workspace, limit=2)
        rows = sessions.events_of(workspace, s.id)
        (report,) = episodes.reports(workspace, s.id)
    assert (session.agent, session.project, session.git_remote) == ("sdk", "shop", "service/acme/shop")
    assert (session.request_model, session.agent_version) == ("m-1", "bot")
    assert [(row.kind, row.status) for row in rows] == [
        ("prompt", None),
        ("tool_call", None),
        ("tool_result", "error"),
        ("assistant", None),
        ("usage", None),
    ]
    assert rows[1].data == {"order": "A1"}
    assert (report.score_label, report.event_id) == ("failure", rows[0].event_id)


def test_reading_again_stores_nothing_twice(data: Path) -> None:
    """Also outcomes are reported once, and later ones join them."""
    s = cancel(1, careful=True)
    stored(data)
    hivemind.record_outcome(s, reward=0.9, by="person:ada", strict=True)
    with stored(data).read() as workspace:
        said = episodes.reports(workspace, s.id)
        assert len(sessions.events_of(workspace, s.id)) == 7
    assert [(r.score_label, r.score_value, r.evaluation_name) for r in said] == [
        ("success", None, "program:api"),
        ("success", 0.9, "person:ada"),
    ]


def test_runs_become_a_skill_that_the_program_is_given(data: Path) -> None:
    """Recorded, stored, learnt, asked for: the way of an agent in production."""
    for number in range(16):
        cancel(number, careful=number % 2 == 1)
    database = stored(data)
    learn.learn(database, "default", settings=config.Settings())
    with database.read() as workspace:
        assert any(s.project_id == SHOP for s in skills.listed(workspace))
    found = hivemind.skills_for("Please cancel the order A99.", project="acme/shop", strict=True)
    assert "get_order" in found.block


def test_what_raises_inside_a_tool_is_its_failure(data: Path) -> None:
    """And it goes on to whoever called."""
    with pytest.raises(KeyError), hivemind.session(project="acme/shop") as s, s.tool("find", {"x": 1}):
        raise KeyError("nothing there")
    with stored(data).read() as workspace:
        rows = sessions.events_of(workspace, s.id)
    assert [(row.kind, row.text) for row in rows[1:]] == [
        ("tool_result", "KeyError: 'nothing there'"),
        ("system", "the program failed: KeyError: 'nothing there'"),
    ]


def test_async_code_uses_the_same_objects(library: Database, data: Path) -> None:
    """The session and its tools are async context managers, too, and skills are awaited."""

    async def go() -> str:
        async with hivemind.session(project="acme/shop", strict=True) as s:
            s.prompt("Cancel the order, please")
            async with s.tool("cancel_order", {}) as tool:
                tool.result = {"ok": True}
            found = await hivemind.skills_for_async("cancel an order", session=s, strict=True)
        return found.block

    assert "get_order" in asyncio.run(go())
    assert len(kept(data)) == 1


@pytest.mark.parametrize(
    ("style", "mark"),
    [("markdown", "### cancel-an-order"), ("xml", "<skill name="), ("text", "[cancel-an-order]")],
)
def test_blocks_are_written_as_asked(library: Database, style: Any, mark: str) -> None:
    """Markdown, XML and plain text hold the same, and no advice to call a tool that is not there."""
    found = hivemind.skills_for("How do I cancel an order?", project="acme/shop", format=style, strict=True)
    assert mark in found.block
    assert "`get_order` before `cancel_order`" in found.block
    assert "skills_load" not in found.block
    assert [skill.name for skill in found] == ["cancel-an-order"]
    assert bool(found) is True


def test_a_small_budget_gives_less_or_nothing(library: Database) -> None:
    """A block is never longer than what was asked for."""
    assert not hivemind.skills_for("cancel an order", project="acme/shop", budget_tokens=5, strict=True)
    assert not hivemind.skills_for("cancel an order", project="acme/shop", k=0, strict=True)


def test_what_is_given_to_a_session_is_not_given_twice_and_counts(library: Database, data: Path) -> None:
    """The offer waits in the spool for the worker."""
    s = hivemind.session(project="acme/shop")
    first = hivemind.skills_for("cancel an order", session=s, strict=True)
    again = hivemind.skills_for("cancel an order", session=s, strict=True)
    assert (len(first), len(again)) == (1, 0)
    lines = next(Path(layout.spool_dir(str(data))).glob("*.jsonl")).read_text().split("\n")
    (offer, *_) = [json.loads(line) for line in lines if "offers" in line]
    assert offer["offers"][0][2] == "given"


def test_nothing_raises_into_the_program(data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A data folder that cannot be used costs the record, and nothing else."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HIVEMIND_HOME", str(tmp_path / "file" / "below"))
    with hivemind.session(agent="x") as s:
        s.prompt("hello")
        s.tool_result(s.tool_call("t", {"x": object()}), object(), error=True)
        s.outcome(success=True)
    hivemind.record_outcome(s, reward=7.0)
    hivemind.record_outcome("unknown")
    assert hivemind.skills_for("hello", format="html").block == ""  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="format"):
        hivemind.skills_for("hello", format="html", strict=True)  # type: ignore[arg-type]
    with pytest.raises(OSError), hivemind.session(strict=True) as strict:
        strict.prompt("hello")


def test_failures_are_kept_for_doctor(data: Path) -> None:
    """What went wrong can be seen afterwards."""
    data.mkdir()
    hivemind.record_outcome("x")
    assert "success or reward" in (data / "hook-errors.jsonl").read_text()


def test_capture_off_stores_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The privacy switch holds for programs, too."""
    monkeypatch.setenv("HIVEMIND_CAPTURE", "false")
    cancel(1, careful=True)
    assert kept(data) == []


def test_a_project_on_the_deny_list_is_refused(data: Path) -> None:
    """What is excluded by its name is not stored."""
    cancel(1, careful=True)
    with pytest.raises(HivemindError, match="kept out"):
        stored(data, excluding=Settings(capture_exclude_remotes=("service/acme/*",)))


def test_threads_may_share_a_session(data: Path) -> None:
    """Every line of every thread is whole."""
    s = hivemind.session(project="acme/shop", strict=True)
    threads = [threading.Thread(target=lambda: [s.assistant("x" * 500) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with stored(data).read() as workspace:
        assert len(sessions.events_of(workspace, s.id)) == 200


def test_a_killed_program_loses_nothing(data: Path) -> None:
    """Each call is on the disk when it returns."""
    code = (
        "import hivemind, os, signal\n"
        "s = hivemind.session(project='acme/shop', id='run-1', strict=True)\n"
        "s.prompt('Cancel it'); s.tool_call('cancel', {})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ}, timeout=60, check=False)
    with stored(data).read() as workspace:
        rows = sessions.events_of(workspace, "sdk.run-1")
    assert [row.kind for row in rows] == ["prompt", "tool_call"]


def test_importing_costs_nothing(data: Path) -> None:
    """`import hivemind` loads neither the API nor any library; the API loads no database library."""
    code = (
        "import sys, hivemind; before = set(sys.modules)\n"
        "assert not any(m.startswith('hivemind.') for m in before), before\n"
        "hivemind.session\n"
        "heavy = {'sqlalchemy', 'numpy', 'pydantic', 'click', 'mcp'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_answers_come_in_time(library: Database) -> None:
    """A locked database gives nothing within the deadline."""
    with library.write():
        began = time.monotonic()
        hivemind.skills_for("cancel an order", project="acme/shop", deadline_s=0.2)
        assert time.monotonic() - began < 2.0


def test_render_prints_the_same_block(library: Database) -> None:
    """The command line shows what a program gets, and where it goes in a request."""
    asked = "How do I cancel an order?"
    block = hivemind.skills_for(asked, project="acme/shop").block
    plain = run("render", "--for", asked, "--project", "acme/shop")
    assert (plain.code, plain.out.strip()) == (0, block.strip())
    told = run("render", "--for", asked, "--project", "acme/shop", "--json").json
    assert (told["block"], told["skills"][0]["name"]) == (block, "cancel-an-order")
    for wire, path in (("openai", "messages"), ("anthropic", "system"), ("gemini", "systemInstruction")):
        request = run("render", "--for", asked, "--project", "acme/shop", "--wire", wire).json
        assert "get_order" in json.dumps(request[path])
    assert run("render", "--for", "zebra", "--project", "acme/shop").out == ""


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
KINDS = st.sampled_from(
    ("start", "prompt", "assistant", "system", "tool_call", "tool_result", "usage", "outcome")
)
SAID = st.dictionaries(
    st.sampled_from(
        ("text", "tool", "call", "input", "status", "exit_code", "label", "reward", "project", "model")
    ),
    VALUES,
)


@given(VALUES, KINDS, SAID)
def test_no_line_makes_the_reader_raise(value: Any, kind: str, said: dict[str, Any]) -> None:
    """Any JSON is a line."""
    for record in (value, {MARK: 1, "kind": kind, "said": said, "session": "s", "at": value}):
        transcript.read_line(record, line=b"x", state=ReaderState())
        transcript.recognises([record])


@pytest.mark.parametrize("by_folder", [False, True])
def test_backfill_finds_what_was_recorded(data: Path, by_folder: bool) -> None:
    """Without a worker, and once however often it is run; the worker finds nothing more to store."""
    cancel(1, careful=True)
    named = ("--from", str(data / "kept")) if by_folder else ()
    first = run("backfill", "--json", "--no-mine", *named).json
    again = run("backfill", "--json", "--no-mine").json
    assert (first["sessions_seen"], first["tool_calls"], again["events"]) == (1, 2, 0)
    database = stored(data)
    with database.read() as workspace:
        (session,) = sessions.recent(workspace, limit=5)
        assert len(sessions.events_of(workspace, session.session_id)) == first["events"]
        assert len(episodes.reports(workspace, session.session_id)) == 1
    assert (session.agent, session.project) == ("sdk", "shop")
    database.close()
