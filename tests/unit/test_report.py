"""The page and the matrix, from a store with known numbers."""

from __future__ import annotations

import json
import os
import re
import stat
import threading
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
from command_line import run
from experiment import Experiment, make_skill

from hivemind.domain.exposures import Arm
from hivemind.report import numbers, page, plots
from hivemind.report.numbers import Withheld
from hivemind.store.database import open_database


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Make a data folder with two skills, two models, and a name that would like to be markup."""
    folder = tmp_path / "hivemind"
    folder.mkdir()
    opened = open_database(folder / "hivemind.db")
    with opened.write() as workspace:
        helps, plain = make_skill(workspace, "helps"), make_skill(workspace, "plain")
        world = Experiment(workspace)
        for model in ("model-a", "<script>alert(1)</script>$x$"):
            world.add(helps, successes=40, failures=8, model=model)
            world.add(helps, arm=Arm.WITHHELD, successes=4, failures=16, model=model)
            world.add(plain, successes=3, failures=1, model=model)
        world.store()
    opened.close()
    return folder


def read(folder: Path, *arguments: str) -> str:
    """Run a command on the data folder and give what it printed."""
    done = run(*arguments, env={"HIVEMIND_HOME": str(folder), "HOME": str(folder.parent)})
    assert done.code == 0, done.err
    return done.out


def test_the_page_stands_alone_and_says_the_same_twice(data: Path) -> None:
    """Nothing is loaded, foreign text stays text, every plot is there, and the bytes are the same again."""
    opened = open_database(data / "hivemind.db")
    with opened.read() as workspace:
        found = numbers.gather(workspace)
    opened.close()
    text = page.render(found)
    assert text == page.render(found)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    loads = re.findall(r"""(?:src|href)=["'](?!#|data:)([^"']+)""", text)
    assert loads == []
    for title in (
        "Skills over time",
        "What each skill does",
        "Skill by model",
        "Success by model",
        "Withheld",
    ):
        assert f"<h2>{title}</h2>" in text
    HTMLParser().feed(text)


def test_the_report_is_written_whole(data: Path, tmp_path: Path) -> None:
    """The file is there under its name alone, and a folder that is missing is an error that says so."""
    target = tmp_path / "out" / "page.html"
    target.parent.mkdir()
    assert read(data, "report", "-o", str(target)).strip() == str(target)
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]
    failed = run(
        "report",
        "-o",
        str(tmp_path / "none" / "x.html"),
        env={"HIVEMIND_HOME": str(data), "HOME": str(tmp_path)},
    )
    assert (failed.code, "No such file" in failed.err) == (1, True)


def test_the_matrix_is_a_table_json_and_a_picture(data: Path, tmp_path: Path) -> None:
    """The three say the same of a cell with enough data, and of one without."""
    table = read(data, "models")
    assert re.search(r"helps +model-a +active +48 +48 +20 +0 \+ 0 +83% +20% +\+63% \[", table)
    assert re.search(r"plain +model-a +active +4 +4 +0 .*not enough data", table)
    document = json.loads(read(data, "models", "--json"))
    cell = next(
        row for row in document["skills"] if (row["name"], row["request_model"]) == ("helps", "model-a")
    )
    assert cell["difference"] == pytest.approx(40 / 48 - 4 / 20)
    assert [model["request_model"] for model in document["models"]] == [
        "model-a",
        "<script>alert(1)</script>$x$",
    ]
    for name in ("matrix.svg", "matrix.png"):
        read(data, "models", "--image", str(tmp_path / name))
    assert ET.parse(tmp_path / "matrix.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_a_pipe_or_a_device_is_written_to_and_not_replaced(data: Path, tmp_path: Path) -> None:
    """As root, a page to /dev/null must not become /dev/null."""
    pipe, read_back = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read_back.append(pipe.read_bytes()), daemon=True)
    reader.start()
    read(data, "report", "-o", str(pipe))
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    reader.join(10)
    assert read_back[0].startswith(b"<!doctype html>")


def test_a_picture_that_cannot_be_written_is_an_error(data: Path, tmp_path: Path) -> None:
    """It says which file, and is no bug."""
    env = {"HIVEMIND_HOME": str(data), "HOME": str(tmp_path)}
    failed = run("models", "--image", str(tmp_path / "none" / "x.svg"), env=env)
    assert (failed.code, "No such file" in failed.err) == (1, True)


def test_plots_know_no_settings_but_their_own() -> None:
    """A matplotlibrc, also one in the folder where the command is run, changes no byte."""
    row = Withheld(skill_id="s", name=r"$\frac{1}{0}$ <b>", given=1, withheld=1, leaked=0, share=0.1)

    def drawn() -> bytes:
        return plots.draw(lambda ax: plots.held_out(ax, [row]), width=4, height=2)

    plain = drawn()
    with mpl.rc_context({"text.usetex": True, "axes.facecolor": "red"}):
        assert drawn() == plain
    assert rb"$\frac{1}{0}$ &lt;b&gt;" in plain


@pytest.mark.filterwarnings("error")
def test_names_in_any_script_are_drawn_in_silence() -> None:
    """Letters that the font lacks, directions, controls and surrogates are no trouble."""
    names = ["中文技能", "שלום\u202eabc", "\ud800\x00\x1b[2J", "x" * 9_000, "$", "\\$", "e\u0301" * 99, ""]
    rows = [Withheld(skill_id=n, name=n, given=1, withheld=0, leaked=0, share=0.0) for n in names]
    for kind in ("svg", "png"):
        text = plots.draw(lambda ax: plots.held_out(ax, rows), width=8, height=4, kind=kind)
        assert b"\x1b[" not in text or kind == "png"


def test_a_thousand_models_are_one_picture(tmp_path: Path) -> None:
    """What a transcript calls its models does not make a picture that no memory holds."""
    folder = tmp_path / "hivemind"
    folder.mkdir()
    opened = open_database(folder / "hivemind.db")
    with opened.write() as workspace:
        world, helps = Experiment(workspace), make_skill(workspace, "helps")
        for number in range(400):
            world.add(helps, successes=1, model=f"model-{number}")
        world.store()
    opened.close()
    read(folder, "models", "--image", str(tmp_path / "matrix.png"))
    assert (tmp_path / "matrix.png").stat().st_size < 2_000_000


def test_a_migration_names_models_by_a_part(data: Path) -> None:
    """A part of a name is enough, an unknown one is an error with the names."""
    text = read(data, "models", "compare", "model-a", "alert")
    assert "carried over: 1 skill" in text
    failed = run(
        "models", "compare", "nobody", "alert", env={"HIVEMIND_HOME": str(data), "HOME": str(data.parent)}
    )
    assert failed.code == 1
    assert "model-a" in failed.err
