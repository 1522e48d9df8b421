"""The life cycle: candidates, decisions, versions, undo, and what search holds meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hivemind.domain.events import Event, EventKind, SessionFacts
from hivemind.domain.skills import LIVE_STATES, TRANSITIONS, Finding, SkillDocument, SkillState
from hivemind.errors import HivemindError
from hivemind.library import lifecycle
from hivemind.store import schema, search, sessions
from hivemind.store import skills as store
from hivemind.store.database import Database, Workspace, open_database

DOC = SkillDocument(
    name="run-tests",
    description="Runs the tests. Use when testing.",
    body="Run `pytest`.",
    license="MIT",
    metadata={"a": "b"},
)
EXAMPLES = count()
CANDIDATE, TRIAL, ACTIVE, RETIRED, REJECTED = SkillState


@pytest.fixture
def workspace(database: Database) -> Iterator[Workspace]:
    """Give one write transaction."""
    with database.write() as opened:
        yield opened


def create(
    workspace: Workspace, doc: SkillDocument = DOC, *, project_id: str = "p1", topic: str = ""
) -> store.Skill:
    """Make a candidate."""
    return lifecycle.create(
        workspace,
        doc,
        project_id=project_id,
        topic=topic,
        requests="run the tests\nplease test",
        lesson_ids=["l1"],
        origin="template",
        author="ann",
        findings=[Finding(gate="size", message="long", blocking=False)],
        actor="policy:distill",
        reason="seen twice",
        numbers={"sessions": 2},
    )


def decide(workspace: Workspace, skill: store.Skill, *states: SkillState) -> store.Skill:
    """Move a skill through states."""
    for state in states:
        skill = lifecycle.decide(workspace, skill.skill_id, state, actor="person:ann", reason=f"to {state}")
    return skill


def indexed(workspace: Workspace) -> set[str]:
    """Give the ids of the skills that search knows."""
    return {found for row in store.listed(workspace) for found in search.search_skills(workspace, row.name)}


def test_a_candidate_has_its_version_and_its_decision(workspace: Workspace) -> None:
    """Everything given is stored, and search does not know it yet."""
    skill = create(workspace)
    assert (skill.state, skill.version, skill.name, skill.description) == (
        CANDIDATE,
        1,
        DOC.name,
        DOC.description,
    )
    version = store.version_of(workspace, skill.skill_id, version=1)
    assert version.document == DOC
    assert (version.requests, version.lesson_ids, version.origin) == (
        "run the tests\nplease test",
        ("l1",),
        "template",
    )
    assert [finding.message for finding in version.findings] == ["long"]
    (decision,) = store.decisions(workspace, skill.skill_id)
    assert (decision.from_state, decision.to_state, decision.to_version) == (None, CANDIDATE, 1)
    assert (decision.reason, decision.numbers["sessions"]) == ("seen twice", 2)
    assert indexed(workspace) == set()


def test_what_a_gate_blocks_is_not_kept(workspace: Workspace) -> None:
    """Neither a skill nor a version is made of a document with a blocking finding."""
    finding = [Finding(gate="secrets", message="Line 1 holds a secret.")]
    with pytest.raises(HivemindError, match="secrets gate: Line 1") as caught:
        lifecycle.create(workspace, DOC, project_id="p", origin="model", findings=finding, actor="x")
    assert caught.value.slug == "skill-gated"
    skill = create(workspace)
    with pytest.raises(HivemindError, match="secrets gate"):
        lifecycle.add_version(workspace, skill.skill_id, DOC, origin="model", findings=finding, actor="x")


@pytest.mark.parametrize("to_state", list(SkillState))
@pytest.mark.parametrize("start", [[], [TRIAL], [ACTIVE], [TRIAL, RETIRED], [REJECTED]])
def test_only_the_life_cycles_transitions_are_allowed(
    workspace: Workspace, start: list[SkillState], to_state: SkillState
) -> None:
    """Each decision follows the table or is refused with what is possible; search holds live skills only."""
    skill = decide(workspace, create(workspace), *start)
    if to_state in TRANSITIONS[skill.state]:
        skill = decide(workspace, skill, to_state)
        assert skill.state is to_state
    else:
        with pytest.raises(HivemindError) as caught:
            decide(workspace, skill, to_state)
        assert caught.value.slug == "skill-transition"
        assert all(state in caught.value.hint for state in TRANSITIONS[skill.state])
    assert indexed(workspace) == ({skill.skill_id} if skill.state in LIVE_STATES else set())


def test_a_new_version_keeps_the_state(workspace: Workspace) -> None:
    """The ledger tells both versions, search finds the new text, and the old version stays as it was."""
    skill = decide(workspace, create(workspace), TRIAL)
    skill = lifecycle.add_version(
        workspace, skill.skill_id, replace(DOC, body="Run `tox`."), origin="person", actor="person:ann"
    )
    assert (skill.state, skill.version) == (TRIAL, 2)
    last = store.decisions(workspace, skill.skill_id)[-1]
    assert (last.from_version, last.to_version, last.from_state, last.to_state) == (1, 2, TRIAL, TRIAL)
    assert search.search_skills(workspace, "tox") == [skill.skill_id]
    assert search.search_skills(workspace, "pytest") == []
    assert store.version_of(workspace, skill.skill_id, version=1).document == DOC
    assert store.version_of(workspace, skill.skill_id, version=2).lesson_ids == ("l1",)


def test_the_same_content_makes_no_version(workspace: Workspace) -> None:
    """Adding what the current version says changes nothing."""
    skill = create(workspace)
    assert lifecycle.add_version(workspace, skill.skill_id, DOC, origin="model", actor="x") == skill
    assert len(store.decisions(workspace, skill.skill_id)) == 1


def test_undo_takes_back_one_decision_at_a_time(workspace: Workspace) -> None:
    """State and version return, each undo is a decision that names what it undoes, creation stands."""
    skill = decide(workspace, create(workspace), TRIAL)
    lifecycle.add_version(workspace, skill.skill_id, replace(DOC, body="new"), origin="person", actor="x")
    decide(workspace, skill, ACTIVE, RETIRED)
    seen = []
    for _ in range(4):
        skill = lifecycle.undo(workspace, skill.skill_id, actor="person:ann")
        seen.append((skill.state, skill.version))
        assert indexed(workspace) == ({skill.skill_id} if skill.state in LIVE_STATES else set())
    assert seen == [(ACTIVE, 2), (TRIAL, 2), (TRIAL, 1), (CANDIDATE, 1)]
    with pytest.raises(HivemindError) as caught:
        lifecycle.undo(workspace, skill.skill_id, actor="person:ann")
    assert caught.value.slug == "skill-nothing-to-undo"
    ledger = store.decisions(workspace, skill.skill_id)
    undone = [ledger[4], ledger[3], ledger[2], ledger[1]]
    assert [decision.undoes for decision in ledger[5:]] == [decision.decision_id for decision in undone]
    assert ledger[5].reason == "undo of decision 5: to retired"


def test_after_an_undo_new_decisions_are_undone_first(workspace: Workspace) -> None:
    """A decision after an undo is taken back before what stood before it."""
    skill = decide(workspace, create(workspace), TRIAL, ACTIVE)
    lifecycle.undo(workspace, skill.skill_id, actor="x")
    decide(workspace, skill, RETIRED)
    assert lifecycle.undo(workspace, skill.skill_id, actor="x").state is TRIAL
    assert lifecycle.undo(workspace, skill.skill_id, actor="x").state is CANDIDATE


def test_versions_count_on_after_an_undo(workspace: Workspace) -> None:
    """No version number is used twice."""
    skill = create(workspace)
    for body in ("two", "three"):
        lifecycle.add_version(workspace, skill.skill_id, replace(DOC, body=body), origin="person", actor="x")
        lifecycle.undo(workspace, skill.skill_id, actor="x")
    assert [version.version for version in store.versions(workspace, skill.skill_id)] == [1, 2, 3]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([*SkillState, "undo", "version"]), max_size=12))
def test_the_ledger_tells_the_skills_state(database: Database, actions: list[str]) -> None:
    """Whatever is done, the last decision is the skill's state and version, and each follows the last."""
    with database.write(f"example-{next(EXAMPLES)}") as workspace:
        skill = create(workspace)
        for number, action in enumerate(actions):
            with contextlib.suppress(HivemindError):
                attempt(workspace, skill, action, number=number)
            now = store.by_id(workspace, skill.skill_id)
            ledger = store.decisions(workspace, skill.skill_id)
            assert (ledger[-1].to_state, ledger[-1].to_version) == (now.state, now.version)
            for before, after in pairwise(ledger):
                assert (after.from_state, after.from_version) == (before.to_state, before.to_version)
            assert (now.skill_id in indexed(workspace)) is (now.state in LIVE_STATES)


