"""Whether a call worked, where a filter behind a pipe hides its exit status."""

from __future__ import annotations

import pytest

from hivemind.distill.miners import failures
from hivemind.distill.session_view import Call
from hivemind.domain.events import ResultStatus

TS = "src/a.ts(3,1): error TS2352: Conversion may be a mistake.\nExit status 1"
PYTEST = "== 2 failed, 10 passed in 3.1s =="


@pytest.mark.parametrize(
    ("command", "output", "failed"),
    [
        ("pnpm --filter web build 2>&1 | tail -15", TS, True),
        ("pytest -q | tail -3", PYTEST, True),
        ("pytest -q | tail -3", "== 12 passed in 3.1s ==", False),
        ("go test ./... | tail", "--- FAIL: TestA (0.00s)\nFAIL\tacme/shop\t0.1s", True),
        ("cat build.log | grep TS", TS, False),
        ("pytest -q", PYTEST, False),  # nothing hides its exit status
    ],
)
def test_a_pipe_hides_no_failed_check(command: str, output: str, failed: bool) -> None:
    """A check whose output says that it failed did; one that looks at a log did not."""
    call = Call(
        event_id="e",
        seq=1,
        at=None,
        tool_name="Bash",
        text=command,
        data={"command": command},
        output=output,
        status=ResultStatus.OK,
        exit_code=0,
        result_id="r",
    )
    assert failures.failed(call) is failed
    assert failures.worked(call) is not failed
