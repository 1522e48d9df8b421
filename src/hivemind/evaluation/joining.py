"""Exposures from offers: which skill each episode was given or had withheld, once an episode.

All of it is derived again whenever a session is graded again; the same offers and events always give the same
exposures.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hivemind.agents import registry
from hivemind.domain.events import EventKind
from hivemind.domain.exposures import Arm, Channel
from hivemind.evaluation import following, sightings
from hivemind.evaluation.following import Called
from hivemind.store import episodes as graded
from hivemind.store import exposures as stored
from hivemind.store import skills
from hivemind.store.database import Database, Workspace
from hivemind.store.exposures import Exposure

#: So far apart a prompt in the transcript and the answer to its hook can be: both clocks are one.
PROMPT_TOLERANCE = timedelta(seconds=10)
#: So long a prompt can wait in the agent's queue before it is written down.
MAX_QUEUED = timedelta(hours=1)
#: An offer whose episode has not come by then is left: its prompt was never written down.
WAIT_FOR_EPISODE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """Hold an offer in its episode, with where and when the agent had it."""

    offer: Any
    episode: Any
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    """Hold what places offers and calls in a session's episodes."""

    session: Any
    episodes: Sequence[Any]
    prompts: Sequence[Any]  #: of the person, as far as their time is known
    calls: Sequence[Any]
    places: Mapping[str, Any]  #: of the events that offers came from
    starts: Sequence[int]  #: where episodes begin
    times: Sequence[datetime]  #: when they begin; empty where that is not known, or not in order
    agents: Mapping[str, Any]  #: first events of subagents

    def episode_of(self, event: Any) -> Any:
        """Give the episode that an event is in; a subagent is in the one in which it began."""
        first = self.agents.get(event.agent_id, event) if event.agent_id else event
        if event.agent_id and first.at is not None and self.times:
            return self.episodes[max(0, bisect_right(self.times, first.at) - 1)]
        return self.episodes[max(0, bisect_right(self.starts, first.seq) - 1)]

    def place(self, offer: Any) -> _Placed | None:
        """Put an offer into its episode; None while that is not stored."""
        if offer.event_id:
            event = self.places.get(offer.event_id)
        elif offer.channel == Channel.PROMPT and self.prompts:
            event = self._prompt_of(offer)
        else:
            event = None
        if event is not None:
            return _Placed(
                offer=offer, episode=self.episode_of(event), seq=event.seq, at=event.at or offer.at
            )
        episode = None if offer.event_id else self._around(offer.at)
        return episode and _Placed(offer=offer, episode=episode, seq=episode.first_seq, at=offer.at)

    def _prompt_of(self, offer: Any) -> Any:
        """Give the prompt that an offer came with: the nearest, else the next, which was in a queue."""
        near = min(self.prompts, key=lambda prompt: abs(prompt.at - offer.at))
        if abs(near.at - offer.at) <= PROMPT_TOLERANCE:
            return near
        later = next((prompt for prompt in self.prompts if prompt.at > offer.at), None)
        waits = later is not None and (later is self.prompts[0] or later.at - offer.at <= MAX_QUEUED)
        return later if waits else None

    def _around(self, at: datetime) -> Any:
        """Give the episode that was going on; the first for what came before all, None after the last."""
        if not self.times:
            return self.episodes[-1]
        episode = self.episodes[max(0, bisect_right(self.times, at) - 1)]
        return episode if episode.ended_at is not None and at <= episode.ended_at + PROMPT_TOLERANCE else None


def renew(workspace: Workspace, session_id: str) -> bool:
    """Derive a session's offers from its events and its exposures from its offers; False for nothing new.

    To be called in the transaction that stores its episodes: then a session is derived again exactly when it
    is graded again, whatever is killed in between.
    """
    sightings.record(workspace, session_id)
    return join_session(workspace, session_id)


def join_session(workspace: Workspace, session_id: str) -> bool:
    """Derive a session's exposures from its offers and episodes; False where they are what they were."""
    return stored.replace_of_session(workspace, session_id, derive(workspace, session_id))


def join_new(database: Database, workspace_id: str, *, now: datetime | None = None) -> int:
    """Join what came without its session being graded again; give the number of sessions that changed.

    That is an offer which was stored late, and a session that moved to another project or lost an episode.
    """
    since = (now or datetime.now(UTC)) - WAIT_FOR_EPISODE
    with database.read(workspace_id) as workspace:
        waiting = stored.left_behind(workspace)
        waiting += [one for one in stored.unjoined(workspace, since=since) if _is_behind(workspace, one)]
    changed = 0
    for session_id in dict.fromkeys(waiting):
        with database.write(workspace_id) as workspace:
            changed += join_session(workspace, session_id)
    return changed


