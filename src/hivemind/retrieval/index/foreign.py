"""Index skills that are in no library of ours: a stranger's folder, or a set of labelled ones."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from hivemind.domain.skills import SkillDocument
from hivemind.store import schema, search
from hivemind.store.database import Workspace

_BATCH = 500


def digest(skills: Mapping[str, SkillDocument]) -> str:
    """Give what changes with any of them, to find again what was made of the same library."""
    found = hashlib.sha256()
    for skill_id, skill in skills.items():
        for text in (skill_id, skill.name, skill.description, skill.body):
            encoded = text.encode("utf-8", "replace")
            found.update(len(encoded).to_bytes(8, "big") + encoded)
    return found.hexdigest()[:32]


def store(workspace: Workspace, skills: Mapping[str, SkillDocument]) -> None:
    """Store skills as active ones of every project and past the gates, in a database to be thrown away."""
    now = datetime.now(UTC)
    common = {"workspace_id": workspace.workspace_id, "author": "", "created_at": now, "version": 1}
    written = {
        "content_hash": "",
        "frontmatter": {},
        "requests": "",
        "origin": "import",
        "lesson_ids": [],
        "gates": [],
    }
    state = {"project_id": "", "topic": "", "state": "active", "updated_at": now}
    rows = list(skills.items())
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        workspace.execute(
            schema.skills.insert(),
            [{**common, **state, "skill_id": skill_id, "name": one.name[:64]} for skill_id, one in batch],
        )
        workspace.execute(
            schema.skill_versions.insert(),
            [
                {
                    **common,
                    **written,
                    "skill_id": skill_id,
                    "name": one.name[:64],
                    "description": one.description,
                    "body": one.body,
                }
                for skill_id, one in batch
            ],
        )
        for skill_id, one in batch:
            entry = search.SkillEntry(
                skill_id=skill_id,
                project_id="",
                name=one.name,
                description=one.description,
                requests="",
                body=one.body,
            )
            search.index_skill(workspace, entry)
