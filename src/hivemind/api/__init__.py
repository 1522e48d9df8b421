"""What a program calls: record a session, ask for skills, say how it went. See docs/api.md."""

from hivemind.api.recording import Session, ToolUse, record_outcome, session
from hivemind.api.skills import Format, Skill, Skills, skills_for, skills_for_async

__all__ = [
    "Format",
    "Session",
    "Skill",
    "Skills",
    "ToolUse",
    "record_outcome",
    "session",
    "skills_for",
    "skills_for_async",
]
