"""Find what a reader of the page does not see: characters, comments, encoded data, execution at load."""

import re
import unicodedata
from collections.abc import Iterator

from hivemind.library.gates import markdown
from hivemind.library.gates.base import line_of
from hivemind.library.gates.injection.signals import Signal
from hivemind.library.gates.markdown import Kind

#: Words of an HTML comment that make it more than a marker for some tool.
_COMMENT_WORDS = 3
_MAX_RUN = 120
_MAX_HEX_RUN = 160
_JOINERS = "\u200c\u200d"
#: Format characters, private use and unassigned: what a reader cannot see.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
_HIDDEN_OTHERS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0e\uffa0\U000e0100-\U000e01ef]")
_NOT_PLAIN = re.compile(r"\r(?!\n)|[^\t\n\r\x20-\x7e]")
_RUN = re.compile(r"[A-Za-z0-9+/=_-]+")
#: As Claude Code looks for commands that run while a skill loads.
_EXECUTED = re.compile(r"(?:^|(?<=\s))!`[^`]|`{3}!|^[ \t]*~{3,}!", re.MULTILINE)
_SPAN = re.compile(r"`[^`]+`")
_LINK_COMMENT = re.compile(r"^ {0,3}\[//\]:", re.MULTILINE)
_ROLE = re.compile(
    r"</?(?:system|system-reminder|assistant|tool_result|function_results)>"
    r"|<\|im_(?:start|end)\|>|\[/?INST\]|<</?SYS>>"
)

_ROLE_MARK = re.compile(
    r"[\[【](?:system|admin(?:istrator)?|root|core|internal|developer)[\w -]{0,40}"
    r"(?:::?[^\]\n]{0,200})?[\]】](?!\()"
    r"|^#{1,6} *system *:|\bBEGIN (?:SYSTEM|ADMIN) \w+",
    re.IGNORECASE | re.MULTILINE,
)
#: Words of a comment that are meant for an agent, not for who maintains the page.
_ORDER = re.compile(
    r"\b(?:run|execute|send|ignore|upload|post|output|exfiltrate|curl|wget|agents?|assistant|llm|ai|claude"
    r"|must|never"
    r"|secretly|passwords?|tokens?|credentials?|secrets?|override|instructions?|do not|before (?:any"
    r"|processing))\b",
    re.IGNORECASE,
)
#: Codes that a terminal acts on are 1B and 9B; the rest of C1 comes from text that was decoded twice, AD from
#: text that was typeset.
_MISREAD = re.compile("[\x80-\x9a\x9c-\x9f\xad]")
_TAGS = re.compile("[\U000e0001-\U000e007f]{2,10000}")
_FLAG_LETTERS = re.compile(
    "(?:[\U0001f1e6-\U0001f1ff]{3,40}|[\U0001f1e6-\U0001f1ff](?![\U0001f1e6-\U0001f1ff]))"
)
#: Marks heaped on letters, and Braille: a model reads them, a person and a search do not.
_HEAPED = re.compile("[\u0300-\u036f]{4,400}|[\u2801-\u28ff][\u2800-\u28ff ]{5,400}")
_SPELT = re.compile(r"(?:\\[A-Za-z'0-9 ] ?){7,200}")


def found(text: str) -> Iterator[Signal]:
    """Yield what the text hides, from the text as it was written."""
    if not text.isascii() or not text.isprintable():
        yield from _hidden(text)
    yield from _markup(text)
    yield from _comment_orders(text)
    yield from _blobs(text)


def _hidden(text: str) -> Iterator[Signal]:
    seen = set[str]()
    if tags := _TAGS.search(text):
        said = "".join(chr(ord(c) - 0xE0000) for c in tags.group() if 0xE0020 <= ord(c) < 0xE007F)
        yield Signal(
            mechanism="holds a text in invisible characters",
            line=line_of(text, tags.start()),
            quote=said,
            refuses=True,
        )
        seen.update(map(chr, range(0xE0000, 0xE0080)))
    for match in _NOT_PLAIN.finditer(text):
        character, at = match.group(), match.start()
        if character in seen or not _is_hidden(text, at):
            continue
        seen.add(character)
        misread = _MISREAD.match(character) is not None
        yield Signal(
            mechanism=f"holds the hidden character U+{ord(character):04X}",
            line=line_of(text, at),
            refuses=not misread,
            warns=misread,
        )
    if letters := _FLAG_LETTERS.search(text):
        yield Signal(
            mechanism="spells words with the letters of flags",
            line=line_of(text, letters.start()),
            warns=True,
        )
    if heaped := _HEAPED.search(text):
        yield Signal(
            mechanism="writes words so that only a machine reads them",
            line=line_of(text, heaped.start()),
            warns=True,
        )


