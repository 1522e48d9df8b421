"""`/skills`: what was learnt, what was decided about it, and deciding."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from hivemind.domain.accounts import Role, Scope
from hivemind.domain.skills import SkillState
from hivemind.errors import HivemindError
from hivemind.library import document, editing, lifecycle, proposing, review, rules
from hivemind.server.api.asking import Place, ReaderWithin, ReviewerWithin, TheSite, WriterWithin, note
from hivemind.server.api.shapes import (
    NOT_MODIFIED,
    After,
    Asked,
    Limit,
    Line,
    Markdown,
    Number,
    Page,
    Prose,
    conditional,
    conflict,
    cursor,
    moment,
    place,
    require_state,
)
from hivemind.server.site import Site
from hivemind.store import browsing, proposals
from hivemind.store import skills as store
from hivemind.store import turns as stored_turns
from hivemind.store.database import Workspace
from hivemind.store.proposals import ProposalState

router = APIRouter(prefix="/skills", tags=["skills"])
SkillId = Annotated[Line, Path(max_length=40, description="whole id of a skill")]
MAX_TURNS = 8
MARKDOWN = "text/markdown"


class Action(StrEnum):
    """Name what a person decides."""

    APPROVE = "approve"
    REJECT = "reject"
    RETIRE = "retire"
    TRIAL = "trial"
    UNDO = "undo"


class SkillRow(BaseModel):
    """A skill as it stands now."""

    skill_id: str
    name: str
    description: str
    project_id: str
    project: str
    state: SkillState
    version: int
    author: str
    created_at: datetime
    updated_at: datetime


class Found(BaseModel):
    """What a gate saw in a version."""

    gate: str
    message: str
    blocking: bool


class VersionRow(BaseModel):
    """One version of a skill; it never changes."""

    version: int
    content_hash: str
    name: str
    description: str
    body: str
    origin: str
    author: str
    lesson_ids: list[str]
    findings: list[Found]
    created_at: datetime


class DecisionRow(BaseModel):
    """One change of a skill's state or version."""

    decision_id: str
    number: int
    at: datetime
    actor: str
    from_state: SkillState | None
    to_state: SkillState
    from_version: int | None
    to_version: int
    reason: str
    numbers: dict[str, Any]
    undoes: str


class ProposalRow(BaseModel):
    """A version that somebody proposes."""

    proposal_id: str
    skill_id: str
    version: int
    base_version: int
    person_id: str
    state: ProposalState
    at: datetime
    decided_at: datetime | None


class SkillWhole(SkillRow):
    """A skill with its versions, decisions and proposals; `support` counts what it rests on."""

    versions: list[VersionRow]
    decisions: list[DecisionRow]
    proposals: list[ProposalRow]
    support: dict[str, Any]


class MomentRow(BaseModel):
    """One event of a turn."""

    event_id: str
    seq: int
    kind: str
    status: str
    role: str
    text: str


class TurnRow(BaseModel):
    """One time that a session showed what the skill states."""

    lesson_id: str
    session_id: str
    agent: str
    at: datetime | None
    outcome: str
    moments: list[MomentRow]


class NewDecision(Asked):
    """A decision; with `version`, about that version alone."""

    action: Action
    reason: Prose = ""
    version: Annotated[Number, Field(ge=1)] | None = None


class NewVersion(Asked):
    """A whole SKILL.md, and the version that was edited."""

    skill_md: Markdown
    base_version: Annotated[Number, Field(ge=1)]
    reason: Prose = ""


class ProposalAnswer(Asked):
    """What becomes of a proposal; `version` is the skill's current one as you saw it."""

    is_accepted: bool
    version: Annotated[Number, Field(ge=1)] | None = None
    reason: Prose = ""


class Changed(BaseModel):
    """The skill after a request, and the proposal that it made or answered."""

    skill: SkillRow
    proposal: ProposalRow | None = None


@router.get("", response_model=Page[SkillRow], responses=NOT_MODIFIED)
def list_skills(
    asked: ReaderWithin,
    site: TheSite,
    request: Request,
    state: SkillState | None = None,
    project_id: Line | None = None,
    q: Line = "",
    limit: Limit = 50,
    after: After = "",
) -> Response:
    """List skills, the latest changed first; `q` are words of name or description."""
    behind = place(after, str, str)
    before = (moment(behind[0]), behind[1]) if behind and behind[0] and behind[1] else None
    wanted = browsing.SkillFilter(words=q, state=state.value if state else "", project_id=project_id)
    with site.database.read(asked.space) as workspace:
        found = browsing.skills(workspace, wanted, limit=limit + 1, before=before)  # type: ignore[arg-type]
    shown = [SkillRow.model_validate(dict(row._mapping)) for row in found[:limit]]
    more = cursor(shown[-1].updated_at.isoformat(), shown[-1].skill_id) if len(found) > limit else ""
    return conditional(request, Page(items=shown, next=more))


