"""`/me`, `/members` and `/workspaces`: who belongs where, and what they may do there."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from hivemind.domain.accounts import Member, Role, Scope
from hivemind.server.access import joining
from hivemind.server.api.asking import Admin, Reader, TheSite, note
from hivemind.server.api.invitations import link_of
from hivemind.server.api.shapes import After, Asked, Limit, Line, Page, cursor, place
from hivemind.store import accounts

router = APIRouter(tags=["people"])
PersonId = Annotated[Line, Path(max_length=40)]


class Me(BaseModel):
    """Who the token belongs to, and what it may do."""

    person_id: str
    name: str
    role: Role
    workspace: str
    organisation: str
    scopes: list[Scope]
    token_id: str


class Person(BaseModel):
    """A member of the workspace."""

    person_id: str
    name: str
    email: str
    role: Role
    invited_by: str
    created_at: datetime


class RoleChange(Asked):
    """The role that a member is to have."""

    role: Role


class WorkspaceFound(BaseModel):
    """A workspace of the organisation; `role` is what you may do there, None where you are no member."""

    name: str
    role: Role | None


class NewWorkspace(Asked):
    """A workspace to make."""

    name: Annotated[Line, Field(min_length=1, max_length=64)]


class MadeWorkspace(BaseModel):
    """A new workspace, and the link that lets its first admin, who is you, in."""

    name: str
    link: str


@router.get("/me")
def me(viewer: Reader) -> Me:
    """Say who the token belongs to."""
    return Me(
        person_id=viewer.person_id,
        name=viewer.name,
        role=viewer.role,
        workspace=viewer.workspace_id,
        organisation=viewer.organisation,
        scopes=list(viewer.scopes),
        token_id=viewer.token_id,
    )


@router.get("/members")
def list_members(viewer: Reader, site: TheSite, limit: Limit = 50, after: After = "") -> Page[Person]:
    """List the members by name."""
    behind = place(after, str, str)
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        found = accounts.members(workspace)
    left = [one for one in found if behind is None or (one.name, one.person_id) > behind]
    shown = left[:limit]
    more = cursor(shown[-1].name, shown[-1].person_id) if len(left) > limit else ""
    return Page(items=[_person(one) for one in shown], next=more)


@router.patch("/members/{person_id}")
def change_member(person_id: PersonId, body: RoleChange, viewer: Admin, site: TheSite) -> Person:
    """Give a member another role."""
    with site.database.write(viewer.space(Scope.TEAM)) as workspace:
        accounts.change_member(workspace, person_id, role=body.role, at=datetime.now(UTC))
        note(workspace, viewer, "member.role", person_id, detail={"role": body.role.value})
        changed = accounts.member(workspace, person_id)
    assert changed is not None  # noqa: S101 - it was changed in the same transaction
    return _person(changed)


@router.delete("/members/{person_id}", status_code=204)
def remove_member(person_id: PersonId, viewer: Admin, site: TheSite) -> Response:
    """Remove a member; their tokens are dead at once, and what they sent stays."""
    with site.database.write(viewer.space(Scope.TEAM)) as workspace:
        accounts.change_member(workspace, person_id, role=None, at=datetime.now(UTC))
        note(workspace, viewer, "member.remove", person_id)
    return Response(status_code=204)


@router.get("/workspaces")
def list_workspaces(viewer: Reader, site: TheSite) -> Page[WorkspaceFound]:
    """List the workspaces of the organisation."""
    found = []
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        names = accounts.workspaces_of(workspace, viewer.organisation)
    for name in names:
        with site.database.read(name) as workspace:
            member = accounts.member(workspace, viewer.person_id)
        found.append(WorkspaceFound(name=name, role=member.role if member else None))
    return Page(items=found)


@router.post("/workspaces", status_code=201)
def make_workspace(body: NewWorkspace, viewer: Admin, site: TheSite, request: Request) -> MadeWorkspace:
    """Make another workspace of the organisation, with yourself as its admin."""
    viewer.space(Scope.ORG)
    with site.database.write(body.name) as workspace:
        accounts.found_workspace(workspace, organisation=viewer.organisation)
        now = datetime.now(UTC)
        accounts.put_member(
            workspace,
            Member(person_id=viewer.person_id, name=viewer.name, role=Role.ADMIN, created_at=now),
        )
        _, text = joining.invite(
            workspace, role=Role.ADMIN, invited_by=viewer.person_id, person_id=viewer.person_id
        )
        note(workspace, viewer, "workspace.create", body.name)
    return MadeWorkspace(name=body.name, link=link_of(request, site, text))


def _person(member: Member) -> Person:
    return Person(
        person_id=member.person_id,
        name=member.name,
        email=member.email,
        role=member.role,
        invited_by=member.invited_by,
        created_at=member.created_at,
    )
