"""Say what a prompt asks for, given what its session is doing; standard library only.

"Continue" asks for what was asked before, and "fix that" for the error that was just seen. A prompt that says
what it wants is searched as it is: what else the session did is in most cases about something else.
"""

from hivemind.retrieval.rank import prompt_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

#: A prompt with fewer telling words does not say what it is about.
FEWEST_WORDS = 3
#: Events of a session that are looked back at, and earlier prompts among them.
MAX_EVENTS = 60
#: Of an earlier prompt and of an error so many characters count.
MAX_REQUEST_CHARS, MAX_ERROR_CHARS = 2_000, 300
#: Words of a prompt about something that went wrong.
_TROUBLE = frozenset(
    (
        "again",
        "bug",
        "broke",
        "broken",
        "crash",
        "debug",
        "error",
        "fail",
        "failed",
        "failing",
        "failure",
        "fix",
    )
)

_LATEST = """
SELECT kind, status, substr(text, 1, ?), substr(text, -?) FROM events
WHERE workspace_id = ? AND session_id = ? AND agent_id = ''
    AND kind IN ('prompt', 'tool_result') ORDER BY seq DESC LIMIT ?
"""


def asked(connection: "sqlite3.Connection", *, workspace_id: str, session_id: str, prompt: str) -> str:
    """Give the text to search for: the prompt, and where it does not say enough, what it goes back to.

    That is the latest prompt of the session that says something, and the end of the latest error where the
    prompt speaks of trouble.
    """
    said = prompt_words(prompt)
    if not session_id or len(said) >= FEWEST_WORDS:
        return prompt
    about_trouble = not _TROUBLE.isdisjoint(prompt.lower().split())
    parts = [prompt]
    rows = connection.execute(
        _LATEST, (MAX_REQUEST_CHARS, MAX_ERROR_CHARS, workspace_id, session_id, MAX_EVENTS)
    )
    for kind, status, beginning, end in rows:
        if kind == "tool_result":
            if about_trouble and status in ("error", "ok"):
                # Only the latest result: an error that something was run after is no longer at hand.
                about_trouble = False
                parts += [end] if status == "error" else []
        elif beginning.strip() != prompt.strip() and len(prompt_words(beginning)) >= FEWEST_WORDS:
            parts.append(beginning)
            break
    return "\n".join(parts)
