"""A person's corrections that state a rule: "use X, not Y", "never …", "we always …"."""

import re
from collections.abc import Iterator

from hivemind.distill.session_view import Call, Prompt, SessionView, Stream
from hivemind.domain.lessons import Occurrence
from hivemind.domain.skills import Evidence

KIND = "correction"
#: A project's rules share one skill.
TOPIC = "rules"
#: A longer message is a task with remarks in it, not a correction, in characters.
MAX_PROMPT_CHARS = 700
MAX_RULE_CHARS = 300
#: Calls after the correction that show it being followed, at most.
WINDOW_CALLS = 8

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_RULES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"\b(?:use|run|prefer|call|try)\b.{1,120}\b(?:instead of|rather than|not|never|instead)\b",
        r"\b(?:don'?t|do not|never|stop|avoid)\b.{2,160}\b(?:use|run|instead|always|by hand|but)\b.{0,120}",
        r"\binstead of\b.{1,120}\b(?:use|run)\b",
        r"^(?:please )?(?:always|never(?! ?mind))\b.{5,}",
        r"\b(?:we|you should|you must|you need to) (?:always|never)\b.{5,}",
        r"\b(?:we|this (?:repo|project|codebase)) (?:don'?t|do not|only) (?:use|run|commit|edit)\b.{2,}",
        r"\b(?:we use|this (?:repo|project|codebase) uses)\b.{2,80}\bnot\b.{2,}",
        r"\bfrom now on\b.{5,}",
    )
)
_OBJECTION = re.compile(
    r"^(?:no\b|nope\b|wrong\b|stop\b|don'?t\b|do not\b|never\b|always\b|actually\b|that'?s (?:not"
    r"|wrong)|not like|please (?:don'?t|do not|stop|never|always|use)\b|from now on\b"
    r"|you should(?:n'?t)?\b|wait\b|hey\b|hm+\b)",
    re.I,
)
_LEAD = re.compile(r"^(?:no|nope|wrong|stop|wait|hey|please|actually|ok|okay|hm+)\b[,.!:]*\s+", re.I)
_COMMANDMENT = re.compile(r"(?:please )?(?:always|never(?! ?mind)|from now on)\b", re.I)
_QUESTION = re.compile(r"\?\s*$")
_WORD = re.compile(r"[A-Za-z0-9_./:@-]{3,}")
_CODE = re.compile(
    r"`[^`\n]+`|\b[\w-]+(?:/[\w.-]+)+|\b\w+\.\w{2,4}\b|--[\w-]+"
    r"|\b(?:make(?! sure)|npm|pnpm|yarn|bun|uv|go|cargo|mise|git|docker|poetry|just|task|npx)"
    r"(?: (?!(?:instead|not|for|to|in|and|it|the|a|this|that|here|because|when|from)\b)[a-z][\w:-]*)?\b"
    r"|\b(?:pytest|ruff|eslint|mypy|prettier|jest|vitest|tox)\b"
)
_COMMON_WORDS = """
    the and for not you use run instead don dont never always please should this that with from what
    when have just only them they it's into your our are was were will would can could then than
    there here make sure need want like
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def mine(view: SessionView) -> Iterator[Occurrence]:
    """Yield each rule that a person stated after the agent had done something."""
    for stream in view.streams:
        if stream.agent_id:
            continue
        acted = False
        for index, item in enumerate(stream.items):
            if isinstance(item, Call):
                acted = True
            elif acted:
                later = stream.items[index + 1 : index + 1 + WINDOW_CALLS]
                yield from _rules(item, stream, later=later, view=view)


def _rules(
    prompt: Prompt, stream: Stream, *, later: tuple[Prompt | Call, ...], view: SessionView
) -> Iterator[Occurrence]:
    text = prompt.text.strip()
    if len(text) > MAX_PROMPT_CHARS or text.startswith("/"):
        return
    rule = rule_of(text)
    if not rule:
        return
    followed = _followed(rule, later, view)
    evidence = [
        Evidence(event_id=prompt.event_id, session_id=view.session_id, role="correction", excerpt=text[:200])
    ]
    if followed is not None:
        evidence.append(
            Evidence(
                event_id=followed.event_id,
                session_id=view.session_id,
                role="fix",
                excerpt=followed.text[:200],
            )
        )
    asked = stream.request_before(prompt.seq)
    if asked is not None:
        evidence.append(
            Evidence(
                event_id=asked.event_id,
                session_id=view.session_id,
                role="request",
                excerpt=asked.text[:200],
            )
        )
    yield Occurrence(
        kind=KIND,
        key=" ".join(sorted(terms(rule))),
        topic=TOPIC,
        data={"rule": rule, "followed_by": followed.text[:200] if followed is not None else ""},
        evidence=tuple(evidence),
        explicit=followed is not None and bool(_CODE.search(rule)),
        at=prompt.at,
    )


def rule_of(text: str) -> str:
    """Give the sentences of a correction that state a rule; empty where it states none."""
    sentences = [s.strip() for s in _SENTENCE.split(text) if s.strip()]
    objects = bool(_OBJECTION.match(text))
    found = [s for s in sentences if not _QUESTION.search(s) and any(r.search(s) for r in _RULES)]
    found = [s for s in found if len(terms(s)) > 1]
    if not found or not (objects or any(_COMMANDMENT.match(s) for s in found)):
        return ""
    # The sentence after the rule often says what to do instead.
    last = sentences.index(found[-1])
    if (
        last + 1 < len(sentences)
        and re.search(r"\b(?:run|use)\b", sentences[last + 1], re.I)
        and _CODE.search(sentences[last + 1])
    ):
        found.append(sentences[last + 1])
    rule = _LEAD.sub("", " ".join(found))[:MAX_RULE_CHARS].strip()
    return rule[:1].upper() + rule[1:]


def terms(text: str) -> frozenset[str]:
    """Give the words that a rule is about."""
    words = {w.lower().strip("./:`'\"-") for w in _WORD.findall(text)}
    return frozenset(w for w in words if len(w) > 2 and w not in _COMMON)


def _followed(rule: str, later: tuple[Prompt | Call, ...], view: SessionView) -> Call | None:
    """Find the call that did what the rule says: the one that worked with most words of its code."""
    about, named = terms(rule), code_terms(rule)
    best: tuple[int, Call] | None = None
    calls = [item for item in later if isinstance(item, Call)]
    for call in calls if not any(isinstance(x, Prompt) for x in later[:1]) else []:
        if not call.worked or call.tool_name not in view.shell_tools:
            continue
        words = terms(call.text) | code_terms(f"`{call.text}`".replace("\n", " "))
        score = 2 * len(words & named) + len(words & about)
        score += 4 * any(" " in subject and subject in call.text for subject in subjects(rule))
        if score > 1 and (best is None or score > best[0]):
            best = (score, call)
    return best[1] if best else None


def code_terms(rule: str) -> frozenset[str]:
    """Give the words of a rule that are code: commands in backticks, paths, file names, flags."""
    words = (w.lower().strip("./:`'\"-") for match in _CODE.findall(rule) for w in _WORD.findall(match))
    return frozenset(w for w in words if len(w) > 1)


def subjects(rule: str) -> list[str]:
    """Give the commands, paths and files that a rule names, in its order."""
    return list(dict.fromkeys(match.strip("`") for match in _CODE.findall(rule)))
