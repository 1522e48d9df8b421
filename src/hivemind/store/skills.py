"""Write and read skills, their versions, decisions, installed files and evidence."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.domain.skills import LIVE_STATES, Finding, SkillDocument, SkillState
from hivemind.errors import HivemindError
from hivemind.store import changes, schema, search
from hivemind.store.database import Workspace

#: Bound parameters of one statement; SQLite before 3.32 allows 999.
_CHUNK = 900
#: States in which a skill's name is its own.
OPEN_STATES = (SkillState.CANDIDATE, *LIVE_STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """Hold a skill as it stands now."""

    skill_id: str
    name: str
    description: str  #: of the current version
    project_id: str  #: empty: every project
    project: str = ""  #: the project's name
    topic: str = ""
    state: SkillState
    version: int
    author: str = ""
    scope: str = "me"  #: `me`: made here; `team` and `org`: a server decides on it
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Hold one version of a skill; it never changes."""

    skill_id: str
    version: int
    content_hash: str
    document: SkillDocument
    requests: str = ""  #: prompts it was mined from, one a line
    origin: str
    author: str = ""
    lesson_ids: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Hold one change of state or version; `from_version` is None for the one that made the skill."""

    decision_id: str
    skill_id: str
    number: int
    at: datetime
    actor: str
    from_state: SkillState | None
    to_state: SkillState
    from_version: int | None
    to_version: int
    reason: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)
    undoes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """Hold one event that a skill's lessons rest on."""

    lesson_id: str
    role: str
    excerpt: str
    event_id: str
    session_id: str
    seq: int
    at: datetime | None
    kind: str
    tool_name: str
    text: str
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRoot:
    """Name a project and the folder where it was last seen."""

    project_id: str
    name: str
    root: str


def insert_skill(workspace: Workspace, skill: Skill, *, version: Version) -> None:
    """Store a new skill with its first version."""
    workspace.execute(
        schema.skills.insert().values(
            workspace_id=workspace.workspace_id,
            skill_id=skill.skill_id,
            name=skill.name,
            project_id=skill.project_id,
            topic=skill.topic,
            state=skill.state.value,
            version=skill.version,
            author=skill.author,
            scope=skill.scope,
            created_at=skill.created_at,
            updated_at=skill.updated_at,
        )
    )
    insert_version(workspace, version)
    _index(workspace, skill.skill_id)
    changes.note(workspace, skill.skill_id)


def insert_version(workspace: Workspace, version: Version) -> None:
    """Store a new version; the skill goes on with its old one until `set_current`."""
    document = version.document
    frontmatter = {
        "license": document.license,
        "compatibility": document.compatibility,
        "allowed_tools": document.allowed_tools,
        "metadata": document.metadata,
    }
    workspace.execute(
        schema.skill_versions.insert().values(
            workspace_id=workspace.workspace_id,
            skill_id=version.skill_id,
            version=version.version,
            content_hash=version.content_hash,
            name=document.name,
            description=document.description,
            body=document.body,
            frontmatter=frontmatter,
            requests=version.requests,
            origin=version.origin,
            author=version.author,
            lesson_ids=list(version.lesson_ids),
            gates=[asdict(finding) for finding in version.findings],
            created_at=version.created_at,
        )
    )


def set_current(workspace: Workspace, skill_id: str, *, state: SkillState, version: int) -> None:
    """Move a skill to a state and one of its versions, whose name it takes; the search index follows."""
    name = version_of(workspace, skill_id, version=version).document.name
    t = schema.skills
    workspace.execute(
        t.update()
        .where(t.c.workspace_id == workspace.workspace_id, t.c.skill_id == skill_id)
        .values(state=state.value, version=version, name=name, updated_at=datetime.now(UTC))
    )
    _index(workspace, skill_id)
    changes.note(workspace, skill_id)


def _index(workspace: Workspace, skill_id: str) -> None:
    """Make the index hold a skill exactly while agents may load it."""
    skill = by_id(workspace, skill_id)
    if skill.state not in LIVE_STATES:
        search.forget_skill(workspace, skill_id)
        return
    version = version_of(workspace, skill_id, version=skill.version)
    search.index_skill(
        workspace,
        search.SkillEntry(
            skill_id=skill_id,
            project_id=skill.project_id,
            name=skill.name,
            description=skill.description,
            requests=version.requests,
            body=version.document.body,
        ),
    )


