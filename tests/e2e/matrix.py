"""The table of which agent got what which other agent had learnt; each learner's test writes its own row."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .model import Request

TABLE = Path(__file__).parents[2] / "docs" / "agents-matrix.md"
WRITE = "WRITE_AGENTS_MATRIX"
"""Environment variable that makes the tests write their rows."""

INTRODUCTION = """\
# What one agent learns, in the others

Two sessions of the agent on the left fail and recover. A cell says where a later session of the agent above
it had the lesson in its first request, and how many characters were added. The agents are the real ones, the
model is scripted; `WRITE_AGENTS_MATRIX=1 pytest -m matrix tests/e2e` writes the table.
"""
_BLOCK = re.compile(r"<hivemind-skills>.*?</hivemind-skills>", re.DOTALL)


@dataclass(frozen=True)
class Injection:
    """Where a request holds a text, and how much came with it."""

    place: str
    characters: int

    def __str__(self) -> str:
        return f"{self.place}, {self.characters:,}"


def injection(request: Request, text: str) -> Injection | None:
    """Return where the model was told a text: by what nobody typed, the model said or a tool gave."""
    for item in request.items:
        if item.role in ("model", "result") or text not in item.text:
            continue
        block = _BLOCK.search(item.text)
        whole = block[0] if block and text in block[0] else item.text
        return Injection(item.place, len(whole))
    return None


def write_row(path: Path, learner: str, cells: Mapping[str, str], *, agents: Sequence[str]) -> None:
    """Put a learner's cells into the table, and leave the other rows as they are."""
    path.touch()
    with path.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other learners' tests run at the same time
        rows = _rows(file.read())
        rows[learner] = {**rows.get(learner, {}), **cells}
        file.seek(0)
        file.truncate()
        file.write(_render(rows, agents))


def _rows(text: str) -> dict[str, dict[str, str]]:
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines]
    if len(cells) < 2:
        return {}
    header = cells[0][1:]
    return {row[0]: dict(zip(header, row[1:], strict=False)) for row in cells[2:]}


def _render(rows: Mapping[str, Mapping[str, str]], agents: Sequence[str]) -> str:
    lines = [["learnt in", *agents], ["---"] * (len(agents) + 1)]
    known = [learner for learner in agents if learner in rows]
    lines += [[learner, *(rows[learner].get(agent, "") for agent in agents)] for learner in known]
    table = "".join("| " + " | ".join(cell or " " for cell in line) + " |\n" for line in lines)
    return f"{INTRODUCTION}\n{table}"