def attempt(workspace: Workspace, skill: store.Skill, action: str, *, number: int) -> None:
    """Do one thing to a skill, allowed or not."""
    if action == "undo":
        lifecycle.undo(workspace, skill.skill_id, actor="x")
    elif action == "version":
        doc = replace(DOC, body=f"{number}")
        lifecycle.add_version(workspace, skill.skill_id, doc, origin="person", actor="x")
    else:
        decide(workspace, skill, SkillState(action))


def test_names_are_unique_where_agents_see_them(workspace: Workspace) -> None:
    """In a project, and beside skills of every project, a taken name gets a number; elsewhere it is free."""
    names = [create(workspace, project_id=p, topic=str(n)).name for n, p in enumerate(["p1", "p1", "p2", ""])]
    assert names == ["run-tests", "run-tests-2", "run-tests", "run-tests-3"]
    long = create(workspace, replace(DOC, name="a" * 64))
    assert create(workspace, replace(DOC, name="a" * 64)).name == "a" * 62 + "-2"
    assert len({long.skill_id, *(s.skill_id for s in store.listed(workspace))}) == 6


def test_a_name_is_free_again_after_rejection(workspace: Workspace) -> None:
    """A rejected skill keeps no name from others, and cannot come back while its name is taken."""
    old = decide(workspace, create(workspace), REJECTED)
    new = create(workspace)
    assert new.name == old.name
    assert new.skill_id != old.skill_id
    with pytest.raises(HivemindError) as caught:
        lifecycle.undo(workspace, old.skill_id, actor="x")
    assert caught.value.slug == "skill-name-taken"
    assert new.skill_id in caught.value.message


