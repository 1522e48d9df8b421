"""pi: no tools, no extensions (so none of ours), no skills, no session file."""

from collections.abc import Mapping
from pathlib import Path

from hivemind.domain.model_calls import CallStatus
from hivemind.llm import replies
from hivemind.llm.agent_model import Call, failure
from hivemind.llm.base import Answer, ModelError, Question, Spent
from hivemind.llm.process import Finished

PROGRAM = "pi"
OVERHEAD_TOKENS = 90
TOOLS_LEFT = ""
_WITHOUT = (
    *("--no-tools", "--no-extensions", "--no-skills", "--no-prompt-templates", "--no-themes"),
    *("--no-context-files", "--no-session"),
)


def call(question: Question, *, model: str, files: Path, variables: Mapping[str, str]) -> Call:  # noqa: ARG001
    """Give the call; each piece of a growing answer is printed with all before it, so those are dropped."""
    arguments = [
        *("-p", "--mode", "json", *_WITHOUT, "--system-prompt", question.instructions),
        *(("--model", model) if model else ()),
    ]
    return Call(arguments=arguments, given=question.material, drop=b'{"type":"message_update"')


def read(done: Finished, *, files: Path) -> Answer:  # noqa: ARG001
    """Give the answer of a run that ended by itself."""
    for record in replies.json_objects(done.stdout):
        message = replies.mapping(record.get("message"))
        if record.get("type") == "message_end" and message.get("role") == "assistant":
            return _answer(message)
    raise failure(done)


def kept_session(*, files: Path) -> str:  # noqa: ARG001
    """Name the session that the client stored of this run: none."""
    return ""


def _answer(message: object) -> Answer:
    said = replies.mapping(message)
    usage = replies.mapping(said.get("usage"))
    cost = replies.money(replies.mapping(usage.get("cost")).get("total"))
    spent = Spent(
        model=replies.text(said.get("model")),
        input_tokens=replies.total(usage, "input", "cacheRead", "cacheWrite"),
        output_tokens=replies.total(usage, "output"),
        cost_usd=cost or None,  # a model without a price has 0
    )
    blocks = said.get("content")
    blocks = blocks if isinstance(blocks, list) else []
    if said.get("stopReason") in ("error", "aborted"):
        raise ModelError(CallStatus.FAILED, replies.text(said.get("errorMessage"))[:300], spent=spent)
    return Answer(text="".join(replies.text(replies.mapping(b).get("text")) for b in blocks), spent=spent)
