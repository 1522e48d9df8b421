"""What a skill with a command states is not learnt again by comparing, and what else is learnt joins it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from claude_records import store
from contrast_stories import Did, did, episode, graded
from stories import Moment, ask, failed, lesson, ran, transcript

from hivemind.distill import compose, pipeline
from hivemind.distill.contrast import project
from hivemind.distill.contrast.stated import Stated
from hivemind.distill.episodes import Episode
from hivemind.domain.lessons import Lesson
from hivemind.domain.outcomes import Report
from hivemind.domain.skills import SkillState
from hivemind.library import lifecycle
from hivemind.store import episodes as graded_store
from hivemind.store import lessons, skills
from hivemind.store.database import Database, open_database

PLAIN, FIX = "./check test-suite", "./check --profile local test-suite"
SKILL = Stated(topic="checks", commands=frozenset({PLAIN, FIX}))


def shell(command: str, *, failed: bool = False) -> Did:
    """The agent runs a shell command."""
    return did("Bash", command=command, output="error: no" if failed else "12 passed", failed=failed)


def attempts(
    *ways: tuple[bool, tuple[Did, ...]], each: int = 6, request: str = "Run the whole test suite."
) -> list[tuple[bool, Episode]]:
    """Tell so many attempts of each way, with how it ended."""
    told = [way for _ in range(each) for way in ways]
    return [(worked, episode(request, *did, session=f"s{n:02}")) for n, (worked, did) in enumerate(told)]


def learn(told: Sequence[tuple[bool, Episode]], *known: Stated) -> project.Found:
    """Learn from a coding agent's attempts."""
    at_hand = {e.episode_id: e for _, e in told}
    asked = [graded(e, worked=worked, own_tools=False) for worked, e in told]
    return project.learn(asked, lambda wanted: [at_hand[g.asked.episode_id] for g in wanted], known=known)


GAVE_UP = (False, (shell(PLAIN, failed=True),))
FOUND_IT = (True, (shell(PLAIN, failed=True), shell("./check --help", failed=True), shell(FIX)))
WAS_TOLD = (True, (shell(FIX),))


def keys(found: project.Found) -> set[str]:
    """Give what was learnt."""
    return {o.key.partition(": ")[2] for _, o in found}


def test_what_goes_with_a_stated_command_is_not_learnt() -> None:
    """Those who found the option had looked for it; with the option stated, looking teaches nothing more."""
    told = attempts(GAVE_UP, FOUND_IT)
    assert keys(learn(told)) == {'["does", "check"]'}
    assert learn(told, SKILL) == []
    assert learn(attempts(GAVE_UP, FOUND_IT, WAS_TOLD), SKILL) == []


def test_what_a_stated_command_does_not_explain_is_learnt_and_joins_its_skill() -> None:
    """Where the stated command alone did not do, what did is told beside it."""
    seeded, unseeded = (True, (shell("make seed"), shell(FIX))), (False, (shell(FIX, failed=True),))
    found = learn(attempts(seeded, unseeded, GAVE_UP, each=8), SKILL)
    assert '["does", "make seed"]' in keys(found)
    assert {o.data[project.SKILL_TOPIC] for _, o in found} == {"checks"}


def test_a_request_that_only_runs_the_checks_on_its_way_is_not_about_them() -> None:
    """Work that ends with the tests has lessons of its own, which the skill about tests would hide."""
    looked = (did("Read", file_path="a.py"), did("Grep", pattern="login"), did("Read", file_path="b.py"))
    careful = (True, (*looked, shell("make seed"), did("Edit", file_path="a.py"), shell(FIX)))
    careless = (False, (*looked, did("Edit", file_path="a.py"), shell(FIX)))
    found = learn(attempts(careful, careless, each=8, request="Repair the broken login form."), SKILL)
    assert '["does", "make seed"]' in keys(found)
    assert all(project.SKILL_TOPIC not in o.data for _, o in found)


def _compared(*, topic: str = "", sessions: int = 6) -> Lesson:
    about = {project.SKILL_TOPIC: topic} if topic else {}
    return lesson(
        project.KIND,
        'run test suite: ["does", "make seed"]',
        sessions=sessions,
        topic="task run test suite",
        patterns=[["does", "make seed"]],
        label="run test suite",
        **about,
    )


FIXED = lesson(
    "fix",
    f"arguments: {PLAIN} -> {FIX}",
    topic="test",
    failed=PLAIN,
    fix=FIX,
    relation="arguments",
    error="error: x",
)


def test_a_draft_holds_what_comparing_its_own_tasks_taught() -> None:
    """One skill answers one request; where there is no such skill, the comparison has its own."""
    folded = compose.drafts([FIXED, _compared(topic="checks")], project_id="p1", project_name="shop")
    assert [(d.topic, len(d.fixes), len(d.contrasts)) for d in folded] == [("checks", 1, 1)]
    apart = compose.drafts([FIXED, _compared()], project_id="p1", project_name="shop")
    assert [d.topic for d in apart] == ["checks", "task run test suite"]
    alone = compose.drafts([_compared(topic="checks")], project_id="p1", project_name="shop")
    assert [d.topic for d in alone] == ["task run test suite"]


def test_what_skills_state_is_taken_from_what_is_enough_for_one() -> None:
    """A fix that two sessions show is stated with its failing call; what comparing taught is not."""
    assert compose.stated([FIXED, _compared()]) == [SKILL]
    once = lesson("command", "make lint", sessions=1, command="make lint", purpose="lint")
    assert compose.stated([once]) == []


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Give an empty database."""
    opened = open_database(tmp_path / "hivemind.db")
    yield opened
    opened.close()


def _sessions(database: Database, folder: Path, *, each: int = 6) -> None:
    """Store sessions that gave up or found the option, with what became of them."""
    refused, helped = failed(PLAIN, "error: --profile is required", code=2), failed("./check --help", code=2)
    ways: list[tuple[bool, tuple[Moment, ...]]] = [
        (False, (refused,)),
        (True, (refused, helped, ran(FIX, "all is well"))),
    ]
    for day in range(1, 2 * each + 1):
        worked, moments = ways[day % 2]
        path = transcript(folder, ask("Run the whole test suite."), *moments, day=day)
        done = store(database, path, final=True)
        label = "success" if worked else "failure"
        with database.write() as workspace:
            said = Report(
                session_id=done.session_id, label=label, score=None, actor="person:dev", at=datetime.now(UTC)
            )
            graded_store.report(workspace, said)


def _distilled(database: Database) -> dict[str, SkillState]:
    with database.write() as workspace:
        lessons.forget_mined(workspace)
    pipeline.distill(database, "default", author="dev")
    with database.read() as workspace:
        return {s.name: s.state for s in skills.listed(workspace)}


def test_the_skill_with_the_command_stands_alone(database: Database, tmp_path: Path) -> None:
    """Sessions that differ by a command that a skill states make that skill, and no second one."""
    _sessions(database, tmp_path)
    assert list(_distilled(database)) == ["shop-checks"]


def test_a_skill_that_was_put_away_states_nothing(database: Database, tmp_path: Path) -> None:
    """Once a person retired it, what comparing shows about its request may be said again."""
    _sessions(database, tmp_path)
    _distilled(database)
    with database.write() as workspace:
        [skill] = skills.listed(workspace)
        lifecycle.decide(workspace, skill.skill_id, SkillState.RETIRED, actor="person:dev", reason="no")
    assert _distilled(database) == {
        "shop-checks": SkillState.RETIRED,
        "shop-task-run-whole-test-suite": SkillState.TRIAL,
    }
