"""What several pages show: the queue, uplift and what to filter by, kept for some seconds."""

from collections.abc import Callable
from typing import TypeVar

from hivemind.evaluation import models, uplift
from hivemind.evaluation.models import ModelSeen
from hivemind.evaluation.uplift import Uplift
from hivemind.library import review, team_settings
from hivemind.library.review import Waiting
from hivemind.library.rules import Policies
from hivemind.library.team_settings import TeamSettings
from hivemind.server.pages.asking import Asked
from hivemind.server.pages.keeping import Kept
from hivemind.store import browsing
from hivemind.store import skills as store
from hivemind.store.database import Workspace

T = TypeVar("T")
_QUEUE_S, _UPLIFT_S, _CHOICES_S = 5.0, 15.0, 60.0
_QUEUE, GLANCE = "queue", "glance"


def kept(page: Asked, what: str, count: Callable[[Workspace], T], *, for_s: float) -> T:
    """Give a figure of the space, counted in a read of its own where it is not kept."""

    def counted() -> T:
        with page.read() as workspace:
            return count(workspace)

    return _kept_of(page).get((what, page.space), counted, for_s=for_s)


def _kept_of(page: Asked) -> Kept:
    state = page.request.app.state
    if not hasattr(state, "kept"):
        state.kept = Kept()
    found = state.kept
    assert isinstance(found, Kept)  # noqa: S101 - set above
    return found


def policies(page: Asked, workspace: Workspace) -> Policies:
    """Give the policies under which the skills of a space move up."""
    settings = page.site.machine.settings() if page.site.machine else page.site.settings
    held = TeamSettings() if page.site.is_local else team_settings.of(workspace)
    return Policies(
        publish=held.publish_policy or settings.publish_policy,
        share=held.share_policy or settings.share_policy,
    )


def queue(page: Asked) -> list[Waiting]:
    """Give the skills that wait for a person."""
    return kept(page, _QUEUE, lambda w: review.queue(w, policies(page, w)), for_s=_QUEUE_S)


def uplifts(page: Asked) -> dict[str, Uplift]:
    """Give what each skill does, by its id."""
    return kept(page, "uplift", uplift.by_skill, for_s=_UPLIFT_S)


def cells(page: Asked) -> list[Uplift]:
    """Give what each skill does with each model."""
    return kept(page, "cells", lambda w: uplift.of_workspace(w, by_model=True), for_s=_UPLIFT_S)


def seen(page: Asked) -> list[ModelSeen]:
    """Give the models that episodes were done with."""
    return kept(page, "models", models.seen, for_s=_UPLIFT_S)


def choices(page: Asked) -> dict[str, list[tuple[str, str]]]:
    """Give what sessions can be filtered by."""
    return kept(page, "choices", browsing.choices, for_s=_CHOICES_S)


def policies_changed(page: Asked) -> None:
    """Have the queue counted anew: what waits for a person is another matter now."""
    for what in (_QUEUE, GLANCE):
        _kept_of(page).forget((what, page.space))


def decided(page: Asked, *skill_ids: str) -> None:
    """Have what follows from decisions done: the queue without what was decided, skill files in line."""
    with page.read() as workspace:
        rules = policies(page, workspace)
        now = [review.one(workspace, store.by_id(workspace, key), rules) for key in skill_ids]

    def changed(held: list[Waiting]) -> list[Waiting]:
        others = [each for each in held if each.skill.skill_id not in skill_ids]
        return review.in_order([*others, *(each for each in now if each.why != review.ASKED)])

    _kept_of(page).change((_QUEUE, page.space), changed)
    _kept_of(page).forget((GLANCE, page.space))
    page.site.after_decision(page.space)