def append_decision(workspace: Workspace, decision: Decision) -> None:
    """Add a decision to the ledger."""
    values = {name: getattr(decision, name) for name in Decision.__dataclass_fields__}
    values |= {
        "from_state": decision.from_state.value if decision.from_state else "",
        "to_state": decision.to_state.value,
    }
    workspace.execute(schema.decisions.insert().values(workspace_id=workspace.workspace_id, **values))


def listed(
    workspace: Workspace,
    *,
    states: Sequence[SkillState] = (),
    project_id: str | None = None,
    topic: str | None = None,
    skill_ids: Collection[str] | None = None,
) -> list[Skill]:
    """Give skills, the latest changed first; of a project's own and of every project's where one is given.

    With `skill_ids` only those of them, in no order where they are many.
    """
    query = _skills(workspace).order_by(schema.skills.c.updated_at.desc(), schema.skills.c.skill_id)
    if states:
        query = query.where(schema.skills.c.state.in_([state.value for state in states]))
    if project_id is not None:
        query = query.where(schema.skills.c.project_id.in_(sorted({project_id, ""})))
    if topic is not None:
        query = query.where(schema.skills.c.topic == topic)
    if skill_ids is None:
        return [_skill(row) for row in workspace.execute(query)]
    chosen = (query.where(schema.skills.c.skill_id.in_(chunk)) for chunk in _chunks(sorted(skill_ids)))
    return [_skill(row) for each in chosen for row in workspace.execute(each)]


def live_among(workspace: Workspace, skill_ids: Collection[str]) -> set[str]:
    """Give those of some skills that agents may load."""
    t = schema.skills
    live = sa.select(t.c.skill_id).where(
        t.c.workspace_id == workspace.workspace_id, t.c.state.in_([state.value for state in LIVE_STATES])
    )
    return {
        skill_id
        for chunk in _chunks(sorted(skill_ids))
        for skill_id in workspace.execute(live.where(t.c.skill_id.in_(chunk))).scalars()
    }


def stated_by(workspace: Workspace, *, states: Sequence[SkillState]) -> dict[str, list[str]]:
    """Give the lessons that the current versions of skills state, of those that state any."""
    t, v = schema.skills, schema.skill_versions
    here = sa.and_(
        v.c.workspace_id == t.c.workspace_id, v.c.skill_id == t.c.skill_id, v.c.version == t.c.version
    )
    rows = workspace.execute(
        sa.select(t.c.skill_id, v.c.lesson_ids)
        .join(v, here)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.state.in_([state.value for state in states]))
        .where(sa.type_coerce(v.c.lesson_ids, sa.Text) != "[]")
    )
    return {row.skill_id: list(row.lesson_ids) for row in rows}


def projects_of(workspace: Workspace, skill_ids: Collection[str]) -> dict[str, str]:
    """Give the project of each of some skills."""
    t = schema.skills
    query = sa.select(t.c.skill_id, t.c.project_id).where(t.c.workspace_id == workspace.workspace_id)
    return {
        row.skill_id: row.project_id
        for chunk in _chunks(sorted(skill_ids))
        for row in workspace.execute(query.where(t.c.skill_id.in_(chunk)))
    }


def find(workspace: Workspace, reference: str, *, project_id: str | None = None) -> Skill:
    """Give a skill by id, name or unambiguous beginning of its id.

    Of several with a name, those of the given project and then those not retired or rejected are preferred.
    """
    t = schema.skills
    query = _skills(workspace).where(
        sa.or_(t.c.name == reference, t.c.skill_id.startswith(reference, autoescape=True))
    )
    found = [
        _skill(row) for row in workspace.execute(query.order_by(t.c.created_at, t.c.skill_id).limit(100))
    ]
    named = [s for s in found if s.name == reference]
    mine = [s for s in named if s.project_id == project_id]
    choices = (
        [s for s in found if s.skill_id == reference],
        [s for s in mine if s.state in OPEN_STATES],
        [s for s in named if s.state in OPEN_STATES],
        mine,
        named,
        found,
    )
    chosen = next((choice for choice in choices if choice), [])
    if reference and len(chosen) == 1:
        return chosen[0]
    if reference and chosen:
        ids = ", ".join(s.skill_id for s in chosen[:5])
        raise _unknown(f"{reference!r} names several skills: {ids}")
    raise _unknown(f"{reference!r} is not a skill here")


