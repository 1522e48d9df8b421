"""Leave out of what is sent where it lies on its person's machine: `/home/ada/shop` is `~/shop` to others."""

import os
import re
from typing import Any

from hivemind.sync.reading import MAX_INTEGER

#: A shorter home is a folder that everything is below.
MIN_CHARS = 4


class Places:
    """Replace the folders of one person and one checkout in texts."""

    def __init__(self, *, home: str, root: str = "", name: str = "") -> None:
        homes = [path for path in dict.fromkeys((home.rstrip("/"), _real(home))) if len(path) >= MIN_CHARS]
        self._swaps: list[tuple[re.Pattern[str], str]] = []
        root = root.rstrip("/")
        is_below = any((root + "/").startswith(path + "/") for path in homes)
        if len(root) >= MIN_CHARS and not is_below:
            # A checkout elsewhere is shown as if it were below home, so that one spelling holds for all.
            self._add(root, "~/" + (re.sub(r"[^\w.-]", "-", name) or "project"))
        for path in homes:
            self._add(path, "~")
            # As agents name folders after folders: -home-ada-shop.
            self._add(re.sub(r"[^A-Za-z0-9]", "-", path), "~")

    def _add(self, path: str, shown: str) -> None:
        self._swaps.append((re.compile(re.escape(path) + r"(?![A-Za-z0-9_])"), shown))

    def text(self, text: str) -> str:
        """Give a text with its places replaced."""
        for pattern, shown in self._swaps:
            text = pattern.sub(lambda _, shown=shown: shown, text)  # type: ignore[misc]
        return text

    def folder(self, path: str) -> str:
        """Give a folder as others may see it; empty where it is of nobody's concern."""
        shown = self.text(path)
        return shown if shown.startswith("~") else ""

    def value(self, value: Any) -> Any:
        """Give a JSON value, no deeper than ingestion stores it, with its places replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            return str(value)  # which no reader of JSON has to know
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        return value


def _real(path: str) -> str:
    try:
        return os.path.realpath(path).rstrip("/")
    except (OSError, ValueError):
        return path.rstrip("/")
