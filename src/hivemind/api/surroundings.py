"""Where a program runs: what its environment says, read once; and what is done when something fails."""

import functools
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from hivemind.api.transport import Local, Transport
from hivemind.capture import announce, layout
from hivemind.domain.projects import project_id, service_remote

log = logging.getLogger("hivemind")
P = ParamSpec("P")
T = TypeVar("T")
_lock = threading.Lock()
_here: "tuple[tuple[str, ...], Surroundings] | None" = None
#: Where a team's server is, and the token for it.
API_URL, TOKEN = "HIVEMIND_API_URL", "HIVEMIND_TOKEN"
#: The variables that decide; where one changes, everything is looked up anew.
_NAMES = (
    *("HIVEMIND_HOME", "HIVEMIND_WORKSPACE_ID", "HIVEMIND_PROJECT", "HIVEMIND_CAPTURE", "HIVEMIND_WORKER"),
    *("OTEL_SERVICE_NAME", "HOME", "XDG_DATA_HOME", API_URL, TOKEN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Hold where a program's calls go, and what its environment says."""

    data: Path
    transport: Transport
    project: str
    is_captured: bool


def here() -> Surroundings:
    """Give the surroundings of this process."""
    global _here
    values = tuple(os.environ.get(name, "") for name in _NAMES)
    with _lock:
        if _here is None or _here[0] != values:
            _here = (values, _look(os.environ))
        return _here[1]


def _look(variables: Mapping[str, str]) -> Surroundings:
    data = Path(layout.data_dir(dict(variables), variables.get("HOME") or str(Path.home())))
    return Surroundings(
        data=data,
        transport=_transport(data, variables),
        project=variables.get("HIVEMIND_PROJECT") or variables.get("OTEL_SERVICE_NAME") or "",
        is_captured=variables.get("HIVEMIND_CAPTURE", "").strip().lower() in announce.ON,
    )


def _transport(data: Path, variables: Mapping[str, str]) -> Transport:
    """Choose the server that the environment names with a token for it, else this machine's store."""
    if variables.get(API_URL) and variables.get(TOKEN):
        from hivemind.api.remote import Remote
        from hivemind.sync.credentials import check_url

        url = check_url(variables[API_URL], variables=variables)
        transport = Remote(data, url, variables[TOKEN])
        transport.wake()  # what an earlier program left is sent, too
        return transport
    return Local(data, variables.get("HIVEMIND_WORKSPACE_ID") or "default", dict(variables))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Name the project of a call: by its name, else by the folder that the program runs in."""

    remote: str
    project_id: str
    cwd: str


def place(project: str | None) -> Place:
    """Give the project that is named, or the surroundings' own; a folder's is found where it is stored."""
    remote = service_remote(project or here().project)
    if remote:
        return Place(remote=remote, project_id=project_id(remote=remote, root=""), cwd="")
    return Place(remote="", project_id="", cwd=os.getcwd())  # noqa: PTH109 - a text is wanted


def failed(what: str, error: BaseException) -> None:
    """Log a failure, and keep it for `hivemind doctor`; this itself never fails."""
    try:
        log.warning("hivemind: %s failed: %s: %s", what, type(error).__name__, error)
        announce.record_failure(str(here().data), ["api", what], error)
    except Exception:  # noqa: BLE001, S110 - the host must not notice
        pass


def guarded(otherwise: Callable[[], T]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a call that never raises: where it fails it is recorded, and gives something harmless.

    A call with `strict=True`, or of an object that is strict, raises, for tests.
    """

    def wrap(call: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(call)
        def inner(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return call(*args, **kwargs)
            except Exception as error:
                if kwargs.get("strict") or (args and getattr(args[0], "strict", False)):
                    raise
                failed(call.__name__, error)
                return otherwise()

        return inner

    return wrap
