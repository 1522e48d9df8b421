"""`hivemind explain`: over one's own library, over a folder or a file of others, for many prompts at once."""

import gzip
import json
from pathlib import Path

import pytest
from command_line import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retrieval_library import shop_library

ROWS = [
    {
        "id": "a",
        "name": "zorblax-reactor",
        "description": "Unjam the zorblax reactor.",
        "body": "Turn it off.",
    },
    {
        "id": "b",
        "name": "quuxite-lens",
        "description": "Polish the quuxite lens.",
        "body": "Use a soft cloth.",
    },
    {"id": "c", "name": "release-notes", "description": "Write the release notes.", "body": "Read the log."},
]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Give a file of three skills."""
    path = tmp_path / "library.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


def test_a_prompt_is_ranked_over_a_file_of_skills(library: Path) -> None:
    """The ranking has each figure, the strength that was needed, and the decision."""
    ran = run(
        "explain", "--json", "--no-embeddings", "--library", str(library), "the zorblax reactor is jammed"
    )
    found = ran.json
    assert ran.code == 0
    best = found["ranking"][0]
    assert (best["skill_id"], best["name"]) == ("a", "zorblax-reactor")
    assert best["score"] == pytest.approx(sum(best["figures"].values()), abs=0.01)
    assert found["given"] == (["a"] if best["strength"] >= best["needed"] else [])
    assert not found["by_meaning"]


def test_many_prompts_come_on_standard_input(library: Path) -> None:
    """Plain lines and JSON; what else a line holds is handed through."""
    lines = [
        "polish the quuxite lens",
        json.dumps({"query": "write release notes", "number": 7}),
        '"zorblax"',
        "",
    ]
    ran = run("explain", "--json", "--no-embeddings", "--library", str(library), answer="\n".join(lines))
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert [one["ranking"][0]["skill_id"] for one in found] == ["b", "c", "a"]
    assert found[1]["number"] == 7


def test_a_folder_of_skills_and_a_gzipped_file_are_read(tmp_path: Path) -> None:
    """A folder's skill is named by its place; what is no skill is told and left out."""
    for row in ROWS:
        folder = tmp_path / "skills" / row["name"]
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text(
            f"---\nname: {row['name']}\ndescription: {row['description']}\n---\n{row['body']}\n", "utf-8"
        )
    ran = run("explain", "--json", "--no-embeddings", "--library", str(tmp_path / "skills"), "quuxite lens")
    assert ran.json["ranking"][0]["skill_id"] == "quuxite-lens"
    packed = tmp_path / "library.jsonl.gz"
    with gzip.open(packed, "wt", encoding="utf-8") as stream:
        stream.write(json.dumps(ROWS[1]) + "\n{broken\n[]\n")
    ran = run("explain", "--json", "--no-embeddings", "--library", str(packed), "quuxite lens")
    assert ran.json["ranking"][0]["skill_id"] == "b"
    assert "2 left out" in ran.err


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"[1,2]", b"\x1f\x8b\x08 not gzip"])
def test_a_file_without_a_skill_is_refused(tmp_path: Path, content: bytes) -> None:
    """The error says what could be given instead."""
    path = tmp_path / "library.jsonl.gz"
    path.write_bytes(content)
    ran = run("explain", "--library", str(path), "anything")
    assert ran.code == 1
    assert "SKILL.md" in ran.err or "cannot be read" in ran.err


def test_ones_own_library_is_explained_in_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sees the best, what it needed and what is given; nothing is written."""
    home = tmp_path / "data"
    home.mkdir()
    shop_library(home / "hivemind.db")
    monkeypatch.setenv("HIVEMIND_HOME", str(home))
    ran = run("explain", "--no-embeddings", "provision an AWS bucket with terraform")
    assert ran.code == 0, ran.err
    assert "terraform-modules" in ran.out
    assert "Given:" in ran.out
    assert not (home / "index").exists()
    assert run("explain", "--no-embeddings", "thanks").out.endswith("nothing is given.\n")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(prompt=st.text(min_size=1, max_size=200))
def test_any_prompt_is_answered(library: Path, prompt: str) -> None:
    """Control characters, other scripts and lone surrogates included."""
    ran = run("explain", "--json", "--no-embeddings", "--library", str(library), "--", prompt)
    assert ran.code == 0, ran.err


def test_nothing_is_given_where_the_settings_say_so(library: Path) -> None:
    """What is explained is what an agent would get."""
    assert run("config", "set", "inject.enabled", "false").code == 0
    ran = run("explain", "--json", "--no-embeddings", "--library", str(library), "unjam the zorblax reactor")
    assert (ran.json["given"], ran.json["ranking"][0]["decision"]) == ([], "nothing is to be given")


def test_no_prompt_is_a_mistake_in_usage(library: Path) -> None:
    """Nothing on standard input is no prompt."""
    assert run("explain", "--no-embeddings", "--library", str(library), answer="\n").code == 2


def test_text_that_is_no_text_is_answered(library: Path) -> None:
    """Half a pair of surrogates, and a byte that is none of UTF-8, in an argument and on standard input."""
    words = ("explain", "--no-embeddings", "--library", str(library))
    assert run(*words, answer='"\\ud83d zorblax"\n').code == 0
    assert run(*words, "\udcff zorblax").code == 0


def test_a_library_is_explained_where_nothing_can_be_kept(library: Path, tmp_path: Path) -> None:
    """A file stands where the cache would be: the next time it is made again."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cache").write_text("")
    ran = run(
        *("explain", "--json", "--no-embeddings", "--library", str(library), "zorblax"),
        env={"HIVEMIND_HOME": str(tmp_path / "data")},
    )
    assert ran.json["ranking"][0]["skill_id"] == "a"
