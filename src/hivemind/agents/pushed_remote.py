"""Learn a project's remote from what `git push` printed, where a transcript does not name it."""

import re
from typing import Final

from hivemind.agents.base import ReaderState
from hivemind.domain.projects import normalise_remote

#: `git push` prints it above the refs it moved, which are few; searched this far, in characters.
_SEARCHED_CHARS: Final = 4_000
_PUSHED_TO: Final = re.compile(r"^To (\S{1,1000})$", re.M)


def note(output: str, state: ReaderState) -> None:
    """Remember the remote that a command's output shows a push to, unless one is known.

    It is normalised at once: the state is stored, and a URL may carry a password.
    """
    if "remote" in state.values:
        return
    for pushed in _PUSHED_TO.finditer(output[:_SEARCHED_CHARS]):
        if remote := normalise_remote(pushed.group(1)):
            state.values["remote"] = f"https://{remote}"
            return
