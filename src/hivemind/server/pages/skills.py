"""`/skills`: find skills, and see one with its versions, decisions, numbers and places."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from hivemind.domain.skills import SkillState
from hivemind.errors import HivemindError
from hivemind.evaluation import uplift
from hivemind.evaluation.uplift import Uplift
from hivemind.library import rules
from hivemind.library.document import render as as_file
from hivemind.server.pages import charts, figures, witnesses
from hivemind.server.pages.asking import Page, PageRoute
from hivemind.server.pages.rendering import render
from hivemind.server.pages.showing import diff
from hivemind.store import browsing, flags, schema
from hivemind.store import skills as store
from hivemind.store.browsing import SkillFilter

router = APIRouter(route_class=PageRoute)
PAGE_SIZE = 40
MAX_USES = 10
#: What stands for "every project" in the filter, where empty asks for all.
_EVERY = "-"


@router.get("/skills")
def listed(page: Page, q: str = "", state: str = "", project: str = "", before: str = "") -> Response:
    """Show skills, the latest changed first."""
    project_id = None if not project else "" if project == _EVERY else project
    wanted = SkillFilter(words=q.strip()[:200], state=state, project_id=project_id)
    measured = figures.uplifts(page)
    choices = figures.choices(page)
    with page.read() as workspace:
        found = browsing.skills(workspace, wanted, limit=PAGE_SIZE + 1, before=_cursor(before))
        counts = store.counts(workspace)
        raised: dict[str, list[str]] = {}
        for flag in flags.listed(workspace):
            raised.setdefault(flag.skill_id, []).append(flag.kind.value)
    shown = found[:PAGE_SIZE]
    chosen = {"q": q, "state": state, "project": project}
    return render(
        page.request,
        "skills.html",
        page=page,
        rows=shown,
        measured=measured,
        raised=raised,
        counts=[(each.value, number) for each, number in counts.items()],
        total=sum(counts.values()),
        choices=choices,
        every=_EVERY,
        chosen=chosen,
        is_filtered=any(chosen.values()),
        is_first=not before,
        more=page.url("/skills", **chosen, before=_after(shown[-1])) if len(found) > PAGE_SIZE else "",
    )


def _after(row: Any) -> str:
    return f"{schema.utc_text(row.updated_at)}~{row.skill_id}"


def _cursor(text: str) -> tuple[datetime, str] | None:
    if not text:
        return None
    at, _, skill_id = text.partition("~")
    try:
        found = datetime.fromisoformat(at)
        if found.tzinfo is None:
            raise ValueError("no zone")
    except ValueError as error:
        raise HivemindError(
            "request-invalid", "this is no place in the list", hint="begin at its first page"
        ) from error
    return found, skill_id


@router.get("/skills/{skill_id}/SKILL.md")
def download(page: Page, skill_id: str, version: int = 0) -> Response:
    """Give a skill's file."""
    with page.read() as workspace:
        skill = store.by_id(workspace, skill_id)
        found = store.version_of(workspace, skill_id, version=version or skill.version)
    headers = {"Content-Disposition": 'attachment; filename="SKILL.md"', "Cache-Control": "no-store"}
    return Response(as_file(found.document), media_type="text/markdown; charset=utf-8", headers=headers)


@router.get("/skills/{skill_id}")
def one(page: Page, skill_id: str, version: int = 0, against: int = 0) -> Response:
    """Show a skill."""
    members = witnesses.members(page)
    with page.read() as workspace:
        skill = store.by_id(workspace, skill_id)
        versions = store.versions(workspace, skill_id)
        known = {v.version: v for v in versions}
        shown = known.get(version or skill.version)
        if shown is None:
            raise HivemindError(
                "skill-unknown", f"{skill.name} has no version {version}", hint="its page lists them"
            )
        ledger = store.decisions(workspace, skill_id)
        measured = uplift.of_workspace(workspace, skill_ids=[skill_id])
        by_model = uplift.of_workspace(workspace, by_model=True, skill_ids=[skill_id])
        uses = browsing.uses_of(workspace, skill_id, limit=MAX_USES)
        support = rules.support(workspace, skill)
        current = known.get(skill.version, shown)
        shown_by = witnesses.of_lessons(workspace, current.lesson_ids, known=members)
        raised = [flag for flag in flags.listed(workspace) if flag.skill_id == skill_id]
        installs = browsing.installs_of(workspace, skill_id)
        machines = [] if page.site.is_local else browsing.machines(workspace)
        change = browsing.latest_change(workspace, skill_id)
    before = known.get(against or shown.version - 1)
    return render(
        page.request,
        "skill.html",
        page=page,
        skill=skill,
        shown=shown,
        versions=list(reversed(versions)),
        before=before,
        changes=diff(as_file(before.document), as_file(shown.document)) if before else [],
        ledger=list(reversed(ledger)),
        measured=measured[0] if measured else None,
        by_model=by_model,
        chart=_chart(measured, by_model),
        uses=uses,
        support=support,
        witnesses=shown_by,
        flags=raised,
        installs=installs,
        machines=machines,
        change=change,
        is_live=skill.state in (SkillState.TRIAL, SkillState.ACTIVE),
    )


def _chart(measured: Sequence[Uplift], by_model: Sequence[Uplift]) -> Any:
    rows = [("all models", one) for one in measured]
    if len(by_model) > 1:
        rows += [(one.request_model or "unknown model", one) for one in by_model]
    return charts.intervals(rows, title="Success with the skill less success without it, by model")
