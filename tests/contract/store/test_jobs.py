"""Jobs on every database: asked for once, leased by one worker, taken over from one that died."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from databases import Maker
from hivemind.errors import HivemindError
from hivemind.store import jobs, problems, schema
from hivemind.store.database import Database, Workspace, open_database, open_url

OVER = timedelta(seconds=-1)  #: a lease that is over when it begins


def claim(workspace: Workspace, owner: str = "w", *, limit: int = 1, lease: timedelta = jobs.LEASE) -> Any:
    """Claim jobs of the one kind that these tests have."""
    return jobs.claim(workspace, ["mine"], owner=owner, limit=limit, lease=lease)


def test_a_job_is_asked_for_once(database: Database) -> None:
    """The same kind and key is one row, due when it was asked for first; another key is another."""
    with database.write() as workspace:
        for key in ("s1", "s1", "s2", "s1"):
            jobs.enqueue(workspace, "mine", key)
        jobs.enqueue(workspace, "grade", "s1", data={"why": "☃"})
        assert [
            (job.kind, job.key) for job in jobs.claim(workspace, ["mine", "grade"], owner="w", limit=9)
        ] == [
            ("mine", "s1"),
            ("mine", "s2"),
            ("grade", "s1"),
        ]
        assert claim(workspace) == []


def test_a_job_waits_until_it_is_due(database: Database) -> None:
    """What is asked for later is not claimed before, and what is asked for earlier is moved forward."""
    with database.write() as workspace:
        soon = workspace.seam.now(workspace.connection) + timedelta(hours=1)
        jobs.enqueue(workspace, "mine", "s", due_at=soon)
        assert claim(workspace) == []
        assert jobs.workspaces_due(workspace, ["mine"]) == []
        jobs.enqueue(workspace, "mine", "s")
        assert [job.key for job in claim(workspace)] == ["s"]


def test_what_is_asked_for_meanwhile_is_done_once_more(database: Database) -> None:
    """A worker that had begun cannot have seen what came since; the second run has the newest data."""
    with database.write() as workspace:
        jobs.enqueue(workspace, "mine", "s", data={"n": 1})
        (first,) = claim(workspace)
        jobs.enqueue(workspace, "mine", "s", data={"n": 2})
        jobs.enqueue(workspace, "mine", "s", data={"n": 3})
        assert claim(workspace) == []
        assert not jobs.finish(workspace, first)
        (second,) = claim(workspace)
        assert (first.data, second.data, second.attempts) == ({"n": 1}, {"n": 3}, 1)
        assert jobs.finish(workspace, second)
        assert jobs.listed(workspace) == []


def test_a_job_whose_worker_died_is_taken_over(database: Database) -> None:
    """After its lease another worker has it; the first one can neither keep nor end it any more."""
    with database.write() as workspace:
        jobs.enqueue(workspace, "mine", "s")
        (lost,) = claim(workspace, "same", lease=OVER)
        (taken,) = claim(workspace, "same")
        assert taken.attempts == 2
        assert not jobs.heartbeat(workspace, lost)
        for end in (jobs.finish, jobs.release, lambda w, job: jobs.fail(w, job, "late")):
            with pytest.raises(jobs.LeaseLostError):
                end(workspace, lost)
        assert jobs.heartbeat(workspace, taken)
        assert jobs.finish(workspace, taken)


def test_a_heartbeat_keeps_a_job(database: Database) -> None:
    """A lease that was about to end goes on."""
    with database.write() as workspace:
        jobs.enqueue(workspace, "mine", "s")
        (job,) = claim(workspace, lease=OVER)
        assert jobs.heartbeat(workspace, job)
        assert claim(workspace) == []


def test_what_was_done_for_a_lost_lease_is_rolled_back(database: Database) -> None:
    """What a worker writes with `finish` counts once, also when two believed that the job was theirs."""
    with database.write() as workspace:
        jobs.enqueue(workspace, "mine", "s")
        (lost,) = claim(workspace, lease=OVER)
    with database.write() as workspace:
        (taken,) = claim(workspace)
    for job in (taken, lost):
        try:
            with database.write() as workspace:
                problems.record(workspace, source="worker", slug="a", message="done")
                jobs.finish(workspace, job)
        except jobs.LeaseLostError:
            assert job is lost
    with database.read() as workspace:
        assert [row.count for row in problems.recent(workspace)] == [1]


def test_a_failed_job_waits_longer_each_time_and_is_given_up(database: Database) -> None:
    """The waits double; asking for it again does not shorten them, but revives what was given up."""
    waits = []
    with database.write() as workspace:
        jobs.enqueue(workspace, "mine", "s")
        for attempt in range(1, jobs.MAX_ATTEMPTS + 1):
            (job,) = claim(workspace)
            assert job.attempts == attempt
            due = jobs.fail(workspace, job, "no: " + "x" * 5_000)
            if due is not None:
                waits.append(due - workspace.seam.now(workspace.connection))
                jobs.enqueue(workspace, "mine", "s")
                assert claim(workspace) == []
                workspace.execute(schema.jobs.update().values(due_at=schema.jobs.c.created_at))
        (given_up,) = jobs.listed(workspace)
        assert given_up.due_at is None
        assert len(given_up.last_error) == jobs.MAX_ERROR_CHARS
        assert claim(workspace) == []
        jobs.enqueue(workspace, "mine", "s")
        assert [job.attempts for job in claim(workspace)] == [1]
    assert all(1.8 < b / a < 2.2 for a, b in itertools.pairwise(waits))
    assert len(waits) == jobs.MAX_ATTEMPTS - 1


def test_a_job_that_kills_its_workers_is_given_up(database: Database) -> None:
    """Attempts that ended without a word count like others."""
    with database.write() as workspace:
        jobs.enqueue(workspace, "mine", "s")
        for _ in range(jobs.MAX_ATTEMPTS):
            assert len(claim(workspace, lease=OVER)) == 1
        assert claim(workspace) == []
        assert "without a word" in jobs.listed(workspace)[0].last_error


def test_a_job_given_back_is_as_before(database: Database) -> None:
    """A worker that is told to end gives back what it had not begun."""
    with database.write() as workspace:
        jobs.enqueue(workspace, "mine", "s")
        (job,) = claim(workspace)
        jobs.release(workspace, job)
        assert [again.attempts for again in claim(workspace)] == [1]


def test_workspaces_have_jobs_of_their_own(database: Database) -> None:
    """A claim takes none of another workspace; those with due jobs are named."""
    for name in ("one", "two", "three"):
        with database.write(name) as workspace:
            jobs.enqueue(workspace, "mine" if name != "three" else "other", "s")
    with database.write("one") as workspace:
        assert len(claim(workspace, limit=9)) == 1
        assert jobs.workspaces_due(workspace, ["mine"]) == ["two"]


@pytest.mark.parametrize(("kind", "key"), [("", "k"), ("mine", ""), ("mine", "k" * 201), ("m" * 33, "k")])
def test_a_job_without_a_proper_name_is_a_bug(database: Database, kind: str, key: str) -> None:
    """Names that an index cannot hold are refused where they are made."""
    with database.write() as workspace, pytest.raises(ValueError, match="short"):
        jobs.enqueue(workspace, kind, key)


_STEPS = st.lists(st.tuples(st.sampled_from("eclfxh"), st.integers(0, 2)), max_size=30)


@given(steps=_STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_one_worker_has_a_job(database: Database, steps: list[tuple[str, int]]) -> None:
    """Of any order of steps: one lease a job, and nothing that was asked for is lost before it was done."""
    held: dict[str, jobs.Job] = {}
    stale: list[jobs.Job] = []
    wanted: set[str] = set()
    with database.write() as workspace:
        workspace.execute(schema.jobs.delete())
        for step, n in steps:
            key = f"k{n}"
            if step == "e":
                jobs.enqueue(workspace, "mine", key)
                wanted.add(key)
            elif step == "c":
                for job in claim(workspace, limit=n + 1):
                    assert job.key in wanted - held.keys()
                    held[job.key] = job
            elif step == "x" and key in held:  # dies: its lease is over
                stale.append(held.pop(key))
                is_its = schema.jobs.c.key == key
                workspace.execute(
                    schema.jobs.update().where(is_its).values(lease_until=schema.jobs.c.created_at)
                )
            elif step == "h" and key in held:
                assert jobs.heartbeat(workspace, held[key])
            elif step in "lf" and key in held:
                job = held.pop(key)
                if step == "f" and jobs.finish(workspace, job):
                    wanted.discard(key)
                elif step == "l":
                    jobs.release(workspace, job)
            for job in stale:
                assert job.key not in held or not jobs.heartbeat(workspace, job)
        assert {row.key for row in jobs.listed(workspace)} == wanted


def _open(place: str) -> Database:
    return open_url(place) if "://" in place else open_database(Path(place))


def _work(given: tuple[str, int]) -> list[str]:
    """Claim, do and finish until nothing is left; give what was done."""
    place, n = given
    database, done = _open(place), []
    while True:
        with database.write(alone=False) as workspace:
            claimed = claim(workspace, f"w{n}", limit=2)
        if not claimed:
            break
        for job in claimed:
            with database.write(alone=False) as workspace:
                problems.record(workspace, source="worker", slug="done", message=job.key)
                assert jobs.finish(workspace, job)
            done.append(job.key)
    database.close()
    return done


def test_many_workers_share_the_jobs(databases: Maker) -> None:
    """Six processes claim at once: each job is done by one of them, once."""
    place = databases.place()
    database = databases.open(place)
    with database.write() as workspace:
        for n in range(120):
            jobs.enqueue(workspace, "mine", f"k{n}")
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        done = pool.map(_work, [(place, n) for n in range(6)])
    assert Counter(key for part in done for key in part) == Counter(f"k{n}" for n in range(120))
    with database.read() as workspace:
        assert jobs.listed(workspace) == []
        assert {row.count for row in problems.recent(workspace, limit=999)} == {1}


_DOOMED = """
import sys, time
from datetime import timedelta
from pathlib import Path
from hivemind.store import jobs, problems
from hivemind.store.database import open_database, open_url
place = sys.argv[1]
database = open_url(place) if "://" in place else open_database(Path(place))
with database.write(alone=False) as workspace:
    (job,) = jobs.claim(workspace, ["mine"], owner="doomed", lease=timedelta(seconds=2))
