"""Claude Code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import Client, Completed, Output, everything, parse
from .installation import INSTALL_S, native, npm_package

HEADLESS = ("-p", "--dangerously-skip-permissions")


@dataclass
class ClaudeCode(Client):
    """Claude Code; it needs no file to reach the model, and answers several prompts in one process too."""

    name = "claude"

    @classmethod
    def find(cls, *, timeout_s: float = INSTALL_S) -> Sequence[str]:
        folder = npm_package(cls.name, timeout_s=timeout_s) / "@anthropic-ai"
        # npm installed the one for this C library only.
        return [str(native(folder, ["claude-code-{system}-{cpu}*/claude"]))]

    @property
    def config_dir(self) -> Path:
        return self.home / ".claude"

    @property
    def settings(self) -> Path:
        return self.config_dir / "settings.json"

    @property
    def config_dirs(self) -> dict[str, str]:
        return {"CLAUDE_CONFIG_DIR": str(self.config_dir)}

    def configure(self) -> None:
        self.config_dir.mkdir(parents=True, exist_ok=True)

    def variables(self) -> dict[str, str]:
        return {
            "ANTHROPIC_BASE_URL": self.model_url,
            "ANTHROPIC_API_KEY": "sk-not-a-key",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "IS_SANDBOX": "1",  # containers run tests as root, which the client refuses otherwise
        }

    def asked(self, prompt: str) -> tuple[Sequence[str], str]:
        return [*HEADLESS, "--output-format", "json"], prompt

    def read(self, output: Output) -> tuple[str, str]:
        record = parse(output.stdout)
        return str(record.get("result", "")), str(record.get("session_id", ""))

    def transcript(self, session_id: str) -> Path:
        """Return the file in which Claude Code keeps a session."""
        (found,) = (self.config_dir / "projects").glob(f"*/{session_id}.jsonl")
        return found

    def run(
        self,
        prompt: str,
        *,
        cwd: Path,
        resume: str | None = None,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> Completed:
        """Let it work on one prompt until it is done."""
        arguments, given = self.asked(prompt)
        arguments = [*arguments, *args, *(["--resume", resume] if resume else [])]
        with self.start(arguments, cwd=cwd, env=env, timeout=timeout) as (process, stderr):
            stdout, _ = process.communicate(given)
            return self._completed([stdout], process.returncode, stdout, everything(stderr))

    def converse(
        self,
        prompts: Sequence[str],
        *,
        cwd: Path,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> Completed:
        """Give it one prompt after the other, in one process, each when the one before is done."""
        streams = ["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
        arguments = [*HEADLESS, *streams, *args]
        results, lines = [], []
        with self.start(arguments, cwd=cwd, env=env, timeout=timeout) as (process, stderr):
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the client was started without pipes")
            for prompt in prompts:
                message = {"type": "user", "message": {"role": "user", "content": prompt}}
                process.stdin.write(json.dumps(message) + "\n")
                process.stdin.flush()
                for line in process.stdout:
                    lines.append(line)
                    if parse(line).get("type") == "result":
                        results.append(line)
                        break
            process.stdin.close()
            lines += process.stdout
            process.wait()
            return self._completed(results, process.returncode, "".join(lines), everything(stderr))

    def _completed(self, results: Sequence[str], returncode: int, stdout: str, stderr: str) -> Completed:
        answers = [self.read(Output(result, stderr)) for result in results]
        texts = tuple(text for text, _ in answers)
        return Completed(texts, answers[-1][1] if answers else "", returncode, stdout, stderr)
