"""pi."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import Client, Output, last, records, write_new
from .installation import INSTALL_S, node, npm_package


@dataclass
class Pi(Client):
    """pi."""

    name = "pi"

    @classmethod
    def find(cls, *, timeout_s: float = INSTALL_S) -> Sequence[str]:
        folder = npm_package(cls.name, timeout_s=timeout_s)
        return [node(), str(folder / "@mariozechner/pi-coding-agent/dist/cli.js")]

    @property
    def config_dir(self) -> Path:
        return self.home / ".pi" / "agent"

    @property
    def config_dirs(self) -> dict[str, str]:
        return {"PI_CODING_AGENT_DIR": str(self.config_dir)}

    def configure(self) -> None:
        provider = {
            "baseUrl": f"{self.model_url}/v1",
            "api": "openai-completions",
            "apiKey": "not-a-key",
            "models": [{"id": "scripted-1", "contextWindow": 128_000}],
        }
        write_new(self.config_dir / "models.json", {"providers": {"scripted": provider}})

    def variables(self) -> dict[str, str]:
        return {"PI_OFFLINE": "1", "PI_TELEMETRY": "0"}

    def asked(self, prompt: str) -> tuple[Sequence[str], str]:
        return ["-p", "--mode", "json", "--model", "scripted/scripted-1", prompt], ""

    def read(self, output: Output) -> tuple[str, str]:
        events = records(output.stdout)
        ended = (event.get("message") or {} for event in events if event.get("type") == "message_end")
        text = last(
            block.get("text", "")
            for message in ended
            if message.get("role") == "assistant"
            for block in message.get("content") or []
            if block.get("type") == "text"
        )
        return text, last(event["id"] for event in events if event.get("type") == "session")
