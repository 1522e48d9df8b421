"""Learn a project's remote from what `git push` printed, where a transcript does not name it."""

import re
from typing import Final

from hivemind.agents.base import ReaderState
from hivemind.domain.projects import normalise_remote

#: `git push` prints it above the refs it moved, which are few; searched this far, in characters.
_SEARCHED_CHARS: Final = 4_000
_URL_CHARS: Final = 1_000
_PUSHED_TO: Final = re.compile(r"^To (\S{1,1000})$", re.M)


def note(output: str, state: ReaderState) -> None:
    """Remember the remote that a command's output shows a push to, unless one is known."""
    if "remote" in state.values:
        return
    for pushed in _PUSHED_TO.finditer(output[:_SEARCHED_CHARS]):
        if name(pushed.group(1), state):
            return


def name(url: str, state: ReaderState) -> bool:
    """Remember a remote; False for a URL that is none.

    It is normalised at once: the state is stored, and a URL may carry a password.
    """
    remote = normalise_remote(url[:_URL_CHARS])
    if remote:
        state.values["remote"] = f"https://{remote}"
    return bool(remote)