def test_a_rename_must_not_take_anothers_name(workspace: Workspace) -> None:
    """A version with another skill's name is refused; a free name becomes the skill's."""
    create(workspace)
    skill = create(workspace, replace(DOC, name="other"))
    with pytest.raises(HivemindError, match="run-tests is also the name"):
        lifecycle.add_version(workspace, skill.skill_id, DOC, origin="person", actor="x")
    renamed = lifecycle.add_version(
        workspace, skill.skill_id, replace(DOC, name="third"), origin="person", actor="x"
    )
    assert renamed.name == "third"
    assert lifecycle.undo(workspace, skill.skill_id, actor="x").name == "other"


def test_ids_come_from_content(tmp_path: Path) -> None:
    """The same skill gets the same id on another machine."""
    ids = []
    for name in ("a", "b"):
        database = open_database(tmp_path / name / "hivemind.db")
        with database.write() as workspace:
            ids.append(create(workspace).skill_id)
        database.close()
    assert ids[0] == ids[1]


def test_skills_are_found_by_name_id_and_beginning(workspace: Workspace) -> None:
    """A name means the open skill, of the given project where several have it; ambiguity is refused."""
    retired = decide(workspace, create(workspace), TRIAL, RETIRED)
    mine, other = create(workspace), create(workspace, project_id="p2")
    assert store.find(workspace, retired.skill_id) == retired
    assert store.find(workspace, "run-tests", project_id="p2") == other
    assert store.find(workspace, "run-tests", project_id="p1") == mine
    assert store.find(workspace, mine.skill_id[:-1]) == mine
    for reference in ("run-tests", "s", "", "nothing", "%"):
        with pytest.raises(HivemindError) as caught:
            store.find(workspace, reference)
        assert caught.value.slug == "skill-unknown"


def test_lists_and_counts(workspace: Workspace) -> None:
    """Lists filter by state, project and topic; a project's list has the skills of every project too."""
    one = create(workspace, topic="t")
    everywhere = create(workspace, replace(DOC, name="all"), project_id="")
    live = decide(workspace, create(workspace, replace(DOC, name="live"), project_id="p2"), TRIAL)
    assert store.listed(workspace, states=[TRIAL]) == [live]
    assert {s.name for s in store.listed(workspace, project_id="p1")} == {one.name, everywhere.name}
    assert store.listed(workspace, topic="t") == [one]
    assert store.counts(workspace) == {CANDIDATE: 2, TRIAL: 1, ACTIVE: 0, RETIRED: 0, REJECTED: 0}


def test_evidence_is_what_the_lessons_cite(workspace: Workspace) -> None:
    """Texts and strings of a call's input are given once; gates see them and the skill's neighbours."""
    data = {"command": 'echo "a"', "n": [1, "b"]}
    call = Event(kind=EventKind.TOOL_CALL, native_id="1", tool_name="Bash", data=data)
    said = Event(kind=EventKind.PROMPT, native_id="2", text="use tox")
    facts = SessionFacts(session_id="s", agent="claude")
    sessions.append(workspace, facts, events=[sessions.RedactedEvent(event=event) for event in (call, said)])
    for number, event in enumerate(sessions.events_of(workspace, "s")):
        for occurrence in ("o1", "o2"):
            workspace.execute(
                schema.evidence.insert().values(
                    workspace_id=workspace.workspace_id,
                    occurrence_id=f"{occurrence}{number}",
                    event_id=event.event_id,
                    role="fix",
                    lesson_id="l1",
                    session_id="s",
                )
            )
    assert [(c.kind, c.seq) for c in store.evidence_of(workspace, ["l1"])] == [
        ("tool_call", 0),
        ("prompt", 1),
    ]
    skill, other = create(workspace), create(workspace, replace(DOC, name="other"))
    context = lifecycle.context_for(workspace, project_id="p1", lesson_ids=["l1"], skill_id=skill.skill_id)
    assert set(context.evidence_texts) == {'echo "a"', "b", "use tox"}
    assert [neighbour.skill_id for neighbour in context.others] == [other.skill_id]


def test_workspaces_do_not_see_each_other(database: Database) -> None:
    """A skill of one workspace is unknown in another, by name and by id."""
    with database.write("one") as workspace:
        skill = create(workspace)
    with database.write("two") as workspace:
        assert store.listed(workspace) == []
        with pytest.raises(HivemindError):
            store.by_id(workspace, skill.skill_id)
        assert create(workspace).name == skill.name
