"""`skills share`: propose a skill of this machine to the team."""

from typing import TYPE_CHECKING

from hivemind.cli.app import App, emit

if TYPE_CHECKING:
    from hivemind.store.database import Database

#: A proposal is one request, in seconds.
REQUEST_S = 60.0


def share_skill(app: App, database: "Database", name: str, *, as_json: bool) -> None:
    """Send the current version; the server runs its gates again, and a reviewer decides."""
    import sqlalchemy as sa

    from hivemind.capture import boundary
    from hivemind.cli.skills import find
    from hivemind.cli.sync import required
    from hivemind.errors import HivemindError
    from hivemind.library.document import render
    from hivemind.store import remotes, schema
    from hivemind.store import skills as store
    from hivemind.sync import reading
    from hivemind.sync.client import Client, Deadline
    from hivemind.sync.skill_wire import Shared

    remote = required(app)
    with database.read(app.workspace_id) as workspace:
        skill = find(workspace, name)
        version = store.version_of(workspace, skill.skill_id, version=skill.version)
        came = remotes.received_one(workspace, skill.skill_id)
        p = schema.projects
        query = sa.select(p.c.remote).where(
            p.c.workspace_id == app.workspace_id, p.c.project_id == skill.project_id
        )
        repository = str(workspace.execute(query).scalar() or "")
    if skill.project_id and not repository:
        raise HivemindError(
            "project-without-remote",
            f"{skill.name} is of a folder without a git remote, by which a team would know it",
            hint="add one: git remote add origin URL, and work in it once more",
        )
    found = boundary.redactor().findings(render(version.document))
    if found:
        raise HivemindError(
            "skill-secret",
            f"{skill.name} holds a secret ({found[0].rule})",
            hint="edit it, and share it then",
        )
    shared = Shared(
        skill_id=skill.skill_id,
        remote=repository,
        topic=skill.topic,
        requests=version.requests,
        base_hash=came.content_hash if came is not None else "",
        document=version.document,
    )
    with Client(remote, deadline=Deadline(seconds=REQUEST_S)) as client:
        answer = reading.mapping(client.post("/api/v1/sync/skills", shared.as_json()).value, "the answer")
    if as_json:
        emit(answer)
        return
    said = {
        "known": f"the team has this version of {skill.name} already, as {answer.get('state')}",
        "candidate": f"{skill.name} is a candidate of the team now: a reviewer decides",
        "proposed": f"the team has another version of {skill.name}: yours waits for a reviewer beside it",
    }
    app.say(said.get(str(answer.get("outcome")), "the server took it"))
