"""The simulation of promotion policies repeats itself, and says what is known without simulating."""

import json

import pytest

pytest.importorskip("numpy")  # of the extra `benchmarks`

from benchmarks.promotion import HIVEMIND, POLICIES, Team, main, measure
from benchmarks.promotion_curves import Line, picture
from benchmarks.promotion_world import World, make_history

SMALL = World(episodes=1_000, skills=12, projects=2)


def test_the_same_seed_gives_the_same_figures() -> None:
    """Two runs agree, another seed does not."""
    first = measure([HIVEMIND], SMALL, seed=3, teams=2)
    assert first == measure([HIVEMIND], SMALL, seed=3, teams=2)
    assert first != measure([HIVEMIND], SMALL, seed=4, teams=2)


def test_nobody_loses_where_no_skill_does_anything() -> None:
    """Without effects every policy is as good as the oracle."""
    world = World(episodes=500, skills=10, helpful=0, harmful=0, swap_harmful=0)
    for policy in POLICIES:
        team = Team(policy=policy, history=make_history(world, 1))
        team.play()
        assert sum(loss for _, loss in team.lost) == 0


def test_strong_harm_is_found_and_strong_help_is_kept() -> None:
    """A skill that costs every second success is demoted soon; one that adds as much never."""
    for effect, is_demoted in ((-0.5, True), (0.5, False)):
        world = World(
            episodes=600, skills=1, projects=1, fit=1.0, swap=1.0,
            helpful=1.0, helpful_least=effect, helpful_most=effect,
        )  # fmt: skip
        for seed in range(3):
            team = Team(policy=HIVEMIND, history=make_history(world, seed))
            team.play()
            assert (team.skills[0].demoted_at is not None) is is_demoted


def test_the_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` gives the world and the figures of every policy at each checkpoint within reach."""
    assert main(["--json", "--teams", "1", "--episodes", "300", "--skills", "5", "--seed", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["world"]["episodes"] == 300
    assert set(found["policies"]) == {policy.name for policy in POLICIES}
    assert "lost_per_1000@200" in found["policies"]["Hivemind"]
    assert "lost_per_1000@1000" not in found["policies"]["Hivemind"]


def test_a_picture_is_an_svg() -> None:
    """Lines become an image that any browser shows, also where all of them are flat."""
    line = Line(name="none", points=((0, 0), (10, 0)), colour="#000000")
    assert picture("flat", [line], across="x", up="y").startswith("<svg xmlns=")
