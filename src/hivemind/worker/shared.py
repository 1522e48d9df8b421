"""Distil on a shared database: workers claim jobs, keep them with heartbeats, and finish what they began.

An upload asks for `distil` of its project. A project is the unit of work, so that more workers do more at
once; what concerns several projects of a workspace is `settle`, which follows.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from hivemind.capture import boundary
from hivemind.config import Settings
from hivemind.distill import pipeline, reword
from hivemind.errors import HivemindError
from hivemind.evaluation import joining
from hivemind.library import team_settings
from hivemind.llm import choose
from hivemind.llm.ledger import Ledger
from hivemind.store import jobs, problems
from hivemind.store.database import Database, Workspace
from hivemind.store.jobs import DISTIL, PRUNE, SETTLE, WHOLE, Job, LeaseLostError
from hivemind.worker import learn, retention

WORD = "word"
KINDS = (DISTIL, SETTLE, WORD, PRUNE)
#: The author of what a server's workers write.
AUTHOR = "hivemind"
#: What concerns a whole workspace waits so long for the other projects of an upload.
SETTLE_AFTER = timedelta(seconds=5)
#: Without a job the database is asked again after so long, in seconds.
POLL_S = 2.0
#: After the database failed the next try waits so long, in seconds.
BACK_OFF_S = 5.0
log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class SharedWorker:
    """Do the jobs of a database that others share."""

    database: Database
    settings: Settings
    variables: Mapping[str, str] = field(default_factory=dict)
    data: Path = Path()
    owner: str = field(default_factory=lambda: f"{socket.gethostname()} {os.getpid()}")
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Work until told to stop; a database that is away is tried again."""
        looked: float | None = None
        while not self.stopped.is_set():
            try:
                if looked is None or time.monotonic() - looked > retention.EVERY_S:
                    retention.ask(self.database)
                    looked = time.monotonic()
                pause_s = 0.0 if self.step() else POLL_S
            except (sa.exc.SQLAlchemyError, HivemindError) as error:
                log.warning("the database cannot be used: %s", error)
                pause_s = BACK_OFF_S
            self.stopped.wait(pause_s)

    def step(self) -> bool:
        """Do one job of each workspace that has one; False where there was none."""
        with self.database.read() as workspace:
            due = jobs.workspaces_due(workspace, KINDS)
        did = False
        for workspace_id in due:
            if self.stopped.is_set():
                break
            with self.database.write(workspace_id, alone=False) as workspace:
                claimed = jobs.claim(workspace, KINDS, owner=self.owner)
            for job in claimed:
                did = True
                self._do(job)
        return did

    def _do(self, job: Job) -> None:
        begun = time.monotonic()
        try:
            with self._kept(job) as lost:
                self._work(job)
                if not lost.is_set():
                    with self.database.write(job.workspace_id, alone=False) as workspace:
                        self._follow_up(workspace, job)
                        jobs.finish(workspace, job)
            log.info("%s %s of %s: %.1f s", job.kind, job.key, job.workspace_id, time.monotonic() - begun)
        except LeaseLostError as error:
            log.warning("%s", error.message)
        except Exception as error:  # noqa: BLE001 - the outermost boundary of a job: recorded with it
            self._failed(job, error)

    def _work(self, job: Job) -> None:
        workspace_id = job.workspace_id
        settings = self._settings_of(workspace_id)
        if job.kind == DISTIL:
            pipeline.distill(
                self.database,
                workspace_id,
                author=AUTHOR,
                policy=settings.publish_policy,
                project_id="" if job.key == WHOLE else job.key,
                graded=joining.renew,
            )
        elif job.kind == SETTLE:
            pipeline.settle(self.database, workspace_id, author=AUTHOR, policy=settings.publish_policy)
            learn.measure(self.database, workspace_id, settings=settings)
        elif job.kind == PRUNE:
            retention.prune(self.database, workspace_id, stopped=self.stopped.is_set)
        else:
            self._word(workspace_id)

    def _settings_of(self, workspace_id: str) -> Settings:
        """Give the server's settings with the policies that the workspace's admins set."""
        with self.database.read(workspace_id) as workspace:
            held = team_settings.of(workspace)
        return replace(
            self.settings,
            publish_policy=held.publish_policy or self.settings.publish_policy,
            share_policy=held.share_policy or self.settings.share_policy,
        )

    def _follow_up(self, workspace: Workspace, job: Job) -> None:
        if job.kind == DISTIL:
            jobs.ask_to_settle(workspace, after=SETTLE_AFTER)
        elif job.kind == SETTLE and self.settings.model_kind != "none":
            jobs.enqueue(workspace, WORD, WHOLE)

    def _word(self, workspace_id: str) -> None:
        """Have a model word what it has not worded yet, under the cap."""
        chosen = choose.choose(self.settings, variables=self.variables, data=self.data)
        if chosen.model is None:
            return
        with self.database.read(workspace_id) as workspace:
            waiting = reword.pending(workspace)
            redactor = boundary.redactor_of(workspace)
        ledger = Ledger(
            self.database,
            workspace_id,
            model=chosen.model,
            cap=choose.cap(self.settings),
            redactor=redactor,
        )
        reword.reword(ledger, waiting, author=AUTHOR, stopped=self.stopped.is_set)

    @contextmanager
    def _kept(self, job: Job) -> Iterator[threading.Event]:
        """Send heartbeats while a job is being done; the event says that it is another worker's."""
        done, lost = threading.Event(), threading.Event()

        def beat() -> None:
            while not done.wait(jobs.LEASE.total_seconds() / 4):
                try:
                    with self.database.write(job.workspace_id, alone=False) as workspace:
                        if not jobs.heartbeat(workspace, job):
                            lost.set()
                            return
                except (sa.exc.SQLAlchemyError, HivemindError) as error:
                    log.warning("no heartbeat for %s %s: %s", job.kind, job.key, error)

        thread = threading.Thread(target=beat, name=f"heartbeat {job.key}", daemon=True)
        thread.start()
        try:
            yield lost
        finally:
            done.set()
            thread.join()

    def _failed(self, job: Job, error: Exception) -> None:
        log.exception("%s %s of %s failed", job.kind, job.key, job.workspace_id)
        message = f"{type(error).__name__}: {error}"[:500]
        slug = error.slug if isinstance(error, HivemindError) else "worker-bug"
        try:
            with self.database.write(job.workspace_id, alone=False) as workspace:
                problems.record(workspace, source="worker", slug=slug, message=message)
                jobs.fail(workspace, job, message)
        except (LeaseLostError, sa.exc.SQLAlchemyError, HivemindError):
            log.warning("%s %s is left to whoever claims it next", job.kind, job.key)


def started(worker: SharedWorker, *, name: str = "worker") -> Callable[[], None]:
    """Run a worker on a thread of this process; gives what ends it and waits for the job at hand."""
    thread = threading.Thread(target=worker.run, name=name, daemon=True)
    thread.start()

    def stop() -> None:
        worker.stopped.set()
        thread.join(timeout=30)

    return stop
