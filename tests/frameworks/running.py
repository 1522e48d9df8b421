"""Run an example against the scripted model, as a person would run it, with its traces sent to an address."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.model import ScriptedModel, call, say

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Read before a test's own environment is made.
_PYTHON = os.environ.get("HIVEMIND_FRAMEWORKS_PYTHON") or sys.executable
#: The examples that send traces, with what they are asked.
TRACED = {
    "pydantic_ai": ("Please cancel order A11.",),
    "openai_agents": ("Please cancel order A11.",),
    "langgraph_agent": ("Please cancel order A11.", "Perfect, thank you very much!"),
}


def script(model: ScriptedModel, *, prefix: str = "") -> None:
    """Have the model try to cancel first, then look, then cancel; `prefix` is that of the tools' names."""
    cancel = call(f"{prefix}cancel_order", {"order_id": "A11", "reason": "no longer needed"})
    look = call(f"{prefix}get_order", {"order_id": "A11"}, "Let me look it up first.")
    model.when("cancel order", cancel, look, cancel, say("Order A11 is cancelled."))
    model.when("thank", say("You are welcome."))


def python() -> str:
    """Give the interpreter that has the frameworks: `HIVEMIND_FRAMEWORKS_PYTHON`, else this one."""
    return _PYTHON


def run(
    name: str,
    *asked: str,
    model_url: str,
    home: Path,
    variables: Mapping[str, str] | None = None,
    file: str = "agent.py",
) -> str:
    """Run an example and give what it prints."""
    done = subprocess.run(
        [python(), str(EXAMPLES / name / file), *asked],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(EXAMPLES),
            "OPENAI_BASE_URL": model_url + "/v1",
            "ANTHROPIC_BASE_URL": model_url,
            "ANTHROPIC_API_KEY": "unused",
            "MODEL": "gpt-5-mini",
            "OPENAI_AGENTS_DISABLE_TRACING": "0",
            **(variables or {}),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
