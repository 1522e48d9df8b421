"""Take secrets out of captured text before it is stored, shown to a model, published or sent."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from hivemind.capture.redaction import values
from hivemind.capture.redaction.linear import LinearRule
from hivemind.capture.redaction.rules import Rule, built_in
from hivemind.capture.redaction.scan import MARKER, Finding, Scanner

__all__ = ["JSON", "Finding", "Redacted", "Redactor", "Rule"]

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]

_FIELD_RULE = "secret-field"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """Hold a text without its secrets, how many there were, and which rules found them."""

    text: str
    count: int
    rules: tuple[str, ...]


class Redactor:
    """Replace every secret by `[REDACTED:<rule>]`; immutable, and safe to share between threads."""

    def __init__(self, *, extra_rules: Sequence[Rule] = ()) -> None:
        for rule in extra_rules:
            rule.validate()
        self._scanner = Scanner((*built_in(), *extra_rules))

    def also(self, rules: Sequence[LinearRule]) -> "Redactor":
        """Give a redactor that takes out what more rules describe, too."""
        made = copy.copy(self)
        made._scanner = self._scanner.also(rules)
        return made

    def redact(self, text: str) -> Redacted:
        """Return the text without its secrets, everything else as it was.

        Redacting the result again changes nothing: what shows once a secret is gone is taken out too.
        """
        count, rules = 0, list[str]()
        while findings := self._scanner.scan(text):
            text = _replace(text, findings)
            count += len(findings)
            rules += [finding.rule for finding in findings]
        return Redacted(text=text, count=count, rules=tuple(dict.fromkeys(rules)))

    def findings(self, text: str) -> list[Finding]:
        """Return where secrets stand in the text, for a gate that refuses rather than redacts."""
        return self._scanner.scan(text)

    def redact_value(self, value: JSON) -> tuple[JSON, int]:
        """Return a copy of a JSON value without secrets, and how many there were.

        A field named like a secret (`password`, `api_key`, `authorization`) loses its whole string. Keys are
        redacted too. Nesting may be as deep as memory allows.
        """
        holder: list[JSON] = [value]
        total = 0
        work: list[tuple[list[JSON] | dict[str, JSON], int | str, str]] = [(holder, 0, "")]
        while work:
            container, at, name = work.pop()
            item = container[at]  # type: ignore[index]  # a list comes with an int, a dict with a str
            if isinstance(item, str):
                item, count = self._redact_field(name, item)
                total += count
            elif isinstance(item, list):
                item = list(item)
                work += [(item, index, name) for index in range(len(item))]
            elif isinstance(item, dict):
                item, count = self._redact_keys(item)
                total += count
                work += [(item, key, key) for key in item]
            container[at] = item  # type: ignore[index]  # as above
        return holder[0], total

    def _redact_field(self, name: str, text: str) -> tuple[str, int]:
        redacted = self.redact(text)
        if name and values.is_secret_field(name, MARKER.sub("", redacted.text)):
            return f"[REDACTED:{_FIELD_RULE}]", max(1, redacted.count)
        return redacted.text, redacted.count

    def _redact_keys(self, item: dict[str, JSON]) -> tuple[dict[str, JSON], int]:
        total = 0
        renamed: dict[str, JSON] = {}
        for key, value in item.items():
            redacted = self.redact(key)
            total += redacted.count
            name = redacted.text
            while name in renamed:
                name += "'"
            renamed[name] = value
        return renamed, total


def _replace(text: str, findings: Sequence[Finding]) -> str:
    parts, at = [], 0
    for finding in findings:
        parts += [text[at : finding.start], f"[REDACTED:{finding.rule}]"]
        at = finding.end
    return "".join([*parts, text[at:]])
