"""Skills, sessions and projects in a real database, for the tests of retrieval and of the MCP server."""

from datetime import UTC, datetime
from pathlib import Path

from hivemind.store import schema
from hivemind.store.database import Workspace, open_database
from hivemind.store.search import SkillEntry, index_events, index_skill

NOW = datetime(2026, 8, 1, tzinfo=UTC)
PROJECT = "p1"


def store_project(
    workspace: Workspace, project_id: str = PROJECT, *, name: str = "shop-api", root: str = ""
) -> None:
    """Store a project."""
    workspace.execute(
        schema.projects.insert().values(
            workspace_id=workspace.workspace_id,
            project_id=project_id,
            name=name,
            remote="",
            root=root,
            created_at=NOW,
        )
    )


def store_skill(
    workspace: Workspace,
    name: str,
    description: str,
    *,
    body: str = "",
    requests: str = "",
    project_id: str = PROJECT,
    state: str = "active",
) -> str:
    """Store and index a skill under an id made from its project and name; give the id."""
    skill_id = f"{project_id}.{name}"[:32]
    common = {"workspace_id": workspace.workspace_id, "skill_id": skill_id, "name": name, "author": ""}
    workspace.execute(
        schema.skills.insert().values(
            **common, project_id=project_id, topic="", state=state, version=1, created_at=NOW, updated_at=NOW
        )
    )
    workspace.execute(
        schema.skill_versions.insert().values(
            **common,
            version=1,
            content_hash="",
            description=description,
            body=body,
            frontmatter={},
            requests=requests,
            origin="template",
            lesson_ids=[],
            gates=[],
            created_at=NOW,
        )
    )
    index_skill(
        workspace,
        SkillEntry(
            skill_id=skill_id,
            project_id=project_id,
            name=name,
            description=description,
            requests=requests,
            body=body,
        ),
    )
    return skill_id


def store_event(workspace: Workspace, text: str, *, session_id: str = "s1", seq: int = 0) -> None:
    """Store and index an event of a session of Claude Code."""
    event_id = f"{session_id}.{seq}"
    workspace.execute(
        schema.events.insert().values(
            workspace_id=workspace.workspace_id,
            event_id=event_id,
            session_id=session_id,
            seq=seq,
            kind="tool_result",
            tool_name="Bash",
            at=NOW,
            text=text,
            redactions=0,
        )
    )
    workspace.execute(
        schema.sessions.insert()
        .prefix_with("OR IGNORE")
        .values(workspace_id=workspace.workspace_id, session_id=session_id, agent="claude")
    )
    index_events(workspace, [(event_id, text)])


def shop_library(path: Path, *, root: str = "/home/dev/shop-api") -> Path:
    """Make a database with the three skills that a small project teaches first, and one of every project."""
    database = open_database(path)
    with database.write("default") as workspace:
        store_project(workspace, root=root)
        store_skill(
            workspace,
            "shop-api-checks",
            "How to run the tests and lint in shop-api: the commands that work here and what to do when one "
            "fails. Use when asked to run the tests or lint, to fix errors, or before committing.",
            body="- lint: `make lint`\n- test: `make test`\n- `pytest` fails. Run `make test` instead.",
            requests="Add an endpoint that lists the orders of a customer. With a test please.",
        )
        store_skill(
            workspace,
            "shop-api-migrate",
            "How to migrate the database in shop-api. Use when asked to migrate it or to fix migrations.",
            body="- migrate: `./scripts/db migrate --env local`",
            state="trial",
        )
        store_skill(
            workspace,
            "shop-api-rules",
            "Rules that people working on shop-api have stated, about api/client and api/openapi.json.",
            body="- Don't edit the files under api/client by hand, they are generated. Run `make client`.",
        )
        store_skill(
            workspace,
            "terraform-modules",
            "Write Terraform modules for AWS. Use when asked to provision infrastructure with Terraform.",
            body="Pin every provider.",
            project_id="",
        )
        store_skill(
            workspace, "shop-api-old", "How to run the tests with tox.", body="Run tox.", state="retired"
        )
        store_skill(workspace, "other-checks", "How to run the tests and lint in other.", project_id="p2")
    database.close()
    return path
