"""What skills do, from stores with known numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from experiment import Experiment, make_skill

from hivemind.domain.exposures import Arm
from hivemind.domain.skills import SkillDocument
from hivemind.evaluation import models, statistics, uplift
from hivemind.evaluation.models import Fate
from hivemind.evaluation.statistics import Proportion
from hivemind.library import lifecycle
from hivemind.store.database import Database, Workspace


@pytest.fixture
def workspace(database: Database) -> Iterator[Workspace]:
    """Write to it."""
    with database.write() as opened:
        yield opened


def test_the_difference_is_newcombes_where_nothing_is_pooled(workspace: Workspace) -> None:
    """One stratum of one episode a session gives the textbook interval, and counts what it rests on."""
    skill = make_skill(workspace, "checks")
    world = Experiment(workspace)
    world.add(skill, successes=56, failures=14, unknown=3, turns=4)
    world.add(skill, arm=Arm.WITHHELD, successes=48, failures=32, turns=8, followed=None)
    world.store()
    (found,) = uplift.of_workspace(workspace)
    assert found.difference == pytest.approx(0.2)
    # Newcombe 1998, table II, contrast (a), method 10.
    assert found.interval is not None
    assert (round(found.interval.low, 4), round(found.interval.high, 4)) == (0.0524, 0.3339)
    assert (found.given.known, found.given.unknown, found.exposures) == (70, 3, 73)
    assert (found.given.turns, found.withheld.turns) == (4, 8)
    assert (found.given.followed, found.given.followable) == (73, 73)
    assert found.is_enough


def test_what_was_outside_of_the_experiment_is_counted_and_not_compared(workspace: Workspace) -> None:
    """Without a share there is no comparison: not enough data."""
    skill = make_skill(workspace, "checks")
    world = Experiment(workspace)
    world.add(skill, successes=50, share=0.0)
    world.add(skill, arm=Arm.LEAKED, successes=50, share=0.0)
    world.store()
    (found,) = uplift.of_workspace(workspace)
    assert (found.exposures, found.given.known, found.withheld.known) == (50, 0, 0)
    assert (found.difference, found.interval, found.is_enough) == (None, None, False)


def test_what_leaked_stays_on_the_side_that_was_drawn(workspace: Workspace) -> None:
    """Agents look for a skill where work is hard: a useless skill must not seem to harm for it."""
    skill = make_skill(workspace, "checks")
    world = Experiment(workspace)
    world.add(skill, successes=140, failures=60)
    world.add(skill, arm=Arm.WITHHELD, successes=65, failures=15)
    world.add(skill, arm=Arm.LEAKED, successes=5, failures=15)
    world.store()
    (found,) = uplift.of_workspace(workspace)
    assert found.difference == pytest.approx(0.0)
    assert (found.withheld.known, found.exposures) == (100, 200)


def test_shares_that_changed_do_not_mix_up_times(workspace: Workspace) -> None:
    """A skill that does nothing shows nothing, though more was withheld when tasks had become harder."""
    skill = make_skill(workspace, "checks")
    world = Experiment(workspace)
    world.add(skill, successes=180, failures=20)
    world.add(skill, arm=Arm.WITHHELD, successes=18, failures=2)
    world.add(skill, successes=20, failures=20, share=0.5)
    world.add(skill, arm=Arm.WITHHELD, successes=20, failures=20, share=0.5)
    world.store()
    (found,) = uplift.of_workspace(workspace)
    assert found.difference == pytest.approx(0.0, abs=0.01)


def test_episodes_of_one_session_are_worth_less(workspace: Workspace) -> None:
    """The same numbers from a tenth of the sessions give a wider interval."""
    apart, together = make_skill(workspace, "apart"), make_skill(workspace, "together")
    world = Experiment(workspace)
    for skill, a_session in ((apart, 1), (together, 10)):
        world.add(skill, successes=60, failures=20, episodes_a_session=a_session)
        world.add(skill, arm=Arm.WITHHELD, successes=40, failures=40, episodes_a_session=a_session)
    world.store()
    one, other = (uplift.of_workspace(workspace, skill_ids=[skill])[0] for skill in (apart, together))
    assert one.interval is not None
    assert other.interval is not None
    assert other.interval.high - other.interval.low > one.interval.high - one.interval.low


def test_a_few_long_sessions_are_worth_less_than_many_alike(workspace: Workspace) -> None:
    """As many episodes of as many sessions say less where most are of one session."""
    even, uneven = make_skill(workspace, "even"), make_skill(workspace, "uneven")
    world = Experiment(workspace)
    for arm in (Arm.GIVEN, Arm.WITHHELD):
        world.add(even, arm=arm, successes=60, episodes_a_session=6)
        world.add(uneven, arm=arm, successes=51, episodes_a_session=51)
        world.add(uneven, arm=arm, successes=9)
    world.store()
    one, other = (uplift.of_workspace(workspace, skill_ids=[skill])[0] for skill in (even, uneven))
    assert (one.given.sessions, other.given.sessions) == (10, 10)
    assert one.interval is not None
    assert other.interval is not None
    assert other.interval.high > 2 * one.interval.high


def test_a_dearer_model_does_not_look_like_a_cost_of_the_skill(workspace: Workspace) -> None:
    """Means are compared within strata, too: of a new model more is withheld."""
    skill = make_skill(workspace, "checks")
    world = Experiment(workspace)
    for model, share, tokens, counts in (("old", 0.1, 1_000, (90, 10)), ("new", 0.3, 9_000, (70, 30))):
        for arm, count in zip((Arm.GIVEN, Arm.WITHHELD), counts, strict=True):
            world.add(skill, arm=arm, successes=count, model=model, share=share, tokens=tokens)
    world.store()
    (found,) = uplift.of_workspace(workspace)
    assert found.given.tokens == pytest.approx(found.withheld.tokens)


def test_what_a_person_rewrote_is_measured_anew(workspace: Workspace) -> None:
    """Their text is another one than that which was measured; a machine's revision is not."""
    skill = make_skill(workspace, "checks")
    world = Experiment(workspace)
    for version, origin in enumerate(("person", "template", "person", "model"), 1):
        if version > 1:
            lifecycle.add_version(
                workspace,
                skill,
                SkillDocument(name="checks", description="Use when checking.", body=f"Run `make {version}`."),
                origin=origin,
                actor="person:ana",
            )
        world.add(skill, successes=10 * version, failures=10)
        world.add(skill, arm=Arm.WITHHELD, successes=10 * version, failures=10)
        for row in world.rows["exposures"]:
            row["version"] = version
        world.store()
        (found,) = uplift.of_workspace(workspace)
        assert found.given.successes == (10, 10 + 20, 30, 30 + 40)[version - 1]
        assert found.exposures == sum(10 * n + 10 for n in range(1, version + 1))
    lifecycle.undo(workspace, skill, actor="person:ana")
    lifecycle.undo(workspace, skill, actor="person:ana")
    (found,) = uplift.of_workspace(workspace)
    assert found.given.successes == 10 + 20


