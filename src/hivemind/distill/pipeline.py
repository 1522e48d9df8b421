"""Distil: grade and mine what is new, recount lessons, draft, write, gate, and hand to the library.

Sessions count as mined only once the skills of their project hold what they showed, in one transaction: a run
that is killed does its last project again, and ends with the same skills.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from hivemind.distill import compose, miners, repositories, revise, session_view, widening
from hivemind.distill.contrast import storing as contrast
from hivemind.distill.contrast.stated import Stated
from hivemind.distill.grading import sweep
from hivemind.distill.report import Change, DistillReport, Progress
from hivemind.distill.revise import History
from hivemind.distill.writers import template
from hivemind.domain.lessons import Lesson
from hivemind.domain.skills import Finding, SkillState
from hivemind.library import gates, lifecycle
from hivemind.store import lessons, schema, sessions, skills
from hivemind.store.database import Database, Workspace

#: Requests that a skill is found by, at most.
MAX_REQUESTS = 10
MAX_REQUESTS_CHARS = 2_000
ORIGIN = revise.TEMPLATE
MODEL_ORIGIN = revise.MODEL
ACTOR = "policy:distill"


def distill(
    database: Database,
    workspace_id: str,
    *,
    author: str,
    policy: str = "auto",
    project_id: str | None = None,
    progress: Progress = lambda _doing, _done, _total: None,
    graded: Callable[[Workspace, str], object] = lambda _workspace, _session_id: None,
) -> DistillReport:
    """Mine the sessions that have something new, and bring the skills of their projects up to date.

    Of one project alone where one is given, whatever others have that is new: several workers then share
    the work, and `settle` follows. `graded` is called with each session that was graded, in the transaction
    that stores its episodes.
    """
    report = DistillReport()
    if project_id is None:
        repositories.unite(database, workspace_id, miners_version=miners.VERSION)
    sweep.grade_new(
        database, workspace_id, project_id=project_id, graded=graded, progress=partial(progress, "grading")
    )
    with database.read(workspace_id) as workspace:
        waiting = lessons.unmined(workspace, miners_version=miners.VERSION, project_id=project_id)
        due = {session.project_id for session in waiting}
        due |= widening.unsettled(workspace) if project_id is None else {project_id}
    for each in sorted(due):
        chosen = [session for session in waiting if session.project_id == each]
        concerned = {each}
        for session in chosen:
            concerned |= _mine(database, workspace_id, session)
            report.sessions_mined += 1
            progress("mining", report.sessions_mined, len(waiting))
        with database.write(workspace_id) as workspace:
            for one in sorted(filter(None, concerned)):
                contrast.refresh(workspace, one, known=partial(_stated, workspace, one))
                known = lessons.of_project(workspace, one)
                report.lessons += len(known)
                report.changes += _compose(workspace, one, known, author=author, policy=policy)
            lessons.mark_mined(workspace, chosen, miners_version=miners.VERSION)
    if project_id is None:
        report.changes += _widened(database, workspace_id, author=author, policy=policy)
    return report


def settle(database: Database, workspace_id: str, *, author: str, policy: str) -> DistillReport:
    """Bring what concerns several projects up to date, after each was distilled alone."""
    repositories.unite(database, workspace_id, miners_version=miners.VERSION)
    report = DistillReport()
    with database.read(workspace_id) as workspace:
        unsettled = widening.unsettled(workspace)
    for project_id in sorted(unsettled):
        done = distill(database, workspace_id, author=author, policy=policy, project_id=project_id)
        report.changes += done.changes
    report.changes += _widened(database, workspace_id, author=author, policy=policy)
    return report


def _widened(database: Database, workspace_id: str, *, author: str, policy: str) -> list[Change]:
    with database.write(workspace_id) as workspace:
        return widening.widen(workspace, author=author, policy=policy)


def _stated(workspace: Workspace, project_id: str) -> list[Stated]:
    """Give what a project's skills state; one that a person or its numbers put away states nothing."""
    found = compose.stated(lessons.of_project(workspace, project_id))
    return [each for each in found if not _is_refused(_held(workspace, project_id, each.topic), workspace)]


