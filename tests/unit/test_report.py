"""The page and the matrix, from a store with known numbers."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from command_line import run
from experiment import Experiment, make_skill

from hivemind.domain.exposures import Arm
from hivemind.report import numbers, page
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
    assert re.search(r"helps +model-a +active +48 +20 +83% +20% +\+63% \[", table)
    assert re.search(r"plain +model-a +active +4 +0 .*not enough data", table)
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


def test_a_migration_names_models_by_a_part(data: Path) -> None:
    """A part of a name is enough, an unknown one is an error with the names."""
    text = read(data, "models", "compare", "model-a", "alert")
    assert "carried over: 1 skill" in text
    failed = run(
        "models", "compare", "nobody", "alert", env={"HIVEMIND_HOME": str(data), "HOME": str(data.parent)}
    )
    assert failed.code == 1
    assert "model-a" in failed.err
