"""Distil: grade and mine what is new, recount lessons, draft, write, gate, and hand to the library.

Sessions count as mined only once the skills of their project hold what they showed, in one transaction: a run
that is killed does its last project again, and ends with the same skills.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypedDict

import sqlalchemy as sa

from hivemind.distill import compose, miners, session_view
from hivemind.distill.contrast import storing as contrast
from hivemind.distill.grading import sweep
from hivemind.distill.report import Change, DistillReport
from hivemind.distill.writers import template
from hivemind.domain.lessons import Lesson
from hivemind.domain.skills import Finding, SkillDocument, SkillState
from hivemind.library import gates, lifecycle
from hivemind.library.document import content_hash
from hivemind.store import lessons, schema, sessions, skills
from hivemind.store.database import Database, Workspace

#: Requests that a skill is found by, at most.
MAX_REQUESTS = 10
MAX_REQUESTS_CHARS = 2_000
ORIGIN = "template"
#: A model worded what the template wrote (see `reword`).
MODEL_ORIGIN = "model"
ACTOR = "policy:distill"


def distill(
    database: Database,
    workspace_id: str,
    *,
    author: str,
    policy: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> DistillReport:
    """Mine the sessions that have something new, and bring the skills of their projects up to date."""
    report = DistillReport()
    sweep.grade_new(database, workspace_id)
    with database.read(workspace_id) as workspace:
        waiting = lessons.unmined(workspace, miners_version=miners.VERSION)
    for project_id in sorted({session.project_id for session in waiting}):
        chosen = [session for session in waiting if session.project_id == project_id]
        concerned = {project_id}
        for session in chosen:
            concerned |= _mine(database, workspace_id, session)
            report.sessions_mined += 1
            if progress is not None:
                progress(report.sessions_mined, len(waiting))
        with database.write(workspace_id) as workspace:
            for each in sorted(filter(None, concerned)):
                contrast.refresh(workspace, each)
                known = lessons.of_project(workspace, each)
                report.lessons += len(known)
                report.changes += _compose(workspace, each, known, author=author, policy=policy)
            lessons.mark_mined(workspace, chosen, miners_version=miners.VERSION)
    return report


def _mine(database: Database, workspace_id: str, session: Any) -> set[str]:
    with database.read(workspace_id) as workspace:
        rows = sessions.events_of(workspace, session.session_id)
    view = session_view.build(
        rows,
        session_id=session.session_id,
        project_id=session.project_id,
        project_name=session.project or "",
        root=_root(session),
    )
    found = miners.mine(view)
    with database.write(workspace_id) as workspace:
        concerned = lessons.replace_occurrences(workspace, session, occurrences=found)
        return lessons.refresh(workspace, list(concerned))


def _root(session: Any) -> str:
    """Give the folder that a session's paths are below: another checkout of a project lies elsewhere."""
    root, cwd = session.root or "", session.cwd or ""
    return root if not cwd or cwd == root or cwd.startswith(root.rstrip("/") + "/") else cwd


def _compose(
    workspace: Workspace,
    project_id: str,
    known: Sequence[Lesson],
    *,
    author: str,
    policy: str,
) -> list[Change]:
    project, folders = _project(workspace, project_id)
    if not folders:
        return _retire_left(workspace, project_id)
    name = project.name if project else "project"
    drafts = compose.drafts(known, project_id=project_id, project_name=name)
    return [_apply(workspace, draft, author=author, policy=policy) for draft in drafts]


def _project(workspace: Workspace, project_id: str) -> tuple[Any, set[str]]:
    """Give a project, if it has a row, and the folders that its sessions ran in."""
    p, s = schema.projects, schema.sessions
    project = workspace.execute(
        sa.select(p).where(p.c.workspace_id == workspace.workspace_id, p.c.project_id == project_id)
    ).first()
    here = sa.and_(s.c.workspace_id == workspace.workspace_id, s.c.project_id == project_id)
    return project, set(workspace.execute(sa.select(s.c.cwd).where(here).distinct()).scalars())


def context_of(
    workspace: Workspace, *, project_id: str, lesson_ids: Sequence[str], skill_id: str
) -> gates.GateContext:
    """Gather what the gates judge a mined document against."""
    project, folders = _project(workspace, project_id)
    roots = tuple(sorted({project.root if project else "", *folders} - {""}))
    context = lifecycle.context_for(
        workspace, project_id=project_id, lesson_ids=lesson_ids, skill_id=skill_id
    )
    return replace(context, evidence_texts=_below(roots, context.evidence_texts))


