"""Find the projects that an option names."""

from pathlib import Path

from hivemind.errors import HivemindError
from hivemind.store.database import Workspace


def project_ids(workspace: Workspace, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Give the ids of projects by name (in any case), id, remote or folder."""
    from hivemind.capture.git import project_of
    from hivemind.store import across, sessions

    known = across.projects(workspace)
    found: list[str] = []
    for name in wanted:
        ids = [p.project_id for p in known if name in (p.project_id, p.name, p.remote)]
        ids = ids or [p.project_id for p in known if name.casefold() == p.name.casefold()]
        if not ids and Path(name).is_dir():
            facts = project_of(str(Path(name).resolve()))
            here = sessions.known_project(workspace, facts).project_id if facts else ""
            ids = [p.project_id for p in known if p.project_id == here]
        if not ids:
            raise HivemindError(
                "project-unknown",
                f"{name!r} is no project that is known here",
                hint="known: " + (", ".join(sorted({p.name for p in known})[:10]) or "none"),
            )
        found += ids
    return tuple(dict.fromkeys(found))
