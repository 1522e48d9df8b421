"""`models`, `models compare` and the report on little data, on lenient grades and in little room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from command_line import Ran, run
from experiment import Experiment, make_skill
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from hivemind.cli.models import fitted
from hivemind.domain.exposures import Arm
from hivemind.report import plots
from hivemind.report.names import cut_in_the_middle, told_apart
from hivemind.store.database import open_database

Fill = Callable[[Experiment, str], None]


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[Fill], Callable[..., Ran]]:
    """Give what makes a store with one skill, and then runs commands on it."""

    def make(fill: Fill) -> Callable[..., Ran]:
        folder = tmp_path / "hivemind"
        folder.mkdir()
        opened = open_database(folder / "hivemind.db")
        with opened.write() as workspace:
            world, skill = Experiment(workspace), make_skill(workspace, "checks")
            fill(world, skill)
            world.store()
        opened.close()
        env = {"HIVEMIND_HOME": str(folder), "HOME": str(tmp_path)}
        return lambda *words: run(*words, env=env)

    return make


def _two_models(world: Experiment, skill: str, *, episodes: int) -> None:
    world.add(skill, successes=12, failures=8, model="model-old")
    world.add(skill, successes=episodes - 2, failures=2, unknown=5, model="model-new")


@pytest.mark.parametrize(("episodes", "is_enough"), [(9, False), (10, True)])
def test_two_models_are_compared_once_both_have_enough(
    stored: Callable[[Fill], Callable[..., Ran]], episodes: int, *, is_enough: bool
) -> None:
    """A difference of nine episodes is none; unknown ones do not help."""
    command = stored(lambda world, skill: _two_models(world, skill, episodes=episodes))
    done = command("models", "compare", "old", "new")
    assert ("less that of the old: not enough data (20 and 9 episodes" in done.out) is not is_enough
    assert (command("models", "compare", "old", "new", "--json").json["success_difference"] is not None) is (
        is_enough
    )


def test_a_model_against_itself_or_unknown_ones(stored: Callable[[Fill], Callable[..., Ran]]) -> None:
    """One with itself is a usage error, and an error names every word that is wrong."""
    command = stored(lambda world, skill: _two_models(world, skill, episodes=9))
    assert command("models", "compare", "model-old", "old").code == 2
    failed = command("models", "compare", "gpt", "llama")
    assert (failed.code, "'gpt' and 'llama' are not models" in failed.err) == (1, True)
    failed = command("models", "compare", "gpt", "model")
    assert "'gpt' is not a model that sessions here used; 'model' names several models" in failed.err


def test_unknown_outcomes_and_all_exposures_are_shown(stored: Callable[[Fill], Callable[..., Ran]]) -> None:
    """In the table, on the page, and in JSON; what was given outside the experiment is an exposure only."""

    def fill(world: Experiment, skill: str) -> None:
        world.add(skill, successes=8, failures=3, unknown=4)
        world.add(skill, arm=Arm.WITHHELD, successes=5, unknown=2)
        world.add(skill, successes=6, share=0.0)

    command = stored(fill)
    assert "checks  model-a  active         21     11         5    4 + 2" in command("models").out
    page = command("report", "-o", "-").out
    assert '<td class="n">21</td><td class="n">11</td><td class="n">5</td><td class="n">4 + 2</td>' in page
    (cell,) = command("report", "--json").json["skills_by_model"]
    assert (cell["exposures"], cell["given"]["unknown"], cell["withheld"]["unknown"]) == (21, 4, 2)


@pytest.mark.parametrize(("failures", "is_said"), [(1, True), (2, False)])
def test_it_is_said_where_hardly_any_failure_is_graded(
    stored: Callable[[Fill], Callable[..., Ran]], failures: int, *, is_said: bool
) -> None:
    """Of forty episodes one failure is below 5 %, two are not; of nineteen nothing is said."""

    def fill(world: Experiment, skill: str) -> None:
        world.add(skill, successes=40 - failures, failures=failures)
        world.add(skill, successes=19, model="model-b")

    command = stored(fill)
    for words in (("models",), ("report", "-o", "-")):
        out = command(*words).out
        assert ("hardly any failure is graded here" in out) is is_said
        assert "model-b: 0 of 19" not in out
    assert bool(command("report", "--json").json["note"]) is is_said


def test_the_numbers_of_the_report_are_json(stored: Callable[[Fill], Callable[..., Ran]]) -> None:
    """No page is written beside them, and a place for one is refused."""
    command = stored(lambda world, skill: world.add(skill, successes=3))
    document = command("report", "--json").json
    assert (document["episodes"], document["skills"][0]["verdict"]) == (3, "not enough data")
    assert document["states"][-1]["active"] == 1
    assert command("report", "--json", "-o", "x.html").code == 2


def test_a_skill_that_was_never_offered_is_no_empty_plot(
    stored: Callable[[Fill], Callable[..., Ran]],
) -> None:
    """The page says so in words."""
    page = stored(lambda _world, _skill: None)("report", "-o", "-").out
    assert "No skill has been given in an episode yet, or withheld from one." in page


def test_drawing_leaves_nothing_in_the_home(
    stored: Callable[[Fill], Callable[..., Ran]], tmp_path: Path
) -> None:
    """What matplotlib remembers is in our own folder."""
    stored(lambda world, skill: world.add(skill, successes=3))
    home = tmp_path / "home"
    home.mkdir()
    env = {key: value for key, value in os.environ.items() if not key.startswith(("MPL", "XDG_"))}
    env |= {"HOME": str(home), "HIVEMIND_HOME": str(tmp_path / "hivemind")}
    words = [sys.executable, "-m", "hivemind", "models", "--image", str(tmp_path / "matrix.png")]
    subprocess.run(words, env=env, check=True, capture_output=True, timeout=60)
    assert list(home.iterdir()) == []
    assert (tmp_path / "hivemind" / "cache" / "matplotlib").is_dir()


NAMES = ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20251124", "claude-opus-4-1-20250805")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_narrow_table_keeps_models_apart_and_fits(width: int) -> None:
    """Other columns give way first, then the middle of names."""
    heads = ("skill", "model", "state", "given", "withheld", "difference (95 %)", "followed")
    rows = [
        (f"{kind}-of-the-shop-api", name, "active", "48", "20", "+63% [+39%, +77%]", "40/48")
        for name in NAMES
        for kind in ("generation", "migration")
    ]
    kept, cut, missing = fitted(heads, rows, names=["skill", "model"], width=width)
    assert sorted([*kept, *missing]) == sorted(heads)
    assert len({row[kept.index("model")] for row in cut}) == len(NAMES)
    widths = [max(map(len, column)) for column in zip(kept, *cut, strict=True)]
    assert sum(widths) + 2 * (len(widths) - 1) <= width
    assert all(
        row[kept.index("model")].endswith(name[-3:]) for row, (_, name, *_) in zip(cut, rows, strict=True)
    )


def test_without_a_width_nothing_is_cut() -> None:
    """A pipe gets every column and whole names."""
    heads, rows = ("model", "turns"), [(name, "6.0") for name in NAMES]
    assert fitted(heads, rows, names=["model"], width=None) == (list(heads), [list(r) for r in rows], [])


@given(names=st.lists(st.text(max_size=30)), limit=st.integers(1, 40))
def test_shortened_names_differ_where_the_names_do(names: list[str], limit: int) -> None:
    """One that is short enough is not touched where all can be cut to the limit."""
    short = told_apart(names, limit)
    assert len(set(short.values())) == len(set(names)) == len(short)
    assert all(len(cut_in_the_middle(name, limit)) <= limit for name in names)


@given(
    days=st.lists(st.dates(), min_size=1, max_size=5, unique=True).map(sorted),
)
def test_bars_of_days_stand_over_whole_days(days: list[date]) -> None:
    """Whatever days: each tick is a date, and the axis has a few days."""
    ax = Figure().add_subplot()
    plots.injected(ax, [(day, 1, 10) for day in days])
    low, high = ax.get_xlim()
    assert high - low >= plots.MIN_DAYS
    assert all(float(place).is_integer() for place in ax.get_xticks())
    middles = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]  # type: ignore[attr-defined]
    assert middles == pytest.approx([day.toordinal() for day in days])
    formatter = ax.xaxis.get_major_formatter()
    assert [formatter(float(day.toordinal()), 0) for day in days] == [day.isoformat() for day in days]
