"""GitHub Copilot CLI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import Client, Output, last, records
from .installation import INSTALL_S, cache, native, npm_package


@dataclass
class Copilot(Client):
    """Copilot; it needs no file to reach the model, and no login where it is told to stay offline."""

    name = "copilot"

    @classmethod
    def find(cls, *, timeout_s: float = INSTALL_S) -> Sequence[str]:
        folder = npm_package(cls.name, timeout_s=timeout_s) / "@github"
        return [str(native(folder, ["copilot-{system}-{cpu}/copilot", "copilot-*-{cpu}/copilot"]))]

    @property
    def config_dir(self) -> Path:
        return self.home / ".copilot"

    @property
    def config_dirs(self) -> dict[str, str]:
        return {"COPILOT_HOME": str(self.config_dir)}

    def configure(self) -> None:
        self.config_dir.mkdir(parents=True, exist_ok=True)

    def variables(self) -> dict[str, str]:
        return {
            "COPILOT_AUTO_UPDATE": "false",
            "COPILOT_OFFLINE": "true",
            "COPILOT_PROVIDER_BASE_URL": f"{self.model_url}/v1",
            "COPILOT_PROVIDER_API_KEY": "not-a-key",
            "COPILOT_MODEL": "gpt-5",
            # The program unpacks itself, 235 MB, once for all homes.
            "COPILOT_CACHE_HOME": str(cache() / "copilot-unpacked"),
        }

    def asked(self, prompt: str) -> tuple[Sequence[str], str]:
        return ["-s", "-p", prompt, "--allow-all-tools", "--output-format", "json"], ""

    def read(self, output: Output) -> tuple[str, str]:
        events = records(output.stdout)
        said = (event.get("data") or {} for event in events if event.get("type") == "assistant.message")
        session = last(event.get("sessionId", "") for event in events if event.get("type") == "result")
        return last(data.get("content", "") for data in said), session
