"""Put mined text into Markdown so that it stays what it is: a command, or a quotation, on one line."""

import re

#: What would end a line, act on a terminal, reorder or hide text.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_SPAN = re.compile(r"(`+)(?!`)([^`\n]+)\1(?!`)")
_LOOKALIKE = str.maketrans({"<": "‹", ">": "›", "`": "'"})
_LINK = re.compile(r"\](?=[(\[:])")


def one_line(text: str) -> str:
    """Give a text on one line, without control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())


def code(text: str) -> str:
    """Give a command as inline code, however many backticks it holds."""
    line = one_line(text)
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}" if longest else f"`{line}`"


def plain(text: str, *, keep_code: bool = False) -> str:
    """Give a text as words of a sentence, no tag, link or code; `keep_code` leaves whole code spans alone."""
    line = one_line(text)
    if not keep_code:
        return _neutral(line)
    parts, end = [], 0
    for span in _SPAN.finditer(line):
        parts += [_neutral(line[end : span.start()]), span.group()]
        end = span.end()
    return "".join([*parts, _neutral(line[end:])])


def quoted(text: str) -> str:
    """Give a tool's words as a quotation; empty for an empty text."""
    words = plain(text).replace("“", "'").replace("”", "'")
    return f"“{words}”" if words else ""


def _neutral(text: str) -> str:
    return _LINK.sub("] ", text.translate(_LOOKALIKE))
