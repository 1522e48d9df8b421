"""Have a model word the skills that the template wrote: one call for each text, none where nothing is new.

The template's version is in the library before a model is asked, and stays whatever the model does: a better
wording becomes the next version. No transaction is open while the model thinks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hivemind.distill import pipeline
from hivemind.distill.writers import model as writer
from hivemind.domain.lessons import Lesson
from hivemind.domain.model_calls import CallStatus
from hivemind.domain.skills import SkillState
from hivemind.library import gates, lifecycle
from hivemind.llm.base import Question
from hivemind.llm.ledger import Asked, Ledger, Purpose
from hivemind.store import lessons, model_calls, skills
from hivemind.store.database import Workspace

PURPOSE = "word a skill"
ACTOR = "policy:model"
#: What a person approved keeps the words that were approved.
STATES = (SkillState.CANDIDATE, SkillState.TRIAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Hold a skill in the template's words that no model has been asked about."""

    skill: skills.Skill
    version: skills.Version
    lessons: tuple[Lesson, ...]

    @property
    def question(self) -> Question:
        """Give what a model would be asked."""
        return writer.question(self.version.document, self.lessons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reworded:
    """Report what came of one skill."""

    name: str
    status: str  #: how the call ended, or why none was made: capped, asked
    detail: str = ""


def pending(workspace: Workspace) -> list[Pending]:
    """Give the skills that a model could be asked about, in a stable order."""
    found = []
    known: dict[str, dict[str, Lesson]] = {}
    for skill in sorted(skills.listed(workspace, states=STATES), key=lambda s: (s.project_id, s.name)):
        version = skills.version_of(workspace, skill.skill_id, version=skill.version)
        if version.origin != pipeline.ORIGIN or not skill.project_id or skill.scope != lifecycle.OWN_SCOPE:
            continue
        if model_calls.asked(workspace, subject=skill.skill_id, evidence_hash=version.content_hash):
            continue
        if skill.project_id not in known:
            here = lessons.of_project(workspace, skill.project_id)
            known[skill.project_id] = {lesson.lesson_id: lesson for lesson in here}
        its_own = tuple(
            lesson for i in version.lesson_ids if (lesson := known[skill.project_id].get(i)) is not None
        )
        if its_own:
            found.append(Pending(skill=skill, version=version, lessons=its_own))
    return found


def reword(
    ledger: Ledger,
    waiting: Sequence[Pending],
    *,
    author: str,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[Reworded], None] = lambda _: None,
) -> list[Reworded]:
    """Ask about each, one call at a time; ends at the day's cap, when told to, or when nobody answers."""
    done: list[Reworded] = []
    for one in waiting:
        if stopped():
            break
        done.append(_reword(ledger, one, author=author, stopped=stopped))
        progress(done[-1])
        if not goes_on(done):
            break
    return done


def goes_on(done: Sequence[Reworded]) -> bool:
    """Say whether another call makes sense: where one failed on its way the next one would, too."""
    ends = ("capped", CallStatus.FAILED, CallStatus.TIMEOUT, CallStatus.STOPPED)
    return bool(done) and done[-1].status not in ends


def _reword(ledger: Ledger, one: Pending, *, author: str, stopped: Callable[[], bool]) -> Reworded:
    purpose = Purpose(name=PURPOSE, subject=one.skill.skill_id, evidence_hash=one.version.content_hash)
    asked = ledger.ask(one.question, purpose, stopped=stopped)
    if asked.answer is None:
        status = asked.status.value if asked.status else asked.refused
        return Reworded(name=one.skill.name, status=status, detail=asked.detail)
    verdict = writer.judge(asked.answer.text, one.version.document, one.lessons)
    with ledger.database.write(ledger.workspace_id) as workspace:
        if verdict.document is not None:
            verdict = _keep(workspace, one, verdict, by=_by(ledger, asked), author=author)
        detail = ledger.redacted(verdict.detail)
        model_calls.settle(workspace, asked.call_id, status=verdict.status, detail=detail)
    return Reworded(name=one.skill.name, status=verdict.status.value, detail=detail)


def _keep(
    workspace: Workspace, one: Pending, verdict: writer.Verdict, *, by: str, author: str
) -> writer.Verdict:
    """Make the wording the skill's next version, if it passes the gates and the skill is as it was."""
    document = verdict.document
    now = skills.by_id(workspace, one.skill.skill_id)
    if document is None or now.state not in STATES or now.version != one.version.version:
        return writer.Verdict(status=CallStatus.STALE, detail="the skill has changed meanwhile")
    context = pipeline.context_of(
        workspace,
        project_id=now.project_id,
        lesson_ids=list(one.version.lesson_ids),
        skill_id=now.skill_id,
    )
    findings = gates.check(document, context)
    if stopped := gates.blocking(findings):
        return writer.Verdict(status=CallStatus.GATED, detail=f"{stopped[0].gate}: {stopped[0].message}")
    lifecycle.add_version(
        workspace,
        now.skill_id,
        document,
        origin=pipeline.MODEL_ORIGIN,
        actor=ACTOR,
        author=author,
        findings=findings,
        reason=f"worded by {by}{'; ' + verdict.detail if verdict.detail else ''}",
    )
    return writer.Verdict(status=CallStatus.USED, detail=verdict.detail, cut=verdict.cut)


def _by(ledger: Ledger, asked: Asked) -> str:
    name = (asked.answer.spent.model if asked.answer else "") or ledger.model.name
    return f"{ledger.model.kind} ({name})" if name else ledger.model.kind