def _is_behind(workspace: Workspace, session_id: str) -> bool:
    """Say whether a session's exposures are others than its offers make now."""
    joined = {replace(row, followed=None) for row in stored.of_session(workspace, session_id)}
    story, placed = _place_all(workspace, session_id, with_calls=False)
    return story is not None and joined != set(_rows(story, placed))


def derive(workspace: Workspace, session_id: str) -> list[Exposure]:
    """Derive a session's exposures without storing them."""
    story, placed = _place_all(workspace, session_id, with_calls=True)
    if story is None:
        return []
    bodies = _bodies(workspace, {(one.offer.skill_id, one.offer.version) for one in placed})
    calls: dict[str, list[Any]] = {}
    for call in story.calls:
        calls.setdefault(story.episode_of(call).episode_id, []).append(call)
    rows = []
    for row, first in _rows(story, placed).items():
        body = bodies.get((row.skill_id, row.version), "")
        later = [_called(call) for call in calls.get(row.episode_id, ()) if _is_after(call, first)]
        rows.append(replace(row, followed=following.followed(body, later)))
    return rows


def _rows(story: _Story, placed: Sequence[_Placed]) -> dict[Exposure, _Placed]:
    """Make the exposures of placed offers, each with its first one."""
    groups: dict[tuple[str, str], list[_Placed]] = {}
    for one in placed:
        groups.setdefault((one.episode.episode_id, one.offer.skill_id), []).append(one)
    leaked = _leaked([one.offer for one in placed])
    return {
        _exposure(group, session=story.session, is_leaked=skill_id in leaked): group[0]
        for (_, skill_id), group in groups.items()
    }


def _place_all(
    workspace: Workspace, session_id: str, *, with_calls: bool
) -> tuple[_Story | None, list[_Placed]]:
    """Put a session's offers into its episodes, in order of time; one that has none yet is left out."""
    offers = stored.offers_of(workspace, session_id)
    session = stored.session_of(workspace, session_id) if offers else None
    found = graded.of_session(workspace, session_id) if session is not None else []
    if not found:
        return None, []
    steps = stored.steps_of(workspace, session_id, with_calls=with_calls)
    began = [one.started_at for one in found if one.started_at is not None]
    story = _Story(
        session=session,
        episodes=found,
        prompts=[e for e in steps if e.kind == EventKind.PROMPT and not e.agent_id and e.at is not None],
        calls=[e for e in steps if e.kind == EventKind.TOOL_CALL],
        places=stored.places_of(workspace, session_id, [o.event_id for o in offers if o.event_id]),
        starts=[one.first_seq for one in found],
        times=began if len(began) == len(found) and began == sorted(began) else [],
        agents=stored.agents_began(workspace, session_id),
    )
    placed = [one for offer in offers if (one := story.place(offer)) is not None]
    return story, sorted(placed, key=lambda one: (one.at, one.offer.at, one.offer.offer_id))


def _leaked(offers: Sequence[Any]) -> frozenset[str]:
    """Name the skills that were withheld from a session which had them all the same."""
    arms: dict[str, set[str]] = {}
    for offer in offers:
        arms.setdefault(offer.skill_id, set()).add(offer.arm)
    return frozenset(skill_id for skill_id, seen in arms.items() if len(seen) > 1)


def _bodies(workspace: Workspace, wanted: set[tuple[str, int]]) -> dict[tuple[str, int], str]:
    return {
        (skill_id, number): version.document.body
        for skill_id, number in wanted
        for version in skills.versions(workspace, skill_id, only=number)
    }


def _exposure(group: Sequence[_Placed], *, session: Any, is_leaked: bool) -> Exposure:
    """Make one row of the offers of a skill to an episode."""
    offer, episode = group[0].offer, group[0].episode
    return Exposure(
        episode_id=episode.episode_id,
        skill_id=offer.skill_id,
        session_id=session.session_id,
        project_id=session.project_id,
        version=offer.version,
        arm=Arm.LEAKED if is_leaked else Arm(offer.arm),
        # What an agent asks for itself is no part of the experiment: who is refused has no counterpart.
        share=max((one.offer.share for one in group if one.offer.channel == Channel.PROMPT), default=0.0),
        channel=Channel(offer.channel),
        agent=offer.agent or session.agent,
        request_model=episode.request_model or offer.request_model or session.request_model,
        followed=None,
        at=offer.at,
    )


def _called(event: Any) -> Called:
    return Called(tool_name=event.tool_name, command=event.text if event.tool_name in _shell_tools() else "")


def _is_after(event: Any, placed: _Placed) -> bool:
    if event.at is None or event.at == placed.at:
        return bool(event.seq > placed.seq)
    return bool(event.at > placed.at)


@cache
def _shell_tools() -> frozenset[str]:
    return frozenset[str]().union(*(agent.shell_tools for agent in registry.agents()))
