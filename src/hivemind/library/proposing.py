"""Let people without a say propose versions of a skill, and a reviewer take or leave them; both are kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.errors import HivemindError
from hivemind.library import lifecycle
from hivemind.library.document import content_hash
from hivemind.store import accounts, proposals
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.proposals import Proposal, ProposalState

ORIGIN = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Hold a proposal that waits for a reviewer, with what it says."""

    proposal_id: str
    skill_id: str
    name: str  #: of the skill
    version: int
    base_version: int
    person: str
    at: datetime
    document: SkillDocument


def waiting(workspace: Workspace, *, skill_id: str = "") -> list[Waiting]:
    """Give the open proposals, the first made first; of one skill where it is named."""
    people = {one.person_id: one.name for one in accounts.members(workspace, with_removed=True)}
    return [
        Waiting(
            proposal_id=one.proposal_id,
            skill_id=one.skill_id,
            name=store.by_id(workspace, one.skill_id).name,
            version=one.version,
            base_version=one.base_version,
            person=people.get(one.person_id, one.person_id),
            at=one.at,
            document=store.version_of(workspace, one.skill_id, version=one.version).document,
        )
        for one in proposals.listed(workspace, skill_id=skill_id, state=ProposalState.OPEN)
    ]


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


def accept(workspace: Workspace, proposal_id: str, *, actor: str, reason: str = "") -> str:
    """Make a proposed version the current one; give its skill."""
    proposal = _settle(workspace, proposal_id, ProposalState.ACCEPTED)
    reason = reason or f"proposal {proposal_id} accepted"
    lifecycle.switch(workspace, proposal.skill_id, version=proposal.version, actor=actor, reason=reason)
    return proposal.skill_id


def decline(workspace: Workspace, proposal_id: str, *, actor: str, reason: str = "") -> str:
    """Turn a proposal down; its version stays in the history. Give its skill."""
    proposal = _settle(workspace, proposal_id, ProposalState.DECLINED)
    reason = reason or f"proposal {proposal_id} declined"
    lifecycle.keep(workspace, proposal.skill_id, actor=actor, reason=reason)
    return proposal.skill_id


def _settle(workspace: Workspace, proposal_id: str, state: ProposalState) -> Proposal:
    proposal = proposals.by_id(workspace, proposal_id)
    if proposal.state is not ProposalState.OPEN:
        raise HivemindError(
            "proposal-settled",
            f"proposal {proposal_id} is {proposal.state.value} already",
            hint="the skill's page shows what became of it",
        )
    proposals.decide(workspace, proposal_id, state)
    return proposal