def _is_refused(held: skills.Skill | None, workspace: Workspace) -> bool:
    if held is None or held.state in skills.OPEN_STATES:
        return False
    return not History.read(workspace, held).put_away_by(ACTOR)


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
    told = widening.covered(workspace)
    own = [lesson for lesson in known if lesson.lesson_id not in told]
    drafts = compose.drafts(own, project_id=project_id, project_name=name)
    topics = {draft.topic for draft in drafts}
    changes = widening.make_way(workspace, project_id, topics=topics, hidden=told)
    changes += _retire_vanished(workspace, project_id, topics=topics)
    cited = _cited_elsewhere(workspace, project_id, topics=topics)
    run = _Run(author=author, policy=policy, told=told)
    return [*changes, *(_apply(workspace, draft.without(cited), run) for draft in drafts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    author: str
    policy: str
    told: Collection[str]  #: lessons that a skill of every project states


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
    return [
        _put_away(workspace, held, reason="its sessions belong to another project now")
        for held in _open(workspace, project_id)
        if held.scope == lifecycle.OWN_SCOPE
        and held.state is SkillState.TRIAL
        and _is_machines(History.read(workspace, held))
    ]


def _retire_vanished(workspace: Workspace, project_id: str, *, topics: Collection[str]) -> list[Change]:
    """Put away what only the machine wrote, and nobody approved, and no lesson supports any more."""
    return [
        _put_away(workspace, held, reason="no lesson supports it any more")
        for held in _open(workspace, project_id)
        if held.topic and held.topic not in topics and held.state in (SkillState.CANDIDATE, SkillState.TRIAL)
        if held.scope == lifecycle.OWN_SCOPE
        for history in [History.read(workspace, held)]
        if _is_machines(history) and not history.was_brought_back(ACTOR)
    ]


def _put_away(workspace: Workspace, held: skills.Skill, *, reason: str) -> Change:
    # A candidate cannot be retired: it was never used.
    state = SkillState.REJECTED if held.state is SkillState.CANDIDATE else SkillState.RETIRED
    gone = lifecycle.decide(workspace, held.skill_id, state, actor=ACTOR, reason=reason)
    return _change(gone, "retired", reason=reason)


def _open(workspace: Workspace, project_id: str) -> list[skills.Skill]:
    found = skills.listed(workspace, project_id=project_id, states=skills.OPEN_STATES)
    return sorted((s for s in found if s.project_id == project_id), key=lambda s: (s.name, s.skill_id))


def _is_machines(history: History) -> bool:
    return all(v.origin in (ORIGIN, MODEL_ORIGIN) and v.lesson_ids for v in history.versions.values())


def _cited_elsewhere(workspace: Workspace, project_id: str, *, topics: Collection[str]) -> set[str]:
    """Give the lessons that an open skill states which this run does not revise: none becomes two skills."""
    found: set[str] = set()
    for held in _open(workspace, project_id):
        if held.topic not in topics:
            found.update(skills.version_of(workspace, held.skill_id, version=held.version).lesson_ids)
    return found


def _apply(workspace: Workspace, draft: compose.Draft, run: _Run) -> Change:
    held = _held(workspace, draft.project_id, draft.topic)
    if held is None:
        return _create(workspace, draft, run)
    if held.scope != lifecycle.OWN_SCOPE:
        return _change(held, "kept", reason=f"your {held.scope} decides about it")
    history = History.read(workspace, held)
    if held.state not in skills.OPEN_STATES:
        if not history.put_away_by(ACTOR):
            return _change(held, "kept", reason=f"it was {held.state} before")
        held = _bring_back(workspace, held, policy=run.policy)
        history = History.read(workspace, held)
    draft = revise.wanted(draft, history)
    if not draft.lessons:
        return _change(held, "kept", reason="a person took out what supports it")
    may_edit = run.policy == "auto" and held.state is SkillState.TRIAL
    revision = revise.revise(
        draft, history, author=run.author, may_edit_persons=may_edit, told_elsewhere=run.told
    )
    if revision.document is None:
        change = _change(held, "kept", reason=revision.kept)
    else:
        change = _revised(workspace, draft, held, revision)
    # What supports it now may be enough, whatever was known when it was made.
    return replace(change, state=lifecycle.admit(workspace, held.skill_id, policy=run.policy).state)


def _create(workspace: Workspace, draft: compose.Draft, run: _Run) -> Change:
    document = template.write(draft)
    if not compose.is_enough(draft):
        return Change(name=document.name, action="kept", reason="another skill states its lessons")
    lesson_ids = [x.lesson_id for x in draft.lessons]
    context = context_of(workspace, project_id=draft.project_id, lesson_ids=lesson_ids, skill_id="")
    findings = gates.check(document, context)
    if stopped := gates.blocking(findings):
        return Change(name=document.name, action="refused", findings=findings, reason=stopped[0].message)
    numbers = {"sessions": draft.sessions, "lessons": len(lesson_ids)}
    skill = lifecycle.create(
        workspace,
        document,
        project_id=draft.project_id,
        topic=draft.topic,
        requests=_requests(draft),
        lesson_ids=lesson_ids,
        origin=ORIGIN,
        author=run.author,
        findings=findings,
        actor=ACTOR,
        reason=f"passed every gate, with evidence from {_count(draft.sessions, 'session')}",
        numbers=numbers | {revise.WROTE: revise.Wrote.of(document, template.items(draft)).as_json()},
    )
    skill = lifecycle.admit(workspace, skill.skill_id, policy=run.policy, numbers=numbers)
    return _change(skill, "created", findings)


def _revised(
    workspace: Workspace, draft: compose.Draft, held: skills.Skill, revision: revise.Revision
) -> Change:
    """Make a revision the skill's next version, if it passes the gates."""
    document = revision.document
    assert document is not None  # noqa: S101 - the caller has looked
    context = context_of(
        workspace, project_id=draft.project_id, lesson_ids=revision.lesson_ids, skill_id=held.skill_id
    )
    findings = gates.check(document, context)
    stopped = gates.blocking(findings)
    if revision.origin not in (ORIGIN, MODEL_ORIGIN) and revision.plain is not None:
        # A person may state what no session shows; what the machine adds to it has to be shown.
        stopped = gates.blocking(gates.check(revision.plain, context))
        findings = gates.check(document, replace(context, person_authored=True))
        stopped = (*stopped, *gates.blocking(findings))
    if stopped:
        return _change(held, "refused", findings, reason=stopped[0].message)
    reason = revise.reason(workspace, revision)
    skill = lifecycle.add_version(
        workspace,
        held.skill_id,
        document,
        requests=_requests(draft),
        lesson_ids=revision.lesson_ids,
        origin=revision.origin,
        author=revision.author,
        findings=findings,
        actor=ACTOR,
        reason=reason,
        numbers={
            "sessions": draft.sessions,
            "lessons": len(revision.lesson_ids),
            revise.WROTE: revision.wrote.as_json(),
        },
    )
    if skill.version == held.version:
        return _change(skill, "kept", findings)
    return _change(skill, "improved", findings, reason=reason)


def _bring_back(workspace: Workspace, held: skills.Skill, *, policy: str) -> skills.Skill:
    """Use a skill again that was put away for want of lessons."""
    state = SkillState.TRIAL if held.state is SkillState.RETIRED else SkillState.CANDIDATE
    reason = "lessons support it again"
    skill = lifecycle.decide(workspace, held.skill_id, state, actor=ACTOR, reason=reason)
    return lifecycle.admit(workspace, skill.skill_id, policy=policy)


def _held(workspace: Workspace, project_id: str, topic: str) -> skills.Skill | None:
    found = [
        s for s in skills.listed(workspace, project_id=project_id, topic=topic) if s.project_id == project_id
    ]
    return next((s for s in found if s.state in skills.OPEN_STATES), found[0] if found else None)


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
