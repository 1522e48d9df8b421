"""Hermes; hooks that nobody has accepted are not run, as in a person's hands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import Client, Output, write_new
from .installation import INSTALL_S, python_package

CONFIG = """\
model:
  default: scripted-1
  provider: custom
  base_url: "{url}/v1"
  api_key: not-a-key
  context_length: 128000
display:
  inline_diffs: false  # would be printed beside the answer
"""
_SESSION = re.compile(r"^session_id: (\S+)", re.MULTILINE)


@dataclass
class Hermes(Client):
    """Hermes, from an environment of its own."""

    name = "hermes"

    @classmethod
    def find(cls, *, timeout_s: float = INSTALL_S) -> Sequence[str]:
        return [str(python_package(cls.name, timeout_s=timeout_s)), "-m", "hermes_cli.main"]

    @property
    def config_dir(self) -> Path:
        return self.home / ".hermes"

    @property
    def config_dirs(self) -> dict[str, str]:
        return {"HERMES_HOME": str(self.config_dir)}

    def configure(self) -> None:
        write_new(self.config_dir / "config.yaml", CONFIG.format(url=self.model_url))

    def variables(self) -> dict[str, str]:
        return {"PYTHONUNBUFFERED": "1"}

    def asked(self, prompt: str) -> tuple[Sequence[str], str]:
        return ["chat", "-Q", "-q", prompt], ""

    def read(self, output: Output) -> tuple[str, str]:
        session = _SESSION.search(output.stderr)
        # A notice about an optional scanner precedes the answer.
        lines = [line for line in output.stdout.splitlines() if not line.startswith("  ⚠")]
        return "\n".join(lines).strip(), session[1] if session else ""
