"""Prove the loop with the real Claude Code: learn, promote, withhold, measure, demote, and swap the model.

`python -m benchmarks.closed_loop [--json]` starts the pinned client (installed first) against a scripted
model whose behaviour depends on what is in its context: told the right command it runs that, else it runs the
one that fails, and then finds the right one in two of five cases. Three tasks a session:

- the test suite: both models need to be told;
- the bindings: the old model needs to be told, the new one runs the right command by itself;
- the deployment: once what is learnt is right; then the project changes, and it is wrong.

The suite is graded by what happened; what the other two made is looked at and reported by a step of CI.

Nearly half of the sessions go without each skill (the default is a tenth), so that some dozens of sessions
suffice. That takes ten to thirty minutes. Each session is told on standard error. A
phase ends with what it waits for or after `--most` sessions. The figures are given in any case, also of a run
that is interrupted, as far as it came; the exit status says whether all was shown.
"""

import argparse
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.clients import ClientUnavailableError
from tests.e2e.clients.claude import ClaudeCode
from tests.e2e.hivemind_cli import Hivemind
from tests.e2e.model import Request, ScriptedModel, Step, say, shell

OLD_MODEL, NEW_MODEL = "claude-sonnet-4-5", "claude-opus-5-5"
#: Of five sessions that start with the failing command so many find the right one.
RECOVERS = (0, 2)
MAX_SESSIONS_TO_LEARN = 20
#: Of one phase: so many that each skill has ten episodes with and ten without it, but for bad luck.
MAX_SESSIONS = 60
#: What is withheld; of a new model more, else there is nothing to notice.
SHARES = {"trial_percent": 45, "active_percent": 45, "new_model_percent": 50}
SESSION_S, STORED_S = 300, 180


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
#: Those that the new model is compared in; the third is planted harm.
COMPARED = (SUITE.name, BINDINGS.name)


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


