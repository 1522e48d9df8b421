"""Documents are found by what is in them, and read within bounds."""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path

import pytest

from hivemind.agents import json_document
from hivemind.agents.registry import agents

LOOKS_RIGHT = json_document.having("sessionId", "projectHash")
CHAT = {"sessionId": "s", "messages": ["x" * 20_000], "projectHash": "h"}


def found(root: Path) -> list[str]:
    """Give the names of what is found."""
    return [str(path.relative_to(root)) for path in json_document.find(root, LOOKS_RIGHT)]


def test_a_document_is_found_by_its_beginning_and_its_end(tmp_path: Path) -> None:
    """Its name says nothing; what a message in its middle says does not count."""
    for name in ("b/chat.json", "a.json", "a.txt", "node_modules/x/a.json", ".git/a.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(CHAT))
    (tmp_path / "packed.json.gz").write_bytes(gzip.compress(json.dumps(CHAT | {"messages": []}).encode()))
    (tmp_path / "quoting.json").write_text(json.dumps(["y" * 9_000, "sessionId: projectHash:", "y" * 9_000]))
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "broken.json.gz").write_bytes(b"\x1f\x8bno")
    assert found(tmp_path) == ["a.json", "packed.json.gz", "b/chat.json"]
    assert list(json_document.find(tmp_path / "a.json", LOOKS_RIGHT)) == [tmp_path / "a.json"]
    assert list(json_document.find(tmp_path / "nothing", LOOKS_RIGHT)) == []


def test_links_and_pipes_are_left_alone(tmp_path: Path) -> None:
    """A link may lead out of the folder, and a pipe would block."""
    (tmp_path / "outside.json").write_text(json.dumps(CHAT))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.json").symlink_to(tmp_path / "outside.json")
    (inside / "around").symlink_to(tmp_path)
    os.mkfifo(inside / "pipe.json")
    (inside / "folder.json").mkdir()
    assert found(inside) == []


BROKEN = {
    "half.json": b"{",
    "utf-16.json": b"\xff\xfe{}",
    "deep.json": b"[" * 100_000,
    "empty.json": b"",
    "cut.json.gz": gzip.compress(b"{}" * 9_000)[:-12],
    "none.json.gz": b"no archive",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_json_is_an_error_of_the_file(name: str, tmp_path: Path) -> None:
    """Half-written, foreign and hostile files are refused."""
    path = tmp_path / name
    path.write_bytes(BROKEN[name])
    with pytest.raises(OSError):
        json_document.load(path)


def test_a_packed_document_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Finding out what an archive begins with takes nothing from it."""
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(json.dumps(CHAT).encode()))
    assert json_document.load(path) == CHAT


def test_a_document_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that unpacks without an end is given up."""
    monkeypatch.setattr(json_document, "MAX_DOCUMENT_BYTES", 1 << 20)
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b" " * (8 << 20) + b"{}"))
    with pytest.raises(OSError, match="is over"):
        json_document.load(path)


@pytest.mark.parametrize("record", [{"a": "\ud83d"}, {"a": 1 << 80}, {"a": float("nan")}])
def test_what_one_writer_refuses_the_other_writes(record: object) -> None:
    """Half an emoji, and a number beyond 64 bits, come out of JSON and can go into it again."""
    assert json_document.encode(record)
    assert json_document.encode({"a": object()}) is None


def test_a_folder_of_other_json_files_is_looked_through_quickly(tmp_path: Path) -> None:
    """Thousands of files that are no sessions are not taken for any, and cost no more than a look."""
    for number in range(2_000):
        folder = tmp_path / f"{number % 20}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.json").write_text(json.dumps({"id": number, "name": "x", "version": "1.0.0"}))
    started = time.process_time()
    assert [path for agent in agents() for path in agent.transcripts(tmp_path)] == []
    assert time.process_time() - started < 5
