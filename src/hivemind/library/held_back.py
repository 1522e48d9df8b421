"""Remember which skill files a checkout lacks for the sake of a comparison, so that nobody puts them back.

The worker takes them away while every session at work in the checkout is withheld from them. The list lies
beside the database; a worker that starts removes it, and the next publication writes the files again.
"""

import json
from collections.abc import Collection
from pathlib import Path

_NAME = "held-back.json"


def read(database: Path, workspace_id: str) -> dict[str, frozenset[str]]:
    """Give the skills that each checkout lacks; nothing for a list that cannot be read."""
    found = _read(database).get(workspace_id)
    return {
        root: frozenset(skill for skill in skills if isinstance(skill, str))
        for root, skills in (found.items() if isinstance(found, dict) else ())
        if isinstance(skills, list)
    }


def put(database: Path, workspace_id: str, root: Path, skill_ids: Collection[str]) -> None:
    """Remember what a checkout lacks from now on; the file is replaced at once."""
    everything = _read(database)
    here = everything.get(workspace_id)
    roots = {**here} if isinstance(here, dict) else {}
    roots.pop(str(root), None)
    if skill_ids:
        roots[str(root)] = sorted(skill_ids)
    path = database.with_name(_NAME)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({**everything, workspace_id: roots}))
    temporary.replace(path)


def clear(database: Path) -> None:
    """Forget everything: no session is known to be at work."""
    database.with_name(_NAME).unlink(missing_ok=True)


def _read(database: Path) -> dict[str, object]:
    try:
        found = json.loads(database.with_name(_NAME).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