def _retire_left(workspace: Workspace, project_id: str) -> list[Change]:
    """Retire what was written for a folder whose sessions turned out to belong to another project."""
    left = skills.listed(workspace, project_id=project_id, states=skills.OPEN_STATES)
    changes = []
    for held in left:
        if (
            held.project_id == project_id
            and held.state is SkillState.TRIAL
            and not _hands_off(workspace, held)
        ):
            reason = "its sessions belong to another project now"
            gone = lifecycle.decide(workspace, held.skill_id, SkillState.RETIRED, actor=ACTOR, reason=reason)
            changes.append(_change(gone, "retired", reason=reason))
    return changes


def _apply(workspace: Workspace, draft: compose.Draft, *, author: str, policy: str) -> Change:
    held = _held(workspace, draft)
    if held is not None and (why := _hands_off(workspace, held)):
        return _change(held, "kept", reason=why)
    document = template.write(draft)
    if held is not None:
        document = replace(document, name=held.name)
        if _is_worded(workspace, held, document):
            return _change(held, "kept")
    lesson_ids = [x.lesson_id for x in draft.lessons]
    context = context_of(
        workspace,
        project_id=draft.project_id,
        lesson_ids=lesson_ids,
        skill_id=held.skill_id if held else "",
    )
    findings = gates.check(document, context)
    if stopped := gates.blocking(findings):
        return Change(name=document.name, action="refused", findings=findings, reason=stopped[0].message)
    numbers = {"sessions": draft.sessions, "lessons": len(lesson_ids)}
    said = _Said(
        requests=_requests(draft),
        lesson_ids=lesson_ids,
        origin=ORIGIN,
        author=author,
        findings=findings,
        actor=ACTOR,
        numbers=numbers,
    )
    if held is None:
        skill = lifecycle.create(
            workspace,
            document,
            project_id=draft.project_id,
            topic=draft.topic,
            reason=f"passed every gate, with evidence from {_count(draft.sessions, 'session')}",
            **said,
        )
        skill = lifecycle.admit(workspace, skill.skill_id, policy=policy, numbers=numbers)
        return _change(skill, "created", findings)
    reason = f"{_count(len(lesson_ids), 'lesson')} from {_count(draft.sessions, 'session')} now"
    skill = lifecycle.add_version(workspace, held.skill_id, document, reason=reason, **said)
    return _change(skill, "improved" if skill.version != held.version else "kept", findings)


class _Said(TypedDict):
    requests: str
    lesson_ids: list[str]
    origin: str
    author: str
    findings: tuple[Finding, ...]
    actor: str
    numbers: dict[str, int]


def _held(workspace: Workspace, draft: compose.Draft) -> skills.Skill | None:
    found = [
        s
        for s in skills.listed(workspace, project_id=draft.project_id, topic=draft.topic)
        if s.project_id == draft.project_id
    ]
    return next((s for s in found if s.state in skills.OPEN_STATES), found[0] if found else None)


def _hands_off(workspace: Workspace, held: skills.Skill) -> str:
    """Say why a skill is not changed by the machine; empty where it may be."""
    if held.state not in skills.OPEN_STATES:
        return f"it was {held.state} before"
    origin = skills.version_of(workspace, held.skill_id, version=held.version).origin
    return "" if origin in (ORIGIN, MODEL_ORIGIN) else "a person wrote its current version"


def _is_worded(workspace: Workspace, held: skills.Skill, document: SkillDocument) -> bool:
    """Say whether a skill's current version is a model's wording of this very document."""
    known = skills.versions(workspace, held.skill_id)
    if known[-1].origin != MODEL_ORIGIN or known[-1].version != held.version:
        return False
    plain = next((v for v in reversed(known) if v.origin == ORIGIN), None)
    return plain is not None and plain.content_hash == content_hash(document)


def _change(
    skill: skills.Skill, action: str, findings: tuple[Finding, ...] = (), *, reason: str = ""
) -> Change:
    return Change(
        name=skill.name,
        action=action,
        skill_id=skill.skill_id,
        state=skill.state,
        findings=findings,
        reason=reason,
    )


def _below(roots: tuple[str, ...], texts: tuple[str, ...]) -> tuple[str, ...]:
    """Add the texts with the project's own folders left out of their paths, as lessons quote them."""
    prefixes = [root.rstrip("/") + "/" for root in roots if root.strip("/")]
    return (*texts, *(text.replace(p, "") for p in prefixes for text in texts if p in text))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _requests(draft: compose.Draft) -> str:
    """Give what people had asked for when the lessons came up; checks are run whatever was asked."""
    if draft.topic == compose.CHECKS_TOPIC:
        return ""
    asked = [e.excerpt for x in draft.lessons for e in x.evidence if e.role == "request"]
    distinct = list(dict.fromkeys(" ".join(a.split()) for a in asked))[:MAX_REQUESTS]
    return "\n".join(distinct)[:MAX_REQUESTS_CHARS]
