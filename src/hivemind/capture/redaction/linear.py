"""Rules that a team's admins write: searched in linear time, since nobody else has looked at them.

Python's own regular expressions may take exponential time for a text that was made for it. RE2 never does; a
search for *all* matches may still be quadratic, so that it also has a deadline, after which the rest of the
text counts as found.
"""

import re
import string
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hivemind.capture.redaction.rules import RULE_ID, Rule
from hivemind.capture.redaction.scan import re2
from hivemind.errors import HivemindError

MAX_RULES, MAX_REGEX_CHARS = 50, 500
#: What RE2 may use for one pattern, in bytes: it bounds how long a pass over a text takes.
MAX_MEMORY_BYTES = 1 << 20
#: How long one rule may search one text, in seconds.
DEADLINE_S = 1.0
#: A rule is tried on texts of this length that are made to be awkward for it, and on longer ones: its time is
#: to grow with the text and not with its square, on any machine. Less than the least time tells nothing.
_TRIAL_CHARS, _LONGER, _MOST_GROWTH, _LEAST_S = 10_000, 4, 8, 0.005
_SYNTAX = "its syntax is that of RE2, which has no lookarounds and back-references"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearRule(Rule):
    """Describe a kind of secret by an id and a regular expression of RE2; whatever it matches is redacted."""

    @cached_property
    def compiled(self) -> Any:
        """Compile the regex; raise HivemindError where RE2 cannot."""
        if re2 is None:
            raise _broken(self.id, "RE2 is not installed here", hint="install the package google-re2")
        options = re2.Options()
        options.max_mem = MAX_MEMORY_BYTES
        options.log_errors = False
        try:
            return re2.compile(self.regex, options)
        except (re2.error, UnicodeEncodeError) as error:
            said = error.args[0] if error.args else ""
            reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
            raise _broken(self.id, f"its regular expression is invalid ({reason})", hint=_SYNTAX) from error

    def validate(self) -> None:
        """Raise a HivemindError that says what is wrong with the rule, if anything is."""
        if len(self.regex) > MAX_REGEX_CHARS:
            raise _broken(self.id, f"its regular expression is longer than {MAX_REGEX_CHARS} characters")
        if not self.regex.isprintable():
            raise _broken(self.id, "its regular expression has control characters; write them as \\t or \\n")
        if not RULE_ID.fullmatch(self.id):
            raise _broken(self.id, "its id is wrong", hint="use lower-case letters, digits, dots and hyphens")
        if self._takes_anything():
            raise _broken(self.id, "it matches the empty text or a single letter, so nearly everything")
        for unit in _awkward(self.regex):
            if self._is_slow(unit):
                raise _broken(self.id, "it takes too long to search a text for it")

    def _takes_anything(self) -> bool:
        characters = (*string.ascii_letters, *string.digits)
        is_short = any(self.compiled.search(text) for text in ("", *characters))
        return is_short or any(start == end for start, end in self.spans("a b-0\n"))

    def _is_slow(self, unit: str) -> bool:
        text = unit * (_TRIAL_CHARS // len(unit))
        # Twice, as a machine that stops for a moment says nothing of the rule.
        return all(self._grows(text) for _ in range(2))

    def _grows(self, text: str) -> bool:
        spent_s = self._spent_s(text, most_s=DEADLINE_S)
        most_s = _MOST_GROWTH * max(spent_s, _LEAST_S)
        return spent_s >= DEADLINE_S or self._spent_s(text * _LONGER, most_s=most_s) >= most_s

    def _spent_s(self, text: str, *, most_s: float) -> float:
        begun = time.monotonic()
        for _ in self._spans(text, deadline=begun + most_s):
            pass
        return time.monotonic() - begun

    @cached_property
    def _groups(self) -> tuple[int, ...]:
        named = self.compiled.groupindex
        return (named["value"],) if "value" in named else tuple(range(1, self.compiled.groups + 1))

    def spans(self, text: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[tuple[int, int]]:
        """Give where it matches: its group `value`, else its first group that matched, else all of it."""
        if any("\ud800" <= char <= "\udfff" for char in text):
            text = _SURROGATE.sub("?", text)  # RE2 reads UTF-8
        yield from self._spans(text, deadline=clock() + DEADLINE_S, clock=clock)

    def _spans(
        self, text: str, *, deadline: float, clock: Callable[[], float] = time.monotonic
    ) -> Iterator[tuple[int, int]]:
        for match in self.compiled.finditer(text):
            groups = (match.span(group) for group in self._groups)
            found = next((span for span in groups if span[0] >= 0), match.span())
            yield found
            if clock() > deadline:
                # Rather too much is taken out than too little.
                yield found[0], len(text)
                return


def made(pairs: Iterable[tuple[str, str]]) -> tuple[LinearRule, ...]:
    """Make rules of ids and regular expressions; raise HivemindError naming the one that cannot be used."""
    rules = tuple(LinearRule(id=name, regex=regex) for name, regex in pairs)
    if len(rules) > MAX_RULES:
        raise _broken(rules[MAX_RULES].id, f"there are {MAX_RULES} rules at most", hint="remove one")
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise _broken(rule.id, "another rule has its id", hint="give it another")
        seen.add(rule.id)
        rule.validate()
    return rules


def _awkward(regex: str) -> Iterator[str]:
    """Give what makes a bad pattern slow over and over: what it names, and never its end."""
    letters = [char for char in dict.fromkeys(regex) if char.isalnum()][:8]
    for unit in ("a", "0", " ", "-", "a0 ", *letters, "".join(letters)):
        if unit:
            yield unit


def _broken(rule: str, reason: str, *, hint: str = "make it more specific") -> HivemindError:
    return HivemindError(
        "redaction-rule",
        f"redaction rule {rule[:80]!r} can't be used: {reason}",
        hint=hint,
    )
