"""Ask for the skills that a prompt is worth, as a block for a system prompt."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from hivemind.api.surroundings import guarded, here, place
from hivemind.api.transport import Question
from hivemind.retrieval.render import STYLES

if TYPE_CHECKING:
    from hivemind.api.recording import Session

Format = Literal["markdown", "xml", "text"]
#: Bounds of what may be asked for.
MAX_SKILLS, MAX_BUDGET_TOKENS = 20, 20_000
DEADLINE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """Hold one skill that was found."""

    name: str
    version: int
    skill_id: str
    confidence: float  #: from 0 to 1; from one half on a skill is shown
    form: str  #: `whole`, or `section` where it is too long
    text: str  #: as it stands in the block


@dataclass(frozen=True, slots=True)
class Skills:
    """Hold the skills for a prompt; without any it is false, and its block is empty."""

    block: str = ""  #: what goes into the system prompt
    skills: tuple[Skill, ...] = ()
    format: str = "markdown"

    def __str__(self) -> str:
        return self.block

    def __bool__(self) -> bool:
        return bool(self.skills)

    def __len__(self) -> int:
        return len(self.skills)

    def __iter__(self) -> Iterator[Skill]:
        return iter(self.skills)


@guarded(Skills)
def skills_for(
    prompt: str,
    *,
    budget_tokens: int = 1500,
    k: int = 2,
    format: Format = "markdown",  # noqa: A002 - the word that people look for
    project: str | None = None,
    session: "Session | str | None" = None,
    deadline_s: float = DEADLINE_S,
    strict: bool = False,  # noqa: ARG001 - read by `guarded`
) -> Skills:
    """Give at most `k` skills for a prompt, in a block of at most `budget_tokens` tokens; none if none fits.

    With a `session` what it was given is known, nothing is given twice, and it counts for what skills are
    worth: a few sessions do without, see docs/exposures.md. Never raises, and takes `deadline_s` at most.

        >>> found = hivemind.skills_for("Cancel order A11", project="shop-bot")
        >>> messages = [{"role": "system", "content": RULES + found.block}, ...]
    """
    if format not in STYLES:
        raise ValueError(f"format is one of {', '.join(STYLES)}, not {format!r}")
    session_id = session if isinstance(session, str) else session.id if session is not None else ""
    if project is None and session is not None and not isinstance(session, str):
        project = session.project
    where = place(project)
    found = here().transport.ask(
        Question(
            prompt=str(prompt),
            project_id=where.project_id,
            cwd=where.cwd,
            k=max(0, min(int(k), MAX_SKILLS)),
            budget_tokens=max(0, min(int(budget_tokens), MAX_BUDGET_TOKENS)),
            style=format,
            session_id=session_id if here().is_captured else "",
            deadline_s=deadline_s,
        )
    )
    return Skills(
        found.text,
        tuple(
            Skill(
                name=one.candidate.name,
                version=one.candidate.version,
                skill_id=one.candidate.skill_id,
                confidence=round(one.candidate.confidence, 3),
                form=one.form,
                text=one.text,
            )
            for one in found.chosen
        ),
        format,
    )


async def skills_for_async(
    prompt: str,
    *,
    budget_tokens: int = 1500,
    k: int = 2,
    format: Format = "markdown",  # noqa: A002
    project: str | None = None,
    session: "Session | str | None" = None,
    deadline_s: float = DEADLINE_S,
    strict: bool = False,
) -> Skills:
    """Do the same as `skills_for`, on a thread."""
    call = partial(skills_for, prompt, budget_tokens=budget_tokens, k=k, format=format, project=project)
    return await asyncio.to_thread(partial(call, session=session, deadline_s=deadline_s, strict=strict))
