"""Say what is never stored: folders, and repositories wherever they are checked out."""

import os
from typing import Protocol

from hivemind.capture.git import checkout


class Rules(Protocol):
    """Name the part of the settings that says what is kept out."""

    @property
    def capture_exclude_remotes(self) -> tuple[str, ...]:
        """Give the patterns of repositories."""

    def excludes(self, folder: str) -> bool:
        """Say whether sessions in a folder are kept out."""

    def excludes_remote(self, remote: str) -> bool:
        """Say whether sessions of a repository are kept out."""


def leaves_out(rules: Rules, folder: str) -> bool:
    """Say whether what is done in a folder is kept out, for its place or for the repository it is of."""
    if rules.excludes(folder) or rules.excludes(_real(folder)):
        return True
    return bool(rules.capture_exclude_remotes) and rules.excludes_remote(checkout(folder).remote)


def _real(folder: str) -> str:
    """Give where a folder leads to; a link to an excluded place is that place."""
    try:
        return os.path.realpath(folder) if folder else folder
    except (OSError, ValueError):
        return folder
