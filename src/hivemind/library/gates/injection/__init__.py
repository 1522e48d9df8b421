"""Text that would make an agent act against its user: hidden, executed, ordered, or put together."""

from collections.abc import Iterator

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates.base import GateContext, each_field, line_of, shown
from hivemind.library.gates.injection import (
    combine,
    commands,
    deeds,
    encoded,
    familiar,
    hidden,
    orders,
    phrases,
)
from hivemind.library.gates.injection.reading import Reading
from hivemind.library.gates.injection.signals import Role, Signal

name = "injection"

ORDERS = (
    *phrases.OVERRIDE,
    *phrases.CONCEAL,
    *phrases.ROLE,
    *phrases.REVEAL,
    *phrases.EXFILTRATE,
    *deeds.STANDING,
    *deeds.LASTING,
    *deeds.DAMAGE,
    *deeds.MISLEAD,
    *deeds.HARMFUL,
)

#: What makes decoded text an order although it would only count beside others in plain text.
_HIDDEN_ROLES = frozenset({Role.SINK, Role.RUNS, Role.SOURCE, Role.HARM, Role.WEAKENS, Role.CONCEALED})


def check(document: SkillDocument, context: GateContext) -> Iterator[Finding]:  # noqa: ARG001
    """Report hidden text, execution at load, orders to the agent, piped downloads and exfiltration."""
    return each_field(document, check_text)


def check_text(text: str, *, where: str) -> Iterator[Finding]:
    """Report the same in any text, such as a script that lies beside a SKILL.md."""
    for signal in judged(text):
        message = f"Line {signal.line} of {where} {signal.mechanism}"
        message += f" ({shown(' '.join(signal.quote.split()))})" if signal.quote else ""
        yield Finding(gate=name, message=f"{message}; remove it.", blocking=signal.refuses, line=signal.line)


def parts(text: str) -> frozenset[Role]:
    """Give the roles of a script's commands, which may be part of what several scripts do together."""
    return frozenset(signal.role for signal in commands.found(Reading.of(text)) if signal.role)


def judged(text: str) -> list[Signal]:
    """Give what refuses a text, then what warns on other lines; one signal for each mechanism of a line."""
    reading = Reading.of(text)
    seen = [*hidden.found(text), *_signals(text, reading), *_decoded(text)]
    refused = {signal.line for signal in seen if signal.refuses}
    if not refused:
        seen += familiar.found(reading)
    telling = dict[tuple[str, int], Signal]()
    for signal in sorted(seen, key=lambda signal: (not signal.refuses, signal.line)):
        if signal.refuses or (signal.warns and signal.line not in refused):
            telling.setdefault((signal.mechanism, signal.line), signal)
    return list(telling.values())


def signals(text: str) -> list[Signal]:
    """Give every order and command of a text, those that count only beside others too."""
    return _signals(text, Reading.of(text))


def _signals(text: str, reading: Reading) -> list[Signal]:
    seen = [*orders.found(reading, ORDERS), *commands.found(reading)]
    if reading.disguised:
        seen.append(
            Signal(
                mechanism="disguises words with letters of another script",
                line=reading.line_at(reading.disguised_at),
                quote=reading.disguised,
                warns=True,
            )
        )
    foreign = not text.isascii() or reading.has(deeds.FOREIGN_WORDS)
    if foreign and (found := deeds.FOREIGN.search(reading.text)):
        seen.append(
            Signal(
                mechanism="tells the agent to ignore its instructions, or to keep something from its user",
                line=reading.line_at(found.start()),
                quote=found.group(),
                refuses=True,
            )
        )
    return [*seen, *combine.found(seen)]


def _decoded(text: str) -> Iterator[Signal]:
    for at, plain in encoded.decoded(text):
        if any(s.refuses or s.warns or s.role in _HIDDEN_ROLES for s in signals(plain)):
            yield Signal(
                mechanism="hides an order in encoded text", line=line_of(text, at), quote=plain, refuses=True
            )
