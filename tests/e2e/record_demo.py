"""Record the sessions that `hivemind demo` shows: `python -m tests.e2e.record_demo`.

The real Claude Code works in a copy of `shop-api`, driven by the scripted model; what it runs there fails or
works by itself. The transcripts are kept as Claude Code wrote them, except that

- records with the client's own prompts and request bodies are left out,
- folders, ids and times of this machine and this moment are replaced, so that a second recording differs
  little from the first. Between prompts and answers lies the time that a person and a model would need.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .clients import ClaudeCode
from .demo_sessions import DemoSession, Script
from .model import ScriptedModel

JSON = dict[str, Any]
HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "src" / "hivemind" / "demo" / "sessions" / "projects"
HOME = "home/dev"
PORT = 8081
PROMPT_SECONDS = 95

UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
API_ID = re.compile(r"\b(toolu|msg)_[0-9a-f]{24}\b")
AGENT_ID = re.compile(r"\ba[0-9a-f]{16}\b")
TIME = re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def record(target: Path = TARGET) -> list[Path]:
    """Play all sessions and write their transcripts below `target`."""
    command = ClaudeCode.find()
    written: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="hivemind-demo-") as folder, ScriptedModel() as model:
        root = Path(folder).resolve()
        claude = ClaudeCode(command, root / HOME, model.url, _environment(root))
        project = _make_project(root, claude.environment())
        port = _free_port()
        with _server(project, port, claude.environment()) as start:
            for session in Script(project, port, start).sessions():
                session_id = _play(session, claude, model, project)
                written += _save(session, session_id, claude, root, port, target)
    return written


def _environment(root: Path) -> dict[str, str]:
    return {
        "PATH": f"{root / HOME / '.local/bin'}:/usr/local/bin:/usr/bin:/bin",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GIT_AUTHOR_NAME": "dev",
        "GIT_AUTHOR_EMAIL": "dev@example.com",
        "GIT_COMMITTER_NAME": "dev",
        "GIT_COMMITTER_EMAIL": "dev@example.com",
    }


def _make_project(root: Path, env: dict[str, str]) -> Path:
    bin_folder = root / HOME / ".local/bin"
    bin_folder.mkdir(parents=True)
    for name, module in {"python": "", "pytest": "-m pytest", "ruff": "-m ruff"}.items():
        (bin_folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        (bin_folder / name).chmod(0o755)
    project = root / HOME / "shop-api"
    shutil.copytree(
        HERE / "shop-api", project, ignore=shutil.ignore_patterns(".*_cache", "__pycache__", "*.db")
    )
    # A key that scanners take for one. In parts, so that they do not find it here.
    key = "AKIA" + "DEMO7FAKE4QX2VNR"
    secrets = f"SHOP_ENV=staging\nAWS_REGION=eu-central-1\nAWS_ACCESS_KEY_ID={key}\n"
    (project / ".env.staging").write_text(secrets)
    env = {**env, **_git_dates("2026-11-06T16:00:00+00:00")}
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["remote", "add", "origin", "git@github.com:acme/shop-api.git"],
        ["add", "--all"],
        ["commit", "--quiet", "--message", "Start the orders service"],
    ):
        subprocess.run(["git", *command], cwd=project, env=env, check=True)
    return project


def _git_dates(at: str) -> dict[str, str]:
    return {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _server(project: Path, port: int, env: dict[str, str]) -> Iterator[Callable[[], None]]:
    """Yield a function that starts the project's server, as its developer does in one session."""
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, "scripts/serve.py", str(port)]
        variables = {**env, "PYTHONPATH": "src", "DATABASE_URL": "sqlite:///local.db"}
        processes.append(subprocess.Popen(command, cwd=project, env=variables, stderr=subprocess.DEVNULL))
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
            except urllib.error.URLError:
                time.sleep(0.1)
            else:
                return

    try:
        yield start
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _play(session: DemoSession, claude: ClaudeCode, model: ScriptedModel, project: Path) -> str:
    model.rules.clear()
    for turn in (*session.turns, *session.subagents):
        model.when("^" + re.escape(turn.prompt), *turn.steps)
    done = claude.converse(
        [turn.prompt for turn in session.turns],
        cwd=project,
        args=["--model", session.model],
        env=_git_dates(session.at.isoformat()),
    )
    if done.returncode or len(done.results) != len(session.turns):
        raise RuntimeError(f"{session.name} ended early: {done.stderr}\n{done.stdout}")
    return done.session_id


