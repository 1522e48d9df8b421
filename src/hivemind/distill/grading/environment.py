"""Failures of the machine, the network or a permission: they say nothing about the work."""

import re
from collections.abc import Iterator
from functools import lru_cache

from hivemind.distill.episodes import Episode
from hivemind.distill.miners import failures
from hivemind.distill.session_view import Call
from hivemind.domain.events import ResultStatus
from hivemind.domain.outcomes import Outcome, Signal

_ABSENT = re.compile(
    r"command not found|: not found$|is not installed|No such file or directory: '?[\w.-]+'?$"
    r"|executable file not found|not recognized as an internal or external command"
    r"|cannot connect to the docker"
    r"|permission (?:for [\w ]+ )?(?:was )?denied|operation not permitted"
    r"|authentication (?:failed|required)|could not read Username"
    r"|(?:401|403) (?:unauthorized|forbidden)|quota|insufficient credits|certificate|\bdisk full\b"
    r"|failed to sign|1Password: |agent refused operation",
    re.IGNORECASE | re.MULTILINE,
)
_RESULT = re.compile(
    r"^\s*(?:Tests?|Test Suites|Test Files):? +\d|\b\d+ (?:passed|failed|failing)\b"
    r"|^(?:--- )?FAIL\b|^test result:",
    re.MULTILINE,
)


def is_at_fault(call: Call) -> bool:
    """Say whether a call failed for a reason that lies outside of the work, or was never run."""
    if call.status in (ResultStatus.DENIED, ResultStatus.CANCELLED):
        return True
    if not failures.failed(call):
        return False
    if _names_what_is_absent(call.output[:4_000]):
        return True
    # Tests are named after what they test: a run that got as far as a result speaks of that, not of itself.
    return failures.is_transient(call.output) and not _RESULT.search(call.output)


@lru_cache(maxsize=2048)  # 8 MB at most
def _names_what_is_absent(output: str) -> bool:
    # Each signal asks of every failed call again, and the search is slow.
    return _ABSENT.search(output) is not None


def task_failures(episode: Episode) -> tuple[Call, ...]:
    """Give the calls that failed at the work itself."""
    return tuple(c for c in episode.calls if failures.failed(c) and not is_at_fault(c))


def read(episode: Episode) -> Iterator[Signal]:
    """Yield that the environment failed, which explains an episode and speaks for neither side."""
    at_fault = [c for c in episode.calls if is_at_fault(c)]
    if at_fault:
        refused = sum(c.status is ResultStatus.DENIED for c in at_fault)
        counted = "1 call" if len(at_fault) == 1 else f"{len(at_fault)} calls"
        yield Signal(
            name="environment",
            points_to=Outcome.UNKNOWN,
            text=f"{counted} stopped by the environment, {refused} of them refused by a person or a rule",
            event_ids=tuple(c.event_id for c in at_fault[:5]),
            strength=0.0,
        )
