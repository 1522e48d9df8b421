"""Write a skill that holds in every project: no project's name, and only what several projects showed."""

import re
from collections.abc import Sequence

from hivemind.distill import portable
from hivemind.distill.miners import correction, fix
from hivemind.distill.portable import Claim
from hivemind.distill.writers.markdown import code, plain, quoted
from hivemind.domain.skills import SkillDocument

MAX_DESCRIPTION_CHARS = 600
#: Items that the description names.
MAX_NAMED = 4
_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")


def write(topic: str, claims: Sequence[Claim]) -> SkillDocument:
    """Write the SKILL.md of one topic's claims; the same claims always give the same text.

    It names no events: which came first depends on what has arrived, and the library links all of them.
    """
    kind = claims[0].kind
    if kind == correction.KIND:
        title, said, items = _rules(claims)
    elif kind == fix.KIND:
        title, said, items = _fixes(topic, claims)
    else:
        title, said, items = _pitfalls(claims)
    description = said if len(said) <= MAX_DESCRIPTION_CHARS else _cut(said)
    return SkillDocument(
        name=name_of(topic),
        description=description,
        body=f"# {title}\n\n" + "\n".join(items) + "\n",
        metadata={"hivemind-topic": plain(topic)[:100]},
    )


def name_of(topic: str) -> str:
    """Give `topic-in-every-project` in the characters that a skill name may have."""
    return f"{_NOT_IN_NAME.sub('-', topic.lower()).strip('-')[:40].strip('-')}-in-every-project"


def _rules(claims: Sequence[Claim]) -> tuple[str, str, list[str]]:
    rules = [plain(str(c.data["rule"]), keep_code=True).rstrip(" .") for c in claims]
    named = "; ".join(plain(rule).replace("`", "'") for rule in rules[:MAX_NAMED])
    said = f"{named}. Asked for in several projects: use in any, before anything that this is about."
    return "Rules for every project", said, [f"- {rule}{'' if rule.endswith('!') else '.'}" for rule in rules]


def _fixes(topic: str, claims: Sequence[Claim]) -> tuple[str, str, list[str]]:
    tool = plain(topic).replace("`", "'")
    failing = " or ".join(code(str(c.data["failed"])) for c in claims[:MAX_NAMED])
    said = (
        f"How to call {tool} in any project: which calls fail, and what works instead. "
        f"Use before running {tool}, and when {_neutral(failing)} fails."
    )
    return f"Calling {tool}", said, [_fix(c) for c in claims]


def _fix(claim: Claim) -> str:
    error = quoted(str(claim.data.get("error", "")))
    shown = f" with {error}" if error else ""
    return f"- {code(str(claim.data['failed']))} fails{shown}. Run {code(str(claim.data['fix']))} instead."


def _pitfalls(claims: Sequence[Claim]) -> tuple[str, str, list[str]]:
    language = plain(str(claims[0].data["language"]))
    named = "; ".join(_pitfall(c) for c in claims[:MAX_NAMED])
    said = (
        f"What linters of {language} refused in more than one project: {named}. Use in any project, before "
        f"writing or changing {language}, before you lint or commit it, and when the linter complains."
    )
    return f"What linters of {language} refuse", said, [f"- {_pitfall(c)}." for c in claims]


def _pitfall(claim: Claim) -> str:
    rule, message = plain(str(claim.data["rule"])), plain(str(claim.data.get("message", "")))
    return f"{rule} ({message})" if message else rule


def _neutral(text: str) -> str:
    """A description holds no tag: what stands for any value is put in words."""
    return text.replace(portable.PLACEHOLDER, "…")


def _cut(text: str) -> str:
    return text[: MAX_DESCRIPTION_CHARS - 1].rsplit(" ", 1)[0] + "…"