with database.write(alone=False) as workspace:
    problems.record(workspace, source="worker", slug="done", message=job.key)
    jobs.finish(workspace, job)
    print("in the middle", flush=True)
    time.sleep(60)
"""


def test_the_job_of_a_killed_worker_is_taken_over(databases: Maker) -> None:
    """Killed with its work written and not committed: another does it after the lease, and it counts once."""
    place = databases.place()
    database = databases.open(place)
    with database.write() as workspace:
        jobs.enqueue(workspace, "mine", "s")
    doomed = subprocess.Popen(
        [sys.executable, "-c", _DOOMED, place], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert doomed.stdout is not None
    assert doomed.stdout.readline() == b"in the middle\n"
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    doomed.stdout.close()
    end = time.monotonic() + 20
    while not (done := _work((place, 1))):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert done == ["s"]
    with database.read() as workspace:
        assert [row.count for row in problems.recent(workspace)] == [1]


def test_a_lost_lease_says_what_happened(database: Database) -> None:
    """Its message names the job, and its hint says that nothing is lost."""
    with database.write() as workspace:
        jobs.enqueue(workspace, "mine", "s")
        (job,) = claim(workspace)
        jobs.finish(workspace, job)
        with pytest.raises(HivemindError, match="mine 's'") as error:
            jobs.release(workspace, job)
    assert error.value.slug == "lease-lost"
