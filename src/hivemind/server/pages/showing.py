"""Show captured text in a page: escaped, with nothing in it that hides, reorders or pretends."""

import difflib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

#: Characters of one text that a page shows, from its beginning and from its end.
MAX_CHARS = 6_000
MAX_TAIL_CHARS = 2_000
#: Characters of a skill that are laid out as Markdown; what is longer is shown as it is written.
MAX_MARKDOWN_CHARS = 100_000
MAX_DIFF_LINES = 2_000
#: Marks that may stand on one character; more cover what is around them.
MAX_MARKS = 3
#: Escape sequences of terminals: what they would have done is named as one.
_SEQUENCE = r"\x1b(?:\[[0-?]{0,40}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)|[@-Z\\^_])"
#: Letters that look like nothing, and have no category of their own.
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_PLAIN = re.compile(r"[\t\n -~]*")
_PIECE = re.compile(rf"(?P<sequence>{_SEQUENCE})|(?P<plain>[\t\n -~]+)|(?P<other>.)", re.DOTALL)
_ODD = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_JOINER, _EMOJI_STYLE = "\u200d", "\ufe0f"


def visible(text: object) -> Markup:
    """Give a text as HTML; each character that cannot be seen, or moves others, is shown by its number."""
    shown = str(text).replace("\r\n", "\n")
    if _PLAIN.fullmatch(shown):
        return escape(shown)
    return Markup("").join(
        Markup('<span class="odd" title="{}">⟨{}⟩</span>').format(why, piece) if why else escape(piece)
        for piece, why in _pieces(shown)
    )


def plain(text: object) -> str:
    """Give the same without markup: for attributes, titles and what is drawn."""
    shown = str(text).replace("\r\n", "\n")
    if _PLAIN.fullmatch(shown):
        return shown
    return "".join(f"⟨{piece}⟩" if why else piece for piece, why in _pieces(shown))


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Cut a text; a piece that is odd comes as its code, with what it is."""
    before, marks = "", 0
    for match in _PIECE.finditer(text):
        piece = match.group()
        if match["plain"]:
            before, marks = piece[-1], 0
            yield piece, ""
            continue
        if match["sequence"]:
            before = ""
            yield "ESC" + _without_odd(piece[1:]), "an escape sequence for a terminal"
            continue
        marks = marks + 1 if unicodedata.category(piece) in ("Mn", "Me") else 0
        after = text[match.end() : match.end() + 1]
        if marks > MAX_MARKS or (is_odd(piece) and not _belongs(piece, before=before, after=after)):
            yield f"U+{ord(piece):04X}", unicodedata.name(piece, "a character that cannot be seen")
        else:
            yield piece, ""
        before = piece


def is_odd(character: str) -> bool:
    """Say whether a character is not seen as itself."""
    if character in "\n\t":
        return False
    if unicodedata.category(character) in _ODD or character in _BLANK:
        return True
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _belongs(character: str, *, before: str, after: str) -> bool:
    """Say whether an invisible character is part of an emoji."""
    if character == _EMOJI_STYLE:
        return bool(before) and unicodedata.category(before) in ("So", "Sm", "Po", "Nd")
    if character != _JOINER or not (before and after):
        return False
    is_symbol = unicodedata.category(before) in ("So", "Sk") or before == _EMOJI_STYLE
    return is_symbol and unicodedata.category(after) == "So"


def _without_odd(text: str) -> str:
    return "".join("·" if is_odd(character) else character for character in text)


def line(text: object, limit: int = 200) -> Markup:
    """Give the beginning of a text on one line."""
    return visible(beginning(text, limit))


def told(text: object, limit: int = 200) -> Markup:
    """Give the beginning of a sentence on one line; what stands between backticks is code."""
    pieces = beginning(text, limit).split("`")
    if len(pieces) % 2 == 0:  # the last one has no end
        pieces[-2:] = ["`".join(pieces[-2:])]
    return Markup("").join(
        Markup("<code>{}</code>").format(visible(piece)) if place % 2 else visible(piece)
        for place, piece in enumerate(pieces)
    )


def beginning(text: object, limit: int) -> str:
    """Give the beginning of a text on one line, as it is."""
    # Cut first: a text may be megabytes.
    told = " ".join(str(text)[: 4 * limit].split())
    return told if len(told) <= limit else told[: limit - 1] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Hold what is shown of a text: all of it, or its two ends."""

    head: str
    tail: str = ""
    left_out: int = 0  #: characters between the two