def _unknown(message: str) -> HivemindError:
    return HivemindError("skill-unknown", message, hint="`hivemind skills list` shows names and ids")


def by_id(workspace: Workspace, skill_id: str) -> Skill:
    """Give a skill by its whole id."""
    row = workspace.execute(_skills(workspace).where(schema.skills.c.skill_id == skill_id)).first()
    if row is None:
        raise _unknown(f"{skill_id!r} is not a skill here")
    return _skill(row)


def _skills(workspace: Workspace) -> sa.Select[Any]:
    t, v, p = schema.skills, schema.skill_versions, schema.projects
    return (
        sa.select(t, v.c.description, sa.func.coalesce(p.c.name, "").label("project"))
        .join(
            v,
            sa.and_(
                v.c.workspace_id == t.c.workspace_id, v.c.skill_id == t.c.skill_id, v.c.version == t.c.version
            ),
        )
        .outerjoin(p, sa.and_(p.c.workspace_id == t.c.workspace_id, p.c.project_id == t.c.project_id))
        .where(t.c.workspace_id == workspace.workspace_id)
    )


def _skill(row: Any) -> Skill:
    # A library has many: the mapping of a row takes as long as all else.
    values = dict(zip(row._fields, row, strict=True))
    del values["workspace_id"]
    values["state"] = SkillState(values["state"])
    return Skill(**values)


def version_of(workspace: Workspace, skill_id: str, *, version: int) -> Version:
    """Give one version of a skill."""
    found = versions(workspace, skill_id, only=version)
    if not found:
        raise _unknown(f"skill {skill_id!r} has no version {version}")
    return found[0]


def versions(workspace: Workspace, skill_id: str, *, only: int | None = None) -> list[Version]:
    """Give a skill's versions, the first first."""
    t = schema.skill_versions
    query = sa.select(t).where(t.c.workspace_id == workspace.workspace_id, t.c.skill_id == skill_id)
    if only is not None:
        query = query.where(t.c.version == only)
    return [_version(row) for row in workspace.execute(query.order_by(t.c.version))]


def current_among(workspace: Workspace, found: Sequence[Skill]) -> dict[str, Version]:
    """Give the current versions of some skills, by their ids."""
    t = schema.skill_versions
    by_number: dict[int, list[str]] = {}
    for one in found:
        by_number.setdefault(one.version, []).append(one.skill_id)
    named = (sa.and_(t.c.version == number, t.c.skill_id.in_(ids)) for number, ids in by_number.items())
    # By the key, not by a join: PostgreSQL goes wrong about that in a table that it has no figures of yet.
    query = sa.select(t).where(t.c.workspace_id == workspace.workspace_id, sa.or_(sa.false(), *named))
    return {row.skill_id: _version(row) for row in workspace.execute(query)}


def current_versions(
    workspace: Workspace, *, states: Sequence[SkillState], project_id: str | None = None
) -> list[Version]:
    """Give the current versions of skills; of a project's own and of every project's where one is given."""
    t, s = schema.skill_versions, schema.skills
    query = (
        sa.select(t)
        .join(
            s,
            sa.and_(
                s.c.workspace_id == t.c.workspace_id, s.c.skill_id == t.c.skill_id, s.c.version == t.c.version
            ),
        )
        .where(t.c.workspace_id == workspace.workspace_id, s.c.state.in_([state.value for state in states]))
        .order_by(t.c.skill_id)
    )
    if project_id is not None:
        query = query.where(s.c.project_id.in_(sorted({project_id, ""})))
    return [_version(row) for row in workspace.execute(query)]


def _version(row: Any) -> Version:
    return Version(
        skill_id=row.skill_id,
        version=row.version,
        content_hash=row.content_hash,
        document=SkillDocument(name=row.name, description=row.description, body=row.body, **row.frontmatter),
        requests=row.requests,
        origin=row.origin,
        author=row.author,
        lesson_ids=tuple(row.lesson_ids),
        findings=tuple(Finding(**finding) for finding in row.gates),
        created_at=row.created_at,
    )


def names(
    workspace: Workspace, *, states: Sequence[SkillState], project_id: str | None = None
) -> dict[str, str]:
    """Give the names of skills by id; of a project's own and of every project's where one is given."""
    t = schema.skills
    query = sa.select(t.c.skill_id, t.c.name).where(
        t.c.workspace_id == workspace.workspace_id, t.c.state.in_([state.value for state in states])
    )
    if project_id is not None:
        query = query.where(t.c.project_id.in_(sorted({project_id, ""})))
    return {row.skill_id: row.name for row in workspace.execute(query.order_by(t.c.skill_id))}


