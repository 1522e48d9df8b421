"""A lesson that stands takes more to fall than it took to be learnt, so that skills do not come and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from claude_records import store
from contrast_stories import Did, attempt, did
from hypothesis import given, settings
from hypothesis import strategies as st
from stories import Moment, ask, transcript

from hivemind.distill import episodes, pipeline
from hivemind.distill.contrast import mine, project, storing
from hivemind.distill.contrast.families import Asked, families
from hivemind.distill.contrast.mine import Attempt, Contrast, Demands
from hivemind.distill.contrast.patterns import Pattern
from hivemind.distill.contrast.project import Graded
from hivemind.store import lessons, sessions
from hivemind.store.database import Database, Workspace, open_database

SURE = Demands(false_discoveries=0.1)
LOOK, COUNT, CHANGE = did("get_order"), did("count_orders"), did("cancel_order")
LOOKED = Pattern("does", ("get_order",))
STANDS: mine.Standing = {(LOOKED, True): (LOOKED,)}


def told(worked: int, failed: int, *, looked: tuple[int, int]) -> list[Attempt]:
    """Tell so many attempts that worked and failed, and how many of each had looked."""
    found = []
    for side, (count, had) in enumerate(zip((worked, failed), looked, strict=True)):
        for n in range(count):
            steps = (LOOK, CHANGE) if n < had else (CHANGE,)
            found.append(attempt("Cancel it.", *steps, worked=side == 0, session=f"{side}s{n}"))
    return found


def first_patterns(found: list[Contrast]) -> list[Pattern]:
    """Name what was learnt."""
    return [contrast.patterns[0] for contrast in found]


def test_less_is_needed_to_stay_than_to_enter() -> None:
    """Evidence that would teach nothing anew is enough for what it taught before."""
    weaker = told(9, 9, looked=(7, 4))
    assert mine.mine(weaker, SURE) == []
    assert LOOKED in first_patterns(mine.mine(weaker, SURE, standing=STANDS))


@pytest.mark.parametrize("looked", [(6, 6), (4, 8)])
def test_what_the_evidence_speaks_against_falls(looked: tuple[int, int]) -> None:
    """A lesson falls when attempts no longer differ by it, or differ the other way."""
    against = mine.mine(told(12, 12, looked=looked), SURE, standing=STANDS)
    assert not [c for c in against if c.patterns[0] == LOOKED and c.log_odds > 0]


def test_a_lesson_keeps_its_place_before_others_that_say_the_same() -> None:
    """Of two patterns of nearly the same attempts the one that stands stays, though the other is surer."""
    attempts = [
        attempt("Cancel it.", *steps, worked=worked, session=f"s{n}")
        for n, (worked, steps) in enumerate(
            [(True, (LOOK, COUNT))] * 8 + [(True, (COUNT,))] * 2 + [(False, ())] * 9 + [(False, (LOOK,))]
        )
    ]
    assert LOOKED not in first_patterns(mine.mine(attempts, SURE))
    stood = first_patterns(mine.mine(attempts, SURE, standing=STANDS))
    assert LOOKED in stood
    assert Pattern("does", ("count_orders",)) not in stood


def test_what_was_learnt_is_learnt_again_in_the_same_words() -> None:
    """With what it taught as what stands, the same evidence teaches the same."""
    attempts = told(9, 9, looked=(9, 1))
    first = mine.mine(attempts, SURE)
    standing = {(c.patterns[0], c.log_odds > 0): c.patterns for c in first}
    assert first
    assert {c.patterns for c in mine.mine(attempts, SURE, standing=standing)} == {c.patterns for c in first}


@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.sampled_from([LOOK, COUNT, CHANGE]), max_size=3)),
        min_size=6,
        max_size=24,
    )
)
@settings(max_examples=60, deadline=None)
def test_learning_again_changes_nothing(ways: list[tuple[bool, list[Did]]]) -> None:
    """Whatever attempts there are, what they taught once they teach again, in the same words."""
    attempts = [
        attempt("Cancel it.", *steps, worked=worked, session=f"s{n}")
        for n, (worked, steps) in enumerate(ways)
    ]
    demands = Demands(false_discoveries=0.3)
    first = mine.mine(attempts, demands)
    standing = {(c.patterns[0], c.log_odds > 0): c.patterns for c in first}
    again = mine.mine(attempts, demands, standing=standing)
    assert {(c.patterns, c.log_odds) for c in again} == {(c.patterns, c.log_odds) for c in first}


def test_a_family_keeps_its_name() -> None:
    """Lessons are known by the name of their family, so an older request that comes to light changes none."""

    def asked(at: int, request: str) -> Asked:
        return Asked(episode_id=f"e{at}", request=request, at=f"{at}", agent="claude", own_tools=False)

    older, newer = asked(1, "Run test suite once"), asked(2, "Run whole test suite")
    named = families([older, newer])
    assert [f.label for f in named if f] == ["run test suite once"] * 2
    kept = families([older, newer], standing={"run whole test suite"})
    assert [f.label for f in kept if f] == ["run whole test suite"] * 2


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Give an empty database."""
    opened = open_database(tmp_path / "hivemind.db")
    yield opened
    opened.close()


def _stored(database: Database, folder: Path, *, days: range) -> str:
    """Store sessions of which every other one looked before it changed something."""
    look = Moment(kind="do", tool="get_order", text="{}", output="order A11 is open")
    change = Moment(kind="do", tool="cancel_order", text="{}", output="done")
    for day in days:
        middle = (look, ask("Yes, please.")) if day % 2 else ()
        path = transcript(folder, ask("Cancel the order of the customer."), *middle, change, day=day)
        store(database, path, final=True)
    pipeline.distill(database, "default", author="dev")
    with database.read() as workspace:
        row = sessions.recent(workspace, limit=1)[0]
        return str(row.project_id)


def _graded(workspace: Workspace, *, contrary: int = 0) -> list[Graded]:
    """Grade the stored sessions: those that looked worked, but for some of each kind."""
    left = {True: contrary, False: contrary}
    found = []
    for row in sessions.recent(workspace, limit=100):
        for e in episodes.cut(sessions.events_of(workspace, row.session_id), session_id=row.session_id):
            worked = any(c.tool_name == "get_order" for c in e.calls)
            if left[worked]:
                left[worked] -= 1
                worked = not worked
            asked = Asked(
                episode_id=e.episode_id,
                request=e.prompts[0].text,
                at=str(e.started_at),
                agent="claude",
                own_tools=True,
            )
            found.append(Graded(asked=asked, session_id=row.session_id, succeeded=worked))
    return found


def test_stored_lessons_outlast_some_contrary_sessions(database: Database, tmp_path: Path) -> None:
    """What was learnt stays, by key and in words, while the sessions still speak for it; then it goes."""
    project_id = _stored(database, tmp_path, days=range(1, 21))
    with database.write() as workspace:

        def learnt(contrary: int) -> dict[str, object]:
            storing.update(workspace, project_id, _graded(workspace, contrary=contrary))
            kinds = (project.KIND, project.PITFALL)
            return {
                x.key: x.data["patterns"]
                for x in lessons.of_project(workspace, project_id)
                if x.kind in kinds and "patterns" in x.data
            }

        assert learnt(3) == {}
        first = learnt(0)
        assert first
        assert learnt(1) == first
        assert learnt(3) == first
        assert learnt(5) == {}
