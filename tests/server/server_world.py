"""What the tests of the server begin with: two teams of two organisations, with people of every role."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient
from stored import event

from hivemind.domain.accounts import Member, Role, TokenKind
from hivemind.domain.events import SessionFacts
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.library import lifecycle, proposing
from hivemind.server.access.team import TeamAccess
from hivemind.server.app import create_app
from hivemind.server.site import Limits, Site
from hivemind.store import accounts, schema, sessions
from hivemind.store.database import Database

NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
#: What nobody else may ever see of a team: it stands in everything that the team has.
CANARY = "canary-of-"


@dataclass
class Team:
    """Hold what a test needs to know of a team."""

    workspace_id: str
    people: dict[str, str] = field(default_factory=dict)  #: role to person
    tokens: dict[str, str] = field(default_factory=dict)  #: role to the text of a token
    token_ids: dict[str, str] = field(default_factory=dict)
    skill_id: str = ""
    own_skill_id: str = ""  #: in the space of the writer
    org_skill_id: str = ""
    proposal_id: str = ""
    session_id: str = ""
    own_session_id: str = ""
    invitation_id: str = ""


def skill_md(name: str, body: str) -> str:
    """Write a SKILL.md."""
    return f"---\nname: {name}\ndescription: How to deploy the shop of {name}.\n---\n\n{body}\n"


def make_skill(database: Database, space: str, name: str, *, says: str) -> str:
    """Store a live skill."""
    with database.write(space) as workspace:
        written = SkillDocument(
            name=name, description=f"How to deploy the shop, {says}.", body=f"Run `make deploy`: {says}."
        )
        made = lifecycle.create(
            workspace, written, project_id="", origin="person", actor="person:Ada", topic=says
        )
        lifecycle.decide(workspace, made.skill_id, SkillState.ACTIVE, actor="person:Ada")
    return made.skill_id


def make_session(database: Database, space: str, session_id: str, *, person_id: str, says: str) -> str:
    """Store a session of somebody."""
    with database.write(space) as workspace:
        facts = SessionFacts(session_id=session_id, agent="claude", cwd="/x")
        events = [event(f"{session_id}-{n}", f"deploy the shop, {says} {n}") for n in range(3)]
        sessions.append(workspace, facts, events=events)
        t = schema.sessions
        workspace.execute(
            t.update().where(t.c.session_id == session_id).values(person_id=person_id, git_branch=says)
        )
    return session_id


def make_team(database: Database, workspace_id: str, *, organisation: str) -> Team:
    """Make a team with a member of each role, skills and sessions."""
    team, says = Team(workspace_id), CANARY + workspace_id
    with database.write(workspace_id) as workspace:
        accounts.found_workspace(workspace, organisation=organisation)
        for role in Role:
            person = accounts.new_person_id()
            accounts.put_member(
                workspace,
                Member(person_id=person, name=f"{role} {says}", role=role, created_at=NOW),
            )
            token, text = accounts.new_token(
                workspace, kind=TokenKind.API, person_id=person, role=role, lifetime=timedelta(hours=1)
            )
            team.people[role], team.tokens[role], team.token_ids[role] = person, text, token.token_id
        token, _ = accounts.new_token(
            workspace, kind=TokenKind.INVITE, role=Role.READER, lifetime=timedelta(hours=1), name=says
        )
        team.invitation_id = token.token_id
    writer = team.people[Role.WRITER]
    team.skill_id = make_skill(database, workspace_id, f"deploy-{workspace_id}", says=says)
    team.own_skill_id = make_skill(database, f"me.{writer}", "my-deploy", says=f"{says} own")
    team.org_skill_id = make_skill(database, f"org.{organisation}", "org-deploy", says=f"{says} org")
    team.session_id = make_session(
        database, workspace_id, f"session-{workspace_id}", person_id=writer, says=says
    )
    team.own_session_id = make_session(
        database, f"me.{writer}", f"own-{workspace_id}", person_id=writer, says=f"{says} own"
    )
    proposed = SkillDocument(name=f"deploy-{workspace_id}", description=f"{says}.", body="Run `make it`.")
    with database.write(workspace_id) as workspace:
        team.proposal_id = proposing.propose(
            workspace,
            team.skill_id,
            proposed,
            base_version=1,
            person_id=writer,
            author=says,
            findings=(),
        ).proposal_id
    return team


@dataclass
class World:
    """Hold a server with two teams, and call it as anybody."""

    database: Database
    app: FastAPI
    client: TestClient
    ours: Team
    theirs: Team

    def call(self, method: str, path: str, *, token: str = "", **more: Any) -> Any:
        """Send a request with a token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        url = path if path.startswith("/api") or path[:2] == "//" else f"/api/v1{path}"
        return self.client.request(method, url, headers=headers, **more)

    def as_role(self, role: Role | str, method: str, path: str, **more: Any) -> Any:
        """Send a request as a member of our team."""
        return self.call(method, path, token=self.ours.tokens[role], **more)

    def actions(self) -> list[str]:
        """Give what the log of our team says, the latest first."""
        found = self.as_role(Role.ADMIN, "GET", "/audit?limit=200").json()["items"]
        return [entry["action"] for entry in found]


def make_world(database: Database) -> World:
    """Make a server with two teams."""
    limits = Limits(requests_per_minute=1_000_000, strangers_per_minute=1_000_000)
    app = create_app(Site(database=database, access=TeamAccess(database=database), limits=limits))
    client = TestClient(app, raise_server_exceptions=False)
    ours = make_team(database, "ours", organisation="acme")
    theirs = make_team(database, "theirs", organisation="other")
    return World(database, app, client, ours, theirs)
