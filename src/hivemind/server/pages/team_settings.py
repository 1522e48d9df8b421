"""`/settings/policies`, `/retention` and `/redaction`: what admins set for the whole team."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from hivemind.capture import boundary
from hivemind.capture.redaction import Redactor
from hivemind.capture.redaction.linear import made
from hivemind.domain.accounts import Role
from hivemind.errors import HivemindError
from hivemind.library import team_settings
from hivemind.library.team_settings import RedactionRule, TeamSettings
from hivemind.server.api.settings import ACTION
from hivemind.server.pages import figures
from hivemind.server.pages.asking import Asked, PageRoute, Sent
from hivemind.server.pages.rendering import render
from hivemind.server.pages.settings import require_team, show
from hivemind.store import whole

router = APIRouter(route_class=PageRoute)
#: Of a text that is tried out, in characters.
MAX_TRIED_CHARS = 20_000
#: What a rule is called that has no name yet.
_NEW = "new"
Field = Annotated[str, Form()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Hold what the rules make of a text: its parts, each with the rule that takes it out, or none."""

    parts: Sequence[tuple[str, str]] = ()
    count: int = 0
    problem: HivemindError | None = None
    is_cut: bool = False


@router.post("/settings/policies")
def policies(page: Sent, publish_policy: Field = "", share_policy: Field = "") -> Response:
    """Set who lets skills move up."""
    return _changed(
        page,
        "policies",
        lambda held: replace(held, publish_policy=publish_policy, share_policy=share_policy),
    )


@router.post("/settings/retention")
def retention(
    page: Sent, days: Annotated[int, Form()] = 0, confirmed: Annotated[int, Form()] = -1
) -> Response:
    """Set how long sessions stay; what it deletes at once has to be confirmed."""
    _require_admin(page)
    wanted = TeamSettings(retention_days=days)
    cutoff = wanted.cutoff(datetime.now(UTC)) if 0 < days <= team_settings.MAX_RETENTION_DAYS else None
    if cutoff and confirmed != days:
        with page.site.database.read(page.viewer.workspace_id) as workspace:
            number = whole.count_ended_before(workspace, cutoff)
        if number:
            return show(page, confirm={"days": days, "sessions": number})
    return _changed(page, "retention", lambda held: replace(held, retention_days=days))


@router.post("/settings/redaction/add")
def add_rule(page: Sent, name: Field = "", regex: Field = "", text: Field = "") -> Response:
    """Add a rule to those that every text of the team passes."""
    rule = RedactionRule(id=name.strip(), regex=regex.strip())
    return _changed(
        page,
        "redaction",
        lambda held: replace(held, redaction_rules=(*held.redaction_rules, rule)),
        draft={"name": name, "regex": regex, "text": text},
    )


@router.post("/settings/redaction/remove")
def remove_rule(page: Sent, name: Field) -> Response:
    """Take a rule away; what it took out of stored texts does not come back."""

    def without(held: TeamSettings) -> TeamSettings:
        rules = tuple(one for one in held.redaction_rules if one.id != name)
        if rules == held.redaction_rules:
            raise HivemindError(
                "redaction-rule", f"there is no rule {name[:80]!r}", hint="the settings page lists them"
            )
        return replace(held, redaction_rules=rules)

    return _changed(page, "redaction", without)


@router.post("/settings/redaction/try")
def try_rule(page: Sent, name: Field = "", regex: Field = "", text: Field = "") -> Response:
    """Show what the rules and one that is being written would take out of a text; stores nothing."""
    _require_admin(page)
    tried = _tried(page, name=name.strip() or _NEW, regex=regex.strip(), text=text.replace("\r\n", "\n"))
    if page.request.headers.get("hx-request"):
        return render(page.request, "redaction_tried.html", page=page, tried=tried)
    return show(page, tried=tried, draft={"name": name, "regex": regex, "text": text})


def _tried(page: Asked, *, name: str, regex: str, text: str) -> Tried:
    shown = text[:MAX_TRIED_CHARS]
    with page.site.database.read(page.viewer.workspace_id) as workspace:
        redactor = boundary.redactor_of(workspace)
    try:
        if regex:
            redactor = redactor.also(made([(name, regex)]))
    except HivemindError as error:
        return Tried(problem=error)
    parts = _parts(redactor, shown)
    return Tried(parts=parts, count=sum(bool(rule) for _, rule in parts), is_cut=len(text) > len(shown))


def _parts(redactor: Redactor, text: str) -> list[tuple[str, str]]:
    parts, at = [], 0
    for finding in redactor.findings(text):
        parts += [(text[at : finding.start], ""), (text[finding.start : finding.end], finding.rule)]
        at = finding.end
    return [part for part in (*parts, (text[at:], "")) if part[0]]


def _require_admin(page: Asked) -> None:
    require_team(page)
    page.viewer.require(Role.ADMIN)


def _changed(
    page: Asked,
    what: str,
    change: Callable[[TeamSettings], TeamSettings],
    *,
    draft: dict[str, str] | None = None,
) -> Response:
    """Carry a change out, with its entries of the audit log, or show what is wrong with it."""
    _require_admin(page)
    try:
        with page.site.database.write(page.viewer.workspace_id) as workspace:
            wanted = change(team_settings.of(workspace))
            changed = team_settings.change(workspace, wanted, person_id=page.viewer.person_id)
            for key, detail in changed.items():
                page.note(workspace, ACTION, key, **detail)
    except HivemindError as error:
        return show(page, status=422, problem=(what, error), draft=draft)
    figures.policies_changed(page)
    return page.back_to("/settings", saved=what)
