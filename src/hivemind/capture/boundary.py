"""The redactor of this process: what leaves the store or goes into it passes the same rules everywhere."""

import threading
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hivemind.capture.redaction import Redactor, Rule
    from hivemind.store.database import Workspace

_lock = threading.Lock()
_folder: Path | None = None
_redactor: "Redactor | None" = None


def use_rules_of(data: Path | None) -> None:
    """Say in which data folder a person's own rules are, at the outermost layer; None for none."""
    global _folder, _redactor
    with _lock:
        _folder, _redactor = data, None


def redactor() -> "Redactor":
    """Give the redactor, made when it is first needed.

    Raises HivemindError where a person's rules cannot be used: a typo must let nothing through.
    """
    from hivemind.capture.redaction.user_rules import user_rules

    global _redactor
    with _lock:
        if _redactor is None:
            rules = user_rules(_folder) if _folder else ()
            _redactor = _with(rules) if rules else _built_in()
        return _redactor


def redactor_of(workspace: "Workspace") -> "Redactor":
    """Give the redactor of a workspace: of this process, with the rules that the team's admins added.

    Raises HivemindError where those cannot be used.
    """
    from hivemind.store import workspace_settings

    added = workspace_settings.value(workspace, workspace_settings.REDACTION_RULES)
    pairs = tuple((str(one["id"]), str(one["regex"])) for one in added or ())
    return _extended(redactor(), pairs) if pairs else redactor()


@lru_cache(maxsize=64)
def _extended(base: "Redactor", pairs: tuple[tuple[str, str], ...]) -> "Redactor":
    from hivemind.capture.redaction.linear import LinearRule

    return base.also([LinearRule(id=name, regex=regex) for name, regex in pairs])


@cache
def _built_in() -> "Redactor":
    return _with(())


def _with(rules: "tuple[Rule, ...]") -> "Redactor":
    from hivemind.capture.redaction import Redactor  # 0.1 s to import, and most commands need none of it

    return Redactor(extra_rules=rules)
