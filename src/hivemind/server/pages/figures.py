"""What several pages show: the queue, uplift and what to filter by, kept for some seconds."""

from hivemind.evaluation import uplift
from hivemind.evaluation.uplift import Uplift
from hivemind.library import review
from hivemind.library.review import Waiting
from hivemind.library.rules import Policies
from hivemind.server.pages.asking import Asked
from hivemind.server.pages.keeping import Kept
from hivemind.store import browsing
from hivemind.store.database import Workspace

_QUEUE_S, _UPLIFT_S, _CHOICES_S = 10.0, 15.0, 60.0


def kept_of(page: Asked) -> Kept:
    """Give what the app keeps."""
    state = page.request.app.state
    if not hasattr(state, "kept"):
        state.kept = Kept()
    found = state.kept
    assert isinstance(found, Kept)  # noqa: S101 - set above
    return found


def policies(page: Asked) -> Policies:
    """Give the policies under which skills move up."""
    settings = page.site.machine.settings() if page.site.machine else page.site.settings
    return Policies(publish=settings.publish_policy, share=settings.share_policy)


def queue(page: Asked, workspace: Workspace) -> list[Waiting]:
    """Give the skills that wait for a person."""
    key = ("queue", page.space)
    return kept_of(page).get(key, lambda: review.queue(workspace, policies(page)), for_s=_QUEUE_S)


def uplifts(page: Asked, workspace: Workspace) -> dict[str, Uplift]:
    """Give what each skill does, by its id."""
    key = ("uplift", page.space)
    return kept_of(page).get(key, lambda: uplift.by_skill(workspace), for_s=_UPLIFT_S)


def cells(page: Asked, workspace: Workspace) -> list[Uplift]:
    """Give what each skill does with each model."""
    key = ("cells", page.space)
    return kept_of(page).get(key, lambda: uplift.of_workspace(workspace, by_model=True), for_s=_UPLIFT_S)


def choices(page: Asked, workspace: Workspace) -> dict[str, list[tuple[str, str]]]:
    """Give what sessions can be filtered by."""
    key = ("choices", page.space)
    return kept_of(page).get(key, lambda: browsing.choices(workspace), for_s=_CHOICES_S)


def decided(page: Asked) -> None:
    """Have what follows from a decision done: figures counted anew, skill files brought in line."""
    kept_of(page).forget(page.space)
    page.site.after_decision(page.space)