@dataclass
class Loop:
    """Run sessions and keep what they did."""

    client: ClaudeCode
    hivemind: Hivemind
    project: Project
    sessions: list[str] = field(default_factory=list)
    loads_after: dict[str, int] = field(
        default_factory=dict
    )  #: sessions until each task has a skill that loads
    active_after: dict[str, int] = field(default_factory=dict)
    skill_ids: dict[str, str] = field(default_factory=dict)  #: of each task
    skills: dict[str, dict[str, Any]] = field(default_factory=dict)  #: as last seen
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)

    def phase(self, name: str, model: str, done: Callable[[], bool], *, most: int) -> bool:
        """Run sessions with a model until something is so, or there were many; say whether it is so."""
        first = len(self.sessions)
        told = self.phases[name] = {"sessions": 0, "first": first, "reached": done()}
        while not told["reached"] and told["sessions"] < most:
            self.session(model=model)
            self.look()
            told["sessions"] += 1
            told["reached"] = done()
            if (
                model == NEW_MODEL
                and "noticed_after" not in told
                and model in self.hivemind.run("status").stdout
            ):
                told["noticed_after"] = told["sessions"]
            _tell(f"{name} {told['sessions']}/{most} ({model}): {self._last()}")
        return bool(told["reached"])

    def session(self, *, model: str) -> None:
        """Run one session with all three tasks, until everything of it is stored."""
        count = len(self.sessions) + 1
        asked = [task.asks[count % len(task.asks)].format(n=count) for task in TASKS]
        for task in TASKS:
            self.project.made(task).unlink(missing_ok=True)
        args = ("--model", model)
        done = self.client.converse(asked, cwd=self.project.folder, args=args, timeout=SESSION_S)
        if done.returncode != 0:
            raise RuntimeError(f"the client failed: {done.stderr}")
        self.hivemind.wait_for(lambda: self._is_graded(done.session_id), seconds=STORED_S)
        self.sessions.append(done.session_id)
        for number, task in enumerate(TASKS, start=1):
            if task is not SUITE:
                verdict = "success" if self.project.made(task).exists() else "failure"
                self.hivemind.run(
                    *("outcome", verdict, "--session", done.session_id, "--episode", str(number)),
                    *("--note", "looked at by CI"),
                    cwd=self.project.folder,
                )

    def _is_graded(self, session_id: str) -> bool:
        rows = self.hivemind.sql(
            f"select count(*) as n from episodes where session_id = '{session_id}'"  # noqa: S608
        )
        return bool(rows and rows[0]["n"] >= len(TASKS))

    def look(self) -> None:
        """See which skill each task has now."""
        for skill in self.hivemind.json("skills", "list"):
            shown = self.hivemind.json("skills", "show", skill["skill_id"])
            for task in TASKS:
                # A skill that comes from comparing attempts may name a task's command as well, later.
                if (
                    task.told in shown["skill_md"]
                    and self.skill_ids.setdefault(task.name, shown["skill_id"]) == shown["skill_id"]
                ):
                    self.skills[task.name] = shown
        for name, skill in self.skills.items():
            if skill["state"] in ("trial", "active"):
                self.loads_after.setdefault(name, len(self.sessions))
            if skill["state"] == "active":
                self.active_after.setdefault(name, len(self.sessions))

    def _last(self) -> str:
        told = []
        for task in TASKS:
            state = self.skills.get(task.name, {}).get("state", "no skill")
            told += [
                f"{task.name} [{state}, {row['arm'] or 'not offered'}] {row['score_label']}"
                for row in self.episodes(self.sessions[-1:], task)
            ]
        return "; ".join(told)

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

    def measured(self, model: str) -> dict[str, dict[str, Any]]:
        """Give what Hivemind says of each task's skill with a model."""
        known = self.hivemind.json("models")["skills"] if self.sessions else []
        rows = {row["skill_id"]: row for row in known if row["request_model"] == model}
        return {name: rows[one] for name, one in self.skill_ids.items() if one in rows}

    def has_enough(self, model: str) -> bool:
        """Say whether the two skills that are to be compared have enough data with a model."""
        found = self.measured(model)
        return all(name in found and found[name]["is_enough"] for name in COMPARED)

    def in_phase(self, *names: str) -> list[str]:
        """Give the sessions of some phases."""
        return [
            session
            for name in names
            if (told := self.phases.get(name)) is not None
            for session in self.sessions[told["first"] : told["first"] + told["sessions"]]
        ]


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Count one group of episodes."""
    known = [row for row in rows if row["score_label"] in ("success", "failure")]
    worked = sum(row["score_label"] == "success" for row in known)
    return {
        "episodes": len(rows),
        "known": len(known),
        "success": round(worked / len(known), 3) if known else None,
        "turns": round(statistics.fmean(row["turns"] for row in rows), 2) if rows else None,
        "failing_calls": round(statistics.fmean(row["tool_errors"] for row in rows), 2) if rows else None,
    }


def run(folder: Path, *, most: int) -> dict[str, Any]:
    """Play the whole story; give its figures, or as many as there are when it is interrupted."""
    program = ClaudeCode.find()
    with ScriptedModel() as model:
        for task, pattern in ((SUITE, "(?i)suite"), (BINDINGS, "(?i)bindings"), (DEPLOYMENT, "(?i)staging")):
            model.when(pattern, *[lambda request, task=task: behave(task, request)] * 5)
        client = ClaudeCode(program, folder / "home", model.url)
        hivemind = Hivemind.beside(client)
        loop = Loop(client, hivemind, Project(folder / "shop"))
        stopped = ""
        try:
            with _interruptible():
                _play(loop, most=most)
        except (KeyboardInterrupt, AssertionError, RuntimeError, subprocess.SubprocessError) as error:
            stopped = f"{type(error).__name__} {error}".strip()
            _tell(f"stopped after {len(loop.sessions)} sessions: {stopped}")
        try:
            return figures(loop) | ({"stopped": stopped} if stopped else {})
        finally:
            hivemind.leave()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Take a request to end like a key press, so that the figures so far are given."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _play(loop: Loop, *, most: int) -> None:
    hivemind = loop.hivemind
    hivemind.run("install", "--only", "claude")
    hivemind.run("config", "set", "holdout.enabled", "true")
    for key, percent in SHARES.items():
        hivemind.run("config", "set", f"holdout.{key}", str(percent))
    learnt = loop.phase(
        "learning", OLD_MODEL, lambda: len(loop.loads_after) == len(TASKS), most=MAX_SESSIONS_TO_LEARN
    )
    if not learnt:
        return
    loop.project.change()
    loop.phase("harm", OLD_MODEL, lambda: loop.skills["deployment"]["state"] == "retired", most=most)
    loop.phase("old model", OLD_MODEL, lambda: loop.has_enough(OLD_MODEL), most=most)
    loop.phase("new model", NEW_MODEL, lambda: loop.has_enough(NEW_MODEL), most=most)


def figures(loop: Loop) -> dict[str, Any]:
    """Give what a run has shown so far."""
    since = loop.in_phase("harm", "old model", "new model")
    phases = {name: {k: v for k, v in one.items() if k != "first"} for name, one in loop.phases.items()}
    return {
        "sessions": len(loop.sessions),
        "phases": phases,
        "loads_after_sessions": loop.loads_after,
        "active_after_sessions": loop.active_after,
        "tasks": {task.name: _of_task(loop, task, since) for task in TASKS},
        "uplift": {
            model: {name: _uplift(row) for name, row in loop.measured(model).items()}
            for model in (OLD_MODEL, NEW_MODEL)
        },
        "skills": {
            name: {"name": one["name"], "state": one["state"], "decisions": _reasons(one)}
            for name, one in loop.skills.items()
        },
        "other_skills": _others(loop),
        "migration": (migration := _migration(loop)),
        "shown": _shown(loop, migration),
    }


def _of_task(loop: Loop, task: Task, since: Sequence[str]) -> dict[str, Any]:
    rows, new = loop.episodes(since, task), {*loop.in_phase("new model")}
    found = {"before": summary(loop.episodes(loop.in_phase("learning"), task))}
    for model in (OLD_MODEL, NEW_MODEL):
        for arm in ("given", "withheld"):
            own = [r for r in rows if r["arm"] == arm and (r["session_id"] in new) is (model == NEW_MODEL)]
            found[f"{model}, {arm}"] = summary(own)
    return found


def _uplift(row: dict[str, Any]) -> dict[str, Any]:
    sides = {
        side: {
            key: row[side][key]
            for key in ("successes", "failures", "unknown", "rate", "turns", "tool_errors")
        }
        for side in ("given", "withheld")
    }
    return {**sides, "difference": row["difference"], "interval": row["interval"], "verdict": row["verdict"]}


def _reasons(skill: dict[str, Any]) -> list[str]:
    return [f"{one['actor']} → {one['to_state']}: {one['reason']}" for one in skill["decisions"]]


def _others(loop: Loop) -> dict[str, Any]:
    """Give the skills that are about none of the tasks' commands, and how often each changed."""
    return {
        skill["name"]: {
            "state": skill["state"],
            "decisions": len(shown["decisions"]),
            "version": shown["version"],
        }
        for skill in (loop.hivemind.json("skills", "list") if loop.sessions else [])
        if skill["skill_id"] not in loop.skill_ids.values()
        for shown in [loop.hivemind.json("skills", "show", skill["skill_id"])]
    }


