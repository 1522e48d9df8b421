"""Workers that share a database do each project once, and end where one worker alone would."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from claude_records import store
from stories import transcript
from test_pipeline import TRAP, written

from databases import Maker
from hivemind.config import Settings
from hivemind.store import jobs, problems, sessions
from hivemind.store.database import Database
from hivemind.store.jobs import DISTIL, SETTLE, LeaseLostError, ask_to_distil
from hivemind.worker import learn
from hivemind.worker.shared import SharedWorker

PROJECTS = ("/home/dev/shop", "/home/dev/web", "/home/dev/api")


def uploaded(folder: Path, *databases: Database) -> None:
    """Store sessions of several projects, and ask for each to be distilled."""
    for number, cwd in enumerate(PROJECTS * 3):
        place = folder / str(number)
        place.mkdir()
        path = transcript(place, *TRAP, day=number + 1, cwd=cwd)
        for database in databases:
            store(database, path, final=True)
    for database in databases:
        _ask(database)


def _ask(database: Database) -> None:
    with database.write() as workspace:
        for project_id in sorted({one.project_id for one in sessions.recent(workspace, limit=99)}):
            ask_to_distil(workspace, project_id)


def left(database: Database) -> list[str]:
    """Give the kinds of the jobs that wait."""
    with database.read() as workspace:
        return [job.kind for job in jobs.listed(workspace)]


def test_two_workers_end_where_one_that_does_everything_would(databases: Maker, tmp_path: Path) -> None:
    """Projects are shared out, what concerns several follows, and no job is left."""
    alone, shared = databases.open(), databases.open()
    uploaded(tmp_path, alone, shared)
    learn.learn(alone, "default", settings=Settings())
    workers = [SharedWorker(database=shared, settings=Settings(), owner=f"w{n}") for n in range(2)]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    for _ in range(1200):
        if not left(shared):
            break
        threading.Event().wait(0.1)
    for worker, thread in zip(workers, threads, strict=True):
        worker.stopped.set()
        thread.join()
    assert left(shared) == []
    assert written(shared) == written(alone) != {}
    with shared.read() as workspace:
        assert problems.recent(workspace) == []


def test_a_job_that_fails_is_recorded_and_waits(database: Database, tmp_path: Path) -> None:
    """With its reason, where the doctor finds it; the next job is done all the same."""
    uploaded(tmp_path, database)
    worker = SharedWorker(database=database, settings=Settings(publish_policy="nonsense"), owner="w")
    assert worker.step()
    with database.read() as workspace:
        (problem,) = problems.recent(workspace)
        assert (problem.source, problem.slug) == ("worker", "policy-unknown")
        assert sum(bool(job.last_error) for job in jobs.listed(workspace)) == 1
    assert SharedWorker(database=database, settings=Settings(), owner="v").step()
    assert SETTLE in left(database)


def test_what_was_taken_over_is_not_finished_twice(database: Database, tmp_path: Path) -> None:
    """A worker that was away too long finds its lease gone, and leaves the job to the one that has it."""
    uploaded(tmp_path, database)
    with database.write() as workspace:
        (late,) = jobs.claim(workspace, [DISTIL], owner="late", lease=-jobs.LEASE)
        (taken,) = [
            job for job in jobs.claim(workspace, [DISTIL], owner="new", limit=9) if job.key == late.key
        ]
    with database.write() as workspace, pytest.raises(LeaseLostError):
        jobs.finish(workspace, late)
    with database.write() as workspace:
        assert jobs.finish(workspace, taken)
