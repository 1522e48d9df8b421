"""Keep what imported rows teach as lessons and candidates, which wait for real work or a person.

Imported answers have no verified outcome. So their lessons are shown by sessions that are never graded, and
a candidate of theirs moves up only once graded sessions of the project were seen to do the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hivemind.domain.lessons import Occurrence
from hivemind.domain.skills import Evidence, SkillDocument, SkillState
from hivemind.finetune.mining import confirm, groups, wording
from hivemind.finetune.mining.confirm import KIND, PITFALL
from hivemind.finetune.mining.mine import Candidate, Finding, mine
from hivemind.finetune.mining.samples import Sample, samples
from hivemind.library import gates, lifecycle
from hivemind.library.document import content_hash
from hivemind.store import imports, lessons, skills
from hivemind.store.database import Database, Workspace

TOPIC: Final = "import"
ORIGIN: Final = "import"
ACTOR: Final = "policy:import"
#: Imported rows of a project that are compared: a fair sample of more.
MAX_ROWS: Final = 10_000
#: Rows that a lesson names as its evidence.
MAX_SHOWN: Final = 12
#: Rows that a skill's metadata name.
_MAX_NAMED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """Report one candidate: what it says, and the rows that it came from."""

    name: str
    skill_id: str
    state: str
    action: str  #: created, improved, kept, refused, withdrawn, restored
    says: tuple[str, ...] = ()
    rows: tuple[tuple[str, int], ...] = ()
    reason: str = ""


def learn(
    database: Database, workspace_id: str, project_id: str, *, author: str, policy: str
) -> list[Learnt]:
    """Bring the candidates of a project's imported rows up to date; the same rows always give the same."""
    # Comparing takes seconds, in which others may write.
    with database.read(workspace_id) as workspace:
        read = list(samples(imports.each(workspace, project_id, limit=MAX_ROWS)))
    topics = {_topic(candidate): candidate for candidate in mine(read)}
    with database.write(workspace_id) as workspace:
        _store_lessons(workspace, project_id, topics, read)
        report = [
            _apply(workspace, project_id, topic=topic, candidate=candidate, read=read, author=author)
            for topic, candidate in topics.items()
        ]
        report += _withdraw(workspace, project_id, topics=topics.keys())
        return [
            replace(one, state=lifecycle.admit(workspace, one.skill_id, policy=policy).state.value)
            if one.state == SkillState.CANDIDATE and project_id
            else one
            for one in report
        ]


def _topic(candidate: Candidate) -> str:
    return f"{TOPIC} {groups.short_hash(candidate.groups[0])}"


def _store_lessons(
    workspace: Workspace, project_id: str, topics: dict[str, Candidate], read: Sequence[Sample]
) -> None:
    found = [
        occurrence
        for topic, candidate in topics.items()
        for finding in candidate.findings
        for occurrence in _occurrences(finding, topic=topic, read=read)
    ]
    concerned = lessons.replace_lessons(
        workspace, project_id, kinds=(KIND, PITFALL), topics=(TOPIC,), found=found
    )
    lessons.refresh(workspace, sorted(concerned))
    confirm.confirm(workspace)


def _key(finding: Finding) -> str:
    return " | ".join((*finding.group, *finding.behaviour))


def _occurrences(finding: Finding, *, topic: str, read: Sequence[Sample]) -> Iterator[tuple[str, Occurrence]]:
    seen: set[str] = set()
    role = "rejected" if finding.is_pitfall else "accepted"
    for number in finding.shown_by:
        sample = read[number]
        side = sample.rejected if finding.is_pitfall else sample.accepted
        if side is None or sample.session_id in seen:
            continue
        seen.add(sample.session_id)
        is_call = finding.behaviour[0].startswith("calls") and bool(side.call_event_id)
        excerpt = side.call_excerpt if is_call else side.excerpt
        shown = (
            Evidence(
                event_id=side.call_event_id if is_call else side.event_id,
                session_id=sample.session_id,
                role=role,
                excerpt=f"{sample.file} row {sample.row}: {excerpt}"[:200],
            ),
            Evidence(
                event_id=sample.request_event_id,
                session_id=sample.session_id,
                role="request",
                excerpt=" ".join(sample.asked.request.split())[:200],
            ),
        )
        yield sample.session_id, _occurrence(finding, topic=topic, evidence=shown)
        if len(seen) == MAX_SHOWN:
            return