def cut(text: str, *, limit: int = MAX_CHARS, tail: int = MAX_TAIL_CHARS) -> Cut:
    """Keep the beginning and the end of a long text."""
    if len(text) <= limit + tail:
        return Cut(head=text)
    return Cut(head=text[:limit], tail=text[len(text) - tail :], left_out=len(text) - limit - tail)


def markdown(text: str) -> Markup:
    """Lay Markdown out: HTML in it is text, a link is its words and its address, an image is not loaded."""
    if len(text) > MAX_MARKDOWN_CHARS:
        return Markup("<pre>{}</pre>").format(visible(text[:MAX_MARKDOWN_CHARS] + "…"))
    return Markup(_MARKDOWN.render(text))  # noqa: S704 - each rule of the renderer below escapes


def _text(tokens: Sequence[Any], place: int, _options: Any, _env: Any) -> str:
    return str(visible(tokens[place].content))


def _inline_code(tokens: Sequence[Any], place: int, _options: Any, _env: Any) -> str:
    return str(Markup("<code>{}</code>").format(visible(tokens[place].content)))


def _block_of_code(tokens: Sequence[Any], place: int, _options: Any, _env: Any) -> str:
    return str(Markup('<pre tabindex="0"><code>{}</code></pre>\n').format(visible(tokens[place].content)))


def _link_opens(_tokens: Sequence[Any], _place: int, _options: Any, _env: Any) -> str:
    return '<span class="link">'


def _link_closes(tokens: Sequence[Any], place: int, _options: Any, _env: Any) -> str:
    level, address, words = 0, "", ""
    for token in reversed(tokens[:place]):
        level += (token.type == "link_close") - (token.type == "link_open")
        if level < 0:
            address = str(token.attrs.get("href", ""))
            break
        words = token.content + words
    told = Markup("") if words == address else Markup(' <span class="address">({})</span>')
    return str(told.format(visible(address))) + "</span>"


def _image(tokens: Sequence[Any], place: int, _options: Any, _env: Any) -> str:
    token = tokens[place]
    shown = Markup('<span class="link">[image: {}] <span class="address">({})</span></span>')
    return str(shown.format(visible(token.content), visible(token.attrs.get("src", ""))))


def _heading(tokens: Sequence[Any], place: int, _options: Any, _env: Any) -> str:
    # The page has headings of its own above the skill's.
    level = min(6, int(tokens[place].tag[1]) + 2)
    return f"<h{level}>" if tokens[place].nesting == 1 else f"</h{level}>\n"


def _plain_open(tokens: Sequence[Any], place: int, _options: Any, _env: Any) -> str:
    token = tokens[place]
    start = token.attrs.get("start") if token.tag == "ol" else None
    return f'<ol start="{int(start)}">' if isinstance(start, int) else f"<{token.tag}>"


def _made() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    rules: dict[str, Any] = made.renderer.rules  # type: ignore[attr-defined]
    rules |= {
        "text": _text,
        "text_special": _text,
        "code_inline": _inline_code,
        "code_block": _block_of_code,
        "fence": _block_of_code,
        "link_open": _link_opens,
        "link_close": _link_closes,
        "image": _image,
        "heading_open": _heading,
        "heading_close": _heading,
        # Columns that are aligned would carry a style, which the page's policy refuses.
        "th_open": _plain_open,
        "td_open": _plain_open,
        "ordered_list_open": _plain_open,
    }
    return made


_MARKDOWN = _made()


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """Hold one line of a difference."""

    kind: str  #: `added`, `removed`, `same`, `place`
    text: str


def diff(before: str, after: str, *, around: int = 2) -> list[DiffLine]:
    """Give what changed from one text to another, line by line; nothing where they are the same."""
    kinds = {"+": "added", "-": "removed", "@": "place"}
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=around)
    lines = [DiffLine(kind=kinds.get(told[:1], "same"), text=told[1:]) for told in list(found)[2:]]
    return lines[:MAX_DIFF_LINES]
