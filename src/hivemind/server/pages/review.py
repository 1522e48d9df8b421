"""`/review`: what waits for a person, and one case with all that is needed to decide on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from hivemind.domain.accounts import Role
from hivemind.domain.skills import SkillState
from hivemind.errors import HivemindError
from hivemind.evaluation import uplift
from hivemind.library import lifecycle, merging, review, rules
from hivemind.library.document import render as as_file
from hivemind.library.review import Waiting
from hivemind.server.pages import figures
from hivemind.server.pages.asking import Asked, Page, PageRoute, Sent
from hivemind.server.pages.rendering import render
from hivemind.server.pages.showing import diff
from hivemind.store import accounts, proposals, schema
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.proposals import Proposal, ProposalState
from hivemind.store.skills import Skill

router = APIRouter(route_class=PageRoute)
PAGE_SIZE = 50
MAX_REASON_CHARS = 1_000

Version = Annotated[int, Form()]
State = Annotated[str, Form()]
Reason = Annotated[str, Form()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """Hold a version that waits for a reviewer, with who proposes it."""

    proposal: Proposal
    version: store.Version
    person: str

    @classmethod
    def read(cls, workspace: Workspace, proposal: Proposal) -> "Proposed":
        """Read what is proposed."""
        version = store.version_of(workspace, proposal.skill_id, version=proposal.version)
        member = accounts.member(workspace, proposal.person_id)
        return cls(proposal=proposal, version=version, person=member.name if member else version.author)


def _open(workspace: Workspace, *, skill_id: str = "") -> list[Proposal]:
    return proposals.listed(workspace, skill_id=skill_id, state=ProposalState.OPEN)


@router.get("/review")
def queue(page: Page, start: int = 0, done: str = "") -> Response:
    """Show the skills that wait, those that may do harm first."""
    start = max(0, min(start, 10**9))
    waiting = figures.queue(page)
    with page.read() as workspace:
        decided = _decided(workspace, done)
        open_ones = [Proposed.read(workspace, each) for each in _open(workspace)]
    return render(
        page.request,
        "review.html",
        page=page,
        waiting=waiting[start : start + PAGE_SIZE],
        total=len(waiting),
        start=start,
        more=page.url("/review", start=start + PAGE_SIZE) if len(waiting) > start + PAGE_SIZE else "",
        decided=decided,
        proposals=open_ones,
    )


def _decided(workspace: Workspace, skill_id: str) -> dict[str, Any] | None:
    """Give the latest decision about a skill, which can be taken back."""
    if not skill_id:
        return None
    try:
        skill = store.by_id(workspace, skill_id)
    except HivemindError:
        return None
    ledger = store.decisions(workspace, skill_id)
    return {"skill": skill, "last": ledger[-1]} if ledger else None


@router.get("/review/{skill_id}")
def case(page: Page, skill_id: str, done: str = "") -> Response:
    """Show all that a person needs to decide on a skill."""
    return shown_case(page, skill_id, done=done)


def shown_case(page: Asked, skill_id: str, *, done: str = "", status: int = 200, **more: Any) -> Response:
    """Show a case, perhaps with what was wrong with a decision on it."""
    others = figures.queue(page)
    with page.read() as workspace:
        skill = store.by_id(workspace, skill_id)
        waiting = review.one(workspace, skill, figures.policies(page, workspace))
        found = review.case(workspace, waiting)
        measured = uplift.of_workspace(workspace, skill_ids=[skill_id])
        ledger = store.decisions(workspace, skill_id)
        tools = _tools(workspace, [m.event_id for turn in found.turns for m in turn.moments])
        values: dict[str, Any] = {
            "decided": _decided(workspace, done),
            "proposals": [
                (one, diff(as_file(found.version.document), as_file(one.version.document)))
                for one in (Proposed.read(workspace, each) for each in _open(workspace, skill_id=skill_id))
            ],
        }
    ids = [each.skill.skill_id for each in others]
    place = ids.index(skill_id) if skill_id in ids else -1
    may_undo = any(d.from_state is not None for d in rules.standing(ledger))
    return render(
        page.request,
        "case.html",
        page=page,
        status=status,
        case=found,
        skill=skill,
        waiting=waiting,
        changes=diff(as_file(found.before.document), as_file(found.version.document)) if found.before else [],
        measured=measured[0] if measured else None,
        is_enough=rules.enough(found.support),
        tools=tools,
        left=max(0, len(set(found.version.lesson_ids)) - len(found.turns)),
        place=place + 1,
        places=len(others),
        before_it=ids[place - 1] if place > 0 else "",
        behind_it=_next(others, skill_id),
        may_undo=may_undo,
        last=ledger[-1] if ledger else None,
        can=_can(skill),
        **values,
        **more,
    )


def _tools(workspace: Workspace, event_ids: Sequence[str]) -> dict[str, str]:
    e = schema.events
    rows = workspace.execute(
        e.select().where(e.c.workspace_id == workspace.workspace_id, e.c.event_id.in_(list(event_ids)[:500]))
    )
    return {row.event_id: row.tool_name for row in rows}


def _can(skill: Skill) -> dict[str, str]:
    """Name what can be decided about a skill, by the words on its buttons."""
    if skill.state is SkillState.ACTIVE:
        return {"approve": "Keep", "reject": "Retire"}
    if skill.state is SkillState.RETIRED:
        return {"approve": "Bring back", "reject": "Reject"}
    if skill.state is SkillState.REJECTED:
        return {"approve": "Approve after all"}
    return {"approve": "Approve", "reject": "Reject"}


def _next(others: Sequence[Waiting], skill_id: str) -> str:
    """Give the skill that waits behind one; the first where it is the last or does not wait."""
    ids = [each.skill.skill_id for each in others]
    if skill_id in ids[:-1]:
        return ids[ids.index(skill_id) + 1]
    return ids[0] if ids and ids[0] != skill_id else ""


@router.post("/review/{skill_id}/approve")
def approve(page: Sent, skill_id: str, version: Version, state: State, reason: Reason = "") -> Response:
    """Approve the version that was shown."""
    return _decide(page, skill_id, version=version, state=state, verb="approve", reason=reason)


@router.post("/review/{skill_id}/reject")
def reject(page: Sent, skill_id: str, version: Version, state: State, reason: Reason = "") -> Response:
    """Reject the version that was shown, or retire one that is in use."""
    return _decide(page, skill_id, version=version, state=state, verb="reject", reason=reason)


def _decide(page: Asked, skill_id: str, *, version: int, state: str, verb: str, reason: str) -> Response:
    page.require(Role.REVIEWER)
    decide = review.approve if verb == "approve" else review.reject
    following = _next(figures.queue(page), skill_id)
    with page.write(f"skill.{verb}", skill_id, version=version) as workspace:
        skill = as_shown(workspace, skill_id, version=version, state=state)
        decide(workspace, skill, actor=page.viewer.actor, reason=reason.strip()[:MAX_REASON_CHARS])
    figures.decided(page, skill_id)
    return page.back_to(f"/review/{following}" if following else "/review", done=skill_id)


def as_shown(workspace: Workspace, skill_id: str, *, version: int, state: str = "") -> Skill:
    """Give a skill as it was shown; raise where it is another: nobody approves what they did not see."""
    skill = store.by_id(workspace, skill_id)
    if skill.version != version or (state and skill.state.value != state):
        raise HivemindError(
            "skill-changed",
            f"{skill.name} changed since you looked: it is {skill.state.value}, version {skill.version} now",
            hint="look at it again, and decide then",
        )
    return skill


@router.post("/review/{skill_id}/undo")
def undo(page: Sent, skill_id: str, decision: Annotated[int, Form()]) -> Response:
    """Take back the decision that was shown as the latest."""
    page.require(Role.REVIEWER)
    with page.write("skill.undo", skill_id, decision=decision) as workspace:
        skill = store.by_id(workspace, skill_id)
        if len(store.decisions(workspace, skill_id)) != decision:
            raise HivemindError(
                "skill-changed",
                f"something else was decided about {skill.name} since you looked",
                hint="look at it again, and decide then",
            )
        lifecycle.undo(workspace, skill_id, actor=page.viewer.actor)
    figures.decided(page, skill_id)
    return page.back_to(f"/review/{skill_id}")


@router.get("/review/{skill_id}/similar")
def similar(page: Page, skill_id: str) -> Response:
    """Show the skills that say something alike, to be merged with."""
    with page.read() as workspace:
        skill = store.by_id(workspace, skill_id)
        found = merging.similar(workspace, skill)
    return render(page.request, "similar.html", page=page, skill=skill, similar=found)


@router.post("/review/{skill_id}/merge")
def merge(
    page: Sent, skill_id: str, version: Version, into: Annotated[str, Form()], into_version: Version
) -> Response:
    """Put a skill away in favour of another, which keeps the evidence of both."""
    page.require(Role.REVIEWER)
    with page.write("skill.merge", skill_id, into=into) as workspace:
        gone = as_shown(workspace, skill_id, version=version)
        kept = as_shown(workspace, into, version=into_version)
        merging.merge(workspace, gone, into=kept, actor=page.viewer.actor)
    figures.decided(page, skill_id, into)
    return page.back_to(f"/review/{into}", done=skill_id)