def decisions(workspace: Workspace, skill_id: str) -> list[Decision]:
    """Give the ledger of a skill, the first decision first."""
    t = schema.decisions
    rows = workspace.execute(
        sa.select(t)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.skill_id == skill_id)
        .order_by(t.c.number)
    )
    return [_decision(row) for row in rows]


def begun_by(workspace: Workspace, actor: str) -> set[str]:
    """Give the skills of which an actor made the first decision."""
    t = schema.decisions
    rows = workspace.execute(
        sa.select(t.c.skill_id).where(
            t.c.workspace_id == workspace.workspace_id, t.c.number == 1, t.c.actor == actor
        )
    )
    return set(rows.scalars())


def _decision(row: Any) -> Decision:
    values = {name: row._mapping[name] for name in Decision.__dataclass_fields__}
    values["from_state"] = SkillState(row.from_state) if row.from_state else None
    values["to_state"] = SkillState(row.to_state)
    return Decision(**values)


def evidence_of(workspace: Workspace, lesson_ids: Sequence[str]) -> list[Cited]:
    """Give the events that lessons rest on, each once a lesson and role, in the order they happened."""
    e, t = schema.evidence, schema.events
    columns = (t.c.seq, t.c.at, t.c.kind, t.c.tool_name, t.c.text, t.c.data)
    found: dict[tuple[str, str, str], Cited] = {}
    for chunk in _chunks(lesson_ids):
        rows = workspace.execute(
            sa.select(e.c.lesson_id, e.c.role, e.c.excerpt, e.c.event_id, e.c.session_id, *columns)
            .join(t, sa.and_(t.c.workspace_id == e.c.workspace_id, t.c.event_id == e.c.event_id))
            .where(e.c.workspace_id == workspace.workspace_id, e.c.lesson_id.in_(chunk))
            .order_by(schema.earliest(t.c.at), t.c.session_id, t.c.seq)
        )
        for row in rows:
            found.setdefault((row.lesson_id, row.role, row.event_id), Cited(**row._mapping))
    return list(found.values())


def evidence_texts(workspace: Workspace, lesson_ids: Sequence[str]) -> tuple[str, ...]:
    """Give every text of the cited events once, each string of a tool call's input on its own."""
    texts: dict[str, None] = {}
    for cited in evidence_of(workspace, lesson_ids):
        texts |= dict.fromkeys(text for text in (cited.text, *_strings(cited.data)) if text)
    return tuple(texts)


def _strings(data: Any) -> Iterator[str]:
    work = [data]
    while work:
        item = work.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            work += item.values()
        elif isinstance(item, list):
            work += item


def support(workspace: Workspace, lesson_ids: Sequence[str]) -> int:
    """Count the distinct sessions that show any of the lessons."""
    t, seen = schema.occurrences, set[str]()
    shown = sa.select(t.c.session_id).distinct().where(t.c.workspace_id == workspace.workspace_id)
    for chunk in _chunks(lesson_ids):
        seen.update(workspace.execute(shown.where(t.c.lesson_id.in_(chunk))).scalars())
    return len(seen)


def _chunks(keys: Sequence[str]) -> Iterator[list[str]]:
    unique = list(dict.fromkeys(keys))
    for start in range(0, len(unique), _CHUNK):
        yield unique[start : start + _CHUNK]


def project_roots(workspace: Workspace) -> list[ProjectRoot]:
    """Give the projects that were seen in a folder."""
    t = schema.projects
    rows = workspace.execute(
        sa.select(t.c.project_id, t.c.name, t.c.root)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.root != "")
        .order_by(t.c.root, t.c.project_id)
    )
    return [ProjectRoot(**row._mapping) for row in rows]


def counts(workspace: Workspace) -> dict[SkillState, int]:
    """Count the skills in each state."""
    t = schema.skills
    query = sa.select(t.c.state, sa.func.count().label("number")).group_by(t.c.state)
    rows = workspace.execute(query.where(t.c.workspace_id == workspace.workspace_id))
    found = {row.state: row.number for row in rows}
    return {state: found.get(state.value, 0) for state in SkillState}
