"""Find what several repositories have learnt independently of one another, and nothing has contradicted."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hivemind.distill import portable, portable_rules
from hivemind.distill.compose import MIN_SESSIONS
from hivemind.distill.miners import command, correction, fix
from hivemind.distill.portable import Claim
from hivemind.distill.witnesses import witnesses
from hivemind.store import across
from hivemind.store.across import Known, Sighting
from hivemind.store.database import Workspace

#: Repositories that must support a claim before it is told everywhere.
MIN_REPOSITORIES = 2
MIN_NAME_CHARS = 3
_LOGIN = re.compile(r"/(?:home|Users)/([^/]+)")
#: What belongs to one machine or one run: its line of an error is not told everywhere.
_OWN = re.compile(r"[/\\…]|\d{3}|\w\.\w")
_TELLING_RULE = re.compile(r"[-/:]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Count what supports something."""

    repositories: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()  #: login names, where the sessions' folders hold them

    def __or__(self, other: "Evidence") -> "Evidence":
        """Join what supports either."""
        return Evidence(
            repositories=self.repositories | other.repositories,
            sessions=self.sessions | other.sessions,
            agents=self.agents | other.agents,
            people=self.people | other.people,
        )

    def numbers(self) -> dict[str, int]:
        """Give the counts as a decision keeps them, beside the names of the agents."""
        return {
            "projects": len(self.repositories),
            "sessions": len(self.sessions),
            "people": len(self.people),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Hold the lessons of several projects that say the same."""

    kind: str
    key: str
    topic: str
    claims: tuple[Claim, ...]
    told: (
        Claim | None
    )  #: what would be told everywhere; None where too little or something against it is known
    lesson_ids: frozenset[str]
    supporting: frozenset[str]  #: the lessons of repositories that support it
    sightings: tuple[Sighting, ...]  #: of the supporting lessons
    places: Mapping[str, str]  #: supporting lesson → repository

    def evidence(self, *, until: datetime | None = None) -> Evidence:
        """Count the support, or what was known at a time; what has no time was."""
        seen = [s for s in self.sightings if until is None or s.at is None or s.at <= until]
        return Evidence(
            repositories=frozenset(self.places[s.lesson_id] for s in seen),
            sessions=frozenset(s.session_id for s in seen),
            agents=frozenset(s.agent for s in seen),
            people=frozenset(found[1] for s in seen if (found := _LOGIN.match(s.cwd))),
        )


def agreements(workspace: Workspace) -> list[Agreement]:
    """Give what lessons of two projects or more say, in a stable order, told or not."""
    known = across.lessons(workspace, kinds=portable.KINDS)
    if len({lesson.project_id for lesson in known}) < MIN_REPOSITORIES:
        return []
    names = _names(workspace)
    groups: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for lesson in known:
        if found := portable.claim(lesson, names=names):
            groups[found.kind, found.key].append(found)
    shared = {
        k: claims
        for k, claims in sorted(groups.items())
        if len({c.lesson.project_id for c in claims}) >= MIN_REPOSITORIES
    }
    if not shared:
        return []
    lessons = [c.lesson for claims in shared.values() for c in claims]
    places = witnesses(workspace, {lesson.project_id for lesson in lessons})
    seen = defaultdict[str, list[Sighting]](list)
    for sighting in across.sightings(workspace, {lesson.lesson_id for lesson in lessons}):
        seen[sighting.lesson_id].append(sighting)
    against = _Against.of(known, across.lessons(workspace, kinds=(command.KIND,)), keys=set(groups))
    return [_agreement(claims, places=places, seen=seen, against=against) for claims in shared.values()]


def _agreement(
    claims: Sequence[Claim],
    *,
    places: Mapping[str, str],
    seen: Mapping[str, list[Sighting]],
    against: "_Against",
) -> Agreement:
    by_place: dict[str, list[Claim]] = defaultdict(list)
    for c in claims:
        if place := places.get(c.lesson.project_id):
            by_place[place].append(c)
    supporting = {
        place: own
        for place, own in by_place.items()
        if _is_supported([s for c in own for s in seen.get(c.lesson.lesson_id, ())])
    }
    told = None
    if len(supporting) >= MIN_REPOSITORIES and not against.contradicts(claims):
        told = _told(supporting)
    first = claims[0]
    inside = {c.lesson.lesson_id: place for place, own in supporting.items() for c in own}
    return Agreement(
        kind=first.kind,
        key=first.key,
        topic=first.topic,
        claims=tuple(claims),
        told=told,
        lesson_ids=frozenset(c.lesson.lesson_id for c in claims),
        supporting=frozenset(inside),
        sightings=tuple(s for lesson_id in sorted(inside) for s in seen.get(lesson_id, ())),
        places=inside,
    )


def _is_supported(sightings: Iterable[Sighting]) -> bool:
    found = list(sightings)
    return any(s.explicit for s in found) or len({s.session_id for s in found}) >= MIN_SESSIONS


def _told(supporting: Mapping[str, list[Claim]]) -> Claim | None:
    """Word a claim so that it names nothing that only one of its repositories has."""
    claims = [c for place in sorted(supporting) for c in supporting[place]]
    first = min(claims, key=lambda c: c.lesson.lesson_id)
    if first.kind == correction.KIND:
        rules = {str(c.data["rule"]) for c in claims}
        return replace(first, data={"rule": portable_rules.said(rules, choice=bool(first.data["choice"]))})
    part = "error" if first.kind == fix.KIND else "message"
    texts = {place: {str(c.data.get(part, "")) for c in own} for place, own in supporting.items()}
    common = sorted(
        text
        for text in set().union(*texts.values())
        if text and sum(text in own for own in texts.values()) >= MIN_REPOSITORIES
    )
    text = next((t for t in common if part == "message" or not _OWN.search(t)), "")
    if part == "message" and not text and not _TELLING_RULE.search(str(first.data["rule"])):
        return None
    return replace(first, data={**first.data, part: text})


def _names(workspace: Workspace) -> set[str]:
    """Give the words that name a project or its owner."""
    texts = [f"{p.name} {p.remote.partition('/')[2]}" for p in across.projects(workspace)]
    words = {
        word
        for text in texts
        for parts in (r"[^\W_]+", r"[\w-]+")
        for word in re.findall(parts, text.lower())
    }
    return {word for word in words if len(word) >= MIN_NAME_CHARS}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Against:
    """Know what would contradict a claim: the opposite rule, or a project in which the failing call works."""

    rules: tuple[tuple[portable_rules.Signed, portable_rules.Signed | None], ...]
    programs: Mapping[str, frozenset[str]]  #: project → programs of its known commands
    keys: frozenset[tuple[str, str]]

    @classmethod
    def of(
        cls, known: Sequence[Known], commands: Sequence[Known], *, keys: set[tuple[str, str]]
    ) -> "_Against":
        rules = {str(x.data.get("rule", "")) for x in known if x.kind == correction.KIND}
        programs: dict[str, set[str]] = defaultdict(set)
        for lesson in commands:
            programs[lesson.project_id].add(str(lesson.data.get("command", "")).partition(" ")[0])
        return cls(
            rules=tuple((portable_rules.tools_in(r), portable_rules.read(r)) for r in sorted(rules)),
            programs={project_id: frozenset(found) for project_id, found in programs.items()},
            keys=frozenset(keys),
        )

    def contradicts(self, claims: Sequence[Claim]) -> bool:
        first = claims[0]
        if first.kind == correction.KIND:
            return self._contradicts_rule(claims)
        if first.kind != fix.KIND:
            return False
        failed, works = str(first.data["failed"]), str(first.data["fix"])
        if (first.kind, f"{works} -> {failed}") in self.keys:
            return True
        return " " not in failed and any(failed in programs for programs in self.programs.values())

    def _contradicts_rule(self, claims: Sequence[Claim]) -> bool:
        signed = portable_rules.read(str(claims[0].data["rule"]))
        if signed is None:
            return True
        for tools, whole in self.rules:
            if signed.opposes(whole) or signed.opposes(tools):
                return True
        if not signed.is_choice_of_tools:
            return False
        inside = {c.lesson.project_id for c in claims}
        return any(
            programs & signed.unwanted and not programs & signed.wanted
            for project_id, programs in self.programs.items()
            if project_id not in inside
        )
