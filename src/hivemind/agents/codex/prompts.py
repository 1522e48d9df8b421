"""Tell what a person typed from what Codex puts into messages of the same role."""

import re
from typing import Any, Final

from hivemind.agents.client_blocks import without
from hivemind.agents.values import elements, get, text

#: What the client says of a part of a message, where it says so (0.16x).
_TYPED: Final = "user."
#: How texts begin that the client writes in the person's name.
_CLIENT_TEXT = re.compile(
    r"<(?:environment_context|user_instructions|\w+_instructions|permissions instructions|turn_aborted|skill"
    r"|hook_prompt|subagent_notification|user_shell_command|user_action|model_switch|goal_context"
    r"|collaboration_mode|personality_spec|multi_agent_\w+|realtime_\w+|tools|INSTRUCTIONS|system-reminder)\b"
    r"|# AGENTS\.md instructions|Warning: (?:apply_patch was requested|The maximum number of unified exec)"
    r"|You are performing a CONTEXT CHECKPOINT COMPACTION"
    r"|Another language model started to solve this problem"
)
#: An editor's extension puts the open files and the selection before what the person wrote.
_EDITOR_CONTEXT = re.compile(
    r"\s*# (?:Context from my IDE setup|Files mentioned by the user).*?^## My request for Codex:[ \t]*\n",
    re.S | re.M,
)
#: The client frames an attached image with these.
_IMAGE_FRAME = re.compile(r"\s*</?image\b[^>]*>\s*")


def typed(message: dict[str, Any]) -> str:
    """Give what a person wrote in a message of theirs; empty where the client wrote all of it."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"type": "input_text", "text": content}]
    kinds = elements(get(message, "internal_chat_message_metadata_passthrough", "content_item_kinds"))
    shown = []
    for index, part in enumerate(parts):
        kind = text(kinds[index]) if index < len(kinds) else ""
        said = _part(part, kind)
        if said:
            shown.append(said)
    return "\n".join(shown)


def request(prompt: str) -> str:
    """Take out of a prompt what an editor's extension or Hivemind put there."""
    context = _EDITOR_CONTEXT.match(prompt)
    said = without(prompt[context.end() :] if context else prompt, "hivemind-skills").strip()
    return "" if _CLIENT_TEXT.match(said) else said


def _part(part: Any, kind: str) -> str:
    if "." in kind and not kind.startswith(_TYPED):
        return ""
    if isinstance(part, str):
        return request(part)
    if get(part, "type") in ("input_image", "local_image", "image"):
        return "[image]"
    said = text(get(part, "text"))
    return "" if _IMAGE_FRAME.fullmatch(said) else request(said)
