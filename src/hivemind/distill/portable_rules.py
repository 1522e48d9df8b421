"""Read a person's rule well enough to tell whether another says the same, and whether it fits any project.

A rule becomes signed words: what it wants, and what it does not. "Use pnpm, not npm" and "don't use npm, use
pnpm instead" have the same; "use npm, not pnpm" has the opposite. What cannot be read has no signs.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hivemind.distill.public_tools import FILES, FLAGS, GENERAL, MODULES, RUNNERS, TOOLS, VERBS, WORKFLOW

#: A longer rule has conditions that its words do not tell, in characters.
MAX_RULE_CHARS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Hold what a rule wants and does not want."""

    wanted: frozenset[str]
    unwanted: frozenset[str]

    @property
    def key(self) -> str:
        """Give the rule's name; rules that say the same have the same."""
        return " ".join([*(f"+{w}" for w in sorted(self.wanted)), *(f"-{w}" for w in sorted(self.unwanted))])

    @property
    def is_choice_of_tools(self) -> bool:
        """Say whether the rule prefers tools to tools, and says nothing else."""
        return bool(self.wanted and self.unwanted) and self.wanted | self.unwanted <= TOOLS

    def opposes(self, other: "Signed | None") -> bool:
        """Say whether no project can follow both."""
        if other is None or not (other.wanted or other.unwanted):
            return False
        if self.is_choice_of_tools and (self.wanted & other.unwanted or self.unwanted & other.wanted):
            return True
        return (self.wanted, self.unwanted) == (other.unwanted, other.wanted)


