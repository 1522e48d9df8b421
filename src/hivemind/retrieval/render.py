"""Render skills as the text that an agent gets beside a prompt, or that a program puts into its own."""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivemind.retrieval.rank import Candidate

#: How a block may be written.
XML, MARKDOWN, TEXT = STYLES = ("xml", "markdown", "text")
OPENING = "<hivemind-skills>"
CLOSING = "</hivemind-skills>"
NOTE = (
    "Notes learnt from earlier sessions in this project. Use one where it fits the request, and ignore it"
    " where it does not."
)
#: Tags that a skill's text must not open or close: ours, and the one that Claude Code wraps our text in.
_TAG = re.compile(r"<(?=\s*/?\s*(?:hivemind-skills|skill|system-reminder)\b)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_NOT_NAME = re.compile(r"[^\w.-]+")


def harmless(text: str) -> str:
    """Give a skill's text without invisible characters, and without tags that could end its frame."""
    return _TAG.sub("&lt;", _CONTROL.sub("", text.replace("\r\n", "\n"))).strip()


def render_entry(
    candidate: "Candidate", *, whole: bool, section: str = "", style: str = XML, loads: bool = True
) -> str:
    """Render one skill: its whole text, or its description, a section, and how to load the rest.

    `loads` says whether who reads it has the tool that does so.
    """
    name = _NOT_NAME.sub("-", harmless(candidate.name))
    load = f'the tool `skills_load`, name "{name}"'
    if whole:
        text = candidate.body.strip()
    elif section and loads:
        text = f"{section}\n\n(This is one section of it: {load}, gives all.)"
    elif section:
        text = section
    else:
        text = f"(Too long to show here: load it with {load}, if it fits.)" if loads else ""
    # Together: a tag could begin in one part and end in the next.
    said = harmless(f"{candidate.description.strip()}\n\n{text}")
    if style == XML:
        return f'<skill name="{name}" version="{candidate.version}">\n{said}\n</skill>'
    return f"### {name}\n\n{said}" if style == MARKDOWN else f"[{name}]\n{said}"


def render_block(entries: "Sequence[str]", *, style: str = XML) -> str:
    """Wrap rendered skills for the agent; nothing for none."""
    if not entries:
        return ""
    if style == XML:
        return "\n".join((OPENING, NOTE, *entries, CLOSING))
    heading = "## Notes from earlier work" if style == MARKDOWN else "Notes from earlier work"
    return "\n\n".join((heading, NOTE, *entries))
