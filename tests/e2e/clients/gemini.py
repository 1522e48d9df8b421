"""Gemini CLI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import Client, Output, parse, write_new
from .installation import INSTALL_S, node, npm_package


@dataclass
class Gemini(Client):
    """Gemini CLI; it runs no command headless without `-y`, and nothing in a folder it does not trust."""

    name = "gemini"

    @classmethod
    def find(cls, *, timeout_s: float = INSTALL_S) -> Sequence[str]:
        folder = npm_package(cls.name, timeout_s=timeout_s)
        return [node(), str(folder / "@google/gemini-cli/bundle/gemini.js")]

    @property
    def config_dir(self) -> Path:
        return self.home / ".gemini"

    @property
    def config_dirs(self) -> dict[str, str]:
        return {"GEMINI_CLI_HOME": str(self.home)}

    def configure(self) -> None:
        auth = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
        write_new(self.config_dir / "settings.json", auth)

    def variables(self) -> dict[str, str]:
        return {
            "GEMINI_API_KEY": "not-a-key",
            "GOOGLE_GEMINI_BASE_URL": self.model_url,
            "GEMINI_CLI_NO_RELAUNCH": "true",
        }

    def asked(self, prompt: str) -> tuple[Sequence[str], str]:
        return ["-p", prompt, "-y", "--skip-trust", "-m", "gemini-2.5-flash", "-o", "json"], ""

    def read(self, output: Output) -> tuple[str, str]:
        record = parse(output.stdout)
        return str(record.get("response", "")), str(record.get("session_id", ""))
