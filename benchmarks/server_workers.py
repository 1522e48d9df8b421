"""Measure how much more workers distil: the sessions of many projects, by 1, 2 and 4 processes.

Part of `benchmarks.server`. Each round has a workspace of its own with the same sessions, in which calls fail
and others work, and a job for each project; the clock stops when each project is distilled.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

from benchmarks.command import Figures
from hivemind.config import Settings
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.store import jobs, sessions, skills
from hivemind.store.database import Database, open_url
from hivemind.store.jobs import DISTIL, ask_to_distil
from hivemind.store.sessions import ProjectFacts, RedactedEvent
from hivemind.worker.shared import KINDS, SharedWorker

WORKERS = (1, 2, 4)
PROJECTS, SESSIONS, CALLS = 24, 4, 60
BEGUN = datetime(2026, 11, 1, tzinfo=UTC)
#: What fails, and what works in its place.
TRAPS = (
    ("pytest -q", "make test", "ModuleNotFoundError: No module named 'shop'"),
    ("ruff check", "make lint", "error: unexpected argument '--fix'"),
    ("npm run build", "pnpm build", "npm error Missing script: build"),
)
MAX_S = 600.0


def throughput(url: str, *, name: str) -> Figures:
    """Give the sessions a second that each number of workers distils."""
    figures: dict[str, float | str] = {"distilled_sessions": PROJECTS * SESSIONS}
    for number in WORKERS:
        workspace_id = f"{name}-{number}"
        _fill(url, workspace_id)
        seconds, made = _distilled(url, workspace_id, number)
        figures[f"distilled_sessions_per_s_{number}_workers"] = PROJECTS * SESSIONS / seconds
        figures[f"skills_with_{number}_workers"] = made
    return figures


def workspaces(name: str) -> Sequence[str]:
    """Name the workspaces that are to be deleted again."""
    return [f"{name}-{number}" for number in WORKERS]


def _fill(url: str, workspace_id: str) -> None:
    database = open_url(url)
    try:
        for number in range(PROJECTS):
            project = ProjectFacts(
                project_id=f"{number:016x}", name=f"shop-{number}", remote=f"host/acme/shop-{number}"
            )
            for n in range(SESSIONS):
                facts = SessionFacts(session_id=f"{number}-{n}", agent="claude", cwd="/work/shop")
                with database.write(workspace_id, alone=False) as workspace:
                    sessions.append(
                        workspace, facts, events=session_events(f"{number}-{n}", n), project=project
                    )
            with database.write(workspace_id, alone=False) as workspace:
                ask_to_distil(workspace, project.project_id)
    finally:
        database.close()


def session_events(name: str, day: int, *, calls: int = CALLS) -> list[RedactedEvent]:
    """Make a session: requests, calls that fail, and what worked then."""
    made: list[Event] = []

    def add(kind: EventKind, **more: object) -> None:
        number = len(made)
        at = BEGUN + timedelta(days=day, seconds=number)
        made.append(Event(kind=kind, native_id=f"{name}.{number}", at=at, **more))  # type: ignore[arg-type]

    for n in range(calls // 4):
        fails, works, said = TRAPS[n % len(TRAPS)]
        add(EventKind.PROMPT, text=f"Please check part {n} of the shop.")
        for command, is_error in ((fails, True), (works, False)):
            call = f"{name}.call.{len(made)}"
            add(
                EventKind.TOOL_CALL,
                tool_name="Bash",
                tool_call_id=call,
                data={"command": command},
                text=command,
            )
            status = ResultStatus.ERROR if is_error else ResultStatus.OK
            add(
                EventKind.TOOL_RESULT,
                tool_call_id=call,
                status=status,
                exit_code=int(is_error),
                text=said if is_error else "all passed",
            )
        add(EventKind.ASSISTANT, text="Done, everything passes.")
    return [RedactedEvent(event=event) for event in made]


def _left(database: Database, workspace_id: str, kinds: Sequence[str]) -> bool:
    with database.read(workspace_id) as workspace:
        return any(job.kind in kinds for job in jobs.listed(workspace))


def _work(url: str, workspace_id: str, barrier: Barrier) -> None:
    database = open_url(url)
    worker = SharedWorker(database=database, settings=Settings())
    barrier.wait()
    try:
        while _left(database, workspace_id, KINDS):
            if not worker.step():
                time.sleep(0.2)
    finally:
        database.close()


def _distilled(url: str, workspace_id: str, number: int) -> tuple[float, int]:
    """Let workers do the jobs; give how long it took, and how many skills came of it."""
    context = get_context("spawn")
    barrier = context.Barrier(number + 1)
    workers = [context.Process(target=_work, args=(url, workspace_id, barrier)) for _ in range(number)]
    for worker in workers:
        worker.start()
    barrier.wait()
    begun = time.monotonic()
    database = open_url(url)
    try:
        while _left(database, workspace_id, [DISTIL]) and all(worker.is_alive() for worker in workers):
            time.sleep(0.05)
        seconds = time.monotonic() - begun
        for worker in workers:
            worker.join(MAX_S)
        if any(worker.exitcode for worker in workers):
            raise RuntimeError("a worker failed")
        with database.read(workspace_id) as workspace:
            if left := jobs.listed(workspace):
                raise RuntimeError(f"{len(left)} jobs were left: {left[0].last_error}")
            return seconds, len(skills.listed(workspace))
    finally:
        database.close()
