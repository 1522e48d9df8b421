"""What a detector reports: where, what, how sure, and what it can be part of."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Name the parts that an attack is put together from; two of them close together refuse a skill."""

    SOURCE = "source"  #: reads what is private
    SINK = "sink"  #: sends to another machine
    STANDING = "standing"  #: whatever the user asked for
    EACH_TIME = "each time"  #: whenever the skill's own work is done
    REPLIES = "replies"  #: in all that the agent says
    HARM = "harm"  #: destroys, or locks away
    WEAKENS = "weakens"  #: takes protection away, or lasts
    SLANT = "slant"  #: has a side to take
    CONCEALED = "concealed"  #: the user is not to see it
    RUNS = "runs"  #: runs a program that the skill does not show


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Report one mechanism that was seen; without `refuses` or `warns` it counts only beside others."""

    mechanism: str  #: what it does, as the end of a sentence that begins with “The skill”
    line: int
    quote: str = ""
    refuses: bool = False
    warns: bool = False
    role: Role | None = None
