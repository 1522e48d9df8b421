"""From a project's graded episodes to a skill that says what worked."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from claude_records import store
from contrast_stories import Did, did, episode, graded
from stories import Moment, ask, transcript

from hivemind.distill import compose, episodes, pipeline
from hivemind.distill.contrast import patterns, project, storing
from hivemind.distill.contrast.families import Asked
from hivemind.distill.contrast.mine import Contrast
from hivemind.distill.contrast.patterns import MANNER, Pattern
from hivemind.distill.contrast.project import Graded
from hivemind.distill.episodes import Episode
from hivemind.distill.grading import features
from hivemind.distill.writers import template
from hivemind.domain.lessons import Lesson
from hivemind.domain.outcomes import Report
from hivemind.store import episodes as graded_store
from hivemind.store import lessons, schema, sessions, skills
from hivemind.store.database import Database, Workspace

LOOK = did("get_order", order="A11", output="order A11 is open")
CHANGE = did("cancel_order", order="A11")


def told(number: int, *, careful: bool, request: str = "Cancel the order of the customer.") -> Episode:
    """Tell an attempt that looks before it changes something, or does not."""
    middle: tuple[str | Did, ...] = (LOOK, "Yes, please.") if careful else ()
    return episode(request, *middle, CHANGE, session=f"s{number:02}")


def history(each: int = 8) -> list[tuple[Graded, Episode]]:
    """Tell as many attempts that were careful and worked as were not and failed."""
    attempts = [(n % 2 == 1, told(n, careful=n % 2 == 1)) for n in range(2 * each)]
    return [(graded(e, worked=worked), e) for worked, e in attempts]


def learn(attempts: Sequence[tuple[Graded, Episode]]) -> project.Found:
    """Learn from episodes that are at hand."""
    at_hand = {e.episode_id: e for _, e in attempts}
    return project.learn(
        [g for g, _ in attempts], lambda wanted: [at_hand[g.asked.episode_id] for g in wanted]
    )


def test_both_sides_are_evidence() -> None:
    """A lesson names sessions that did it and worked, and sessions that did not and failed, with events."""
    found = learn(history())
    roles = {(o.kind, item.role) for _, o in found for item in o.evidence}
    assert (project.KIND, "success") in roles
    assert (project.KIND, "failure") in roles
    assert (project.KIND, "request") in roles
    assert all(o.evidence and o.data["worked"] == 8 == o.data["failed"] for _, o in found)


def test_the_order_of_sessions_does_not_matter() -> None:
    """Any order of the same episodes gives the same lessons with the same evidence."""
    attempts = history()
    first = learn(attempts)
    random.Random(3).shuffle(attempts)  # noqa: S311
    assert learn(attempts) == first


def test_a_few_sessions_teach_nothing() -> None:
    """Two of each side are a story, not a lesson."""
    assert learn(history(each=2)) == []


def test_unlike_tasks_of_a_coding_agent_teach_nothing() -> None:
    """Episodes with nothing in common are not compared, and their events are not even read."""
    words = ("alpha", "beta", "gamma", "delta", "zeta", "theta", "kappa", "lambda", "omega", "sigma")
    mixed = [
        told(n, careful=n % 2 == 1, request=f"Write the {word} {word}parser.") for n, word in enumerate(words)
    ]
    asked = [graded(e, worked=n % 2 == 1, own_tools=False) for n, e in enumerate(mixed)]
    assert project.learn(asked, lambda _: pytest.fail("read")) == []


def test_what_an_outcome_was_concluded_from_is_not_learnt() -> None:
    """A call that made the grader say success is no lesson: it would only be found again."""
    attempts = [
        (graded(e, worked=g.succeeded, rests_on=tuple(c.event_id for c in e.calls)), e) for g, e in history()
    ]
    assert not any("get_order" in o.key for _, o in learn(attempts))


def test_a_step_that_decided_an_outcome_is_not_learnt_by_name() -> None:
    """Tests that ran twice decided by their last run; that they ran at all would be found by the first."""
    attempts = [
        (replace(g, decided_by=frozenset(c.event_id for c in e.calls if c.tool_name == "get_order")), e)
        for g, e in history()
    ]
    assert any("get_order" in o.key for _, o in learn(history()))
    assert not any("get_order" in o.key for _, o in learn(attempts))


def test_changes_that_an_outcome_was_concluded_from_are_not_learnt() -> None:
    """Where agreement with like episodes decided, only how the change was made can teach anything."""
    attempts = [(replace(g, same_changes=True), e) for g, e in history()]
    found = [json.loads(o.key.partition(": ")[2]) for _, o in learn(attempts)]
    changing = {c.tool_name for _, e in attempts for c in e.calls if features.kind_of(c, e) == "write"}
    assert changing
    assert all(kind in MANNER or not changing & {*about} for kind, *about in found)


def lessons_of(found: project.Found) -> list[Lesson]:
    """Add occurrences up as the store does."""
    by_key: dict[tuple[str, str], list[tuple[str, object]]] = {}
    for session, occurrence in found:
        by_key.setdefault((occurrence.kind, occurrence.key), []).append((session, occurrence))
    return [
        Lesson(
            lesson_id=f"l{n}",
            project_id="p1",
            kind=kind,
            key=key,
            topic=seen[0][1].topic,  # type: ignore[attr-defined]
            data=seen[0][1].data,  # type: ignore[attr-defined]
            sessions=len({session for session, _ in seen}),
            occurrences=len(seen),
            explicit=False,
            evidence=tuple(e for _, o in seen for e in o.evidence),  # type: ignore[attr-defined]
        )
        for n, ((kind, key), seen) in enumerate(sorted(by_key.items(), key=lambda x: x[0]))
    ]


def test_the_skill_says_it_plainly_and_without_counts() -> None:
    """The body tells what to do and what went with failure, and names no number of sessions."""
    [draft] = compose.drafts(lessons_of(learn(history())), project_id="p1", project_name="shop")
    document = template.write(draft)
    assert document.name == "shop-task-cancel-order-customer"
    assert "- Call `get_order` with `order` `A11`." in document.body or "- Going ahead" in document.body
    assert "8" not in document.body
    assert "Use before starting" in document.description


def called(told: Did) -> Moment:
    """Give a call as a transcript tells it."""
    return Moment(
        kind="do", tool=told.tool, text=json.dumps(told.given), given=told.given, output=told.output
    )


def stored(database: Database, folder: Path, *, each: int = 5) -> str:
    """Store careful and careless sessions of one project, and give its id."""
    for day in range(1, 2 * each + 1):
        middle = (called(LOOK), ask("Yes, please.")) if day % 2 else ()
        path = transcript(folder, ask("Cancel the order of the customer."), *middle, called(CHANGE), day=day)
        store(database, path, final=True)
    pipeline.distill(database, "default", author="dev")
    with database.read() as workspace:
        return str(workspace.execute(sa.select(schema.sessions.c.project_id)).scalars().first())


def graded_of(workspace: Workspace) -> list[Graded]:
    """Grade the stored sessions: those that looked worked."""
    found = []
    for session_id in workspace.execute(sa.select(schema.sessions.c.session_id)).scalars().all():
        for e in episodes.cut(sessions.events_of(workspace, session_id), session_id=session_id):
            worked = any(c.tool_name == "get_order" for c in e.calls)
            asked = Asked(
                episode_id=e.episode_id,
                request=e.prompts[0].text,
                at=str(e.started_at),
                agent="claude",
                own_tools=True,
            )
            found.append(Graded(asked=asked, session_id=session_id, succeeded=worked))
    return found


def test_stored_lessons_are_replaced(database: Database, tmp_path: Path) -> None:
    """Learning twice, in any order, stores the same rows once."""
    project_id = stored(database, tmp_path)
    with database.write() as workspace:
        graded = graded_of(workspace)
        assert storing.update(workspace, project_id, graded)
        first = lessons.of_project(workspace, project_id)
        storing.update(workspace, project_id, list(reversed(graded)))
        assert lessons.of_project(workspace, project_id) == first


def test_reported_outcomes_become_a_skill_once(database: Database, tmp_path: Path) -> None:
    """Distilling reported sessions makes a skill that passed every gate; doing it again changes nothing."""
    stored(database, tmp_path)
    with database.write() as workspace:
        reported(workspace, graded_of(workspace))
        lessons.forget_mined(workspace)
    pipeline.distill(database, "default", author="dev")
    with database.write() as workspace:
        [skill] = skills.listed(workspace)
        version = skills.version_of(workspace, skill.skill_id, version=skill.version)
        assert skills.evidence_of(workspace, version.lesson_ids)
        assert "get_order" in version.document.body
        lessons.forget_mined(workspace)
    again = pipeline.distill(database, "default", author="dev")
    assert [change.action for change in again.changes] == ["kept"]


def test_lessons_that_no_longer_hold_are_dropped(database: Database, tmp_path: Path) -> None:
    """When the grades change, what they taught is gone."""
    project_id = stored(database, tmp_path)
    with database.write() as workspace:
        storing.update(workspace, project_id, graded_of(workspace))
        assert [x for x in lessons.of_project(workspace, project_id) if "patterns" in x.data]
        storing.update(workspace, project_id, [])
        assert not [x for x in lessons.of_project(workspace, project_id) if "patterns" in x.data]


def reported(workspace: Workspace, known: Sequence[Graded], *, unknown: str = "") -> None:
    """Let a person say how each session ended, and of one that it is unknown."""
    for one in known:
        label = "unknown" if one.session_id == unknown else "success" if one.succeeded else "failure"
        said = Report(
            session_id=one.session_id, label=label, score=None, actor="person:dev", at=datetime.now(UTC)
        )
        graded_store.report(workspace, said)


def test_stored_outcomes_are_read(database: Database, tmp_path: Path) -> None:
    """A reported outcome counts whatever the signals say, and an unknown one does not count."""
    project_id = stored(database, tmp_path, each=3)
    with database.write() as workspace:
        known = graded_of(workspace)
        reported(workspace, known, unknown=known[0].session_id)
        found = storing.graded(workspace, project_id)
    told = {g.session_id: g.succeeded for g in known[1:]}
    assert {g.session_id: g.succeeded for g in found} == told
    assert all(g.asked.own_tools and not g.rests_on for g in found)


@pytest.mark.parametrize(
    ("pattern", "log_odds", "own_tools", "told"),
    [
        (Pattern("unagreed", ("deploy staging",)), 1.0, True, False),
        (Pattern("unagreed", ("deploy staging",)), -1.0, True, True),
        (Pattern("fails", ("deploy staging",)), -1.0, True, False),
        (Pattern("then", ("make", patterns.END)), -1.0, False, False),
        (Pattern("then", ("make", patterns.END)), -1.0, True, True),
        (Pattern("changes", ("0",)), -1.0, False, False),
        (Pattern("changes", ("0",)), -1.0, True, True),
        (Pattern("times", ("make", "2")), -1.0, False, False),
        (Pattern("times", ("get_order", "2")), 1.0, True, True),
        (Pattern("does", ("make lint",)), 1.0, False, True),
    ],
)
def test_what_looks_like_an_outcome_is_no_lesson(
    pattern: Pattern, log_odds: float, own_tools: bool, told: bool
) -> None:
    """Nobody is told to act without asking, to let calls fail, or how failing work with a shell looks."""
    contrast = Contrast(
        patterns=(pattern,),
        probability=0.99,
        log_odds=log_odds,
        worked=9,
        worked_with=8,
        failed=9,
        failed_with=1,
    )
    assert project.teaches(contrast, own_tools=own_tools) is told
