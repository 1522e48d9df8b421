"""The worker's loop: read the spool and transcripts, distil, publish, and leave when nothing is left."""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from hivemind import config
from hivemind.agents import registry
from hivemind.agents.base import Agent
from hivemind.agents.editing.receipts import wired_agents
from hivemind.capture import boundary, exclusion, heartbeat, ingest, kept, layout
from hivemind.capture.spool import Announcement, Spool
from hivemind.distill import miners, reword
from hivemind.domain.events import session_key
from hivemind.domain.model_calls import CallStatus
from hivemind.errors import HivemindError
from hivemind.evaluation import refresh
from hivemind.library import notices, publish
from hivemind.llm import choose
from hivemind.llm.ledger import Ledger
from hivemind.store import lessons, offers, positions, problems, schema
from hivemind.store.database import WORKSPACE_NAME, Database, Workspace, open_database
from hivemind.worker import learn
from hivemind.worker.answers import Answers, Server, Shown
from hivemind.worker.folders import AT_WORK_S
from hivemind.worker.indexes import Indexes
from hivemind.worker.syncing import Syncing
from hivemind.worker.traces import Traces

#: While a transcript is being written it is looked at this often, in seconds.
POLL_S = 0.2
#: Without work the spool is looked at this often, in case nobody could wake the worker, in seconds.
IDLE_POLL_S = 30.0
#: A transcript is read on until the announced answer is in it, at most so long, in seconds.
WAIT_FOR_ANSWER_S = 15.0
#: Without an announced answer, until it has not grown for so long, in seconds.
QUIET_S = 1.0
#: After a failure of the disk or the database the next try waits so long, in seconds.
BACK_OFF_S = 5.0
#: Known transcripts are looked at for growth that nobody announced this often, in seconds.
RESCAN_S = 600.0
#: Skills are compared with the files of their projects this often at most, in seconds.
SWEEP_S = 600.0


#: What a failure says is printed once in so long, in seconds.
REPEAT_S = 600.0


@dataclass(slots=True, kw_only=True)
class Hot:
    """Follow one transcript that was announced."""

    agent: Agent
    workspace_id: str
    until: float
    expects: int | None = None
    said: set[int] = field(default_factory=set)  #: checksums of this turn's messages that were read
    size_bytes: int = -1
    changed: float = 0.0
    reported: bool = False  #: that it cannot be read


