"""Say in plain words what answers do, and for which requests."""

import re
from collections.abc import Sequence
from typing import Final

from hivemind.distill.contrast.families import words_of
from hivemind.distill.writers.markdown import plain, quoted
from hivemind.finetune.mining.behaviour import Behaviour
from hivemind.finetune.mining.groups import Group

#: Kind of behaviour → what to do, and what not to do.
_SAID: Final = {
    "json": ("Answer with JSON alone, no words before or after it", "answering with bare JSON"),
    "only-code": ("Answer with one block of code and nothing else", "answering with nothing but code"),
    "code": ("Show the code in a fenced block", "answering with code"),
    "numbered": ("Answer with a numbered list", "answering with a numbered list"),
    "bulleted": ("Answer with a list of bullets", "answering with a list of bullets"),
    "headings": ("Structure the answer with headings", "cutting the answer up with headings"),
    "table": ("Answer with a table", "answering with a table"),
    "number": ("Answer with the number alone", "answering with a bare number"),
    "option": ("Answer with the letter of the option alone", "answering with a bare letter"),
    "one-word": ("Answer with one word and nothing else", "answering with a single word"),
    "one-line": ("Answer in one short line, without introduction or explanation", "answering in one line"),
    "asks-back": ("Ask back for what is missing before doing anything", "asking back instead of answering"),
    "refuses": ("Decline, and say what you cannot do", "declining to do it"),
    "as-an-ai": ("", "calling yourself an AI or a language model"),
    "preamble": ("", "an introduction such as “Sure, …” before the answer"),
    "emoji": ("", "emoji"),
}
_ABOUT: Final = {
    "json-key": ("Answer with JSON that has the key {0}", "putting the result under the key {0}"),
    "code-in": ("Mark the block of code as {0}", "code in {0}"),
    "field": ("Give a line that begins with {0} and a colon", "a line that begins with {0}"),
    "begins": ("Begin with {0}", "beginning with {0}"),
    "ends": ("End with {0}", "ending with {0}"),
    "says": ("Say {0}", "saying {0}"),
    "calls": ("Call the tool {0}", "calling the tool {0}"),
    "calls-then": ("Call {0} before {1}", "calling {0} before {1}"),
    "script": ("Answer in {0} script", "answering in {0} script"),
}
MAX_LABEL_CHARS: Final = 90
_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")
_NAME_CHARS: Final = 40


def lesson(behaviour: Behaviour) -> str:
    """Say what to do, as a sentence; empty for what nobody would be told to do."""
    return _sentence(behaviour, place=0)


def pitfall(behaviour: Behaviour) -> str:
    """Say what to avoid."""
    said = _sentence(behaviour, place=1)
    return f"Avoid {said}" if said else ""


def _sentence(behaviour: Behaviour, *, place: int) -> str:
    kind, *about = behaviour
    if kind == "calls-with":
        tool, *arguments = about
        given = _join([quoted(name) for name in arguments])
        return (
            f"Call the tool {quoted(tool)} with {given}",
            f"calling the tool {quoted(tool)} with {given}",
        )[place]
    if kind == "script":
        about = [about[0].title()]
    if kind in _ABOUT:
        shown = about if kind == "script" else [quoted(word) for word in about]
        return _ABOUT[kind][place].format(*shown)
    return _SAID.get(kind, ("", ""))[place]


def label(group: Group) -> str:
    """Say which requests a group is."""
    kind, about = group
    words = quoted(_cut(about))
    match kind:
        case "system":
            return f"requests under the system prompt {words}"
        case "opening":
            return f"requests that begin with {words}"
        case "line":
            return f"requests with the line {words}"
        case "alike":
            return f"requests like {words}"
        case _:
            return "requests of every kind"


def labels(groups: Sequence[Group]) -> str:
    """Say which requests several groups are, the first few of them."""
    return _join([label(group) for group in groups[:3]], last="or")


def name_of(groups: Sequence[Group]) -> str:
    """Give a skill's name from what its requests are about."""
    kind, about = groups[0]
    telling = words_of(about)
    words = [w for w in _NOT_IN_NAME.sub(" ", about.lower()).split() if w in telling]
    slug = ""
    for word in dict.fromkeys(words):
        if len(slug) + len(word) < _NAME_CHARS:
            slug = f"{slug}-{word}".strip("-")
    start = "answers-under" if kind == "system" else "answers-to"
    return f"{start}-{slug}" if slug else "answers-in-general"


def description(groups: Sequence[Group], *, files: Sequence[str]) -> str:
    """Say what the skill is and when to use it."""
    which = labels(groups)
    where = _join([plain(name) for name in files[:3]])
    when = "before answering anything" if groups[0][0] == "everything" else f"when answering {which}"
    return f"What accepted answers to {which} share, in imported training data ({where}). Use {when}."


def _cut(text: str) -> str:
    text = plain(text)
    return text if len(text) <= MAX_LABEL_CHARS else text[: MAX_LABEL_CHARS - 1].rsplit(" ", 1)[0] + "…"


def _join(words: Sequence[str], *, last: str = "and") -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
