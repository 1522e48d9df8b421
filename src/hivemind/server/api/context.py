"""`/context`: the few skills that a prompt is worth, for agents without Hivemind on their machine."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from hivemind.domain.accounts import Scope
from hivemind.domain.events import session_key
from hivemind.retrieval import select, shared
from hivemind.retrieval.rank import Candidate
from hivemind.retrieval.render import XML, harmless
from hivemind.retrieval.withholding import GIVEN, Assignment
from hivemind.server.api.asking import Reader, TheSite
from hivemind.server.api.shapes import Asked, Line, Prompt
from hivemind.server.caller import Caller
from hivemind.server.drawing import Draw

router = APIRouter(tags=["context"])


class ContextAsked(Asked):
    """A prompt, and the project that it is about by its id, name or remote; empty: any.

    Without `scopes`, all that the token is good for.
    """

    prompt: Annotated[Prompt, Field(min_length=1)]
    project: Line = ""
    session: Annotated[
        Line, Field(description="the session that the prompt is of, as it is sent: it may go without a skill")
    ] = ""
    agent: Annotated[Line, Field(max_length=32, description="what the session's agent is called")] = ""
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
    caller = Caller(agent=body.agent, session_id=session_key(body.session) if body.session else "")
    draw = Draw(viewer=viewer, caller=caller, is_on=site.settings.holdout_enabled)
    arms: dict[str, Assignment] = {}
    for scope in dict.fromkeys(body.scopes or viewer.scopes):
        with site.database.read(viewer.space(scope)) as workspace:
            fresh = [
                one
                for one in shared.ranked(
                    workspace,
                    body.prompt,
                    project_id=shared.project_named(workspace, body.project),
                    limit=body.limit * 4,
                )
                if one.skill_id not in scope_of
            ]
            arms |= draw.arms(workspace, [one.skill_id for one in fresh])
        scope_of |= dict.fromkeys((one.skill_id for one in fresh), scope)
        found += fresh
    found.sort(key=lambda one: (-one.score, one.name, one.skill_id))
    style = body.format or XML
    fitting = select.select(
        found,
        prompt=body.prompt,
        k=body.limit,
        budget_tokens=body.budget_tokens,
        style=style,
        loads=body.format is None,
    )
    of_team = [one.candidate for one in fitting if scope_of[one.candidate.skill_id] is Scope.TEAM]
    draw.record(site.database, of_team, arms)
    # What is withheld leaves its place empty: whether another skill is shown must not depend on the draw.
    chosen = [one for one in fitting if arms[one.candidate.skill_id][0] == GIVEN]
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
