"""What our pi extension tells the hook, and what the hook answers; standard library only.

The extension is ours, so is the shape: `session_id`, `session_file`, `cwd`, and `prompt` or `said`.
"""

from hivemind.domain import plain_json

#: What each event of pi's means to Hivemind.
MOMENTS = {
    "session_start": "start",
    "before_agent_start": "prompt",
    "agent_end": "turn",
    "session_compact": "compact",
    "session_shutdown": "end",
}
#: pi has no limit of its own; this is what the other agents take, in characters.
MAX_CONTEXT_CHARS = 10_000


def announcement(event, payload, root):  # type: ignore[no-untyped-def]  # noqa: ARG001  # `typing` costs the hook milliseconds
    """Pick what the worker needs from a payload: no prompt and no answer is among it.

    `--no-session` has no file: the transcript is then None.
    """
    return {
        "moment": MOMENTS.get(event, ""),
        "session_id": payload.get("session_id"),
        "transcript": payload.get("session_file"),
        "cwd": payload.get("cwd"),
        "said": payload.get("said") if event == "agent_end" else None,
    }


def prompt(payload):  # type: ignore[no-untyped-def]
    """Give what the person typed."""
    text = payload.get("prompt")
    return typed(text) if isinstance(text, str) else ""


def typed(text: str) -> str:
    """Put the names back for the skill and the files that pi put into a prompt in their place."""
    names, at = [], 0
    for opening, closing, sign in (
        ('<skill name="', "\n</skill>", "/skill:"),
        ('<file name="', "</file>\n", "@"),
    ):
        while text.startswith(opening, at):
            begin = at + len(opening)
            quote, end = text.find('"', begin), text.find(closing, begin)
            if not begin < quote < end:
                break
            names.append(sign + text[begin:quote])
            at = end + len(closing)
            while text.startswith("\n", at):
                at += 1
    return " ".join((*names, text[at:])).strip()


def output(event, *, context, notice):  # type: ignore[no-untyped-def]  # noqa: ARG001  # as the hook calls it
    """Write the answer that the extension reads; empty when there is none."""
    answer = {}
    if context:
        answer["context"] = context[:MAX_CONTEXT_CHARS]
    if notice:
        answer["notice"] = notice
    return plain_json.dumps(answer) if answer else ""
