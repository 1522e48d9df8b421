"""`/context`: the few skills that a prompt is worth, for agents without Hivemind on their machine."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from hivemind.domain.accounts import Scope
from hivemind.retrieval import select, shared
from hivemind.retrieval.rank import Candidate
from hivemind.retrieval.render import XML, harmless
from hivemind.server.api.asking import Reader, TheSite
from hivemind.server.api.shapes import Asked, Line, Prompt

router = APIRouter(tags=["context"])


class ContextAsked(Asked):
    """A prompt, and the project that it is about by its id, name or remote; empty: any.

    Without `scopes`, all that the token is good for.
    """

    prompt: Annotated[Prompt, Field(min_length=1)]
    project: Line = ""
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] | None = None
    limit: Annotated[int, Field(ge=1, le=10)] = select.MAX_SKILLS
    budget_tokens: Annotated[int, Field(ge=50, le=8_000)] = select.BUDGET_TOKENS
    format: Annotated[
        Literal["xml", "markdown", "text"] | None,
        Field(description="for a model without tools: how the block is written, with nothing to be loaded"),
    ] = None


class SkillGiven(BaseModel):
    """One skill that the prompt is worth; `confidence` is one half at the threshold."""

    skill_id: str
    version: int
    name: str
    description: str
    scope: Scope
    form: str
    confidence: float
    text: str


class Context(BaseModel):
    """The skills, and the text to put before the prompt; both empty where none is relevant."""

    skills: list[SkillGiven]
    text: str


@router.post("/context")
def context(body: ContextAsked, viewer: Reader, site: TheSite) -> Context:
    """Give the few relevant skills for a prompt, or none."""
    found: list[Candidate] = []
    scope_of: dict[str, Scope] = {}
    for scope in dict.fromkeys(body.scopes or viewer.scopes):
        with site.database.read(viewer.space(scope)) as workspace:
            for one in shared.ranked(
                workspace,
                body.prompt,
                project_id=shared.project_named(workspace, body.project),
                limit=body.limit * 4,
            ):
                if one.skill_id not in scope_of:
                    scope_of[one.skill_id] = scope
                    found.append(one)
    found.sort(key=lambda one: (-one.score, one.name, one.skill_id))
    style = body.format or XML
    chosen = select.select(
        found,
        prompt=body.prompt,
        k=body.limit,
        budget_tokens=body.budget_tokens,
        style=style,
        loads=body.format is None,
    )
    return Context(
        skills=[
            SkillGiven(
                skill_id=one.candidate.skill_id,
                version=one.candidate.version,
                name=one.candidate.name,
                description=harmless(one.candidate.description),
                scope=scope_of[one.candidate.skill_id],
                form=one.form,
                confidence=round(one.candidate.confidence, 3),
                text=one.text,
            )
            for one in chosen
        ],
        text=select.render_selected(chosen, style=style) if chosen else "",
    )
