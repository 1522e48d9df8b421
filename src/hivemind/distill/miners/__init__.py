"""Lesson miners: one module each, all without a model, each from calls and their results."""

from collections.abc import Iterator
from typing import Protocol

from hivemind.distill.miners import area, command, correction, fix, pitfall, procedure
from hivemind.distill.session_view import SessionView
from hivemind.domain.lessons import Occurrence

#: Raise it when a miner changes, so that stored sessions are mined again.
VERSION = 3


class Miner(Protocol):
    """Find occurrences of one kind of lesson in a session."""

    def __call__(self, view: SessionView) -> Iterator[Occurrence]:
        """Yield what the session shows; the same session always yields the same."""


MINERS: dict[str, Miner] = {
    miner.KIND: miner.mine for miner in (fix, correction, command, area, procedure, pitfall)
}


def mine(view: SessionView) -> list[Occurrence]:
    """Run every miner over a session."""
    return [occurrence for miner in MINERS.values() for occurrence in miner(view)]