def _occurrence(finding: Finding, *, topic: str, evidence: tuple[Evidence, ...]) -> Occurrence:
    return Occurrence(
        kind=PITFALL if finding.is_pitfall else KIND,
        key=_key(finding),
        topic=topic,
        data={
            "group": list(finding.group),
            "behaviour": list(finding.behaviour),
            "accepted": finding.accepted,
            "accepted_with": finding.accepted_with,
            "rejected": finding.rejected,
            "rejected_with": finding.rejected_with,
        },
        evidence=evidence,
    )


def _rows_of(candidate: Candidate, read: Sequence[Sample]) -> tuple[tuple[str, int], ...]:
    named = {
        (read[n].file, read[n].row) for finding in candidate.findings for n in finding.shown_by[:MAX_SHOWN]
    }
    return tuple(sorted(named))


def _document(candidate: Candidate, read: Sequence[Sample]) -> SkillDocument:
    rows = _rows_of(candidate, read)
    files = sorted({file for file, _ in rows})
    do, avoid = _said(candidate)
    which = wording.labels(candidate.groups)
    parts = [f"# Answering {which}"]
    if do:
        parts += ["What accepted answers do:", "\n".join(f"- {line}." for line in do)]
    if avoid:
        parts += ["What only rejected answers did:", "\n".join(f"- {line}." for line in avoid)]
    return SkillDocument(
        name=wording.name_of(candidate.groups),
        description=wording.description(candidate.groups, files=files),
        body="\n\n".join(parts) + "\n",
        metadata={
            "hivemind-topic": _topic(candidate),
            "hivemind-rows": "; ".join(
                f"{file} {', '.join(str(row) for name, row in rows[:_MAX_NAMED] if name == file)}"
                for file in files
                if any(name == file for name, _ in rows[:_MAX_NAMED])
            ),
        },
    )


def _said(candidate: Candidate) -> tuple[list[str], list[str]]:
    do = [wording.lesson(f.behaviour) for f in candidate.findings if not f.is_pitfall]
    avoid = [wording.pitfall(f.behaviour) for f in candidate.findings if f.is_pitfall]
    return list(dict.fromkeys(filter(None, do))), list(dict.fromkeys(filter(None, avoid)))


