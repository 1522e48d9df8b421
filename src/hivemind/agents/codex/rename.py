"""Give a key of a TOML file another name where it stands, with all that is written below and beside it."""

import re

from hivemind.agents.editing import toml_edit
from hivemind.agents.editing.edits import (
    KeyPath,
    encoded,
    lookup,
    misshapen,
    quoted,
    same,
    with_value,
    without,
)
from hivemind.agents.editing.toml_edit import Document


def renamed(document: Document, keys: KeyPath, name: str) -> Document:
    """Give a fresh document, without any edit made, in which the last key of a path has another name."""
    above, old, text = keys[:-1], keys[-1], document.text
    spelled = re.compile("|".join(re.escape(form) for form in (quoted(old), f'"{old}"', f"'{old}'")))
    for statement in reversed(document.statements):
        is_named = statement.kind != "pair" or len(statement.section) < len(keys)
        if is_named and statement.path[: len(keys)] == keys:
            # The key comes before any value, so the first that looks like it is the key.
            found = spelled.search(text, statement.start, statement.end)
            if found:
                text = text[: found.start()] + quoted(name) + text[found.end() :]
    expected = with_value(without(document.value, keys), (*above, name), lookup(document.value, keys))
    fresh = toml_edit.parse(encoded(text, path=document.path), path=document.path)
    if not same(fresh.value, expected, ordered=False):
        raise misshapen(document.path, keys, "cannot be renamed without rewriting what is around it")
    return fresh
