"""Let people without a say propose versions of a skill, and a reviewer take or leave them; both are kept."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.errors import HivemindError
from hivemind.library import lifecycle
from hivemind.library.document import content_hash
from hivemind.store import proposals
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.proposals import Proposal, ProposalState

ORIGIN = "person"


def propose(
    workspace: Workspace,
    skill_id: str,
    document: SkillDocument,
    *,
    base_version: int,
    person_id: str,
    author: str,
    findings: Sequence[Finding],
) -> Proposal:
    """Keep a version beside the current one until a reviewer decides; the same one twice is one proposal."""
    lifecycle.require_passed(document, findings)
    held = store.versions(workspace, skill_id)
    if not held:
        store.by_id(workspace, skill_id)
    same = {one.version for one in held if one.content_hash == content_hash(document)}
    for open_one in proposals.listed(workspace, skill_id=skill_id, state=ProposalState.OPEN):
        if open_one.version in same and open_one.person_id == person_id:
            return open_one
    base = next((one for one in held if one.version == base_version), None)
    if base is None:
        raise HivemindError(
            "version-conflict",
            f"{skill_id} has no version {base_version} to have been edited",
            hint="read the skill again, and name the version that was edited",
        )
    now = datetime.now(UTC)
    version = held[-1].version + 1
    store.insert_version(
        workspace,
        store.Version(
            skill_id=skill_id,
            version=version,
            content_hash=content_hash(document),
            document=document,
            requests=base.requests,
            origin=ORIGIN,
            author=author,
            lesson_ids=base.lesson_ids,
            findings=tuple(findings),
            created_at=now,
        ),
    )
    seed = f"{skill_id}\0{version}\0{person_id}"
    new = Proposal(
        proposal_id="q" + hashlib.blake2b(seed.encode("utf-8", "replace"), digest_size=10).hexdigest(),
        skill_id=skill_id,
        version=version,
        base_version=base_version,
        person_id=person_id,
        state=ProposalState.OPEN,
        at=now,
    )
    proposals.insert(workspace, new)
    return new


def accept(workspace: Workspace, proposal: Proposal, *, actor: str, reason: str = "") -> store.Skill:
    """Make a proposed version the current one."""
    _require_open(proposal)
    proposals.decide(workspace, proposal.proposal_id, ProposalState.ACCEPTED)
    return lifecycle.use_version(
        workspace,
        proposal.skill_id,
        proposal.version,
        actor=actor,
        reason=reason or f"proposal {proposal.proposal_id}",
    )


def decline(workspace: Workspace, proposal: Proposal) -> None:
    """Leave a skill as it is; the proposed version is kept."""
    _require_open(proposal)
    proposals.decide(workspace, proposal.proposal_id, ProposalState.DECLINED)


def _require_open(proposal: Proposal) -> None:
    if proposal.state is not ProposalState.OPEN:
        raise HivemindError(
            "proposal-decided",
            f"proposal {proposal.proposal_id} is {proposal.state.value} already",
            hint="`undo` takes the latest decision about the skill back",
        )
