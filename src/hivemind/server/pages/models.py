"""`/models`: what each skill does with each model, and what a change of model did."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from hivemind.errors import HivemindError
from hivemind.evaluation import models
from hivemind.server.pages import figures
from hivemind.server.pages.asking import Page, PageRoute
from hivemind.server.pages.rendering import render

router = APIRouter(route_class=PageRoute)
#: Skills of the matrix that one page shows, those with most data first.
MAX_SKILLS = 100


@router.get("/models")
def matrix(page: Page, old: str = "", new: str = "") -> Response:
    """Show the models in use, the matrix, and a comparison where two are named."""
    compared, problem = None, None
    seen = figures.seen(page)
    cells = figures.cells(page)
    with page.read() as workspace:
        if old and new:
            try:
                compared = models.compare(workspace, old, new)
            except HivemindError as error:
                problem = error
    skills, names, by_place = models.matrix(cells)
    weights: dict[str, int] = {}
    for cell in cells:
        weights[cell.skill_id] = weights.get(cell.skill_id, 0) + cell.given.known + cell.withheld.known
    chosen = sorted(skills, key=lambda skill: -weights[skill])[:MAX_SKILLS]
    by_skill: dict[str, Any] = {cell.skill_id: cell for cell in cells}
    return render(
        page.request,
        "models.html",
        page=page,
        seen=seen,
        skills=[by_skill[skill] for skill in chosen],
        left_out=len(skills) - len(chosen),
        models=names,
        cells=by_place,
        compared=compared,
        problem=problem,
        old=old or (seen[-2].request_model if len(seen) > 1 else ""),
        new=new or (seen[-1].request_model if len(seen) > 1 else ""),
        kind_of=_kind,
    )


def _kind(cell: Any) -> str:
    if cell is None or not cell.is_enough:
        return "unknown"
    return "better" if models.helps(cell) else "worse" if models.harms(cell) else "open"
