"""Take in a person's edit of a skill, through the gates."""

from dataclasses import dataclass

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.errors import HivemindError
from hivemind.library import document, gates, lifecycle, rules
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.skills import Skill


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Hold what a text is as a skill's next version: a document with findings, or why it is none."""

    document: SkillDocument | None = None
    findings: tuple[Finding, ...] = ()
    problem: HivemindError | None = None

    @property
    def passes(self) -> bool:
        """Say whether it would be taken in."""
        return self.document is not None and not gates.blocking(self.findings)


def check(workspace: Workspace, skill: Skill, text: str) -> Checked:
    """Judge a text as a skill's next version; stores nothing."""
    try:
        parsed = document.parse(text)
    except HivemindError as error:
        return Checked(problem=error)
    held = store.version_of(workspace, skill.skill_id, version=skill.version)
    context = lifecycle.context_for(
        workspace,
        project_id=skill.project_id,
        lesson_ids=held.lesson_ids,
        skill_id=skill.skill_id,
        person_authored=True,
    )
    return Checked(document=parsed, findings=tuple(gates.check(parsed, context)))


def take_in(workspace: Workspace, skill: Skill, checked: Checked, *, actor: str, author: str) -> Skill:
    """Make what was checked the next version of a skill; raise where it is no SKILL.md or a gate stops it."""
    if checked.document is None:
        assert checked.problem is not None  # noqa: S101 - the one or the other
        raise checked.problem
    return lifecycle.add_version(
        workspace,
        skill.skill_id,
        checked.document,
        origin="person",
        actor=actor,
        author=author,
        findings=checked.findings,
        reason="edited",
        numbers={rules.EDITED: skill.version},
    )
