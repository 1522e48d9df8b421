"""Make captured text safe to print on a terminal."""

import re
import textwrap
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

#: Control characters, and those that reorder or hide text; each is shown as its code instead.
_HARMFUL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)

#: What stands before a text that goes on below itself: a bullet, or a word with a colon.
_LABEL = re.compile(r" *(?:[-→❯] |[a-z]{3,9}: +)")
#: A column that gives way keeps so many characters.
MIN_CELL_CHARS = 8


def printable(text: str) -> str:
    """Replace characters that a terminal acts on, or that hide, by a visible `\\u{…}`."""
    return _HARMFUL.sub(lambda m: f"\\u{{{ord(m.group()):x}}}", text.replace("\r\n", "\n"))


def one_line(text: str, limit: int) -> str:
    """Give the beginning of a text on one line."""
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def count(number: int, noun: str) -> str:
    """Give a number with its noun: `1 session`, `2 sessions`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def laid_out(
    rows: Sequence[Sequence[str]], *, width: int | None, shrink: int, right: Collection[int] = ()
) -> list[str]:
    """Pad cells to columns two spaces apart; where they are wider than `width`, column `shrink` is cut."""
    from rich.cells import cell_len, set_cell_size

    cells = [[" ".join(printable(cell).split()) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    excess = sum(widths) + 2 * (len(widths) - 1) - (width or 1_000_000)
    if excess > 0 and shrink < len(widths):
        widths[shrink] = max(MIN_CELL_CHARS, widths[shrink] - excess)
    lines = []
    for row in cells:
        placed = []
        for place, cell in enumerate(row):
            if cell_len(cell) > widths[place]:
                cell = set_cell_size(cell, widths[place] - 1).rstrip() + "…"
            space = " " * (widths[place] - cell_len(cell))
            placed.append(space + cell if place in right else cell + space)
        lines.append("  ".join(placed).rstrip())
    return lines


def wrapped(text: str, width: int) -> str:
    """Break long lines between words, indented as they begin; a long word, such as a path, stays whole."""
    lines = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip(" "))]
        label = _LABEL.match(line)
        hang = " " * label.end() if label else indent
        lines += textwrap.wrap(
            line,
            max(width, 20),
            subsequent_indent=hang,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        ) or [line]
    return "\n".join(lines)


def fitted(line: str, width: int | None) -> list[str]:
    """Break a line so that a terminal shows each piece on one line, even where a word is too long."""
    from rich.cells import chop_cells

    if width is None:
        return [line]
    pieces = wrapped(line.expandtabs(), width).split("\n")
    return [part for piece in pieces for part in chop_cells(piece, max(width, 20)) or [""]]


def ago(at: datetime | None) -> str:
    """Say how long ago a time was, for a person."""
    if at is None:
        return "never"
    seconds = (datetime.now(UTC) - at).total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def bytes_text(size: float) -> str:
    """Give a size with its unit."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
