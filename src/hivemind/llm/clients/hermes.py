"""Hermes: it cannot run without tools, so it gets its to-do list; in safe mode neither hooks nor plugins run.

Its safe mode by variable, unlike the option, keeps the user's configuration, without which it has no model.
The session that it stores all the same is named to the capture, which leaves it out.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hivemind.domain.model_calls import CallStatus
from hivemind.llm import replies
from hivemind.llm.agent_model import Call, failure
from hivemind.llm.base import Answer, ModelError, Question, Spent
from hivemind.llm.process import Finished

PROGRAM = "hermes"
OVERHEAD_TOKENS = 1_600
TOOLS_LEFT = "todo; it also keeps the session in its own history"
_USAGE = "usage.json"


def call(question: Question, *, model: str, files: Path, variables: Mapping[str, str]) -> Call:  # noqa: ARG001
    """Give the call; Hermes takes a prompt as an argument only."""
    arguments = [
        *("--ignore-rules", "-t", "todo", "--usage-file", str(files / _USAGE)),
        *(("-m", model) if model else ()),
        f"--oneshot={question.instructions}\n\n{question.material}",
    ]
    return Call(arguments=arguments, variables={"HERMES_SAFE_MODE": "1", "PYTHONUNBUFFERED": "1"})


def read(done: Finished, *, files: Path) -> Answer:
    """Give the answer of a run that ended by itself."""
    usage = _usage(files)
    spent = Spent(
        model=replies.text(usage.get("model")),
        input_tokens=replies.total(usage, "input_tokens", "cache_read_tokens", "cache_write_tokens"),
        output_tokens=replies.total(usage, "output_tokens"),
        cost_usd=replies.money(usage.get("estimated_cost_usd")) or None,  # 0 where it knows no price
    )
    if done.code:
        raise ModelError(failure(done).status, failure(done).message, spent=spent)
    if usage.get("failed") is True:
        raise ModelError(CallStatus.FAILED, replies.text(usage.get("failure"))[:300], spent=spent)
    return Answer(text=done.stdout.strip(), spent=spent)


def kept_session(*, files: Path) -> str:
    """Name the session that the client stored of this run."""
    return replies.text(_usage(files).get("session_id"))


def _usage(files: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return replies.json_object((files / _USAGE).read_text("utf-8")) or {}
    return {}
