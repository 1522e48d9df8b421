"""Codex: it cannot drop all its tools, so it gets a read-only sandbox, no shell, no plugins, no hooks."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from hivemind.domain.model_calls import CallStatus
from hivemind.llm import replies
from hivemind.llm.agent_model import Call, failure
from hivemind.llm.base import Answer, ModelError, Question, Spent
from hivemind.llm.process import Finished

PROGRAM = "codex"
OVERHEAD_TOKENS = 2_200
TOOLS_LEFT = "apply_patch, view_image and its goals, in a read-only sandbox"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_OFF = ("hooks", "shell_tool", "plugins", "apps")
_SETTINGS = (
    'web_search="disabled"',
    "skills.include_instructions=false",
    "include_permissions_instructions=false",
    "include_environment_context=false",
    "project_doc_max_bytes=0",
)


def call(question: Question, *, model: str, files: Path, variables: Mapping[str, str]) -> Call:
    """Give the call."""
    schema = files / "schema.json"
    schema.write_text(json.dumps(_schema(question.fields)))
    settings = [*_SETTINGS, f"instructions={json.dumps(question.instructions)}"]
    # An empty table would be merged with the user's: each server is switched off by its name.
    settings += [f"mcp_servers.{name}.enabled=false" for name in _servers(variables)]
    arguments = [
        *("exec", "--ephemeral", "--skip-git-repo-check", "-s", "read-only", "--json", "--color", "never"),
        *(word for feature in _OFF for word in ("--disable", feature)),
        *(word for setting in settings for word in ("-c", setting)),
        *("--output-schema", str(schema)),
        *(("-m", model) if model else ()),
        "-",
    ]
    return Call(arguments=arguments, given=question.material)


def read(done: Finished, *, files: Path) -> Answer:  # noqa: ARG001
    """Give the answer of a run that ended by itself."""
    said, spent, failed = "", Spent(), ""
    for record in replies.json_objects(done.stdout):
        item = replies.mapping(record.get("item"))
        if record.get("type") == "item.completed" and item.get("type") == "agent_message":
            said = replies.text(item.get("text"))
        elif record.get("type") == "turn.completed":
            usage = replies.mapping(record.get("usage"))
            spent = Spent(
                input_tokens=replies.total(usage, "input_tokens"),
                output_tokens=replies.total(usage, "output_tokens"),
            )
        elif record.get("type") in ("turn.failed", "error"):
            error = replies.mapping(record.get("error")) or record
            failed = replies.text(error.get("message")) or "its turn failed"
    if done.code or (failed and not said):
        raise ModelError(CallStatus.FAILED, failed[:300], spent=spent) if failed else failure(done)
    return Answer(text=said, spent=spent)


def kept_session(*, files: Path) -> str:  # noqa: ARG001
    """Name the session that the client stored of this run: none."""
    return ""


def _servers(variables: Mapping[str, str]) -> list[str]:
    home = variables.get("CODEX_HOME") or str(Path(variables.get("HOME") or "/", ".codex"))
    try:
        servers = tomllib.loads(Path(home, "config.toml").read_text("utf-8")).get("mcp_servers")
    except (OSError, ValueError):
        return []  # Codex itself will say what is wrong with it
    return [name for name in replies.mapping(servers) if _PLAIN_NAME.fullmatch(name)]


def _schema(fields: tuple[str, ...]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in fields},
        "required": list(fields),
        "additionalProperties": False,
    }
