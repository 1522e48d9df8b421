"""Prove the loop with the real Claude Code: learn, promote, withhold, measure, demote, and swap the model.

`python -m benchmarks.closed_loop [--json]` starts the pinned client (installed first) against a scripted
model whose behaviour depends on what is in its context: told the right command it runs that, else it runs the
one that fails, and then finds the right one in two of five cases. Three tasks a session:

- the test suite: both models need to be told;
- the bindings: the old model needs to be told, the new one runs the right command by itself;
- the deployment: once what is learnt is right; then the project changes, and it is wrong.

The suite is graded by what happened; what the other two made is looked at and reported by a step of CI.

Half of the sessions go without each skill (the default is a tenth), so that some dozens of sessions suffice.
It takes about a quarter of an hour.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.clients import CLIENTS, ClientUnavailableError
from tests.e2e.clients.claude import ClaudeCode
from tests.e2e.hivemind_cli import Hivemind
from tests.e2e.model import Request, ScriptedModel, Step, say, shell

OLD_MODEL, NEW_MODEL = "claude-sonnet-4-5", "claude-opus-5-5"
#: Of five sessions that start with the failing command so many find the right one.
RECOVERS = (0, 2)
MAX_SESSIONS_TO_LEARN = 20
MAX_SESSIONS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Hold one thing that is asked for again and again: the call that fails, and the one that works."""

    name: str
    asks: tuple[str, ...]
    plain: str
    told: str
    proof: str  #: what the right call prints


SUITE = Task(
    name="suite",
    asks=("Run the whole test suite, run {n}.", "Please run the test suite once more, attempt {n}."),
    plain="./check test-suite",
    told="./check --profile local test-suite",
    proof="12 passed",
)
BINDINGS = Task(
    name="bindings",
    asks=(
        "Generate the client bindings for release {n}.",
        "Bring generated client bindings up to date, {n}.",
    ),
    plain="./generate bindings",
    told="./generate --schema v2 bindings",
    proof="bindings written",
)
DEPLOYMENT = Task(
    name="deployment",
    asks=("Deploy the service to staging, build {n}.", "Staging needs the deployment of build {n}, please."),
    plain="./deploy staging",
    told="./deploy --fast staging",
    proof="deployed",
)
TASKS = (SUITE, BINDINGS, DEPLOYMENT)