@router.get("/{skill_id}", response_model=SkillWhole, responses=NOT_MODIFIED)
def show_skill(skill_id: SkillId, asked: ReaderWithin, site: TheSite, request: Request) -> Response:
    """Show a skill with its versions, its decisions and what was proposed."""
    with site.database.read(asked.space) as workspace:
        skill = store.by_id(workspace, skill_id)
        ledger = store.decisions(workspace, skill_id)
        whole = SkillWhole(
            **_row(skill).model_dump(),
            versions=[_version(one) for one in store.versions(workspace, skill_id)],
            decisions=[_decision(one) for one in ledger],
            proposals=[_proposal(one) for one in proposals.listed(workspace, skill_id=skill_id)],
            support=rules.support(workspace, skill).as_numbers(),
        )
    return conditional(request, whole, state=_state(skill, len(ledger)))


@router.get("/{skill_id}/SKILL.md", response_class=Response, responses={200: {"content": {MARKDOWN: {}}}})
def show_markdown(skill_id: SkillId, asked: ReaderWithin, site: TheSite) -> Response:
    """Give the SKILL.md of the current version."""
    with site.database.read(asked.space) as workspace:
        skill = store.by_id(workspace, skill_id)
        held = store.version_of(workspace, skill_id, version=skill.version)
    headers = {"ETag": f'"{held.content_hash}"', "Cache-Control": "private, no-cache"}
    return Response(document.render(held.document), media_type=MARKDOWN, headers=headers)


@router.get("/{skill_id}/evidence")
def show_evidence(skill_id: SkillId, asked: ReaderWithin, site: TheSite) -> Page[TurnRow]:
    """Show turns of the sessions that the skill was learnt from; that it was read is logged."""
    with site.database.read(asked.space) as workspace:
        skill = store.by_id(workspace, skill_id)
        held = store.version_of(workspace, skill_id, version=skill.version)
        found = stored_turns.turns(workspace, held.lesson_ids, limit=MAX_TURNS)
    if found and not asked.is_own:
        with site.database.write(asked.viewer.workspace_id, alone=False) as workspace:
            sessions = sorted({turn.session_id for turn in found})
            note(
                workspace,
                asked.viewer,
                "skill.evidence",
                skill_id,
                scope=asked.scope,
                detail={"sessions": sessions},
            )
    return Page(
        items=[
            TurnRow(
                lesson_id=turn.lesson_id,
                session_id=turn.session_id,
                agent=turn.agent,
                at=turn.at,
                outcome=turn.outcome,
                moments=[
                    MomentRow(
                        event_id=one.event_id,
                        seq=one.seq,
                        kind=one.kind,
                        status=one.status,
                        role=one.role,
                        text=one.text,
                    )
                    for one in turn.moments
                ],
            )
            for turn in found
        ]
    )


@router.post("/{skill_id}/decisions", status_code=201)
def decide(
    skill_id: SkillId, body: NewDecision, asked: ReviewerWithin, site: TheSite, request: Request
) -> Changed:
    """Decide on a skill; with If-Match, or a `version`, on nothing that has changed since it was read."""
    actor = asked.viewer.actor
    with site.database.write(asked.space) as workspace:
        skill = store.by_id(workspace, skill_id)
        _require_seen(workspace, request, skill, version=body.version)
        match body.action:
            case Action.APPROVE:
                after = review.approve(workspace, skill, actor=actor, reason=body.reason)
            case Action.REJECT:
                after = review.reject(workspace, skill, actor=actor, reason=body.reason)
            case Action.UNDO:
                after = lifecycle.undo(workspace, skill_id, actor=actor, reason=body.reason)
            case Action.RETIRE | Action.TRIAL:
                state = SkillState.RETIRED if body.action is Action.RETIRE else SkillState.TRIAL
                after = lifecycle.decide(workspace, skill_id, state, actor=actor, reason=body.reason)
        note(
            workspace,
            asked.viewer,
            f"skill.{body.action.value}",
            skill_id,
            scope=asked.scope,
            detail={"name": after.name, "version": after.version},
        )
    site.after_decision(asked.space)
    return Changed(skill=_row(after))


@router.post("/{skill_id}/versions", status_code=201, responses={202: {"model": Changed}})
def add_version(
    skill_id: SkillId,
    body: NewVersion,
    asked: WriterWithin,
    site: TheSite,
    request: Request,
    response: Response,
) -> Changed:
    """Give a skill a new version: a reviewer's is used at once (201), a writer's is a proposal (202)."""
    if not _may_decide(asked):
        response.status_code = 202
        return propose(skill_id, body, asked, site)
    checked = _checked(site, asked, skill_id, body)
    with site.database.write(asked.space) as workspace:
        skill = store.by_id(workspace, skill_id)
        _require_seen(workspace, request, skill, version=body.base_version)
        after = editing.take_in(workspace, skill, checked, actor=asked.viewer.actor, author=asked.viewer.name)
        note(
            workspace,
            asked.viewer,
            "skill.edit",
            skill_id,
            scope=asked.scope,
            detail={"name": after.name, "version": after.version, "reason": body.reason},
        )
    site.after_decision(asked.space)
    return Changed(skill=_row(after))


