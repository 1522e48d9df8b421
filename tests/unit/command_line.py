"""Run `hivemind` in this process, as its entry point does, and look at what came out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

from claude_records import DEMO

from hivemind import cli

#: What a terminal acts on, other than tabs and a line's end.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Hold how a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Give the document on stdout."""
        return json.loads(self.out)


def run(*words: str, answer: str = "", env: dict[str, str] | None = None) -> Ran:
    """Run one command line; `answer` is what a person types."""
    out, err, code = StringIO(), StringIO(), 0
    with (
        mock.patch.object(sys, "argv", ["hivemind", *words]),
        mock.patch.object(sys, "stdin", StringIO(answer)),
        mock.patch.dict(os.environ, env or {}),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Ran(code=code, out=out.getvalue(), err=err.getvalue())


def backfill_demo(folder: Path) -> Path:
    """Store the recorded sessions in a new data folder, as a person's first run does."""
    data = folder / "hivemind"
    done = run("backfill", "--from", str(DEMO), env={"HIVEMIND_HOME": str(data), "HOME": str(folder)})
    assert done.code == 0, done.err
    return data


def shell(words: Sequence[str], *, env: dict[str, str] | None = None) -> Ran:
    """Run it in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "hivemind", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
        check=False,
    )
    return Ran(code=done.returncode, out=done.stdout, err=done.stderr)