class Project:
    """Hold the project's folder; its commands print and exit as their task says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        self._command("check", needs="--profile", gives="12 passed", misses="error: --profile is required")
        self._command(
            "generate", needs="--schema", gives="bindings written", misses="error: --schema is required"
        )
        self._command("deploy", needs="--fast", gives="deployed", misses="error: --fast is required")

    def change(self) -> None:
        """Take the option away that the deployment needed: what was learnt is wrong from now on."""
        self._command("deploy", needs="staging", gives="deployed", misses="error: unknown option --fast")

    def made(self, task: Task) -> Path:
        """Give the file that a task leaves when it went through."""
        return self.folder / f"{task.told.split()[0].removeprefix('./')}.made"

    def _command(self, name: str, *, needs: str, gives: str, misses: str) -> None:
        path = self.folder / name
        works = f'if [ "$1" = "{needs}" ]; then echo "{gives}"; : > "{name}.made"; exit 0; fi'
        path.write_text(f'#!/bin/sh\n{works}\necho "{misses}" >&2\nexit 2\n')
        path.chmod(0o755)


def behave(task: Task, request: Request) -> Step:
    """Act as a model that does what its context tells it, and else what comes to mind first."""
    number = int((re.findall(r"\d+", request.prompt) or ["0"])[-1])
    knows = task is BINDINGS and request.model == NEW_MODEL
    if request.turn == 0:
        told = knows or task.told in request.text
        return shell(task.told if told else task.plain, "I run it.")
    if task.proof in request.last_result:
        return say(f"The {task.name} went through: {task.proof}.")
    if request.turn == 1 and number % 5 in RECOVERS and task.told not in request.text:
        return shell("./" + task.plain.split("/")[1].split()[0] + " --help", "I look at its options.")
    if request.turn == 2:
        return shell(task.told, "I try it with the option.")
    return say(f"I could not get the {task.name} to work; it still fails.")


class Loop:
    """Run sessions and keep what they did."""

    def __init__(self, client: ClaudeCode, hivemind: Hivemind, project: Project) -> None:
        self.client = client
        self.hivemind = hivemind
        self.project = project
        self.count = 0
        self.sessions: list[str] = []

    def session(self, *, model: str) -> str:
        """Run one session with all three tasks; give its id once everything of it is stored."""
        self.count += 1
        asked = [task.asks[self.count % len(task.asks)].format(n=self.count) for task in TASKS]
        args = ("--model", model)
        for task in TASKS:
            self.project.made(task).unlink(missing_ok=True)
        done = self.client.converse(asked, cwd=self.project.folder, args=args, timeout=180)
        if done.returncode != 0:
            raise SystemExit(f"the client failed: {done.stderr}")
        self.hivemind.wait_for(lambda: self._is_graded(done.session_id), seconds=60)
        self.sessions.append(done.session_id)
        for number, task in enumerate(TASKS, start=1):
            if task is not SUITE:
                verdict = "success" if self.project.made(task).exists() else "failure"
                self.hivemind.run(
                    *("outcome", verdict, "--session", done.session_id, "--episode", str(number)),
                    *("--note", "looked at by CI"),
                    cwd=self.project.folder,
                )
        return done.session_id

    def _is_graded(self, session_id: str) -> bool:
        rows = self.hivemind.sql(
            f"select count(*) as n from episodes where session_id = '{session_id}'"  # noqa: S608
        )
        return bool(rows and rows[0]["n"] >= len(TASKS))

    def skills(self) -> dict[str, dict[str, Any]]:
        """Give the skill of each task that has one."""
        found = {}
        for skill in self.hivemind.json("skills", "list"):
            shown = self.hivemind.json("skills", "show", skill["skill_id"])
            for task in TASKS:
                if task.told in shown["skill_md"]:
                    found[task.name] = shown
        return found

    def episodes(self, session_ids: Sequence[str], task: Task) -> list[dict[str, Any]]:
        """Give a task's episodes in some sessions."""
        ids = ", ".join(f"'{one}'" for one in session_ids)
        rows = self.hivemind.sql(
            "select e.session_id, e.request, e.score_label, e.turns, e.tool_errors, x.arm, x.followed "  # noqa: S608
            "from episodes e left join exposures x on x.episode_id = e.episode_id and x.skill_id = "
            f"'{self.skill_ids.get(task.name, '')}' where e.session_id in ({ids}) order by e.started_at"
        )
        heads = [ask.split("{")[0] for ask in task.asks]
        return [row for row in rows if any(row["request"].startswith(head) for head in heads)]

    @property
    def skill_ids(self) -> dict[str, str]:
        """Give each task's skill by id."""
        return {name: skill["skill_id"] for name, skill in self.skills().items()}


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Count one group of episodes."""
    known = [row for row in rows if row["score_label"] in ("success", "failure")]
    return {
        "episodes": len(rows),
        "known": len(known),
        "success": round(sum(row["score_label"] == "success" for row in known) / len(known), 3)
        if known
        else None,
        "turns": round(statistics.fmean(row["turns"] for row in rows), 2) if rows else None,
        "failing_calls": round(statistics.fmean(row["tool_errors"] for row in rows), 2) if rows else None,
    }


def run(folder: Path, *, most: int) -> dict[str, Any]:
    """Play the whole story; give its figures."""
    program = ClaudeCode.find()
    with ScriptedModel() as model:
        for task, pattern in ((SUITE, "(?i)suite"), (BINDINGS, "(?i)bindings"), (DEPLOYMENT, "(?i)staging")):
            model.when(pattern, *[lambda request, task=task: behave(task, request)] * 5)
        client = ClaudeCode(program, folder / "home", model.url)
        hivemind = Hivemind.beside(client)
        try:
            return _play(Loop(client, hivemind, Project(folder / "shop")), most=most)
        finally:
            hivemind.leave()


def _play(loop: Loop, *, most: int) -> dict[str, Any]:
    hivemind = loop.hivemind
    hivemind.run("install", "--only", "claude")
    hivemind.run("config", "set", "holdout.enabled", "true")
    for key in ("trial_percent", "active_percent", "new_model_percent"):
        hivemind.run("config", "set", f"holdout.{key}", "50")
    figures: dict[str, Any] = {"learning": _learn(loop)}
    before = list(loop.sessions)
    loop.project.change()
    figures["harm"] = _until(loop, OLD_MODEL, _is_harm_stopped, most=most)
    figures["old_model"] = _until(loop, OLD_MODEL, lambda one: _has_enough(one, OLD_MODEL), most=most)
    after = loop.sessions[len(before) :]
    figures["status"] = _first_of(loop)
    swap = len(loop.sessions)
    figures["new_model"] = _until(loop, NEW_MODEL, lambda one: _has_enough(one, NEW_MODEL), most=most)
    figures["tasks"] = {
        task.name: {
            "before": summary(loop.episodes(before, task)),
            "given": summary([r for r in loop.episodes(after, task) if r["arm"] == "given"]),
            "withheld": summary([r for r in loop.episodes(after, task) if r["arm"] == "withheld"]),
            "new_model_given": summary(
                [r for r in loop.episodes(loop.sessions[swap:], task) if r["arm"] == "given"]
            ),
            "new_model_withheld": summary(
                [r for r in loop.episodes(loop.sessions[swap:], task) if r["arm"] == "withheld"]
            ),
        }
        for task in TASKS
    }
    figures["skills"] = {
        name: {"state": skill["state"], "decisions": [d["reason"] for d in skill["decisions"]]}
        for name, skill in loop.skills().items()
    }
    report = hivemind.json("models", "compare", OLD_MODEL, NEW_MODEL)
    names = {skill_id: name for name, skill_id in loop.skill_ids.items()}
    figures["migration"] = {
        names.get(one["skill_id"], one["name"]): {"fate": one["fate"], "reason": one["reason"]}
        for one in report["skills"]
    }
    figures["sessions"] = len(loop.sessions)
    return figures


def _learn(loop: Loop) -> dict[str, Any]:
    """Run sessions until each task has a skill that loads."""
    promoted: dict[str, int] = {}
    while len(promoted) < len(TASKS) and loop.count < MAX_SESSIONS_TO_LEARN:
        loop.session(model=OLD_MODEL)
        for name, skill in loop.skills().items():
            if skill["state"] in ("trial", "active"):
                promoted.setdefault(name, loop.count)
        _tell(f"session {loop.count}: skills {promoted}")
    if len(promoted) < len(TASKS):
        raise SystemExit(f"after {loop.count} sessions only {sorted(promoted)} are skills that load")
    return {"sessions_to_promotion": promoted}


def _until(loop: Loop, model: str, done: Any, *, most: int) -> dict[str, Any]:
    started = len(loop.sessions)
    noticed = 0
    while len(loop.sessions) - started < most and not done(loop):
        loop.session(model=model)
        ran = len(loop.sessions) - started
        if not noticed and model == NEW_MODEL and NEW_MODEL in loop.hivemind.run("status").stdout:
            noticed = ran
        _tell(f"{model}: session {ran}")
    found = {"sessions": len(loop.sessions) - started, "reached": bool(done(loop))}
    return found | ({"noticed_after_sessions": noticed} if model == NEW_MODEL else {})


def _is_harm_stopped(loop: Loop) -> bool:
    skill = loop.skills().get("deployment")
    return skill is not None and skill["state"] == "retired"


def _has_enough(loop: Loop, model: str) -> bool:
    rows = loop.hivemind.json("models")["skills"]
    ids = loop.skill_ids
    wanted = {ids[name] for name in ("suite", "bindings") if name in ids}
    enough = {r["skill_id"] for r in rows if r["request_model"] == model and r["is_enough"]}
    return wanted <= enough


def _first_of(loop: Loop) -> list[str]:
    return loop.hivemind.run("models").stdout.splitlines()


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--most", type=int, default=MAX_SESSIONS, help="sessions of each phase at most")
    chosen = parser.parse_args()
    if "claude" not in CLIENTS:
        raise SystemExit("the client is not known")
    with tempfile.TemporaryDirectory() as name:
        try:
            figures = run(Path(name), most=chosen.most)
        except ClientUnavailableError as error:
            raise SystemExit(f"the client cannot be installed: {error}") from error
    if chosen.json:
        print(json.dumps(figures, indent=2))
        return
    for key, value in figures.items():
        print(f"{key}: {json.dumps(value, indent=2)}")


if __name__ == "__main__":
    main()
