"""What several pages show: the queue, uplift and what to filter by, kept for some seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from fastapi import FastAPI

from hivemind.evaluation import models, uplift
from hivemind.evaluation.models import ModelSeen
from hivemind.evaluation.uplift import Uplift
from hivemind.library import review, team_settings
from hivemind.library.review import Waiting
from hivemind.library.rules import Policies
from hivemind.library.team_settings import TeamSettings
from hivemind.server.pages.asking import Asked
from hivemind.server.pages.keeping import MAX_AGE_S, Kept
from hivemind.server.site import Site
from hivemind.store import browsing
from hivemind.store import skills as store
from hivemind.store.database import Workspace

T = TypeVar("T")
_QUEUE_S, _UPLIFT_S, _CHOICES_S = 5.0, 15.0, 60.0
_QUEUE, GLANCE = "queue", "glance"
#: What many episodes make is much the same a night later: shown at once, and counted anew beside the page.
_SLOWLY_CHANGING_S = 12 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Name a space of a site whose figures are wanted, with where they are kept."""

    site: Site
    space: str
    kept: Kept

    @classmethod
    def of(cls, page: Asked) -> "Source":
        """Give the space that a page shows."""
        return cls(site=page.site, space=page.space, kept=kept_of(page.request.app))


Wanted = Asked | Source


def kept(
    wanted: Wanted, what: str, count: Callable[[Workspace], T], *, for_s: float, max_age_s: float = MAX_AGE_S
) -> T:
    """Give a figure of the space, counted in a read of its own where it is not kept."""
    source = wanted if isinstance(wanted, Source) else Source.of(wanted)

    def counted() -> T:
        with source.site.database.read(source.space) as workspace:
            return count(workspace)

    return source.kept.get((what, source.space), counted, for_s=for_s, max_age_s=max_age_s)


def kept_of(app: FastAPI) -> Kept:
    """Give what an application keeps."""
    state = app.state
    if not hasattr(state, "kept"):
        state.kept = Kept()
    found = state.kept
    assert isinstance(found, Kept)  # noqa: S101 - set above
    return found


def policies(wanted: Wanted, workspace: Workspace) -> Policies:
    """Give the policies under which the skills of a space move up."""
    site = wanted.site
    settings = site.machine.settings() if site.machine else site.settings
    held = TeamSettings() if site.is_local else team_settings.of(workspace)
    return Policies(
        publish=held.publish_policy or settings.publish_policy,
        share=held.share_policy or settings.share_policy,
    )


def queue(wanted: Wanted) -> list[Waiting]:
    """Give the skills that wait for a person."""
    return kept(wanted, _QUEUE, lambda w: review.queue(w, policies(wanted, w)), for_s=_QUEUE_S)


def uplifts(wanted: Wanted) -> dict[str, Uplift]:
    """Give what each skill does, by its id."""
    return _measured(wanted)[0]


def cells(wanted: Wanted) -> list[Uplift]:
    """Give what each skill does with each model."""
    return _measured(wanted)[1]


def _measured(wanted: Wanted) -> tuple[dict[str, Uplift], list[Uplift]]:
    return kept(wanted, "uplift", uplift.by_skill_and_model, for_s=_UPLIFT_S, max_age_s=_SLOWLY_CHANGING_S)


def seen(wanted: Wanted) -> list[ModelSeen]:
    """Give the models that episodes were done with."""
    return kept(wanted, "models", models.seen, for_s=_UPLIFT_S, max_age_s=_SLOWLY_CHANGING_S)


def choices(wanted: Wanted) -> dict[str, list[tuple[str, str]]]:
    """Give what sessions can be filtered by."""
    return kept(wanted, "choices", browsing.choices, for_s=_CHOICES_S, max_age_s=_SLOWLY_CHANGING_S)


def policies_changed(page: Asked) -> None:
    """Have the queue counted anew: what waits for a person is another matter now."""
    for what in (_QUEUE, GLANCE):
        kept_of(page.request.app).forget((what, page.space))


def decided(page: Asked, *skill_ids: str) -> None:
    """Have what follows from decisions done: the queue without what was decided, skill files in line."""
    with page.read() as workspace:
        rules = policies(page, workspace)
        now = [review.one(workspace, store.by_id(workspace, key), rules) for key in skill_ids]

    def changed(held: list[Waiting]) -> list[Waiting]:
        others = [each for each in held if each.skill.skill_id not in skill_ids]
        return review.in_order([*others, *(each for each in now if each.why != review.ASKED)])

    kept_of(page.request.app).change((_QUEUE, page.space), changed)
    kept_of(page.request.app).forget((GLANCE, page.space))
    page.site.after_decision(page.space)