def _save(
    session: DemoSession, session_id: str, claude: ClaudeCode, root: Path, port: int, target: Path
) -> list[Path]:
    main = claude.transcript(session_id)
    files = [main, *sorted(main.with_suffix("").rglob("*.json*"))]
    hide = _Disguise(session.name, root, port)
    kept = {file: _relink(map(json.loads, file.read_text().strip().split("\n"))) for file in files}
    # The client's bookkeeping comes now earlier, now later; number the ids by what does not.
    hide(json.dumps([record for records in kept.values() for record in records if "uuid" in record]))
    move = _clock(session.at, [record for records in kept.values() for record in records])
    written = []
    for file, records in kept.items():
        lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records]
        text = hide(TIME.sub(lambda match: move(match[0]), "".join(line + "\n" for line in lines)))
        _check(text, root)
        path = target / hide(str(file.relative_to(claude.config_dir / "projects")))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        written.append(path)
    return written


def _relink(records: Iterable[JSON]) -> list[JSON]:
    """Leave out what the client recorded about itself, and let children point past it."""
    kept: list[JSON] = []
    parents: dict[str, str] = {}
    for record in records:
        kind = str(record.get("type", ""))
        if kind == "attachment" or kind.startswith("api-request"):
            if "uuid" in record:
                parents[record["uuid"]] = record["parentUuid"]
            continue
        while record.get("parentUuid") in parents:
            record["parentUuid"] = parents[record["parentUuid"]]
        kept.append(record)
    return kept


def _clock(start: datetime, records: list[JSON]) -> Callable[[str], str]:
    """Return what moves a time of the recording to the session's own, with pauses for thought."""
    pauses: list[tuple[datetime, int]] = []
    seen: set[str] = set()
    for record in records:
        if record.get("operation") == "enqueue":
            pauses.append((_time(record["timestamp"]), PROMPT_SECONDS if pauses else 0))
        elif record.get("type") == "assistant" and record["message"]["id"] not in seen:
            seen.add(record["message"]["id"])
            length = len(json.dumps(record["message"]["content"]))
            pauses.append((_time(record["timestamp"]), 4 + length // 60))
    origin = min(at for at, _ in pauses)

    def move(text: str) -> str:
        at = _time(text)
        pause = sum(seconds for when, seconds in pauses if when <= at)
        moved = start + (at - origin) + timedelta(seconds=pause)
        return moved.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moved.microsecond // 1000:03d}Z"

    for record in records:
        if isinstance(record.get("startTime"), int):
            record["startTime"] = int(start.timestamp() * 1000)
    return move


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


class _Disguise:
    """Replaces what belongs to this machine or this run by what stays the same."""

    def __init__(self, name: str, root: Path, port: int) -> None:
        self._name = name
        self._known: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._texts = {
            str(root): "",
            re.sub(r"[^A-Za-z0-9]", "-", str(root)): "",
            f"127.0.0.1:{port}": f"127.0.0.1:{PORT}",
            f"port {port}": f"port {PORT}",
            sys.prefix: f"/{HOME}/.venv",
            sys.base_prefix: "/usr/local",
            f"/tmp/claude-{os.getuid()}": "/tmp/claude-1000",
        }

    def __call__(self, text: str) -> str:
        for ours, theirs in self._texts.items():
            text = text.replace(ours, theirs)
        text = UUID.sub(lambda match: self._same(match[0], "uuid"), text)
        text = API_ID.sub(lambda match: self._same(match[0], match[1] + "_"), text)
        return AGENT_ID.sub(lambda match: self._same(match[0], "a"), text)

    def _same(self, found: str, kind: str) -> str:
        """Return an id that depends only on the session and on how many of its kind came before."""
        if found not in self._known:
            self._counts[kind] += 1
            digest = hashlib.sha256(f"{self._name} {kind} {self._counts[kind]}".encode()).digest()
            if kind == "uuid":
                new = str(uuid.UUID(bytes=digest[:16], version=4))
            else:
                new = kind + digest.hex()[: len(found) - len(kind)]
            # What has been replaced must stay as it is when it is met again.
            self._known[found] = self._known[new] = new
        return self._known[found]


def _check(text: str, root: Path) -> None:
    own = {str(root), root.name, str(Path.home()), socket.gethostname(), sys.prefix, sys.base_prefix}
    leaks = [name for name in own if len(name) > 3 and name in text]
    if leaks:
        raise RuntimeError(f"the recording would show {leaks}")


if __name__ == "__main__":
    shutil.rmtree(TARGET, ignore_errors=True)
    for saved in record():
        sys.stdout.write(f"{saved.stat().st_size:8} {saved}\n")
