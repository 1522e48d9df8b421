"""Count, right after the start and beside the requests, what the first page would have to wait for."""

import logging
import threading
from collections.abc import Callable

from fastapi import FastAPI

from hivemind.server.access.local import LocalAccess
from hivemind.server.pages import figures, overview
from hivemind.server.pages.figures import Source
from hivemind.server.site import Site
from hivemind.store import accounts

#: Workspaces of a server whose figures are counted; the pages of the others count theirs when first opened.
MAX_WORKSPACES = 20
JOIN_S = 5.0
_log = logging.getLogger(__name__)


def started(app: FastAPI) -> Callable[[], None]:
    """Count on a thread of its own; gives what ends it."""
    stopped = threading.Event()
    thread = threading.Thread(target=_warm, args=(app, stopped), name="warming", daemon=True)
    thread.start()

    def stop() -> None:
        stopped.set()
        thread.join(timeout=JOIN_S)

    return stop


def _warm(app: FastAPI, stopped: threading.Event) -> None:
    site: Site = app.state.site
    try:
        for space in _spaces(site):
            source = Source(site=site, space=space, kept=figures.kept_of(app))
            # Those that one page needs one after the other: what every page shows first.
            for count in (figures.queue, overview.glanced, figures.uplifts, figures.seen, figures.choices):
                if stopped.is_set():
                    return
                count(source)
    except Exception:  # noqa: BLE001 - a page that is opened counts for itself, and says what is wrong
        _log.warning("figures could not be counted ahead", exc_info=True)


def _spaces(site: Site) -> list[str]:
    if isinstance(site.access, LocalAccess):
        return [site.access.workspace_id]
    with site.database.read() as workspace:
        return accounts.team_workspaces(workspace)[:MAX_WORKSPACES]
