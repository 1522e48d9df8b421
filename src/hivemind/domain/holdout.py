"""From which sessions a skill is withheld: a hash decides, so that every channel decides alike.

Standard library only, and of that a C module: the hook decides by it, too.
"""

from _blake2 import blake2b

_BITS = 1 << 32


def draw(session_id: str, skill_id: str) -> float:
    """Give a session's number for a skill, uniform in [0, 1) and the same everywhere."""
    key = f"{session_id}\0{skill_id}".encode("utf-8", "replace")
    return int.from_bytes(blake2b(key, digest_size=4).digest(), "big") / _BITS


def is_withheld(session_id: str, skill_id: str, share: float) -> bool:
    """Say whether a skill is withheld from a session where it is from this share of them."""
    return draw(session_id, skill_id) < share
