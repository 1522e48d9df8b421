"""Say what of a project's lessons would be true anywhere, and which of two projects are then the same."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from hivemind.distill import commands, portable_rules
from hivemind.distill.commands import Step
from hivemind.distill.miners import correction, fix, pitfall
from hivemind.distill.miners.failures import is_absent
from hivemind.distill.public_tools import MODULES, RULES, RUNNERS, TOOLS, VERBS, VERBS_BELOW
from hivemind.store.across import Known

#: Kinds that may hold beyond their project. How a project is tested, built and laid out does not.
KINDS = (correction.KIND, fix.KIND, pitfall.KIND)
RULES_TOPIC = "rules"
LINT_TOPIC = "lint"
MAX_COMMAND_CHARS = 160

#: The tool itself refused the call, whatever the project.
_REFUSED = re.compile(
    r"(?:unknown|unrecogni[sz]ed|illegal|invalid|unexpected|unsupported|no such)"
    r" (?:json |command[- ]line )?(?:option|flag|argument|choice|field|shorthand|switch|parameter)",
    re.I,
)
#: What an option and its values look like when a tool names them, not a project.
_OPTION = re.compile(r"--?[A-Za-z][A-Za-z-]*(?:=[A-Za-z][A-Za-z,-]*)?")
_VALUE = re.compile(r"[A-Za-z]{2,}(?:,[A-Za-z]{2,})*")
_SAME_PROGRAM = (re.compile(r"python[\d.]*"), re.compile(r"pip[\d.]*"), re.compile(r"node(?:js)?"))
PLACEHOLDER = "<value>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Hold a lesson as it would be told everywhere; claims of one kind and key are the same."""

    kind: str
    key: str
    topic: str
    lesson: Known
    data: dict[str, Any]


def claim(lesson: Known, *, names: Collection[str]) -> Claim | None:
    """Give what a lesson says beyond its project; None where it says nothing there."""
    if lesson.kind == correction.KIND:
        return _rule(lesson, names)
    if lesson.kind == fix.KIND:
        return _fix(lesson)
    return _pitfall(lesson) if lesson.kind == pitfall.KIND else None


def _rule(lesson: Known, names: Collection[str]) -> Claim | None:
    rule = str(lesson.data.get("rule", ""))
    signed = portable_rules.read(rule, names=names)
    if signed is None:
        return None
    data = {"rule": rule, "choice": signed.is_choice_of_tools}
    return Claim(kind=lesson.kind, key=signed.key, topic=RULES_TOPIC, lesson=lesson, data=data)


def _pitfall(lesson: Known) -> Claim | None:
    rule = lesson.data.get("rule")
    if not isinstance(rule, str):
        return None
    language = next((name for name, pattern in RULES.items() if re.fullmatch(pattern, rule)), "")
    data = {"rule": rule, "message": str(lesson.data.get("message", "")), "language": language}
    topic = f"{LINT_TOPIC} {language}"
    return Claim(kind=lesson.kind, key=rule, topic=topic, lesson=lesson, data=data) if language else None


def _fix(lesson: Known) -> Claim | None:
    failed, works = (_step(lesson.data.get(name)) for name in ("failed", "fix"))
    error = str(lesson.data.get("error", ""))
    if failed is None or works is None:
        return None
    if failed.words[1:] == works.words[1:] and failed.words[0] != works.words[0]:
        told = _renamed(failed, works, error=error)
    elif lesson.data.get("relation") == "arguments" and _REFUSED.search(error):
        told = _recalled(failed, works, error=error)
    else:
        return None
    if told is None:
        return None
    data = {"failed": told[0], "fix": told[1], "error": error}
    key = f"{told[0]} -> {told[1]}"
    return Claim(kind=lesson.kind, key=key, topic=failed.program, lesson=lesson, data=data)


def _step(text: object) -> Step | None:
    if not isinstance(text, str) or not 0 < len(text) <= MAX_COMMAND_CHARS:
        return None
    # `generalise` has put `<value>` where a run's own number stood; the shell would read a redirection.
    found = commands.steps(text.replace("<value>", "VALUE").replace("<text>", "VALUE"))
    plain = len(found) == 1 and not found[0].assignments and found[0].program == found[0].words[0]
    return found[0] if plain else None


def _renamed(failed: Step, works: Step, *, error: str) -> tuple[str, str] | None:
    """Tell a program that is missing under one of its names; its arguments are the project's."""
    one, other = failed.program, works.program
    same = any(p.fullmatch(one) and p.fullmatch(other) for p in _SAME_PROGRAM)
    return (one, other) if same and is_absent(error, one) else None


def _recalled(failed: Step, works: Step, *, error: str) -> tuple[str, str] | None:
    """Tell an option that a tool does not know and the one that it does; operands are left open."""
    head = commands.head(failed)
    if head != commands.head(works) or not _is_public(head):
        return None
    removed = {*failed.words} - {*works.words}
    added = {*works.words} - {*failed.words}
    if not any(_is_named(word, error) for word in removed) or not all(
        _is_of_the_tool(step, removed | added) for step in (failed, works)
    ):
        return None
    texts = [_open(step, head=head, kept=removed | added) for step in (failed, works)]
    return (texts[0], texts[1]) if texts[0] != texts[1] else None


def _is_named(word: str, error: str) -> bool:
    """Say whether an error names an option, or one of its values."""
    parts = [part.lstrip("-") for part in re.split(r"[=,]", word)]
    return any(re.search(rf"(?<!\w){re.escape(part)}(?!\w)", error) for part in parts if part)


def _is_public(head: tuple[str, ...]) -> bool:
    if head[0] in ("python", "python3"):
        return len(head) == 3 and head[1] == "-m" and head[2] in MODULES
    if head[0] not in TOOLS:
        return False
    return head[0] not in RUNNERS or (len(head) > 1 and head[1] in VERBS)


def _is_of_the_tool(step: Step, changed: set[str]) -> bool:
    """Say whether what changed are options, or plain values right behind an option."""
    for before, word in zip(("", *step.words), step.words, strict=False):
        if word in changed and not (
            _OPTION.fullmatch(word)
            or (_OPTION.fullmatch(before) and "=" not in before and _VALUE.fullmatch(word))
        ):
            return False
    return True


def _open(step: Step, *, head: tuple[str, ...], kept: set[str]) -> str:
    """Give a call with its operands left open: a program, its verbs and its options are the tool's."""
    words: list[str] = []
    in_front = True  # of the first option or operand
    for word in step.words:
        is_verb = in_front and (word in head or word in VERBS_BELOW)
        in_front = is_verb
        words.append(word if is_verb or word in kept or _OPTION.fullmatch(word) else PLACEHOLDER)
    return " ".join(words)
