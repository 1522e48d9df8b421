"""`/review/ID/edit`: change a skill's text, with the gates at work while one types."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from hivemind.domain.accounts import Role
from hivemind.errors import HivemindError
from hivemind.library import editing
from hivemind.library.document import render as as_file
from hivemind.library.editing import Checked
from hivemind.server.pages import figures
from hivemind.server.pages.asking import Asked, Page, PageRoute, Sent
from hivemind.server.pages.rendering import render
from hivemind.server.pages.review import as_shown
from hivemind.server.pages.showing import diff
from hivemind.store import skills as store

router = APIRouter(route_class=PageRoute)
Text = Annotated[str, Form()]


@router.get("/review/{skill_id}/edit")
def form(page: Page, skill_id: str) -> Response:
    """Show a skill's text to be edited."""
    page.require(Role.REVIEWER)
    with page.read() as workspace:
        skill = store.by_id(workspace, skill_id)
        held = store.version_of(workspace, skill_id, version=skill.version)
    return _form(page, skill_id, text=as_file(held.document), version=skill.version)


def _form(page: Asked, skill_id: str, *, text: str, version: int, status: int = 200) -> Response:
    with page.read() as workspace:
        skill = store.by_id(workspace, skill_id)
        checked = editing.check(workspace, skill, text)
        changed = skill.version != version
        held = store.version_of(workspace, skill_id, version=skill.version) if changed else None
    return render(
        page.request,
        "edit.html",
        page=page,
        status=status,
        skill=skill,
        text=text,
        # Whoever saves has seen the current version now, beside their own text.
        version=skill.version,
        checked=checked,
        was_refused=status != 200 and held is None,
        current=held,
        changes=diff(as_file(held.document), text) if held else [],
    )


@router.post("/review/{skill_id}/check")
def check(page: Sent, skill_id: str, text: Text) -> Response:
    """Show what the gates say of a text; stores nothing."""
    page.require(Role.REVIEWER)
    with page.read() as workspace:
        checked: Checked = editing.check(workspace, store.by_id(workspace, skill_id), _lines(text))
    return render(page.request, "findings.html", page=page, checked=checked)


@router.post("/review/{skill_id}/edit")
def save(page: Sent, skill_id: str, text: Text, version: Annotated[int, Form()]) -> Response:
    """Make a text that passes the gates the skill's next version."""
    page.require(Role.REVIEWER)
    text = _lines(text)
    try:
        with page.write("skill.edit", skill_id, version=version) as workspace:
            skill = as_shown(workspace, skill_id, version=version)
            checked = editing.check(workspace, skill, text)
            editing.take_in(workspace, skill, checked, actor=page.viewer.actor, author=page.viewer.name)
    except HivemindError as error:
        if error.slug in ("skill-gated", "skill-unparseable", "skill-name-taken"):
            return _form(page, skill_id, text=text, version=version, status=422)
        if error.slug == "skill-changed":
            return _form(page, skill_id, text=text, version=version, status=409)
        raise
    figures.decided(page, skill_id)
    return page.back_to(f"/review/{skill_id}")


def _lines(text: str) -> str:
    """Undo what browsers do to the ends of lines."""
    return text.replace("\r\n", "\n")