def _apply(
    workspace: Workspace,
    project_id: str,
    *,
    topic: str,
    candidate: Candidate,
    read: Sequence[Sample],
    author: str,
) -> Learnt:
    document = _document(candidate, read)
    lesson_ids = _lesson_ids(project_id, candidate)
    rows = _rows_of(candidate, read)
    held = _held(workspace, project_id, topic)
    says = tuple(line for lines in _said(candidate) for line in lines)

    def told(action: str, skill: skills.Skill | None, *, reason: str = "") -> Learnt:
        return Learnt(
            name=skill.name if skill else document.name,
            skill_id=skill.skill_id if skill else "",
            state=skill.state.value if skill else "",
            action=action,
            says=says,
            rows=rows,
            reason=reason,
        )

    was_withdrawn = held is not None and _was_withdrawn(workspace, held)
    if held is not None and held.state is not SkillState.CANDIDATE and not was_withdrawn:
        return told("kept", held, reason=f"it is {held.state.value}, which is not changed by an import")
    context = lifecycle.context_for(
        workspace, project_id=project_id, lesson_ids=lesson_ids, skill_id=held.skill_id if held else ""
    )
    if held is not None:
        document = _named_as(workspace, held, document)
    elif any(other.name == document.name for other in context.others):
        number = next(
            n for n in range(2, 1_000) if all(o.name != f"{document.name}-{n}" for o in context.others)
        )
        document = SkillDocument(
            name=f"{document.name}-{number}",
            description=document.description,
            body=document.body,
            metadata=document.metadata,
        )
    findings = gates.check(document, context)
    if stopped := gates.blocking(findings):
        return told("refused", None, reason=stopped[0].message)
    reason = f"{len(rows)} imported rows show it; their outcome is not known"
    if held is None:
        skill = lifecycle.create(
            workspace,
            document,
            project_id=project_id,
            topic=topic,
            requests=_requests(candidate, read),
            lesson_ids=lesson_ids,
            origin=ORIGIN,
            author=author,
            findings=findings,
            actor=ACTOR,
            reason=reason,
        )
        return told("created", skill)
    if not _is_ours(workspace, held):
        return told("kept", held, reason="a person edited it")
    if was_withdrawn:
        lifecycle.decide(workspace, held.skill_id, SkillState.CANDIDATE, actor=ACTOR, reason=reason)
    skill = lifecycle.add_version(
        workspace,
        held.skill_id,
        document,
        requests=_requests(candidate, read),
        lesson_ids=lesson_ids,
        origin=ORIGIN,
        author=author,
        findings=findings,
        actor=ACTOR,
        reason=reason,
    )
    if was_withdrawn:
        return told("restored", skill, reason="imported rows support it again")
    return told("kept" if skill.version == held.version else "improved", skill)


def _named_as(workspace: Workspace, held: skills.Skill, document: SkillDocument) -> SkillDocument:
    current = skills.version_of(workspace, held.skill_id, version=held.version).document
    same = SkillDocument(
        name=current.name,
        description=document.description,
        body=document.body,
        metadata=document.metadata,
    )
    return current if content_hash(same) == content_hash(current) else same


def _requests(candidate: Candidate, read: Sequence[Sample]) -> str:
    asked = [read[n].asked.request for f in candidate.findings for n in f.shown_by]
    return "\n".join(dict.fromkeys(" ".join(text.split())[:200] for text in asked if text.strip()))[:2_000]


def _lesson_ids(project_id: str, candidate: Candidate) -> list[str]:
    return [
        lessons.lesson_key(project_id, PITFALL if f.is_pitfall else KIND, _key(f)) for f in candidate.findings
    ]


def _held(workspace: Workspace, project_id: str, topic: str) -> skills.Skill | None:
    found = [
        s for s in skills.listed(workspace, project_id=project_id, topic=topic) if s.project_id == project_id
    ]
    return next((s for s in found if s.state in skills.OPEN_STATES), found[0] if found else None)


def _is_ours(workspace: Workspace, held: skills.Skill) -> bool:
    return all(v.origin == ORIGIN for v in skills.versions(workspace, held.skill_id))


def _was_withdrawn(workspace: Workspace, held: skills.Skill) -> bool:
    """Say whether a skill is rejected because rows went: a person who says no is another actor."""
    return held.state is SkillState.REJECTED and skills.decisions(workspace, held.skill_id)[-1].actor == ACTOR


def _withdraw(workspace: Workspace, project_id: str, *, topics: Any) -> Iterator[Learnt]:
    """Put candidates away that imported rows support no more, unless a person edited them."""
    for held in skills.listed(workspace, project_id=project_id, states=(SkillState.CANDIDATE,)):
        ours = held.project_id == project_id and held.topic.startswith(f"{TOPIC} ")
        if ours and held.topic not in topics and _is_ours(workspace, held):
            reason = "no imported rows support it any more"
            gone = lifecycle.decide(workspace, held.skill_id, SkillState.REJECTED, actor=ACTOR, reason=reason)
            yield Learnt(
                name=gone.name,
                skill_id=gone.skill_id,
                state=gone.state.value,
                action="withdrawn",
                reason=reason,
            )