def _migration(loop: Loop) -> dict[str, dict[str, str]]:
    if not loop.in_phase("new model"):
        return {}
    names = {skill_id: name for name, skill_id in loop.skill_ids.items()}
    return {
        names.get(one["skill_id"], one["name"]): {"fate": one["fate"], "reason": one["reason"]}
        for one in loop.hivemind.json("models", "compare", OLD_MODEL, NEW_MODEL)["skills"]
    }


def _shown(loop: Loop, migration: dict[str, dict[str, str]]) -> dict[str, bool]:
    """Say of each claim whether this run has shown it."""
    learnt = loop.measured(OLD_MODEL)
    fates = {name: one["fate"] for name, one in migration.items()}
    return {
        "each task has a skill that loads": len(loop.loads_after) == len(TASKS),
        "what helps was promoted": all(name in loop.active_after for name in COMPARED),
        "sessions were given what they had learnt": all(
            name in learnt and learnt[name]["given"]["successes"] for name in COMPARED
        ),
        "with the skills success is higher": all(
            name in learnt and learnt[name]["is_enough"] and learnt[name]["interval"]["low"] > 0
            for name in COMPARED
        ),
        "harm was stopped": loop.phases.get("harm", {}).get("reached", False),
        "the new model was noticed": "noticed_after" in loop.phases.get("new model", {}),
        "suite: carried over": fates.get("suite") == "carried over",
        "bindings: no longer needed": fates.get("bindings") == "no longer needed",
    }


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(found: dict[str, Any]) -> str:
    """Give the figures for a person."""
    lines = [f"{found['sessions']} sessions" + (f", then {found['stopped']}" if "stopped" in found else "")]
    for name, one in found["phases"].items():
        lines.append(f"  {name}: {one['sessions']} sessions, {'done' if one['reached'] else 'NOT DONE'}")
    lines.append("sessions until it loads: " + _pairs(found["loads_after_sessions"]))
    lines.append("sessions until it is active: " + _pairs(found["active_after_sessions"]))
    lines.append(f"\n{'task':<12}{'':<30}{'episodes':>9}{'success':>9}{'turns':>7}{'failing calls':>15}")
    for name, groups in found["tasks"].items():
        for group, one in groups.items():
            rate = "–" if one["success"] is None else f"{one['success']:.0%}"
            means = [("–" if one[key] is None else f"{one[key]:.1f}") for key in ("turns", "failing_calls")]
            lines.append(f"{name:<12}{group:<30}{one['episodes']:>9}{rate:>9}{means[0]:>7}{means[1]:>15}")
    lines += ["", "uplift (95 %):"]
    for model, rows in found["uplift"].items():
        lines += [f"  {name} with {model}: {row['verdict']}" for name, row in rows.items()]
    lines += ["", f"from {OLD_MODEL} to {NEW_MODEL}:"]
    lines += [f"  {name}: {one['fate']} ({one['reason']})" for name, one in found["migration"].items()]
    lines += [
        "",
        "shown:",
        *(f"  {'yes' if is_so else 'NO '} {claim}" for claim, is_so in found["shown"].items()),
    ]
    return "\n".join(lines)


def _pairs(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def main() -> int:
    """Print the figures; the exit status is 0 if all was shown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--most", type=int, default=MAX_SESSIONS, help="sessions of each phase at most")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work in this new folder and leave it")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            found = run(folder.resolve(), most=chosen.most)
        except ClientUnavailableError as error:
            raise SystemExit(f"the client cannot be installed: {error}") from error
    print(json.dumps(found, indent=2, ensure_ascii=False) if chosen.json else table(found), flush=True)
    return 0 if all(found["shown"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
