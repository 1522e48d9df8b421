"""The rules as data: what a secret looks like, where to look for it, and which values are none."""

import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, Literal, get_args

from hivemind.errors import HivemindError

Check = Literal[
    "none",
    "random",
    "assignment",
    "password",
    "url",
    "jwt",
    "numbered",
    "spoken",
    "setting",
    "option",
    "argument",
]
_SOURCES = ("context.toml", "passwords.toml", "betterleaks.toml", "credsweeper.toml")
RULE_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """Describe one kind of secret.

    The secret is the group `value` of `regex`, else its first group that matched, else the whole match.
    A text is searched only where it holds one of `keywords` (lower-case ASCII), or a match of `probe`: a
    simple regex over the lower-case text, for what has no fixed part. A rule with neither searches all texts.
    `anchored` says that `regex` matches exactly where keyword or probe do: so frequent keywords are cheap.
    `entropy` is the least Shannon entropy of the value in bits a character, `allow` says what is no secret,
    and `check` names the judgement of name and value that a regular expression can't make.
    """

    id: str
    regex: str
    keywords: tuple[str, ...] = ()
    probe: str = ""
    entropy: float = 0.0
    allow: tuple[str, ...] = ()
    check: Check = "none"
    anchored: bool = False

    def validate(self) -> None:
        """Raise a HivemindError that says what is wrong with the rule, if anything is."""
        if not RULE_ID.fullmatch(self.id):
            raise _broken(self.id, "its id may have only lower-case letters, digits, dots and hyphens")
        if self.check not in get_args(Check):
            raise _broken(self.id, f"it names an unknown check, {self.check!r}")
        if self.anchored and not (self.keywords or self.probe):
            raise _broken(self.id, "it is anchored, and has neither keywords nor a probe")
        if any(not word or word != word.lower() or not word.isascii() for word in self.keywords):
            raise _broken(self.id, "its keywords are not lower-case ASCII")
        try:
            _ = self.pattern, self.allowed, self.anchors
        except (re.error, OverflowError, RecursionError, UnicodeEncodeError) as error:
            raise _broken(self.id, f"its regular expression is invalid ({error})") from error

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compile the regex at first use: of 500 rules a typical process needs a dozen."""
        return _compile(self.regex)

    @cached_property
    def anchors(self) -> tuple[bytes | re.Pattern[bytes], ...]:
        """Return the keywords and the probe in the form in which texts are searched for them."""
        keywords = tuple(keyword.encode("ascii") for keyword in self.keywords)
        return (*keywords, re.compile(self.probe.encode("ascii"))) if self.probe else keywords

    @cached_property
    def allowed(self) -> tuple[re.Pattern[str], ...]:
        """Compile the allow-list at first use."""
        return tuple(_compile(regex) for regex in self.allow)


def _compile(regex: str) -> re.Pattern[str]:
    with warnings.catch_warnings():  # the public rules escape brackets in ways that Python only warns about
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(regex, re.ASCII)


def _broken(rule: str, reason: str) -> HivemindError:
    return HivemindError(
        "redaction-rule",
        f"redaction rule {rule!r} can't be used: {reason}",
        hint="Correct the rule in your configuration.",
    )


def _parse(source: str) -> Iterator[Rule]:
    text = resources.files(__package__).joinpath(source).read_text(encoding="utf-8")
    tables: list[Mapping[str, Any]] = tomllib.loads(text)["rules"]
    for table in tables:
        lists = {key: tuple(table[key]) for key in ("keywords", "allow") if key in table}
        yield Rule(**{**table, **lists})


@lru_cache(maxsize=1)
def built_in() -> tuple[Rule, ...]:
    """Return the rules that ship with Hivemind."""
    return tuple(rule for source in _SOURCES for rule in _parse(source))


@lru_cache(maxsize=1)
def ordinary_words() -> re.Pattern[str]:
    """Return a pattern for the fragments that no random value holds."""
    text = resources.files(__package__).joinpath("words.txt").read_text(encoding="utf-8")
    words = [line for line in text.splitlines() if line and not line.startswith("#")]
    return re.compile("|".join(map(re.escape, words)))
