"""Choose which skills are written first, and the folders that they are written to."""

from pathlib import Path

from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.library.gates.spec import NAME
from hivemind.store import installs
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.skills import Skill


def ranked(workspace: Workspace) -> list[Skill]:
    """Give the live skills, the ones to write first; names that are no file name are passed over."""

    lessons = store.stated_by(workspace, states=LIVE_STATES)

    def rank(skill: Skill) -> tuple[bool, int, float, str]:
        stated = lessons.get(skill.skill_id)
        sessions = store.support(workspace, stated) if stated else 0
        return (
            skill.state is not SkillState.ACTIVE,
            -sessions,
            -skill.updated_at.timestamp(),
            skill.skill_id,
        )

    live = store.listed(workspace, states=LIVE_STATES)
    return sorted((skill for skill in live if NAME.fullmatch(skill.name)), key=rank)


def roots(workspace: Workspace, *, home: Path | None) -> dict[Path, set[str]]:
    """Give the project folders on this machine, with the projects of each.

    A repository may be cloned twice: where it was last seen, and where files of ours are. A folder may have
    been another project before it got a remote.
    """
    installed = installs.listed(workspace)
    owners = store.projects_of(workspace, {row.skill_id for row in installed})
    known = [(project.root, project.project_id) for project in store.project_roots(workspace)]
    known += [(row.root, owners.get(row.skill_id, "")) for row in installed]
    found: dict[Path, set[str]] = {}
    for root, project_id in known:
        folder = Path(root)
        if folder.is_absolute() and is_folder(folder) and not (home and folder.resolve() == home.resolve()):
            found.setdefault(folder.resolve(), set()).add(project_id)
    return found


def is_folder(path: Path) -> bool:
    """Say whether a folder is there and may be looked at."""
    try:
        return path.is_dir()
    except OSError:  # a name too long, a folder that may not be looked into
        return False
