"""Withhold skills from sessions that agents without Hivemind on their machine send to a team's server.

A session takes part where its caller may send it, so that somebody learns how it went. Only the team's own
skills are drawn for: what the organisation shares has its figures elsewhere.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hivemind.domain.accounts import Role, Scope
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.retrieval import shared_withholding, withholding
from hivemind.retrieval.rank import Candidate
from hivemind.retrieval.withholding import Assignment
from hivemind.server.access.viewer import Viewer
from hivemind.server.caller import Caller
from hivemind.store import offers, sessions
from hivemind.store.database import Database, Workspace

Drawn = dict[str, Assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Decide for one call of a viewer; without a session everything is given."""

    viewer: Viewer
    caller: Caller
    is_on: bool = True  #: the server withholds at all

    def arms(self, workspace: Workspace, skill_ids: Collection[str]) -> Drawn:
        """Give the arm and the share of skills of a space that is being read."""
        session_id = self.caller.session_id if self._takes_part(workspace) else ""
        if not session_id:
            return dict.fromkeys(skill_ids, (withholding.GIVEN, 0.0))
        return shared_withholding.assign(
            workspace, session_id=session_id, agent=self.caller.agent, skill_ids=skill_ids
        )

    def _takes_part(self, workspace: Workspace) -> bool:
        if not (self.is_on and self.caller.session_id and self.viewer.role.covers(Role.WRITER)):
            return False
        if Scope.TEAM not in self.viewer.scopes or workspace.workspace_id != self.viewer.space(Scope.TEAM):
            return False
        # What becomes of another's session is not this caller's to say.
        owner = sessions.sender_of(workspace, self.caller.session_id)
        return owner in (None, "", self.viewer.person_id)

    def _takes_part_in(self, database: Database, space: str) -> bool:
        with database.read(space) as workspace:
            return self._takes_part(workspace)

    def record(self, database: Database, chosen: Sequence[Candidate], drawn: Drawn) -> None:
        """Keep what a prompt of a session that takes part was given, and what was withheld from it."""
        space = self.viewer.space(Scope.TEAM) if chosen else ""
        if not chosen or not self._takes_part_in(database, space):
            return
        at = datetime.now(UTC)
        made = [
            Offer(
                session_id=self.caller.session_id,
                skill_id=one.skill_id,
                version=one.version,
                channel=Channel.PROMPT,
                arm=Arm(drawn[one.skill_id][0]),
                share=drawn[one.skill_id][1],
                agent=self.caller.agent,
                at=at,
            )
            for one in chosen
            if one.skill_id in drawn
        ]
        if made:
            with database.write(space, alone=False) as workspace:
                offers.record(workspace, made)
