"""Find orders to the agent: phrases whose first word is looked up, so that a text is read once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from hivemind.library.gates.injection.reading import Reading, word_set
from hivemind.library.gates.injection.signals import Role, Signal

#: Words of a phrase, and places of one rule's first words that are tried.
_WINDOW = 32
_MAX_PLACES = 2_000
_MAX_SIGNALS = 6
#: Words before a phrase that turn it around, and that take the turn back.
_BEFORE = 4
_NEGATION = word_set(
    """
    not never don dont doesn didn cannot shouldn mustn won without avoid avoids nor prevent prevents
    refuse refuses neither
    """
)
_UNTURNED = frozenset(["forget", "hesitate", "fail", "only", "skip"])
#: Words close by that show a text about attacks; the phrase then only warns.
_NEAR = 10
_ABOUT_ATTACKS = word_set(
    """
    attack attacks attacker attackers adversary adversarial malicious injection injections exploit
    phishing vulnerability vulnerabilities suspicious untrusted jailbreak jailbreaks forbidden
    prohibited steal
    """
)
_QUOTES = frozenset("\"'`“‘«「")


@dataclass(frozen=True)
class Order:
    """Describe phrases by the words that begin them and a pattern of what follows.

    The pattern is matched against lower-case words with one space between and after them.
    """

    mechanism: str
    first: str  #: alternatives, each one word
    rest: str
    refuses: bool = False
    warns: bool = False
    role: Role | None = None
    negatable: bool = True  #: “never …” before it means the opposite

    @cached_property
    def triggers(self) -> frozenset[str]:
        """Give the words that can begin the phrase."""
        return frozenset(self.first.split("|"))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compile the phrase."""
        return re.compile(rf"(?:{self.first}) {self.rest}")


def found(reading: Reading, orders: tuple[Order, ...]) -> Iterator[Signal]:
    """Yield a signal for each phrase, a few for each kind."""
    for order in orders:
        if not reading.has(order.triggers):
            continue
        places = sorted(
            place for word in order.triggers for place in reading.places.get(word, ())[:_MAX_PLACES]
        )
        signals = 0
        for place in places:
            match = order.pattern.match(reading.window(place, length=_WINDOW))
            if match is None or (order.negatable and _negated(reading, place)):
                continue
            about = _about_attacks(reading, place, length=match.group().count(" "))
            quoted = about or reading.text[max(reading.starts[place] - 1, 0)] in _QUOTES
            yield Signal(
                mechanism=order.mechanism,
                line=reading.line_of_word(place),
                quote=reading.quote(place, length=match.group().count(" ")),
                refuses=order.refuses and not quoted,
                warns=order.warns or (order.refuses and quoted),
                role=None if about else order.role,
            )
            signals += 1
            if signals >= _MAX_SIGNALS:
                break


def _negated(reading: Reading, place: int) -> bool:
    before = reading.words[max(place - _BEFORE, 0) : place]
    return not _NEGATION.isdisjoint(before) and _UNTURNED.isdisjoint(before)


def _about_attacks(reading: Reading, place: int, *, length: int) -> bool:
    around = (
        *reading.words[max(place - _NEAR, 0) : place],
        *reading.words[place + length : place + length + _NEAR],
    )
    return not _ABOUT_ATTACKS.isdisjoint(around)
