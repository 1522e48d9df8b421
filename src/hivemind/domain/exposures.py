"""What a session was given of the library, and what was withheld from it to learn what a skill does."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Channel(StrEnum):
    """Name the ways in which a skill reaches an agent; the value is what `offers.channel` holds."""

    PROMPT = "prompt"  #: beside a prompt, by the hook
    MCP = "mcp"  #: loaded with the MCP tool
    FOLDER = "folder"  #: its file was read from the agent's skill folder
    TOOL = "tool"  #: invoked by the agent's own skill tool


class Arm(StrEnum):
    """Name what became of a skill at an offer; the value is what `offers.arm` and `exposures.arm` hold."""

    GIVEN = "given"
    WITHHELD = "withheld"
    LEAKED = "leaked"  #: withheld, and yet the agent had it: stays on the side drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Hold one moment in which a skill fitted what a session did, and was given to it or withheld."""

    session_id: str
    skill_id: str
    version: int
    channel: Channel
    arm: Arm
    agent: str
    at: datetime
    share: float = 0.0  #: of the sessions from which the skill was being withheld; 0: no experiment
    request_model: str = ""  #: as far as it was known
    event_id: str = ""  #: the call that asked for it; empty where a prompt did
