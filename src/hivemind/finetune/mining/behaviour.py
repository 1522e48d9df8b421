"""What an answer does, as small statements that can be compared between answers and told to a person."""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from hivemind.finetune.conversation import Message, Role

#: A behaviour: its kind, then what it is about.
Behaviour = tuple[str, ...]

#: How common a behaviour is among answers of any kind, before any are seen; for the others, little.
COMMON: Final = {
    "one-line": 0.4,
    "numbered": 0.2,
    "bulleted": 0.15,
    "code": 0.1,
    "one-word": 0.1,
    "asks-back": 0.1,
}
#: Behaviours that are words, found by comparing answers.
PHRASES: Final = ("begins", "ends", "says")
RARE: Final = 0.02
MAX_TEXT_CHARS: Final = 8_000
_MAX_JSON_KEYS: Final = 8
_FENCE = re.compile(r"^```[ \t]*([\w+#.-]{0,20})[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NUMBERED = re.compile(r"^[ \t]*\d{1,2}[.)][ \t]+\S", re.MULTILINE)
_BULLETED = re.compile(r"^[ \t]*[-*•][ \t]+\S", re.MULTILINE)
_HEADING = re.compile(r"^#{1,4} \S", re.MULTILINE)
_TABLE = re.compile(r"^\|.*\|[ \t]*\n\|[ :|-]+\|", re.MULTILINE)
_FIELD = re.compile(
    r"^[ \t]*(?:\*\*|- |\* )?([A-Z][A-Za-z]+(?: [A-Za-z]+){0,2})(?:\*\*)?:(?:\*\*)?(?=\s|$)", re.MULTILINE
)
_SPEAKERS = frozenset({"Assistant", "User", "Human", "System", "Observation", "Thought", "Action"})
_OPTION = re.compile(r"\(?([A-Ea-e])\)?[.:)]?")
_NUMBER = re.compile(r"[-+]?[$€£]?\d[\d,.]*%?")
_REFUSAL = re.compile(
    r"(?:i(?:'|’)?m (?:really |very )?sorry|i am sorry|sorry|i apologi[sz]e|unfortunately)\b.{0,80}?"
    r"\b(?:can(?:'|’)?t|cannot|can not|unable|not able|not comfortable|don(?:'|’)?t have)\b"
    r"|i (?:can(?:'|’)?t|cannot|won(?:'|’)?t) "
    r"(?:help|assist|provide|do|fulfil|create|comply|complete|answer)",
    re.IGNORECASE | re.DOTALL,
)
_AS_AN_AI = re.compile(r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b", re.IGNORECASE)
PREAMBLE = re.compile(
    r"(?:sure|certainly|of course|absolutely|great question|okay|yes, i can)\b[^\n]{0,80}?[!,.:]",
    re.IGNORECASE,
)
_EMOJI = re.compile(r"[\U0001f300-\U0001faff\u2600-\u27bf]")
_SHORT_WORDS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold what an answer says and calls."""

    text: str
    calls: tuple[tuple[str, tuple[str, ...]], ...] = ()  #: tool and the names of its arguments


def answer_of(messages: Sequence[Message]) -> Answer:
    """Give what an assistant did in answer to one request: its last words, and its calls in order."""
    spoken = [m for m in messages if m.role == Role.ASSISTANT]
    texts = [m.text for m in spoken if m.text.strip()]
    calls = [
        (call.name, tuple(sorted(call.arguments)) if isinstance(call.arguments, dict) else ())
        for m in spoken
        for call in m.calls
    ]
    return Answer(text=(texts[-1] if texts else "").strip()[:MAX_TEXT_CHARS], calls=tuple(calls))


def behaviours(answer: Answer, *, has_tools: bool = False) -> frozenset[Behaviour]:
    """Give what an answer does; phrases are found by comparing answers, in `phrases`."""
    found = set(_of_calls(answer))
    if has_tools and not answer.calls:
        found.add(("no-call",))
    text = answer.text
    if text:
        found |= set(_of_form(text)) | set(_of_manner(text))
        if text.endswith("?") and not answer.calls:
            found.add(("asks-back",))
    return frozenset(found)


def _of_calls(answer: Answer) -> Iterator[Behaviour]:
    names = [name for name, _ in answer.calls]
    for name, arguments in answer.calls:
        yield ("calls", name)
        if arguments:
            yield ("calls-with", name, *arguments[:6])
    for one, other in pairwise(names):
        if one != other:
            yield ("calls-then", one, other)


def _of_form(text: str) -> Iterator[Behaviour]:
    data = _json(text)
    if data is not None:
        yield ("json",)
        keys = list(data)[:_MAX_JSON_KEYS] if isinstance(data, dict) else []
        yield from (("json-key", key) for key in keys if key.isprintable() and len(key) <= 40)
        return
    blocks = _FENCE.findall(text)
    if blocks:
        yield ("code",)
        yield from {("code-in", language.lower()) for language, _ in blocks if language}
        if _FENCE.sub("", text).strip() == "":
            yield ("only-code",)
    if len(_NUMBERED.findall(text)) >= 3:
        yield ("numbered",)
    if len(_BULLETED.findall(text)) >= 3:
        yield ("bulleted",)
    if len(_HEADING.findall(text)) >= 2:
        yield ("headings",)
    if _TABLE.search(text):
        yield ("table",)
    yield from {("field", name) for name in _FIELD.findall(text) if name not in _SPEAKERS}
    if _NUMBER.fullmatch(text):
        yield ("number",)
    elif _OPTION.fullmatch(text):
        yield ("option",)
    elif len(text.split()) == 1:
        yield ("one-word",)
    if "\n" not in text and len(text.split()) <= _SHORT_WORDS:
        yield ("one-line",)


def _of_manner(text: str) -> Iterator[Behaviour]:
    start = text[:200]
    if _REFUSAL.match(start):
        yield ("refuses",)
    if _AS_AN_AI.search(text[:400]):
        yield ("as-an-ai",)
    if PREAMBLE.match(start):
        yield ("preamble",)
    if _EMOJI.search(text):
        yield ("emoji",)
    script = _script(text)
    if script not in ("", "LATIN"):
        yield ("script", script)


def _json(text: str) -> Any:
    if text[:1] not in "{[" or text[-1:] not in "}]":
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if data and isinstance(data, (dict, list)) else None


def _script(text: str) -> str:
    letters = [_of_letter(c) for c in text[:400] if c.isalpha()]
    if len(letters) < 8:
        return ""
    most = max(sorted(set(letters)), key=letters.count)
    return most if letters.count(most) > 0.6 * len(letters) else ""


@lru_cache(maxsize=4096)
def _of_letter(letter: str) -> str:
    return unicodedata.name(letter, "?").split()[0]


def background(behaviour: Behaviour) -> float:
    """Give how common a behaviour is thought to be before any answer was seen."""
    return COMMON.get(behaviour[0], RARE)
