"""What a project's checks refuse: rules of linters that failed a run which passed once they were met."""

import re
from collections.abc import Iterator, Sequence

from hivemind.distill import commands
from hivemind.distill.miners.failures import ANSI, worked
from hivemind.distill.session_view import Call, SessionView
from hivemind.domain.lessons import Occurrence
from hivemind.domain.skills import Evidence

KIND = "pitfall"
TOPIC = "lint"
MAX_OUTPUT_CHARS = 40_000
MAX_MESSAGE_CHARS = 120

#: How linters print a finding: golangci-lint, markdownlint, ESLint and Stylelint, Ruff and Flake8, Biome,
#: ShellCheck, RuboCop, Clippy, commitlint.
_FINDINGS = tuple(
    re.compile(pattern, re.M)
    for pattern in (
        r"^\S{1,300}\.go:\d+(?::\d+)?: (?P<message>[^\n]{3,300}) \((?P<rule>[a-z][a-z0-9]{2,30})\)$",
        r"\b(?P<rule>MD\d{3}/[\w-]+)(?:/[\w-]+)* (?P<message>[^\n]{3,300})$",
        r"^ *\d+:\d+ +error +(?P<message>[^\n]{3,200}?) {2,}(?P<rule>@?[a-z][\w-]*(?:/[\w-]+)*)$",
        r"^\S{1,300}:\d+:\d+: (?P<rule>[A-Z]{1,4}\d{3,4}) (?:\[\*\] )?(?P<message>[^\n]{3,300})$",
        r"^(?P<rule>[A-Z]{1,4}\d{3,4}) (?:\[\*\] )?(?P<message>[^\n]{3,300})\n +-->",
        r"^\S{1,300}:\d+:\d+ (?P<rule>lint/\w+/\w+)(?P<message>)\b",
        r"\b(?P<rule>SC\d{4}) \((?:error|warning|info|style)\): (?P<message>[^\n]{3,300})$",
        r": [CWEF]: (?:\[\w+\] )?(?P<rule>[A-Z]\w+/\w+): (?P<message>[^\n]{3,300})$",
        r"#\[(?:warn|deny)\((?P<rule>clippy::\w+)\)\](?P<message>)",
        r"^✖ +(?P<message>[^\n]{3,200}?) \[(?P<rule>[a-z]+(?:-[a-z]+)+)\]$",
    )
)
#: Not rules: what does not compile is said by the compiler, whatever prints it.
_COMPILER = frozenset({"typecheck", "syntax", "parse"})
#: Several words in one, such as `noUnusedImports`: a name that needs no message.
_TELLING_NAME = re.compile(r"[a-z][A-Z]|[a-z][_-][a-z]")
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|'[^'\s][^']*'|\[[^\]]*\]")
#: What stands before a colon is a sentence with so many words, else the label of a measured value.
_MIN_WORDS = 3
_SPECIFIC = re.compile(r"\S*(?:[./\\_]\w|\w\()\S*|\b\d+\b")


def mine(view: SessionView) -> Iterator[Occurrence]:
    """Yield each linter rule that failed a check which passed later in the session, once a session."""
    seen: set[str] = set()
    for stream in view.streams:
        calls = [c for c in stream.calls if c.tool_name in view.shell_tools]
        found = [_findings(call) for call in calls]
        for call, messages, passed in zip(calls, found, _passed_later(calls, found), strict=True):
            for rule, message in messages.items() if passed else ():
                if rule not in seen:
                    seen.add(rule)
                    yield _occurrence(rule, message, failed=call, passed=passed or call, view=view)


def _passed_later(calls: Sequence[Call], found: Sequence[dict[str, str]]) -> list[Call | None]:
    """Give for each call with findings the next one that ran a check of its and passed without any.

    From the end, so that a session with thousands of failing checks is read once, not once for each.
    """
    passed: list[Call | None] = [None] * len(calls)
    nearest: dict[str, int] = {}
    for place in reversed(range(len(calls) if any(found) else 0)):
        if found[place]:
            later = [nearest[job] for job in _jobs(calls[place]) if job in nearest]
            passed[place] = calls[min(later)] if later else None
        elif worked(calls[place]):
            nearest.update(dict.fromkeys(_jobs(calls[place]), place))
    return passed


def _findings(call: Call) -> dict[str, str]:
    """Give rule → message of a check that failed, also where a pipe has hidden its exit status."""
    if not (call.failed or (call.worked and "|" in call.text)) or not _jobs(call):
        return {}
    output = ANSI.sub("", call.output[:MAX_OUTPUT_CHARS])
    found: dict[str, str] = {}
    for pattern in _FINDINGS:
        for match in pattern.finditer(output):
            rule = match["rule"].removeprefix("lint/")
            message = general(match["message"])
            if rule not in _COMPILER and (message or _TELLING_NAME.search(rule)):
                found.setdefault(rule, message)
    return found


def _jobs(call: Call) -> set[str]:
    """Give the checks that a call runs; a commit counts, since hooks check it."""
    found = [
        s for s in commands.steps(call.text) if commands.purpose(s) in ("lint", "format", "test", "build")
    ]
    return {" ".join(commands.head(s)) for s in found} | (
        {"git commit"} if commands.commits(call.text) else set()
    )


def general(message: str) -> str:
    """Give a finding's message without the names, places and numbers of one file; empty for a measurement."""
    said, _, details = _SPECIFIC.sub("…", _QUOTED.sub("…", message)).partition(": ")
    if details and len(said.split()) < _MIN_WORDS:
        return ""
    text = " ".join(re.sub(r"…(?:[ ,]+(?:…|and|or))*…?", "…", said).split())
    return text[:MAX_MESSAGE_CHARS].strip(" .,;:").rstrip(" …") if re.search(r"[A-Za-z]{3}", text) else ""


def _occurrence(rule: str, message: str, *, failed: Call, passed: Call, view: SessionView) -> Occurrence:
    return Occurrence(
        kind=KIND,
        key=rule,
        topic=TOPIC,
        data={"rule": rule, "message": message},
        evidence=(
            Evidence(
                event_id=failed.result_id or failed.event_id,
                session_id=view.session_id,
                role="failure",
                excerpt=f"{rule} {message}".strip(),
            ),
            Evidence(
                event_id=passed.event_id,
                session_id=view.session_id,
                role="success",
                excerpt=passed.text[:200],
            ),
        ),
        at=failed.at,
    )
