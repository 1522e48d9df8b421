"""Put signals together: parts that are harmless alone and an attack side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hivemind.library.gates.injection.signals import Role, Signal


@dataclass(frozen=True, slots=True)
class Pair:
    """Describe two roles that make an attack where so few lines are between them."""

    one: Role
    other: Role
    lines: int
    mechanism: str
    refuses: bool = True


PAIRS = (
    Pair(Role.SOURCE, Role.SINK, 8, "reads what is private and sends it to another machine"),
    Pair(Role.STANDING, Role.SINK, 4, "sends data to another machine whatever the user asked for"),
    Pair(Role.EACH_TIME, Role.SINK, 4, "sends data to another machine whatever the user asked for"),
    Pair(Role.REPLIES, Role.SINK, 2, "sends data to another machine whatever the user asked for"),
    Pair(Role.STANDING, Role.RUNS, 1, "runs a program whatever the user asked for"),
    Pair(Role.STANDING, Role.HARM, 8, "destroys data whatever the user asked for"),
    Pair(Role.EACH_TIME, Role.HARM, 1, "destroys data whatever the user asked for"),
    Pair(Role.CONCEALED, Role.SINK, 4, "sends data to another machine and keeps it from its user"),
    Pair(Role.CONCEALED, Role.SOURCE, 4, "reads what is private and keeps it from its user"),
    Pair(Role.CONCEALED, Role.HARM, 4, "destroys data and keeps it from its user"),
    Pair(Role.CONCEALED, Role.WEAKENS, 4, "weakens protection and keeps it from its user"),
    Pair(Role.CONCEALED, Role.RUNS, 4, "runs a program and keeps it from its user"),
    Pair(Role.SLANT, Role.REPLIES, 3, "slants what the agent says whatever was asked for"),
    Pair(Role.HARM, Role.SINK, 8, "destroys or locks data and sends something to another machine"),
    Pair(Role.RUNS, Role.RUNS, 2, "runs what it downloads"),
)


def found(signals: Sequence[Signal]) -> Iterator[Signal]:
    """Yield one signal for each pair of roles that stand close together."""
    by_role = {role: [s for s in signals if s.role is role] for role in Role}
    for pair in PAIRS:
        close = _closest(by_role[pair.one], by_role[pair.other], lines=pair.lines)
        if close is not None:
            one, other = close
            yield Signal(
                mechanism=pair.mechanism,
                line=one.line,
                quote=f"{one.quote[:60]} … {other.quote[:60]}",
                refuses=pair.refuses,
                warns=not pair.refuses,
            )


def _closest(ones: Sequence[Signal], others: Sequence[Signal], *, lines: int) -> tuple[Signal, Signal] | None:
    for one in ones:
        for other in others:
            if abs(one.line - other.line) <= lines and (one.mechanism, one.quote) != (
                other.mechanism,
                other.quote,
            ):
                if (
                    one.role is other.role
                    and one.mechanism == other.mechanism
                    and one.quote[:12] == other.quote[:12]
                ):
                    continue
                return one, other
    return None