_TOKEN = re.compile(r"`[^`]*`|[\w.+-]*\w(?:['’]\w+)?|[.,;:!?()–—]|\S")
_PLAIN = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*(?:['’][a-z]+)?")
#: A rule of this place, as people put it; a choice of tools says the same without.
_HERE = re.compile(
    r"[ ,]+(?:here|in here|(?:in|for|on) this (?:repo|repository|project|codebase))\b"
    r"|\b(?:here|in this (?:repo|repository|project|codebase)),? +",
    re.I,
)
_FORGET = re.compile(r"\b(?:don['’]?t|do not|never) (?:ever )?forget (?:to )?", re.I)
_PULL_REQUEST = re.compile(r"\b(?:pull|merge)[ -]requests?\b|\bMRs?\b", re.I)
_TRUNK = re.compile(r"\b(main|master|trunk) branch\b", re.I)
_INSTEAD_OF = re.compile(r"\binstead of\b|\brather than\b|\bin place of\b|\bno longer\b", re.I)
_NEGATIONS = frozenset(
    "not never no don't dont don’t stop avoid isn't aren't cannot can't shouldn't mustn't".split()  # noqa: SIM905
)
_COMMANDS = frozenset("use run prefer call try always but".split())  # noqa: SIM905
_BOUNDARIES = frozenset(".,;:!–—")
#: Words that add nothing to what a rule says.
_FILLERS = frozenset(
    """
    a also an and any anything are as at be code command commands directly do ever every for from going have i
    in instead into is just let like make me my need now of on or over please really should straight sure
    the time to tool we when whenever will with you your everywhere kindly ok okay again
    """.split()  # noqa: SIM905
)
#: Words that point at something that only the conversation or the project has.
_POINTING = frozenset(
    """
    above below codebase endpoint feature file folder former function he her here him his it its last latter
    module monorepo our page previous project repo repository same section service she that their them there
    these they this those team us what which workspace
    """.split()  # noqa: SIM905
)
_CAPITALS = frozenset(
    """
    AI ALWAYS API CHANGELOG CI CLI CSS DO HTML I JSON NEVER NO NOT ONLY PR PRS README SQL TDD TODO UI YAML
    """.split()  # noqa: SIM905
)
#: Tools whose names are words: a rule that has only these may be about anything.
_AMBIGUOUS = frozenset("black fly gem go hatch nano swift".split())  # noqa: SIM905
#: What people have `make`, `just` and `task` do.
_TARGETS = frozenset(
    """
    all build check ci clean deploy dev docs fix fmt format gen generate lint migrate release serve setup
    start test tests typecheck types verify
    """.split()  # noqa: SIM905
)
_PROPER = frozenset(
    "English GitHub GitLab JavaScript TypeScript Python Docker Git Claude Markdown Node".split()  # noqa: SIM905
)


def read(rule: str, *, names: Collection[str] = ()) -> Signed | None:
    """Give a rule's signed words; None where it names what only a project or a conversation has.

    `names` are words that name projects: a rule that has one is about that project.
    """
    text = _normal(rule)
    choice = _signed(_HERE.sub(" ", f" {text} ").strip())
    if choice is not None and choice.is_choice_of_tools:
        return choice
    signed = _signed(text)
    if signed is None or len(signed.wanted | signed.unwanted) < 2:
        return None
    words = signed.wanted | signed.unwanted
    named = {stem(name.lower()) for name in names} - _ANCHORS
    parts = words | {stem(part) for word in words for part in word.split("-")}
    return signed if words & _ANCHORS and not parts & named else None


def tools_in(rule: str) -> Signed:
    """Give the tools that a rule wants and does not want, however little of the rest can be read."""
    wanted, unwanted = set[str](), set[str]()
    for token, negative in _with_sign(_TOKEN.findall(_normal(rule))):
        low = token.strip("`").partition(" ")[0].lower()
        if low in TOOLS:
            (unwanted if negative else wanted).add(low)
    return Signed(wanted=frozenset(wanted - unwanted), unwanted=frozenset(unwanted - wanted))


def said(rules: Collection[str], *, choice: bool) -> str:
    """Choose the wording to tell everywhere: one that does not say where, and of those the shortest."""
    texts = {" ".join(_HERE.sub("", rule).split()) if choice else rule for rule in rules}
    pointing = {text: bool(_HERE.search(text)) for text in texts}
    chosen = min(texts, key=lambda text: (pointing[text], len(text), text))
    return chosen[:1].upper() + chosen[1:]


def _normal(rule: str) -> str:
    text = " ".join(rule.replace("’", "'").split())
    text = _TRUNK.sub(r"\1", _FORGET.sub("", text))
    return _INSTEAD_OF.sub("not", _PULL_REQUEST.sub("PR", text))


def _signed(text: str) -> Signed | None:
    if not text or len(text) > MAX_RULE_CHARS:
        return None
    wanted, unwanted = set[str](), set[str]()
    tokens = _TOKEN.findall(text)
    for position, (token, negative) in enumerate(_with_sign(tokens)):
        begins = not position or tokens[position - 1] in ".!:"
        found = [] if _is_sign(token) else _terms(token, begins=begins, following=tokens[position + 1 :])
        if found is None:
            return None
        (unwanted if negative else wanted).update(found)
    # What is both wanted and not ("not npm install but pnpm install") tells the two apart no better.
    return Signed(wanted=frozenset(wanted - unwanted), unwanted=frozenset(unwanted - wanted))


def _is_sign(token: str) -> bool:
    return token in _BOUNDARIES or token.lower() in _NEGATIONS | _COMMANDS


def _with_sign(tokens: list[str]) -> Iterator[tuple[str, bool]]:
    """Give each token with whether the rule is against it at that place."""
    negative = begun = False
    for token in tokens:
        low = token.lower()
        if low in _NEGATIONS:
            negative, begun = True, True
        elif token in _BOUNDARIES or (low in _COMMANDS and not begun):
            negative = False  # "don't ever use" goes on, "not npm use pnpm" turns round
        begun = begun and (low in _NEGATIONS or low in _FILLERS or low in _COMMANDS)
        yield token, negative


def _terms(token: str, *, begins: bool, following: list[str]) -> list[str] | None:
    """Give the words that a token adds; None where it is a project's own."""
    if token.startswith("`"):
        words = token.strip("`").split()
        return words if _is_public(words) else None
    low = token.lower()
    if low in FLAGS:
        return [low]
    if low in RUNNERS - TOOLS and following and _is_target(low, following[0].lower()):
        return None
    if low in TOOLS or low in FILES:
        words = [low, *(w.lower() for w in following[:2])]
        return [low] if low not in RUNNERS or _is_public_use(words) else None
    if not _PLAIN.fullmatch(token) or low in _POINTING:
        return None
    if not begins and token not in _CAPITALS | _PROPER and not (token.islower() or "-" in token):
        return None  # a name
    if low in _FILLERS:
        return []
    return [stem(low)] if stem(low) in _KNOWN else None


def _is_target(runner: str, word: str) -> bool:
    """Say whether a word is what a project's `make` makes, not one of a sentence ("make sure", "just do")."""
    if word in _TARGETS or word.startswith("`"):
        return True
    return runner not in ("just", "task") and word not in _FILLERS | _BOUNDARIES | {"sure"}


def _is_public(words: list[str]) -> bool:
    """Say whether a command in backticks is one that any project could have."""
    if not words:
        return False
    program, *rest = words
    if program in ("python", "python3") and rest[:1] == ["-m"]:
        return len(rest) > 1 and rest[1] in MODULES and not rest[2:]
    plain = [w for w in rest if not re.fullmatch(r"--?[a-z][a-z-]*", w)]
    if program not in TOOLS:
        return not rest and (program in FILES or program in WORKFLOW or program.startswith("--"))
    return all(w in VERBS for w in plain) and (program not in RUNNERS or _is_public_use(words))


def _is_public_use(words: list[str]) -> bool:
    """Say whether what follows a runner is no script of a project: `npm install`, `npm` at the end."""
    after = words[1] if len(words) > 1 else ""
    if after in VERBS | _NEGATIONS or not _PLAIN.fullmatch(after):
        return after not in ("run", "exec", "x") and not after.startswith(("`", "-", "/"))
    return after in _FILLERS | _COMMANDS - {"run"} | {"because", "before", "after", "if", "unless", "only"}


def stem(word: str) -> str:
    """Take a word's ending off, so that `merge`, `merges` and `merging` are one."""
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) > 3:
            return base[:-1] if base[-1] == base[-2] and base[-1] not in "sl" else base
    if word.endswith("s") and not word.endswith("ss") and len(word) > 2:
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


_KNOWN = frozenset(map(stem, GENERAL | WORKFLOW | TOOLS | VERBS))
_ANCHORS = (TOOLS - _AMBIGUOUS) | frozenset(map(stem, WORKFLOW))
