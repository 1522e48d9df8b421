"""A skill is for whatever model reads it: one that is for a single model has to say so."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates import markdown
from hivemind.library.gates.base import GateContext, shown
from hivemind.library.gates.markdown import Kind

name = "portability"

#: The metadata key that names the models a skill is for, as patterns such as `gpt-5*`.
MARK = "hivemind-models"
_MAX_LINE = 4_000
_NUMBER = r"\d{1,2}(?:[.-]\d{1,2}){0,2}"
_SIZE = (
    r"(?:pro|flash|lite|ultra|nano|mini|micro|turbo|codex|max|large|medium|small|preview|instruct|chat|coder"
    r"|high|thinking|reasoner|latest|exp|oss|vl|scout|maverick|\d{1,3}b|\d{4,8})"
)
#: Families of models; what follows the family says which. A family alone names no particular model.
_MODEL = (
    r"(?:"
    rf"claude[- ](?:(?:{_NUMBER}[- ])?(?:opus|sonnet|haiku|instant)(?:[- ]{_NUMBER})?|v?{_NUMBER})"
    rf"|(?:opus|sonnet|haiku)[- ]{_NUMBER}"
    rf"|gpt[- ]?(?:{_NUMBER}o?|oss)|chatgpt[- ]?{_NUMBER}o?|codex[- ]mini"
    r"|o[134](?:-(?:mini|pro|preview|high))?"
    rf"|gemini[- ](?:{_NUMBER}|pro|flash|ultra|nano)"
    rf"|(?:code)?llama[- ]?{_NUMBER}|qwen[- ]?(?:{_NUMBER}|coder|max|plus)|qwq"
    rf"|deepseek[- ](?:v?{_NUMBER}|r\d|coder|chat|reasoner)"
    rf"|(?:mistral|ministral|magistral)[- ](?:large|medium|small|{_NUMBER}b?)|mixtral|codestral|devstral"
    rf"|grok[- ](?:{_NUMBER}|code|fast)|kimi[- ]k\d|glm[- ]{_NUMBER}|gemma[- ]?{_NUMBER}|phi[- ]{_NUMBER}"
    r"|minimax[- ]m\d|command[- ]r\+?|nova[- ](?:pro|lite|micro|premier)"
    rf")(?:[- ]?{_SIZE}\b){{0,4}}(?:[-@]\d{{4,8}})?"
)
_FAMILY = (
    r"(?:claude(?! code| desktop| agent|[-.]\w)|chatgpt|gpt|gemini(?! cli)|llama|qwen|deepseek|mistral|grok"
    r"|kimi)"
)
_PARTICULAR = re.compile(rf"(?<![\w./@-]){_MODEL}(?![\w/-]|\.\w)", re.IGNORECASE)
_ANY = rf"(?<![\w./@-])(?P<model>{_MODEL}|{_FAMILY})(?![\w/-]|\.\w)"
_ONE = rf"(?<![\w./@-])(?P<model>{_MODEL})(?![\w/-]|\.\w)"
_ARTICLE = r"(?:an? |the )?"
#: Who is to follow it, or how one is to behave: each begins with a word that a line is searched for first.
_WHEN = r"\b(?:if|when|whenever|unless|since|because|while|assuming)"
_RUNNING = r"(?:you(?:['’]re| are) )?(?:(?:running (?:on|as|under)|being|powered by) )?"
_FITTED = (
    r"\b(?:skill|instructions?|prompt|rules?|steps?|guide)\b[^.\n]{0,60}\b(?:only|written|designed|optimi[sz]ed"
    r"|intended|meant|tuned|made|works? best|tailored)\b(?:[^.\n]{0,20}\b)?"
)
_START = r"(?:^|[.!?:;,] |[*_>#-] )"
_ADDRESSED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_WHEN} {_RUNNING}{_ARTICLE}{_ANY}(?= ?[,:;—)]| model| then| and )",
        rf"{_WHEN} you(?:['’]re| are) (?:not )?{_ARTICLE}{_ANY}",
        rf"{_WHEN} (?:the|your|this) (?:model|llm|agent|assistant) is {_ANY}",
        rf"{_START}you are {_ARTICLE}{_ANY}(?= ?[,.:;—!]|$| model| and )",
        rf"{_START}as {_ANY}(?=, | you | your )",
        rf"{_START}(?:on|for|under) {_ONE}(?:,? you\b|, )",
        rf"{_ONE}(?: models?)? (?:must|should|shall|ought to|needs? to|has to|have to|may not|cannot)\b",
        rf"\bonly (?:for|on|with|by|to) {_ONE}",
        rf"\b(?:executed|followed|obeyed|read|run) by {_ONE}",
        rf"{_FITTED} (?:for|with|by|on|to) {_ONE}",
    )
)
_FIRST = re.compile(
    r"claude|gpt|opus|sonnet|haiku|gemini|llama|qwen|qwq|deepseek|[mn]istral|magistral|mixtral|devstral|codestral|grok"
    r"|kimi|glm|gemma|phi|minimax|command[- ]r|nova|codex|\bo[134]\b",
    re.IGNORECASE,
)
_QUOTES = frozenset("\"'`“‘«")


def check(document: SkillDocument, context: GateContext) -> Iterator[Finding]:  # noqa: ARG001
    """Report what holds for one model only, and models that are merely named."""
    marked = [mark.lower() for mark in re.split(r"[,\s]+", document.metadata.get(MARK, "")) if mark]
    named: dict[str, tuple[str, int]] = {}
    for where, number, kind, line in _lines(document):
        if not _FIRST.search(line):
            continue
        found = _addressed(line) if kind is Kind.TEXT else None
        if found and not _is_marked(found.group("model"), marked):
            yield Finding(
                gate=name,
                message=f"Line {number} of the {where} is for {shown(found.group('model'))} alone "
                f"({shown(' '.join(found.group().split()))}); say what holds for any model, or name "
                f"those that the skill is for under `metadata`, as `{MARK}: {_key(found.group('model'))}*`.",
                line=number if where == "body" else None,
            )
        for match in _PARTICULAR.finditer(line):
            if not found and not _is_marked(match.group(), marked) and match.group().lower() not in named:
                named[match.group().lower()] = (where, number)
    if named:
        where, number = next(iter(named.values()))
        models = ", ".join(shown(model) for model in list(named)[:3])
        yield Finding(
            gate=name,
            message=f"Line {number} of the {where} names a model ({models}), which will be outdated; make "
            "sure that the skill works with others.",
            blocking=False,
            line=number if where == "body" else None,
        )


def _lines(document: SkillDocument) -> Iterator[tuple[str, int, Kind, str]]:
    for number, line in enumerate(document.description.split("\n"), start=1):
        yield "description", number, Kind.TEXT, line[:_MAX_LINE]
    for number, (kind, line) in enumerate(markdown.lines(document.body), start=1):
        yield "body", number, kind, line[:_MAX_LINE]


def _addressed(line: str) -> re.Match[str] | None:
    for pattern in _ADDRESSED:
        for match in pattern.finditer(line):
            before = line[: match.start()].rstrip()[-1:]
            # What is quoted is told to somebody else: the prompt of a program, or an example.
            if before not in _QUOTES and line[match.start()] not in _QUOTES:
                return match
    return None


def _is_marked(model: str, marked: list[str]) -> bool:
    return any(fnmatchcase(_key(model), mark) for mark in marked)


def _key(model: str) -> str:
    return re.sub(r"[ _]+", "-", model.strip().lower())
