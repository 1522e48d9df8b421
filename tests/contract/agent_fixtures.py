"""What the contract tests of every agent share: its fixtures, and what its reader makes of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hivemind.agents.base import Agent, Machine, ReaderState, Wiring

FIXTURES = Path(__file__).parent / "fixtures"
#: Set to write the golden files anew; read the difference before you keep it.
UPDATE = "HIVEMIND_UPDATE_GOLDEN"
UPDATING = bool(os.environ.get(UPDATE))  # read at import: tests see none of the HIVEMIND_ variables


def folder(agent: Agent) -> Path:
    """Give the folder of an agent's fixtures."""
    return FIXTURES / agent.name


def transcripts(agent: Agent) -> list[Path]:
    """Give an agent's recorded or reduced transcripts, one record a line."""
    return sorted(folder(agent).glob("*.jsonl"))


def payloads(agent: Agent) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Give the name of the event, the payload and the hook's root of each recorded hook call."""
    for path in sorted((folder(agent) / "payloads").glob("*.json")):
        recorded = json.loads(path.read_text())
        yield recorded["event"], recorded["payload"], recorded.get("root", "")


def homes(agent: Agent) -> list[Path]:
    """Give the folders that stand for a person's home before an install."""
    return sorted(path for path in (folder(agent) / "homes").glob("*") if path.is_dir())


def read(agent: Agent, path: Path) -> list[dict[str, Any]]:
    """Give all that the reader makes of a file: each line's events and facts, without what is empty."""
    state, found = ReaderState(), []
    for line in path.read_bytes().splitlines():
        result = agent.read_line(json.loads(line), line=line, state=state)
        for event in result.events:
            values = {k: v for k, v in asdict(event).items() if v not in ("", None, {}, [])}
            found.append(json.loads(json.dumps(values, default=str)))
        if result.facts is not None and asdict(result.facts) not in [f.get("facts") for f in found]:
            found.append({"facts": asdict(result.facts)})
    return [*found, {"state": state.values}]


def golden(path: Path, found: Any) -> Any:
    """Give what a golden file holds, after writing it where that was asked for."""
    if UPDATING:
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return json.loads(path.read_text())


def machine(home: Path, data_dir: Path) -> Machine:
    """Give a person whose agents have their folders where they are by default."""
    return Machine(home=home, data_dir=data_dir)


def wiring(base: Path, data_dir: Path) -> Wiring:
    """Give an installation in a folder with a space and a quotation mark in its name."""
    hook = base / "it's here" / "hivemind" / "capture" / "hook.py"
    return Wiring(python=str(base / "it's here" / "bin" / "python"), hook_file=hook, data_dir=data_dir)


def files(place: Path) -> dict[str, bytes]:
    """Give every file below a folder with its content."""
    return {str(p.relative_to(place)): p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}
