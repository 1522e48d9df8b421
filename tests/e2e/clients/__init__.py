"""The real agents, pinned and isolated: nothing of the person who runs the tests is read or written."""

from .base import Client, Completed
from .claude import ClaudeCode
from .codex import Codex
from .copilot import Copilot
from .gemini import Gemini
from .hermes import Hermes
from .installation import ClientUnavailableError
from .opencode import OpenCode
from .pi import Pi

CLIENTS: dict[str, type[Client]] = {
    kind.name: kind for kind in (ClaudeCode, Codex, Hermes, Pi, Gemini, OpenCode, Copilot)
}

IN_CI = ("claude", "codex", "hermes", "pi")
"""Those that every run of the tests starts; the others are run on request."""

__all__ = [
    "CLIENTS",
    "IN_CI",
    "ClaudeCode",
    "Client",
    "ClientUnavailableError",
    "Codex",
    "Completed",
    "Copilot",
    "Gemini",
    "Hermes",
    "OpenCode",
    "Pi",
]