def test_a_change_of_model_is_told_for_each_skill(workspace: Workspace) -> None:
    """What helps with both, what is no longer needed, what harms and what is unknown are told apart."""
    names = ("carried", "unneeded", "stopped", "harmful", "unknown")
    skills = {name: make_skill(workspace, name) for name in names}
    world = Experiment(workspace)
    sides = {  # of the new model: given, withheld
        "carried": ((45, 5), (10, 30)),
        "unneeded": ((45, 5), (37, 3)),
        "stopped": ((12, 38), (10, 30)),
        "harmful": ((10, 40), (36, 4)),
        "unknown": ((3, 1), (1, 1)),
    }
    for name, skill in skills.items():
        world.add(skill, successes=45, failures=5, model="old-model-1")
        world.add(skill, arm=Arm.WITHHELD, successes=10, failures=30, model="old-model-1")
        (given, failed), (withheld, missed) = sides[name]
        world.add(skill, successes=given, failures=failed, model="new-model-2", share=0.3)
        world.add(
            skill, arm=Arm.WITHHELD, successes=withheld, failures=missed, model="new-model-2", share=0.3
        )
    world.store()
    report = models.compare(workspace, "old", "new")
    assert {one.name: one.fate for one in report.skills} == {
        "carried": Fate.CARRIED_OVER,
        "unneeded": Fate.NOT_NEEDED,
        "stopped": Fate.STOPPED_HELPING,
        "harmful": Fate.HARMS,
        "unknown": Fate.UNKNOWN,
    }
    assert report.old.episodes == 5 * 90


def test_rows_by_model_add_up(workspace: Workspace) -> None:
    """Each model has a row of its own, and the episodes of all rows are those of the skill."""
    skill = make_skill(workspace, "checks")
    world = Experiment(workspace)
    for number, model in enumerate(("a", "b", "c"), start=1):
        world.add(skill, successes=10 * number, failures=10, model=model)
        world.add(skill, arm=Arm.WITHHELD, successes=10, failures=10, model=model)
    world.store()
    (whole,) = uplift.of_workspace(workspace)
    rows = uplift.of_workspace(workspace, by_model=True)
    assert [row.request_model for row in rows] == ["a", "b", "c"]
    assert sum(row.given.known for row in rows) == whole.given.known == 90
    assert statistics.wilson(Proportion(0, 0)).high == 1
