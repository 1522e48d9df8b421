"""A person's own redaction rules, beside those that ship: `redaction.toml` in Hivemind's folder."""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from hivemind.capture.redaction.rules import Rule
from hivemind.errors import HivemindError

FILE_NAME: Final = "redaction.toml"
MAX_BYTES: Final = 1 << 20
_KEYS: Final = {field.name for field in fields(Rule)}
_LISTS: Final = ("keywords", "allow")


def user_rules(data: Path) -> tuple[Rule, ...]:
    """Read the rules of a data folder, none where there is no such file.

    Raises HivemindError for a file that cannot be used: nothing may be stored unredacted because of a typo.
    """
    path = data / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    if len(content) > MAX_BYTES:
        raise _unusable(path, f"it is larger than {MAX_BYTES} bytes")
    try:
        tables = tomllib.loads(content.decode()).get("rules", [])
    except (ValueError, RecursionError) as error:  # not TOML, or not UTF-8
        raise _unusable(path, str(error)) from error
    if not isinstance(tables, list):
        raise _unusable(path, "`rules` is not a list of tables: begin each rule with [[rules]]")
    return tuple(_rule(path, table) for table in tables)


def _rule(path: Path, table: Any) -> Rule:
    if not isinstance(table, dict) or not {"id", "regex"} <= table.keys():
        raise _unusable(path, "a rule lacks its `id` or its `regex`")
    if unknown := sorted(table.keys() - _KEYS):
        raise _unusable(path, f"rule {table['id']!r} has the unknown key {unknown[0]!r}")
    texts = [value for key, value in table.items() if key not in (*_LISTS, "entropy", "anchored")]
    lists = [value for key, value in table.items() if key in _LISTS]
    are_lists = all(isinstance(value, list) and all(isinstance(x, str) for x in value) for value in lists)
    is_number = isinstance(table.get("entropy", 0.0), int | float)
    if not (all(isinstance(value, str) for value in texts) and are_lists and is_number):
        raise _unusable(path, f"rule {table['id']!r} has a value of the wrong type")
    values = {**table, **{key: tuple(table[key]) for key in _LISTS if key in table}}
    rule = Rule(**values)
    rule.validate()
    return rule


def _unusable(path: Path, problem: str) -> HivemindError:
    return HivemindError(
        "redaction-rule",
        f"{path} cannot be used: {problem}",
        hint="Correct it; `hivemind redact --test FILE` shows what the rules find.",
    )
