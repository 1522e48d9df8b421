"""`/settings`: what a team's admins set for their workspace, as they do on the settings page."""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from hivemind.capture.redaction.linear import MAX_REGEX_CHARS, MAX_RULES
from hivemind.domain.accounts import Scope
from hivemind.library import team_settings
from hivemind.library.team_settings import MAX_RETENTION_DAYS, RedactionRule, TeamSettings
from hivemind.server.api.asking import Admin, Reader, TheSite, note
from hivemind.server.api.shapes import NOT_MODIFIED, Asked, Line, Prose, conditional, require_state
from hivemind.server.site import Site

router = APIRouter(tags=["settings"])
ACTION = "settings.change"
Policy = Literal["auto", "review"]


class Rule(Asked):
    """What no text of the team is stored with: whatever a regular expression (RE2) matches."""

    id: Annotated[Line, Field(min_length=1, max_length=64, description="stands in its place")]
    regex: Annotated[
        Prose,
        Field(min_length=1, max_length=MAX_REGEX_CHARS, description="its group `value`, else all it matches"),
    ]


class Wanted(Asked):
    """All settings of the workspace; a policy of null is the server's own."""

    publish_policy: Annotated[Policy | None, Field(description="of skills of one project")]
    share_policy: Annotated[Policy | None, Field(description="of skills of every project")]
    redaction_rules: Annotated[list[Rule], Field(max_length=MAX_RULES)]
    retention_days: Annotated[
        int, Field(ge=0, le=MAX_RETENTION_DAYS, description="how long sessions stay; 0: until deleted")
    ]


class InForce(BaseModel):
    """The policies that skills move up by."""

    publish_policy: Policy
    share_policy: Policy


class Changed(BaseModel):
    """Who set a setting last."""

    person_id: str
    at: datetime


class Settings(BaseModel):
    """What is set, what holds, and who set each, by its key."""

    publish_policy: Policy | None
    share_policy: Policy | None
    redaction_rules: list[Rule]
    retention_days: int
    in_force: InForce
    set_by: dict[str, Changed]


@router.get("/settings", response_model=Settings, responses=NOT_MODIFIED)
def settings(viewer: Reader, site: TheSite, request: Request) -> Response:
    """Give the settings of the workspace."""
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        held = team_settings.of(workspace)
    return conditional(request, _shown(held, site), state=state_of(held))


@router.put("/settings", response_model=Settings)
def put_settings(body: Wanted, viewer: Admin, site: TheSite, request: Request) -> Response:
    """Set all of them; with If-Match only where nobody has changed them since they were read."""
    wanted = TeamSettings(
        publish_policy=body.publish_policy or "",
        share_policy=body.share_policy or "",
        redaction_rules=tuple(RedactionRule(id=one.id, regex=one.regex) for one in body.redaction_rules),
        retention_days=body.retention_days,
    )
    with site.database.write(viewer.space(Scope.TEAM)) as workspace:
        require_state(request, state_of(team_settings.of(workspace)))
        changed = team_settings.change(workspace, wanted, person_id=viewer.person_id)
        for key, detail in changed.items():
            note(workspace, viewer, ACTION, key, detail=detail)
        held = team_settings.of(workspace)
    return conditional(request, _shown(held, site), state=state_of(held))


def state_of(held: TeamSettings) -> str:
    """Name the state of the settings: another one whenever they say something else."""
    written = json.dumps(team_settings.written(held), sort_keys=True)
    return hashlib.blake2b(written.encode(), digest_size=8).hexdigest()


def _shown(held: TeamSettings, site: Site) -> Settings:
    own = site.settings
    return Settings.model_validate(
        {
            "publish_policy": held.publish_policy or None,
            "share_policy": held.share_policy or None,
            "redaction_rules": [{"id": one.id, "regex": one.regex} for one in held.redaction_rules],
            "retention_days": held.retention_days,
            "in_force": {
                "publish_policy": held.publish_policy or own.publish_policy,
                "share_policy": held.share_policy or own.share_policy,
            },
            "set_by": {key: {"person_id": one.person_id, "at": one.at} for key, one in held.set_by.items()},
        }
    )
