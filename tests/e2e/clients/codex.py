"""Codex; hooks that nobody has trusted are not run, as in a person's hands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import JSON, Client, Output, last, parse, records, write_new
from .installation import INSTALL_S, native, npm_package

CONFIG = """\
model = "gpt-5.5"
model_provider = "scripted"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
env_key = "SCRIPTED_KEY"
wire_api = "responses"
"""


@dataclass
class Codex(Client):
    """Codex; the model's name is a known one, since an unknown one gets other tools."""

    name = "codex"

    @classmethod
    def find(cls, *, timeout_s: float = INSTALL_S) -> Sequence[str]:
        folder = npm_package(cls.name, timeout_s=timeout_s) / "@openai"
        return [str(native(folder, ["codex-{system}-{cpu}/vendor/*/bin/codex"]))]

    @property
    def config_dir(self) -> Path:
        return self.home / ".codex"

    @property
    def config_dirs(self) -> dict[str, str]:
        return {"CODEX_HOME": str(self.config_dir)}

    def configure(self) -> None:
        write_new(self.config_dir / "config.toml", CONFIG.format(url=self.model_url))

    def variables(self) -> dict[str, str]:
        return {"SCRIPTED_KEY": "not-a-key"}

    def asked(self, prompt: str) -> tuple[Sequence[str], str]:
        return ["exec", "--skip-git-repo-check", "--json", prompt], ""

    def read(self, output: Output) -> tuple[str, str]:
        events = records(output.stdout)
        items = (event.get("item") or {} for event in events if event.get("type") == "item.completed")
        text = last(item.get("text", "") for item in items if item.get("type") == "agent_message")
        return text, last(event["thread_id"] for event in events if "thread_id" in event)

    def hooks(self, cwd: Path, *, timeout: float = 30) -> list[JSON]:
        """Return the hooks that Codex sees in a folder, each with its `trustStatus`."""
        with self.start(["app-server"], cwd=cwd, env=None, timeout=timeout) as (process, _):
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the client was started without pipes")
            for message in (
                {
                    "id": 0,
                    "method": "initialize",
                    "params": {"clientInfo": {"name": "tests", "version": "0"}},
                },
                {"method": "initialized"},
                {"id": 1, "method": "hooks/list", "params": {"cwds": [str(cwd)]}},
            ):
                process.stdin.write(json.dumps(message) + "\n")
                process.stdin.flush()
            for line in process.stdout:
                if (answer := parse(line)).get("id") == 1:
                    return [hook for one in answer["result"]["data"] for hook in one["hooks"]]
        return []