class Worker:
    """Hold the worker's state; what it must not lose is in the database, the spool and the transcripts."""

    def __init__(
        self, data: Path, *, variables: Mapping[str, str], is_ours: Callable[[], bool] = lambda: True
    ) -> None:
        self.data = data
        self.environment = config.environment(variables)
        self.settings = config.load(data)
        self._settings_read = time.monotonic()
        self.database: Database = open_database(Path(layout.database(str(data))))
        boundary.use_rules_of(data)
        self.redactor = boundary.redactor()
        self.spool = Spool(Path(layout.spool_dir(str(data))))
        self.hot: dict[tuple[str, Path], Hot] = {}
        self.dirty: set[str] = set()
        self.to_publish: set[str] = set()
        self.to_word: set[str] = set()
        self._is_ours = is_ours
        self._wake, self._stopped = threading.Event(), threading.Event()
        self.indexes = Indexes(
            self.database,
            folder=Path(layout.index_dir(str(data))),
            uses_meaning=lambda: self.settings.inject_embeddings,
            failed=self._failed,
        )
        self.answers = Answers(
            self.database, settings=lambda: self.settings, wake=self._wake.set, indexes=self.indexes
        )
        self.syncing = Syncing(
            self.database,
            data=data,
            home=self.environment.home,
            variables=self.environment.variables,
            settings=lambda: self.settings,
            wake=self._wake.set,
            is_captured=self.environment.capture,
        )
        self._serve()
        self.traces = Traces(
            self.database,
            self.data,
            workspace_id=self.environment.workspace_id,
            settings=lambda: self.settings,
            wake=self._wake.set,
            failed=self._failed,
        )
        self._listen()
        self.last_work = time.monotonic()
        self._rescanned: float | None = None
        self._looked = time.monotonic()
        self._printed: dict[str, float] = {}
        self._swept: dict[str, float] = {}  #: when each workspace's skills were compared with their projects

    def stop(self) -> None:
        """Leave after the step at hand."""
        self._stopped.set()
        self._wake.set()

    def _listen(self) -> None:
        if problem := self.traces.follow():
            self._problem("default", source="otlp", error=problem)

    def close(self) -> None:
        """Give back the socket and the database."""
        self.traces.close()
        self._close_server()
        self.syncing.close()
        self.indexes.close()
        self.answers.close()
        self.database.close()

    def _serve(self) -> None:
        self.server = Server(self.data, answers=self.answers, failed=self._failed)
        self._thread = threading.Thread(target=self.server.serve_forever, name="answers", daemon=True)
        self._thread.start()

    def _close_server(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        if self._is_ours():
            Path(layout.socket_path(str(self.data))).unlink(missing_ok=True)

    def run(self) -> None:
        """Work until idle for the configured time."""
        Path(layout.worker_starting(str(self.data))).unlink(missing_ok=True)
        with self.database.read() as workspace:
            self.dirty |= _workspaces(workspace)
        self.to_publish |= self.dirty
        while not self._stopped.is_set() and self._is_ours():
            try:
                busy = self.step()
                pause = POLL_S if busy else min(IDLE_POLL_S, self.settings.worker_idle_s)
            except Exception as error:  # noqa: BLE001 - the outermost boundary of the worker: record and go on
                self._failed(error)
                self._stopped.wait(BACK_OFF_S)
                busy, pause = False, 0.0  # failing is no work: a worker that only fails leaves, too
            if busy:
                self.last_work = time.monotonic()
            elif (
                not self.traces.is_on  # who sends traces starts no worker
                and time.monotonic() - self.last_work > self.settings.worker_idle_s
                and self._leaves()
            ):
                break
            self._wake.wait(pause)
            self._wake.clear()
        self.answers.folders.release()

    def _leaves(self) -> bool:
        """Close the door, then look once more: what a hook announced just before must not be left lying."""
        self._close_server()
        if not self.spool.pending_bytes():
            return True
        self._serve()
        self.last_work = time.monotonic()
        self._wake.set()
        return False

    def step(self) -> bool:
        """Do what there is to do; True where more is expected within the second."""
        self._reload_settings()
        self._rescan()
        self._look_for_due()
        self.syncing.look()
        self.to_publish |= self.syncing.take_changed()
        self.dirty |= self.traces.take()
        announced = [*self.spool.read(), *self.answers.take_unspooled()]
        for announcement in announced:
            try:
                self._note(announcement)
            except Exception as error:  # noqa: BLE001 - one announcement must not cost the others: recorded
                self._failed(error)
        self.answers.folders.expire()
        if announced:
            self.last_work = time.monotonic()
            heartbeat.write(self.data, [said for said in announced if said.moment != "offers"])
        if not self.settings.capture_enabled:
            self.hot.clear()
        for key, hot in list(self.hot.items()):
            if self._stopped.is_set():
                return False
            if self._follow(key[1], hot):
                del self.hot[key]
        self._store_shown()
        if not self.hot:
            self._distil_and_publish()
            self._word_one()
            self.spool.delete_settled()
        return bool(self.hot or self.to_word)

    def _reload_settings(self) -> None:
        if time.monotonic() - self._settings_read > POLL_S:
            self._settings_read = time.monotonic()
            before = self.settings
            with suppress(HivemindError):  # a file that is being edited: the last good settings stay
                self.settings = config.load(self.data)
            self._listen()
            if self.settings.holdout != before.holdout:
                self.answers.folders.forget_draws()
                with self.database.read() as workspace:
                    names = _workspaces(workspace)
                for name in names:
                    self._set_shares(name)

    def _rescan(self) -> None:
        """Take up what grew without being announced: an agent or a worker was killed in between."""
        now = time.monotonic()
        if self._rescanned is not None and now - self._rescanned < RESCAN_S:
            return
        self._rescanned = now
        with self.database.read() as workspace:
            names = _workspaces(workspace)
        offsets: dict[str, int] = {}
        for name in names:
            with self.database.read(name) as workspace:
                known = positions.listed(workspace)
            offsets |= {position.path: position.offset_bytes for position in known}
            for position in known:
                path = Path(position.path)
                with suppress(OSError, ValueError, HivemindError):
                    agent = registry.by_name(position.agent)
                    if path.suffix == ".gz" or agent.size_bytes(path) == position.offset_bytes:
                        continue
                    if not self._skipped(position.session_id):
                        self._heat(path, agent=agent, workspace_id=name, until=now + QUIET_S)

        kept.delete_stored(self.data, offsets=offsets)

    def _look_for_due(self) -> None:
        """Take up the sessions whose outcome somebody reported in another process."""
        now = time.monotonic()
        if now - self._looked < IDLE_POLL_S:
            return
        self._looked = now
        with self.database.read() as workspace:
            names = _workspaces(workspace)
        for name in names:
            with self.database.read(name) as workspace:
                if lessons.is_any_due(workspace, miners_version=miners.VERSION):
                    self.dirty.add(name)

    def _skipped(self, session_id: str) -> bool:
        """Say whether a session was run with capture off, and is never stored."""
        return (Path(layout.skipped_dir(str(self.data))) / layout.session_file(session_id)).exists()

    def _skip(self, session_id: str) -> None:
        # As the hook does for HIVEMIND_CAPTURE=false: once on again, capture must not take it up.
        path = Path(layout.skipped_dir(str(self.data))) / layout.session_file(session_id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)

    def _note(self, said: Announcement) -> None:
        if not self.settings.capture_enabled:
            self._skip(said.session_id)
        if self._skipped(said.session_id) or exclusion.leaves_out(self.settings, said.cwd):
            kept.delete_session(self.data, said.session_id)
            return
        try:
            agent = registry.by_name(said.agent)
        except HivemindError as error:
            self._problem(said.workspace_id, source="hook", error=error)
            return
        if said.moment == "compact":
            self.answers.forget(said.workspace_id, session_key(said.session_id))
        if said.moment == "start":
            self.to_publish.add(said.workspace_id)
            self.syncing.soon(seconds=0.0)
        if said.moment == "offers":
            self.answers.take_up(said)
            return
        self._at_work(said)
        path = Path(said.transcript)
        if said.transcript and path.is_absolute():
            # After a restart the spool is read again: what was announced long ago need not be waited for.
            age = min(max(0.0, time.time() - said.at), WAIT_FOR_ANSWER_S)
            until = time.monotonic() + max(QUIET_S, WAIT_FOR_ANSWER_S - age)
            hot = self._heat(path, agent=agent, workspace_id=said.workspace_id, until=until)
            if said.moment == "prompt":
                hot.expects = None
                hot.said.clear()
            if said.expects is not None and said.expects not in hot.said:
                hot.expects = said.expects

    def _at_work(self, said: Announcement) -> None:
        """Keep the checkout's skill folders as the sessions at work in it are to see them."""
        folders, session_id = self.answers.folders, session_key(said.session_id)
        with suppress(HivemindError):  # another publication takes long: the next word tries again
            if said.moment == "end":
                if folders.ended(said.workspace_id, session_id):
                    self.to_publish.add(said.workspace_id)
            elif time.time() - said.at < AT_WORK_S:
                folders.heard(said.workspace_id, session_id, agent=said.agent, cwd=said.cwd)

    def _heat(self, path: Path, *, agent: Agent, workspace_id: str, until: float) -> Hot:
        now = time.monotonic()
        hot = self.hot.setdefault(
            (workspace_id, path), Hot(agent=agent, workspace_id=workspace_id, until=until)
        )
        hot.until, hot.changed = max(hot.until, until), now
        return hot

    def _follow(self, path: Path, hot: Hot) -> bool:
        """Read what a transcript has more than before; True where it need not be followed any longer."""
        now = time.monotonic()
        try:
            size = hot.agent.size_bytes(path)
            if size != hot.size_bytes:
                hot.size_bytes, hot.changed = size, now
                self._ingest(path, hot)
                for companion in hot.agent.companions(path):
                    self._ingest(companion, hot)
        except FileNotFoundError:
            pass  # not written yet; where it never comes the follow-up ends below
        except (OSError, ValueError) as error:
            hot.size_bytes = -1
            self._unreadable(path, hot, error)
        except positions.ContendedError:
            hot.size_bytes = -1
        except HivemindError as error:
            if error.slug != "capture-excluded":
                self._problem(hot.workspace_id, source="transcript", error=error)
            return True
        except Exception as error:
            if _is_storage(error):
                hot.size_bytes = -1
                raise
            self._failed(error)  # one transcript that we cannot take must not stop the others
            return True
        return now > hot.until or (hot.expects is None and now - hot.changed > QUIET_S)

    def _unreadable(self, path: Path, hot: Hot, error: Exception) -> None:
        if not hot.reported:
            hot.reported = True
            found = HivemindError("transcript-unreadable", f"{path}: {error}")
            self._problem(hot.workspace_id, source="transcript", error=found)

    def _ingest(self, path: Path, hot: Hot) -> None:
        done = ingest.ingest(
            self.database,
            path,
            agent=hot.agent,
            workspace_id=hot.workspace_id,
            redactor=self.redactor,
            excluding=self.settings,
            skips=self._skipped,
        )
        if done.events:
            self.dirty.add(hot.workspace_id)
            self.syncing.soon()
        hot.said |= done.said
        if hot.expects in hot.said:
            hot.expects = None

    def _store_shown(self) -> None:
        waiting = self.answers.take_shown()
        while waiting:
            shown = waiting[0]
            if shown.offers or shown.noticed_project:
                try:
                    self._store_one_shown(shown)
                except HivemindError as error:
                    self._problem(shown.workspace_id, source="hook", error=error)
                except Exception:
                    self.answers.give_back(waiting)
                    raise
            waiting.pop(0)

    def _store_one_shown(self, shown: Shown) -> None:
        with self.database.write(shown.workspace_id) as workspace:
            offers.record(workspace, shown.offers)
            if shown.noticed_project:
                notices.mark(workspace, shown.noticed_project)

    def _distil_and_publish(self) -> None:
        # Taken off the list first: what fails is recorded, and tried again with the next change or start.
        for workspace_id in sorted(self.dirty):
            self.dirty.discard(workspace_id)
            sweeps = time.monotonic() - self._swept.get(workspace_id, -SWEEP_S) >= SWEEP_S
            learnt = learn.learn(self.database, workspace_id, settings=self.settings, sweeps=sweeps)
            if sweeps:
                self._swept[workspace_id] = time.monotonic()
            if learnt.is_to_publish:
                self.to_publish.add(workspace_id)
            self.to_word.add(workspace_id)
            self.indexes.look(workspace_id)
        for workspace_id in sorted(self.to_publish):
            self.to_publish.discard(workspace_id)
            self.indexes.look(workspace_id)
            report = publish.publish(
                self.database,
                agents=[a for a in registry.agents() if a.name in wired_agents(self.data)],
                workspace_id=workspace_id,
                max_per_project=self.settings.publish_max_per_project,
                home=self.environment.home,
                person=f"person:{config.user_name()}",
            )
            for problem in report.problems:
                error = HivemindError(problem.slug, problem.message)
                self._problem(workspace_id, source="publish", error=error)

    def _set_shares(self, workspace_id: str) -> None:
        """Set from which share of sessions each skill is withheld."""
        with self.database.write(workspace_id) as workspace:
            refresh.set_shares(workspace, learn.shares(self.settings))

    def _word_one(self) -> None:
        """Have a model word one skill, so that what agents do meanwhile waits for one answer at most."""
        for workspace_id in sorted(self.to_word):
            chosen = choose.choose(self.settings, variables=self.environment.variables, data=self.data)
            if chosen.model is None:
                self.to_word.clear()
                return
            with self.database.read(workspace_id) as workspace:
                waiting = reword.pending(workspace)
            ledger = Ledger(
                self.database,
                workspace_id,
                model=chosen.model,
                cap=choose.cap(self.settings),
                redactor=self.redactor,
            )
            done = reword.reword(ledger, waiting[:1], author=config.user_name(), stopped=self._stopped.is_set)
            if not reword.goes_on(done):
                self.to_word.discard(workspace_id)
            if any(one.status == CallStatus.USED for one in done):
                self.to_publish.add(workspace_id)
            return

    def _problem(self, workspace_id: str, *, source: str, error: HivemindError) -> None:
        # Where not even this can be stored, the log has it.
        with suppress(sa.exc.SQLAlchemyError, HivemindError):
            workspace_id = workspace_id if WORKSPACE_NAME.fullmatch(workspace_id) else "default"
            with self.database.write(workspace_id) as workspace:
                problems.record(workspace, source=source, slug=error.slug, message=error.message)

    def _failed(self, error: BaseException) -> None:
        message = f"{type(error).__name__}: {error}"[:500]
        now = time.monotonic()
        if now - self._printed.get(message, -REPEAT_S) >= REPEAT_S:
            self._printed[message] = now
            with suppress(OSError):  # the disk may be what failed
                traceback.print_exception(error, file=sys.stderr)
        slug = "storage-failed" if isinstance(error, OSError) or _is_storage(error) else "worker-bug"
        self._problem("default", source="worker", error=HivemindError(slug, message))


def _is_storage(error: BaseException) -> bool:
    """Say whether the disk or the database failed, and not what was to be stored."""
    return isinstance(error, sa.exc.OperationalError) or type(error) is sa.exc.DatabaseError


def _workspaces(workspace: Workspace) -> set[str]:
    return set(workspace.execute(sa.select(schema.workspaces.c.workspace_id)).scalars()) | {"default"}
