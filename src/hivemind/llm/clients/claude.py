"""Claude Code: no tools, no settings (so no hooks), no MCP servers, no session file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hivemind.domain.model_calls import CallStatus
from hivemind.llm import replies
from hivemind.llm.agent_model import Call, failure
from hivemind.llm.base import Answer, ModelError, Question, Spent
from hivemind.llm.process import Finished

PROGRAM = "claude"
OVERHEAD_TOKENS = 480
TOOLS_LEFT = ""


def call(question: Question, *, model: str, files: Path, variables: Mapping[str, str]) -> Call:  # noqa: ARG001
    """Give the call."""
    arguments = [
        *("-p", "--output-format", "json", "--tools", "", "--system-prompt", question.instructions),
        *("--setting-sources", "", "--settings", '{"disableAllHooks":true}', "--strict-mcp-config"),
        *("--no-session-persistence", "--disable-slash-commands"),
        *(("--model", model) if model else ()),
    ]
    return Call(arguments=arguments, given=question.material)


def read(done: Finished, *, files: Path) -> Answer:  # noqa: ARG001
    """Give the answer of a run that ended by itself."""
    record = replies.json_object(done.stdout)
    if record is None or record.get("type") != "result":
        raise failure(done)
    spent = _spent(record)
    text = replies.text(record.get("result"))
    if record.get("stop_reason") == "refusal":
        raise ModelError(CallStatus.REFUSED, "the model refused", spent=spent)
    if record.get("is_error") is True or done.code:
        raise ModelError(CallStatus.FAILED, text[:300] or f"it exited with {done.code}", spent=spent)
    return Answer(text=text, spent=spent)


def kept_session(*, files: Path) -> str:  # noqa: ARG001
    """Name the session that the client stored of this run: none."""
    return ""


def _spent(record: dict[str, Any]) -> Spent:
    usage = replies.mapping(record.get("usage"))
    parts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    models = list(replies.mapping(record.get("modelUsage")))
    return Spent(
        model=models[0] if models else "",
        input_tokens=replies.total(usage, *parts),
        output_tokens=replies.total(usage, "output_tokens"),
        cost_usd=replies.money(record.get("total_cost_usd")),
    )
