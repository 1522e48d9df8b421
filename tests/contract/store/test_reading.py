"""What is read back, on every database: the same numbers, texts and orders."""

from __future__ import annotations

from datetime import timedelta

from stored import FACTS, NOW, event, offer

from databases import Maker
from hivemind.domain.events import EventKind, SessionFacts
from hivemind.domain.exposures import Arm, Channel
from hivemind.domain.lessons import Occurrence
from hivemind.domain.model_calls import CallStatus, Cap
from hivemind.domain.skills import Evidence, SkillDocument
from hivemind.retrieval.index import foreign
from hivemind.store import across, flags, lessons, model_calls, offers, problems, schema, sessions, turns
from hivemind.store.database import Database
from hivemind.store.glance import Glance, glance, glance_of
from hivemind.store.model_calls import Wanted


def test_the_glance_counts_what_is_there(database: Database, databases: Maker) -> None:
    """Each number is of the workspace, but for the calls of models; a file gives the same."""
    wanted = Wanted(purpose="p", subject="k", evidence_hash="h", kind="claude", model="m", cost_usd=0.25)
    for name in ("one", "two"):
        with database.write(name) as workspace:
            sessions.append(workspace, FACTS, events=[event(f"{name}-e")])
            library = {key: SkillDocument(name=key, description="d", body="b") for key in "jklm"}
            foreign.store(workspace, library)
            arms = {"k": Arm.GIVEN, "l": Arm.WITHHELD, "m": Arm.LEAKED}
            offers.record(workspace, [offer(skill_id, arm=arm) for skill_id, arm in arms.items()])
            again = offer("k", channel=Channel.MCP, arm=Arm.WITHHELD)
            offers.record(workspace, [again])
            problems.record(workspace, source="worker", slug="a", message="m")
            flags.raise_one(workspace, "k", flags.FlagKind.STALE, message="m", at=NOW)
            call = model_calls.begin(workspace, wanted, cap=Cap(calls=9, usd=9.0))
            assert call is not None
            model_calls.settle(workspace, call, status=CallStatus.FAILED, detail="no ☃")
            workspace.execute(
                schema.holdouts.insert().values(
                    workspace_id=name, skill_id="k", request_model="new", share=0.5, reason="new is new"
                )
            )
    with database.read("one") as workspace:
        found = glance_of(workspace)
    assert found == Glance(
        sessions=1,
        events=1,
        offers=1,
        withheld=2,
        only_withheld=("l",),
        skills={"active": 4},
        problems=1,
        flags=1,
        new_models=("new is new",),
        model_calls=2,
        model_cost_usd=0.5,
        model_failure="failed: no ☃",
    )
    if databases.engine == "sqlite":
        assert glance(database.path, "one") == found


def test_sessions_without_a_time_come_last(database: Database) -> None:
    """The newest first, and those that have no event yet at the end; the other way about where work waits."""
    with database.write() as workspace:
        for name, hours in (("old", 0), ("none", None), ("new", 5)):
            at = None if hours is None else NOW + timedelta(hours=hours)
            facts = SessionFacts(session_id=name, agent="claude")
            sessions.append(workspace, facts, events=[event(name, at=at)])
        assert [row.session_id for row in sessions.recent(workspace, limit=9)] == ["new", "old", "none"]
        waiting = lessons.unmined(workspace, miners_version=1)
        assert [row.session_id for row in waiting] == ["none", "old", "new"]


def test_files_that_calls_name_are_found_in_their_inputs(database: Database) -> None:
    """Whatever key an agent names a file by; values that are no texts are passed over."""
    inputs = [
        {"file_path": "a.py", "path": "b.py"},
        {"absolute_path": "/c.py", "n": 1},
        {"file_path": ["no"], "notebook_path": "d ☃.ipynb"},
        {"file_path": None, "other": "no"},
    ]
    calls = [
        event(f"c{n}", "", kind=EventKind.TOOL_CALL, tool_name="Edit", data=data)
        for n, data in enumerate(inputs)
    ]
    project = sessions.ProjectFacts(project_id="p", name="p", root="/x")
    with database.write() as workspace:
        sessions.append(workspace, FACTS, events=calls, project=project)
        found = across.files(workspace, "p")
    assert found == {("/x", name) for name in ("a.py", "b.py", "/c.py", "d ☃.ipynb")}


def test_a_long_text_is_shown_by_its_ends(database: Database) -> None:
    """The beginning and the end of what a lesson rests on, in characters and not in bytes."""
    long = "☃" * 3_000 + "the end"
    events = [event("a", "please"), event("b", long, kind=EventKind.TOOL_RESULT)]
    with database.write() as workspace:
        sessions.append(workspace, FACTS, events=events)
        (_, row) = sessions.events_of(workspace, "s")
        seen = Occurrence(
            kind="fix",
            key="k",
            topic="t",
            data={},
            evidence=(Evidence(event_id=row.event_id, session_id="s", role="fix", excerpt="x"),),
        )
        session = sessions.session(workspace, "s")
        concerned = lessons.replace_occurrences(workspace, session, occurrences=[seen])
        lessons.refresh(workspace, sorted(concerned))
        (turn,) = turns.turns(workspace, sorted(concerned), limit=1)
    text = turn.moments[-1].text
    assert text == long[: turns.MAX_TEXT_CHARS] + "\n" + long[-turns.MAX_TEXT_CHARS :]
