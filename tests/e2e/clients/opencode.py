"""OpenCode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import Client, Output, last, records, write_new
from .installation import INSTALL_S, native, npm_package


@dataclass
class OpenCode(Client):
    """OpenCode, pinned by its program for Linux alone; it asks the model for a title too, without tools."""

    name = "opencode"

    @classmethod
    def find(cls, *, timeout_s: float = INSTALL_S) -> Sequence[str]:
        folder = npm_package(cls.name, timeout_s=timeout_s)
        return [str(native(folder, ["opencode-{system}-{cpu}/bin/opencode"]))]

    @property
    def config_dir(self) -> Path:
        return self.home / ".config" / "opencode"

    @property
    def config_dirs(self) -> dict[str, str]:
        return {
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local" / "share"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
        }

    def configure(self) -> None:
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": f"{self.model_url}/v1", "apiKey": "not-a-key"},
            "models": {"scripted-1": {}},
        }
        model = "scripted/scripted-1"
        settings = {"model": model, "small_model": model, "provider": {"scripted": provider}}
        write_new(self.config_dir / "opencode.json", settings)

    def variables(self) -> dict[str, str]:
        return {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}

    def asked(self, prompt: str) -> tuple[Sequence[str], str]:
        return ["run", "--format", "json"], prompt  # as an argument it would be put into quotes

    def read(self, output: Output) -> tuple[str, str]:
        events = records(output.stdout)
        parts = (event.get("part") or {} for event in events if event.get("type") == "text")
        text = last(part.get("text", "") for part in parts)
        return text, last(event["sessionID"] for event in events if "sessionID" in event)