@router.get("/{skill_id}/proposals")
def list_proposals(skill_id: SkillId, asked: ReaderWithin, site: TheSite) -> Page[ProposalRow]:
    """List what was proposed for a skill, the earliest first."""
    with site.database.read(asked.space) as workspace:
        store.by_id(workspace, skill_id)
        return Page(items=[_proposal(one) for one in proposals.listed(workspace, skill_id=skill_id)])


@router.post("/{skill_id}/proposals", status_code=202)
def propose(skill_id: SkillId, body: NewVersion, asked: WriterWithin, site: TheSite) -> Changed:
    """Propose a version of a skill; the current one stays until a reviewer decides."""
    checked = _checked(site, asked, skill_id, body)
    assert checked.document is not None  # noqa: S101 - what is none was refused
    with site.database.write(asked.space) as workspace:
        new = proposing.propose(
            workspace,
            skill_id,
            checked.document,
            base_version=body.base_version,
            person_id=asked.viewer.person_id,
            author=asked.viewer.name,
            findings=checked.findings,
        )
        skill = store.by_id(workspace, skill_id)
        note(
            workspace,
            asked.viewer,
            "skill.propose",
            skill_id,
            scope=asked.scope,
            detail={"proposal": new.proposal_id, "version": new.version, "reason": body.reason},
        )
    return Changed(skill=_row(skill), proposal=_proposal(new))


@router.post("/{skill_id}/proposals/{proposal_id}")
def answer_proposal(
    skill_id: SkillId,
    proposal_id: Annotated[Line, Path(max_length=40)],
    body: ProposalAnswer,
    asked: ReviewerWithin,
    site: TheSite,
    request: Request,
) -> Changed:
    """Accept a proposal, which makes its version the current one, or decline it."""
    with site.database.write(asked.space) as workspace:
        skill = store.by_id(workspace, skill_id)
        proposal = proposals.by_id(workspace, proposal_id)
        if proposal.skill_id != skill_id:
            raise HivemindError(
                "proposal-unknown", f"{proposal_id!r} is no proposal for {skill_id}", hint="list them"
            )
        _require_seen(workspace, request, skill, version=body.version)
        if body.is_accepted:
            # Of two edits of one version, the second to be taken replaces the first: that has to be meant.
            if skill.version != proposal.base_version and body.version is None:
                raise conflict(
                    f"version {proposal.base_version} was edited, and the skill is at {skill.version} by now"
                )
            skill = proposing.accept(workspace, proposal, actor=asked.viewer.actor, reason=body.reason)
        else:
            proposing.decline(workspace, proposal)
        after = proposals.by_id(workspace, proposal_id)
        note(
            workspace,
            asked.viewer,
            f"proposal.{after.state.value}",
            skill_id,
            scope=asked.scope,
            detail={"proposal": proposal_id, "version": proposal.version},
        )
    site.after_decision(asked.space)
    return Changed(skill=_row(skill), proposal=_proposal(after))


def _checked(site: Site, asked: Place, skill_id: str, body: NewVersion) -> editing.Checked:
    """Run the gates outside of any transaction that others wait for; raise where it is no SKILL.md."""
    with site.database.read(asked.space) as workspace:
        checked = editing.check(workspace, store.by_id(workspace, skill_id), body.skill_md)
    if checked.problem is not None:
        raise checked.problem
    return checked


def _may_decide(asked: Place) -> bool:
    if asked.is_own:
        return True
    return asked.viewer.role.covers(Role.ADMIN if asked.scope is Scope.ORG else Role.REVIEWER)


def _state(skill: store.Skill, decisions: int) -> str:
    return f"v{skill.version}.d{decisions}"


def _require_seen(workspace: Workspace, request: Request, skill: store.Skill, *, version: int | None) -> None:
    """Raise where what the request is about is not what the skill is now."""
    require_state(request, _state(skill, len(store.decisions(workspace, skill.skill_id))))
    if version is not None and version != skill.version:
        raise conflict(f"{skill.name} is at version {skill.version}, and the request is about {version}")


def _row(skill: store.Skill) -> SkillRow:
    return SkillRow(**{name: getattr(skill, name) for name in SkillRow.model_fields})


def _version(one: store.Version) -> VersionRow:
    return VersionRow(
        version=one.version,
        content_hash=one.content_hash,
        name=one.document.name,
        description=one.document.description,
        body=one.document.body,
        origin=one.origin,
        author=one.author,
        lesson_ids=list(one.lesson_ids),
        findings=[Found(gate=f.gate, message=f.message, blocking=f.blocking) for f in one.findings],
        created_at=one.created_at,
    )


def _decision(one: store.Decision) -> DecisionRow:
    return DecisionRow(**{name: getattr(one, name) for name in DecisionRow.model_fields})


def _proposal(one: proposals.Proposal) -> ProposalRow:
    return ProposalRow(**{name: getattr(one, name) for name in ProposalRow.model_fields})
