"""Each command, path and flag of a skill occurs in the evidence it cites: nothing is made up."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates import markdown
from hivemind.library.gates.base import GateContext, shown
from hivemind.library.gates.markdown import Kind

name = "grounding"

#: Commands of one body that are checked; more is not a skill.
MAX_CLAIMS = 300
#: Words of one command, and places in the evidence, that are compared where it has placeholders.
_MAX_WORDS = 64
_MAX_PLACES = 5_000
_MAX_CLAIM = 2_000
_MAX_WORDS_READ = 50_000
_PROMPT = re.compile(r"\$ +")
_TRAILING_COMMENT = re.compile(r"\s#(?:\s|$)")
_PLACEHOLDER = re.compile(r"<[A-Za-z][A-Za-z0-9 _.|-]{0,60}>")
#: What makes an inline code span a command, path or flag rather than a word.
_CLAIM = re.compile(r"[\s/\\.=:$~-]")
#: What continues a path, an option or a name.
_GOES_ON = "/*~=.:@"
_EDGES = "\"'`()[]{},;:"


def check(document: SkillDocument, context: GateContext) -> Iterator[Finding]:
    """Report each command that no cited event holds; for a person's own text this only warns."""
    if context.imported:
        if number := sum(1 for _ in islice(claims(document.body), MAX_CLAIMS)):
            message = f"It was imported, so no session here shows its commands ({number}); try them first."
            yield Finding(gate=name, message=message, blocking=False)
        return
    evidence = _Evidence.of(context.evidence_texts)
    for number, claim in enumerate(dict.fromkeys(claims(document.body))):
        if number >= MAX_CLAIMS:
            message = f"The body has more than {MAX_CLAIMS} commands; keep the few that matter."
            yield Finding(gate=name, message=message, blocking=not context.person_authored)
            return
        if not evidence.holds(claim):
            message = f"{shown(claim)} occurs in none of the cited events; remove it or cite its use."
            yield Finding(gate=name, message=message, blocking=not context.person_authored)


def claims(body: str) -> Iterator[str]:
    """Yield what a body claims to be typed or to exist: lines of code blocks, and code spans in its text."""
    paragraph: list[str] = []
    for kind, line in markdown.lines(body):
        if kind is Kind.TEXT and line.strip():
            paragraph.append(line)
            continue
        if paragraph:
            yield from _spans(paragraph)
            paragraph = []
        if kind is Kind.CODE:
            yield from _code_line(line)
    yield from _spans(paragraph)


def _code_line(line: str) -> Iterator[str]:
    line = line.strip()
    if line.startswith("#"):
        return
    comment = _TRAILING_COMMENT.search(line)
    line = _normal(_PROMPT.sub("", line[: comment.start()] if comment else line, count=1))
    if line:
        yield line


def _spans(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if _PROMPT.match(line.strip()):
            yield from _code_line(line)
    text = "\n".join(lines)
    runs = list(re.finditer(r"`+", text))
    partner, later = [0] * len(runs), dict[int, int]()
    for index in range(len(runs) - 1, -1, -1):
        length = len(runs[index].group())
        partner[index] = later.get(length, 0)
        later[length] = index
    index = 0
    while index < len(runs):
        closing = partner[index]
        if closing:
            span = _normal(text[runs[index].end() : runs[closing].start()])
            if span and _CLAIM.search(span):
                yield span
        index = (closing or index) + 1


def _normal(text: str) -> str:
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class _Evidence:
    text: str
    words: tuple[str, ...]
    places: dict[str, list[int]]  #: where each word stands

    @classmethod
    def of(cls, texts: tuple[str, ...]) -> "_Evidence":
        # A mark between two events, so that no command is put together from their ends.
        words = tuple(" \x00 ".join(texts).split())
        places = defaultdict[str, list[int]](list)
        for position, word in enumerate(words):
            places[word.strip(_EDGES)].append(position)
        return cls(" ".join(words), words, places)

    def holds(self, claim: str) -> bool:
        if _PLACEHOLDER.search(claim):
            return self._holds_pattern(_PLACEHOLDER.sub("\x01", claim).split())
        if len(claim) > _MAX_CLAIM:
            return False
        at = -1
        for _ in range(_MAX_PLACES):
            at = self.text.find(claim, at + 1)
            if at < 0:
                return False
            if _begins(self.text, at) and _ends(self.text, at + len(claim), claim=claim):
                return True
        return False

    def _holds_pattern(self, words: list[str]) -> bool:
        if len(words) > _MAX_WORDS:
            return False
        anchors = [n for n, word in enumerate(words) if "\x01" not in word]
        if anchors:  # look only where the rarest word stands
            anchor, places = min(
                ((n, self._places(words[n])) for n in anchors), key=lambda pair: len(pair[1])
            )
        else:
            anchor, places = 0, range(min(len(self.words), _MAX_WORDS_READ))
        for place in places if not anchors else places[:_MAX_PLACES]:
            found = self.words[max(place - anchor, 0) : place - anchor + len(words)]
            if len(found) < len(words) or not all(map(_matches, words[1:], found[1:])):
                continue
            if any(_matches(words[0], tail) for tail in _tails(found[0])):
                return True
        return False

    def _places(self, word: str) -> Sequence[int]:
        return self.places.get(word.strip(_EDGES), ())


def _begins(text: str, at: int) -> bool:
    """Say whether a word begins at a position; a relative path may be the end of an absolute one."""
    return at == 0 or not (_in_word(text[at - 1]) and _in_word(text[at]))


def _ends(text: str, at: int, *, claim: str) -> bool:
    """Say whether a claim ends at a position: `src/` occurs in `src/a`, `rm -rf /` not in `rm -rf /data`."""
    following = text[at : at + 2]
    if not following or not (_in_word(following[0]) or following[0] in _GOES_ON):
        return True
    if " " not in claim:
        return claim.endswith("/") or following[0] in "/=.:@"
    if following[0] not in ".:":
        return False
    return not any(_in_word(c) or c in _GOES_ON for c in following[1:])


def _in_word(character: str) -> bool:
    return character.isalnum() or character in "_-"


def _tails(word: str) -> Iterator[str]:
    """Give a word, and what a relative path leaves of it."""
    yield word
    for _ in range(_MAX_WORDS):
        _, slash, word = word.partition("/")
        if not slash:
            return
        yield word


def _matches(pattern: str, word: str) -> bool:
    """Compare one word of a claim, `\\x01` standing for anything, with one of the evidence."""
    pattern, word = pattern.strip(_EDGES), word.strip(_EDGES)
    if "\x01" not in pattern:
        return pattern == word
    first, *middle, last = pattern.split("\x01")
    if len(word) < len(first) + len(last) + 1 or not word.startswith(first) or not word.endswith(last):
        return False
    at, end = len(first), len(word) - len(last)
    for part in middle:
        at = word.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return word != "\x00"
