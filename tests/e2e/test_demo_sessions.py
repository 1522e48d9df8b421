"""The sessions that ship with the demo are whole, small and nobody's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .record_demo import TARGET

TRANSCRIPTS = sorted(TARGET.rglob("*.jsonl"))


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _commands(failed: bool) -> list[str]:
    """Return the shell commands that failed, or those that worked, in the order of the sessions."""
    found = []
    for path in sorted(TRANSCRIPTS, key=lambda path: path.read_text().split('"timestamp":"')[1][:24]):
        commands = {}
        for record in _records(path):
            content = record.get("message", {}).get("content")
            for block in content if isinstance(content, list) else []:
                if block.get("name") == "Bash":
                    commands[block["id"]] = block["input"]["command"]
                elif block.get("tool_use_id") in commands and block["is_error"] is failed:
                    found.append(commands[block["tool_use_id"]])
    return found


def test_they_are_whole() -> None:
    """Seven sessions and a subagent, each record below one that is there."""
    assert len(list(TARGET.glob("*/*.jsonl"))) == 7
    assert len(TRANSCRIPTS) == 8
    for path in TRANSCRIPTS:
        records = _records(path)
        ids = {record["uuid"] for record in records if "uuid" in record}
        assert {record["parentUuid"] for record in records if "uuid" in record} - ids == {None}


def test_they_are_small_and_of_no_real_machine() -> None:
    """They ship in the wheel, so they stay small and show one invented home and project."""
    text = "".join(path.read_text() for path in TARGET.rglob("*.json*"))
    assert len(text) < 400_000
    assert {record["cwd"] for path in TRANSCRIPTS for record in _records(path) if "cwd" in record} == {
        "/home/dev/shop-api"
    }
    assert set(re.findall(r"(?:/home|/Users|/private)/[\w.-]+|/root\b|/tmp\b", text)) <= {"/home/dev"}


def test_the_traps_are_in_them() -> None:
    """The same commands fail in several sessions, and what works instead works in them too."""
    failed, worked = _commands(failed=True), _commands(failed=False)
    assert [line for line in failed if "pytest" in line] == [
        "pytest",
        "PYTHONPATH=src pytest",
        "pytest -q",
        "pytest",
    ]
    assert failed.count("./scripts/db migrate") == 2
    assert worked.count("./scripts/db migrate --env local") == 2
    assert worked.count("make test") == 4
    assert worked.count("make client") == 2
