"""What a skill tells an agent to run or to read: its commands by step, and the paths it names."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from hivemind.library.gates import markdown
from hivemind.library.gates.markdown import Kind

#: More of one skill is not looked at.
MAX_NAMED = 100
MAX_LINE_CHARS = 2_000
_SPAN = re.compile(r"(?<!`)`([^`]{1,400})`(?!`)")
#: What a skill warns of may well be gone.
_BAD_AFTER = re.compile(
    r"\s*(?:\([^)]{0,80}\)\s*)?(?:fails?\b|failed|does(?: not|n't)|do(?: not|n't)|is (?:gone|refused|not)"
    r"|are (?:gone|refused|not)|breaks?\b|no longer|was (?:removed|refused))",
    re.IGNORECASE,
)
_BAD_BEFORE = re.compile(
    r"\b(?:never|don['’]t|do not|not|instead of|rather than|avoid|without)\s+(?:\w+ing\s+|run\s+|use\s+)?$",
    re.IGNORECASE,
)
#: Neither quotes nor escapes nor a comment.
_PLAIN = re.compile(r"[\t !$-&(-\[\]-~]*")
_OPERATORS = re.compile(r"\s*(?:&&|\|\||;|\|)\s*")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PATH_IN_TEXT = re.compile(r"(?<![\w/.:@~-])((?:\.{1,2}/)?[\w.-]+(?:/[\w.-]+)+\.\w{1,8})(?![\w/-])")
#: Letters that make a word something else than a path below the project.
_NO_PATH = re.compile(r"[^\w./@-]|^[-/~@]|//|\.\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Hold one command of a line, and the folder that the line had gone into before."""

    words: tuple[str, ...]
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Hold what a skill names: a line to type with its steps, or a path."""

    text: str
    steps: tuple[Step, ...] = ()
    path: str = ""


def named(body: str) -> list[Named]:
    """Give what a skill says to run or to look at; what it says fails is left out."""
    found = {one.text: one for one in _all(body)}
    return list(found.values())[:MAX_NAMED]


def _all(body: str) -> Iterator[Named]:
    for kind, line in markdown.lines(body):
        line = line[:MAX_LINE_CHARS]
        if kind is Kind.CODE:
            yield from _command(line.strip().removeprefix("$ "))
        elif kind is Kind.TEXT:
            for span in _SPAN.finditer(line):
                if not (_BAD_AFTER.match(line[span.end() :]) or _BAD_BEFORE.search(line[: span.start()])):
                    yield from _command(" ".join(span.group(1).split()))
            for path in _PATH_IN_TEXT.findall(_SPAN.sub(" ", line)):
                yield Named(text=path, path=path)


def _command(line: str) -> Iterator[Named]:
    if not line or line.startswith("#"):
        return
    if " " not in line and is_path(line):
        yield Named(text=line, path=line)
        return
    steps, folder = [], ""
    for part in _OPERATORS.split(line):
        try:
            # Nearly every line is plain, and the shell's own way of reading is slow.
            words = part.split() if _PLAIN.fullmatch(part) else shlex.split(part, comments=True)
        except ValueError:
            return
        while words and _ASSIGNMENT.match(words[0]):
            words = words[1:]
        if len(words) == 2 and words[0] == "cd":
            folder = f"{folder}/{words[1]}".strip("/") if is_path(words[1] + "/") else "?"
        elif words:
            steps.append(Step(words=tuple(words), folder=folder))
    if steps:
        yield Named(text=line, steps=tuple(steps))


def is_path(word: str) -> bool:
    """Say whether a word can only be a path below the project."""
    return "/" in word and len(word) <= 200 and not _NO_PATH.search(word)
