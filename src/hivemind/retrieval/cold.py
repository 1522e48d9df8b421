"""Answer a prompt from the database file alone, for the hook where no worker answers: stdlib only."""

import os
import sqlite3
import time

from hivemind.retrieval import Answer, relevant
from hivemind.retrieval.render import XML
from hivemind.retrieval.select import BUDGET_TOKENS, MAX_SKILLS
from hivemind.retrieval.withholding import GIVEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivemind.retrieval.rank import Candidate

#: SQLite calls back after this many of its instructions, some 0.05 ms.
_INSTRUCTIONS = 1_000


class Wanted:
    """Say what a program asks for: how many skills, how long and how written, in which project.

    `ranked` are skills as the worker's index ranks them, as (id, version, score, threshold); without them the
    database is searched. `loads` says whether who reads the text has the tool that loads a whole skill.
    """

    __slots__ = ("budget_tokens", "k", "loads", "project_id", "ranked", "style")

    def __init__(
        self,
        *,
        k: int = MAX_SKILLS,
        budget_tokens: int = BUDGET_TOKENS,
        style: str = XML,
        loads: bool = True,
        project_id: str = "",
        ranked: "Sequence[tuple[str, int, float, float]]" = (),
    ) -> None:
        self.k = k
        self.budget_tokens = budget_tokens
        self.style = style
        self.loads = loads
        self.project_id = project_id
        self.ranked = ranked


def answer(
    database_path: str,
    workspace_id: str,
    cwd: str,
    prompt: str,
    deadline_s: float,
    *,
    session_id: str = "",
    agent: str = "",
    known: "Mapping[str, tuple[str, float]] | None" = None,
    wanted: "Wanted | None" = None,
) -> Answer:
    """Give what a prompt in a folder is worth, and nothing in any trouble.

    The work is given up `deadline_s` seconds from now. With a `session_id`, skills that came up in that
    session before, as the database or `known` has it, are not sent again, and those that are withheld from it
    are not sent at all. `wanted` says how much and how written, for a program that asks. Never raises.
    """
    try:
        return _answer(
            database_path,
            workspace_id=workspace_id,
            cwd=cwd,
            prompt=prompt,
            deadline=time.monotonic() + deadline_s,
            session_id=session_id,
            agent=agent,
            known=known or {},
            wanted=wanted or Wanted(),
        )
    except Exception:  # noqa: BLE001 - a hook never fails an agent; nothing is the right answer to any trouble
        return Answer("", [])


def project_of(connection: sqlite3.Connection, workspace_id: str, cwd: str) -> str:
    """Give the id of the project whose root is the nearest folder at or above `cwd`; empty for none."""
    places = {_folder(cwd), _folder(os.path.realpath(cwd))}
    best, nearest = "", ""
    for project_id, root in connection.execute(
        "SELECT project_id, root FROM projects WHERE workspace_id = ? AND root <> '' ORDER BY project_id",
        (workspace_id,),
    ):
        folder = _folder(root)
        if len(folder) > len(nearest) and any(place.startswith(folder) for place in places):
            best, nearest = str(project_id), folder
    return best


def _answer(
    database_path: str,
    *,
    workspace_id: str,
    cwd: str,
    prompt: str,
    deadline: float,
    session_id: str,
    agent: str,
    known: "Mapping[str, tuple[str, float]]",
    wanted: "Wanted",
) -> Answer:
    escaped = database_path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    remaining = max(0.0, deadline - time.monotonic())
    connection = sqlite3.connect(f"file:{escaped}?mode=ro", uri=True, timeout=remaining / 2)
    try:
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
        # One read transaction: the worker may be writing.
        connection.execute("BEGIN")
        before = connection.execute(
            "SELECT skill_id, arm FROM offers WHERE workspace_id = ? AND session_id = ?"
            " AND channel = 'prompt' ORDER BY at, rowid",
            (workspace_id, session_id),
        )
        arms = {**dict(before), **{skill_id: arm for skill_id, (arm, _) in known.items()}}
        found = relevant(
            connection,
            workspace_id=workspace_id,
            project_id=wanted.project_id or project_of(connection, workspace_id, cwd),
            prompt=prompt,
            already=frozenset(skill_id for skill_id in arms if arms[skill_id] == GIVEN),
            withheld=frozenset(skill_id for skill_id in arms if arms[skill_id] != GIVEN),
            session_id=session_id,
            agent=agent,
            known=known,
            candidates=_ranked(connection, workspace_id, wanted.ranked),
            k=wanted.k,
            budget_tokens=wanted.budget_tokens,
            style=wanted.style,
            loads=wanted.loads,
        )
    finally:
        connection.close()
    return found if time.monotonic() <= deadline else Answer("", [])


def _ranked(
    connection: sqlite3.Connection, workspace_id: str, ranked: "Sequence[tuple[str, int, float, float]]"
) -> "list[Candidate] | None":
    if not ranked:
        return None
    from hivemind.retrieval.candidates import candidates

    return candidates(connection, workspace_id, ranked)


def _folder(path: str) -> str:
    return path.replace("\\", "/").rstrip("/") + "/"