def _is_hidden(text: str, at: int) -> bool:
    character = text[at]
    if character in _JOINERS:  # emoji and several scripts are written with them, always between two letters
        around = text[at - 1 : at] + text[at + 1 : at + 2]
        return len(around) < 2 or any(
            c.isascii() or unicodedata.category(c) in _HIDDEN_CATEGORIES for c in around
        )
    if "\U0001f000" <= character <= "\U0001faff":  # emoji newer than this Python are unassigned to it
        return False
    return (
        unicodedata.category(character) in _HIDDEN_CATEGORIES or _HIDDEN_OTHERS.match(character) is not None
    )


def _markup(text: str) -> Iterator[Signal]:
    if found := _EXECUTED.search(text):
        yield Signal(
            mechanism="has `!` before a backtick, which runs commands at load",
            line=line_of(text, found.start()),
            refuses=True,
        )
    prose = _without_code(text)
    if found := _ROLE.search(text):
        shows = _ROLE.search(prose) is None
        yield Signal(
            mechanism="imitates a conversation's markup",
            line=line_of(text, found.start()),
            quote=found.group(),
            refuses=not shows,
            warns=shows,
        )
    elif found := _ROLE_MARK.search(prose):
        yield Signal(
            mechanism="imitates a conversation's markup",
            line=line_of(text, found.start()),
            quote=found.group(),
            warns=True,
        )
    if found := _SPELT.search(prose):
        yield Signal(
            mechanism="spells words letter by letter",
            line=line_of(text, found.start()),
            quote=found.group(),
            warns=True,
        )


def _comment_orders(text: str) -> Iterator[Signal]:
    if found := _LINK_COMMENT.search(text):
        yield Signal(
            mechanism="has a comment that readers of the page don't see",
            line=line_of(text, found.start()),
            refuses=True,
        )
    warned = False
    for at, comment, closed in _comments(_without_code(text), text):
        if len(comment.split()) < _COMMENT_WORDS:
            continue
        refuses = not closed or "```" in comment or "~~~" in comment or _ORDER.search(comment) is not None
        if refuses or not warned:
            yield Signal(
                mechanism="has an HTML comment, which readers of the page don't see",
                line=line_of(text, at),
                quote=comment,
                refuses=refuses,
                warns=not refuses,
            )
        warned = True
        if refuses:
            return


def _without_code(text: str) -> str:
    """Blank code blocks and spans, which show what is in them, so that positions stay."""
    blanked = []
    for kind, line in markdown.lines(text):
        if kind is Kind.TEXT:
            blanked.append(_SPAN.sub(lambda span: " " * len(span.group()), line))
        else:
            blanked.append(" " * len(line))
    return "\n".join(blanked)


def _comments(prose: str, text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield where each comment begins, what it says with its code, and whether it ends."""
    at = prose.find("<!--")
    while at >= 0:
        end = prose.find("-->", at)
        yield at, text[at + 4 : end if end >= 0 else None], end >= 0
        at = prose.find("<!--", end) if end >= 0 else -1


def _blobs(text: str) -> Iterator[Signal]:
    for match in _RUN.finditer(text):
        run = match.group()
        if len(run) >= _MAX_RUN and _is_encoded(run):
            yield Signal(
                mechanism=f"holds {len(run):,} characters of encoded data",
                line=line_of(text, match.start()),
                quote=run[:24],
                refuses=True,
            )
            return


def _is_encoded(run: str) -> bool:
    if len(run) >= _MAX_HEX_RUN and all(c in "0123456789abcdefABCDEF" for c in run):
        return True
    kinds = (any(c.isupper() for c in run), any(c.islower() for c in run), any(c.isdigit() for c in run))
    # Words joined by slashes and hyphens are a path; random base64 has one of them in 32 characters.
    return all(kinds) and sum(c in "/_-" for c in run) * 12 < len(run)
