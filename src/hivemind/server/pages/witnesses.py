"""Say whose sessions a skill rests on, on a team's server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hivemind.server.pages.asking import Asked
from hivemind.store import accounts, evidence
from hivemind.store.database import Workspace
from hivemind.store.evidence import Witness

#: Sessions that a page names; the others are counted.
MAX_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """Hold the sessions that show the lessons of a skill, with who sent each."""

    sessions: Sequence[Witness] = ()  #: the latest
    left: int = 0  #: more of them
    people: int = 0
    names: dict[str, str] = field(default_factory=dict)  #: by session


def members(page: Asked) -> dict[str, str]:
    """Give the names of the team's people by their ids; nobody on a machine's own pages."""
    if page.site.is_local:
        return {}
    with page.site.database.read(page.viewer.workspace_id) as team:
        return {one.person_id: one.name for one in accounts.members(team, with_removed=True)}


def of_lessons(workspace: Workspace, lesson_ids: Sequence[str], *, known: Mapping[str, str]) -> Witnesses:
    """Give whose sessions show lessons; nothing where nobody is known, as on a machine of one person."""
    if not known:
        return Witnesses()
    found = evidence.witnesses(workspace, lesson_ids)
    return Witnesses(
        sessions=found[:MAX_SHOWN],
        left=max(0, len(found) - MAX_SHOWN),
        people=len({one.person_id for one in found if one.person_id}),
        names={one.session_id: known.get(one.person_id, "") for one in found},
    )
