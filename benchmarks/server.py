"""Measure what a PostgreSQL server takes: events of many clients at once, by the store and by COPY alone.

`python -m benchmarks.server --database-url URL [--clients N] [--json]`. Each client has a connection and a
session of its own and commits a batch at a time. The store does what it does for every client: it looks up
which events are known, appends the others, indexes their words and keeps the counts of the session. The raw
COPY writes the same rows into a table with the same columns, key and index, and nothing else. Both are run in
turn, several times; the figures are medians. Rows go to a workspace of its own, which is deleted at the end.
"""

import argparse
import json
import math
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

import sqlalchemy as sa

from benchmarks import server_pull, server_workers
from benchmarks.command import Figures, table
from hivemind.domain.events import Event, EventKind, SessionFacts
from hivemind.errors import HivemindError
from hivemind.store import schema, search, sessions
from hivemind.store.database import Database, open_url

ROUNDS = 3
BATCH = 100
#: Words of a language, by how common they are; a text has about this many characters a word.
WORDS, WORD_CHARS = 30_000, 7.5
NOW = datetime(2026, 11, 22, tzinfo=UTC)
RAW = "benchmark_events"


def texts(seed: int, *, number: int, mean_bytes: int) -> Iterator[str]:
    """Make texts as tool results are: words by Zipf's law, lengths that differ widely around a mean."""
    draw = random.Random(seed)
    spread = 2.1  # measured: half of all events are shorter than a ninth of the mean
    for _ in range(number):
        size = mean_bytes * math.exp(draw.gauss(-spread * spread / 2, spread))
        count = max(3, min(40_000, int(size / WORD_CHARS)))
        yield " ".join(_word(int(WORDS ** draw.random())) for _ in range(count))


def _word(rank: int) -> str:
    # The commoner the shorter, about as in a language.
    return f"{rank * 2654435761 % 2**32:x}"[: 2 + rank.bit_length() // 2]


def batches(name: str, client: int, *, events: int, mean_bytes: int) -> list[list[sessions.RedactedEvent]]:
    """Make what one client sends."""
    made = [
        sessions.RedactedEvent(
            event=Event(kind=EventKind.TOOL_RESULT, native_id=f"{name}-{client}-{n}", text=text, at=NOW)
        )
        for n, text in enumerate(texts(client, number=events, mean_bytes=mean_bytes))
    ]
    return [made[start : start + BATCH] for start in range(0, events, BATCH)]


def _through_the_store(
    database: Database, workspace_id: str, session_id: str, made: list[list[sessions.RedactedEvent]]
) -> None:
    facts = SessionFacts(session_id=session_id, agent="benchmark")
    for batch in made:
        with database.write(workspace_id, alone=False) as workspace:
            sessions.append(workspace, facts, events=batch)


def _without_search(
    database: Database, workspace_id: str, session_id: str, made: list[list[sessions.RedactedEvent]]
) -> None:
    # What the index costs is told apart; this process measures nothing else.
    search.index_events = lambda *_: None
    _through_the_store(database, workspace_id, session_id, made)


def _by_copy_alone(
    database: Database, workspace_id: str, session_id: str, made: list[list[sessions.RedactedEvent]]
) -> None:
    names = (
        "workspace_id, event_id, session_id, seq, kind, at, text, redactions,"
        " agent_id, tool_name, tool_call_id, request_model, message_id"
    )
    seq = 0
    for batch in made:
        with database.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            with driver.cursor().copy(f"COPY {RAW} ({names}) FROM STDIN") as copy:
                for each in batch:
                    e = each.event
                    key = f"{session_id}-{e.native_id}"
                    copy.write_row(
                        (
                            workspace_id,
                            key,
                            session_id,
                            seq,
                            e.kind.value,
                            e.at,
                            e.text,
                            0,
                            "",
                            "",
                            "",
                            "",
                            "",
                        )
                    )
                    seq += 1
            driver.commit()


WAYS: dict[str, Callable[[Database, str, str, list[list[sessions.RedactedEvent]]], None]] = {
    "store": _through_the_store,
    "store_without_search": _without_search,
    "raw_copy": _by_copy_alone,
}


def _clients(
    run: "Run", numbers: Sequence[int], barrier: Barrier, times: "Queue[tuple[float, float]]"
) -> None:
    """Run some of the clients in one process; give when they began, all processes at once, and ended."""
    database = open_url(run.url)
    try:
        # Made before the clock starts.
        made = {n: batches(run.name, n, events=run.events, mean_bytes=run.mean_bytes) for n in numbers}
        with database.read() as workspace:
            workspace.execute(sa.select(1))
        barrier.wait()
        began = time.time()
        with ThreadPoolExecutor(len(numbers)) as pool:
            sent = [
                pool.submit(WAYS[run.way], database, run.workspace_id, f"{run.name}-{n}", made[n])
                for n in numbers
            ]
            for each in sent:
                each.result()
        times.put((began, time.time()))
    except BaseException:
        barrier.abort()
        raise
    finally:
        database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Describe one round of one way."""

    url: str
    way: str
    name: str
    workspace_id: str
    clients: int
    events: int
    mean_bytes: int
    processes: int

    def rate(self) -> float:
        """Give the events a second of all clients together."""
        context = get_context("spawn")
        barrier, times = context.Barrier(self.processes), context.Queue()
        workers = [
            context.Process(
                target=_clients, args=(self, range(n, self.clients, self.processes), barrier, times)
            )
            for n in range(self.processes)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if any(worker.exitcode for worker in workers):
            raise RuntimeError(f"a client of the round {self.name} failed")
        taken = [times.get() for _ in workers]
        seconds: float = max(e for _, e in taken) - min(b for b, _ in taken)
        return self.clients * self.events / seconds


def measure(url: str, *, clients: int, events: int, mean_bytes: int, processes: int) -> Figures:
    """Run both ways in turn and compare them."""
    workspace_id = f"benchmark-{os.getpid()}"
    database = open_url(url)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    try:
        with database.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {RAW}")
            connection.exec_driver_sql(f"CREATE TABLE {RAW} (LIKE events INCLUDING ALL)")
            server = str(connection.exec_driver_sql("SHOW server_version").scalar())
            fsync = str(connection.exec_driver_sql("SHOW fsync").scalar())
        for n in range(ROUNDS):
            for way in WAYS:
                run = Run(
                    url=url,
                    way=way,
                    name=f"{way}-{n}",
                    workspace_id=workspace_id,
                    clients=clients,
                    events=events,
                    mean_bytes=mean_bytes,
                    processes=processes,
                )
                found[way].append(run.rate())
        with database.read(workspace_id) as workspace:
            stored = sessions.totals(workspace)["events"]
            mean = workspace.execute(
                sa.text("SELECT avg(octet_length(text)) FROM events WHERE workspace_id = :w"),
                {"w": workspace_id},
            ).scalar()
            sizes = {
                name: workspace.execute(
                    sa.text("SELECT pg_total_relation_size(CAST(:t AS regclass))"), {"t": name}
                ).scalar_one()
                for name in ("events", "event_words", RAW)
            }
    finally:
        _clean(database, workspace_id)
        database.close()
    expected = clients * events * ROUNDS * (len(WAYS) - 1)
    return {
        "server": f"PostgreSQL {server}, fsync {fsync}",
        "clients": clients,
        "client_processes": processes,
        "cores_of_this_machine": os.cpu_count() or 0,
        "events_a_client_and_round": events,
        "mean_event_bytes": float(mean or 0),
        "events_stored": stored,
        "events_lost_or_doubled": expected - stored,
        "store_events_per_s": statistics.median(found["store"]),
        "raw_copy_events_per_s": statistics.median(found["raw_copy"]),
        "store_of_raw_copy": statistics.median(found["store"]) / statistics.median(found["raw_copy"]),
        "store_without_search_events_per_s": statistics.median(found["store_without_search"]),
        "store_rounds": ", ".join(f"{rate:.0f}" for rate in found["store"]),
        "raw_copy_rounds": ", ".join(f"{rate:.0f}" for rate in found["raw_copy"]),
        "events_mb": sizes["events"] / 1e6,
        "search_mb": sizes["event_words"] / 1e6,
    }


def measure_pulls(url: str) -> Figures:
    """Measure what a session's start asks."""
    name = server_pull.workspace_name()
    try:
        return server_pull.pulls(url, name=name)
    finally:
        database = open_url(url)
        _clean(database, name)
        database.close()


def measure_workers(url: str) -> Figures:
    """Measure distillation by several workers."""
    name = f"benchmark-{os.getpid()}"
    try:
        return server_workers.throughput(url, name=name)
    finally:
        database = open_url(url)
        for workspace_id in server_workers.workspaces(name):
            _clean(database, workspace_id)
        database.close()


def _clean(database: Database, workspace_id: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {RAW}")
        for name in (
            "event_words",
            "skill_words",
            *(table.name for table in schema.metadata.tables.values()),
        ):
            connection.execute(sa.text(f"DELETE FROM {name} WHERE workspace_id = :w"), {"w": workspace_id})  # noqa: S608


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server")
    parser.add_argument(
        "--database-url", metavar="URL", required=True, help="postgresql://USER:PASSWORD@HOST/DATABASE"
    )
    parser.add_argument("--clients", type=int, default=50, metavar="N", help="connections at once (50)")
    parser.add_argument(
        "--events", type=int, default=400, metavar="N", help="of each client in each round (400)"
    )
    parser.add_argument(
        "--event-bytes", type=int, default=1540, metavar="N", help="of a text, in the mean (1540)"
    )
    parser.add_argument("--processes", type=int, default=5, metavar="N", help="that the clients are in (5)")
    parser.add_argument(
        "--parts",
        default="events,workers,pulls",
        metavar="NAMES",
        help="of events,workers,pulls",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args(argv)
    figures: dict[str, float | str] = {}
    parts = given.parts.split(",")
    try:
        if "events" in parts:
            figures |= measure(
                given.database_url,
                clients=given.clients,
                events=given.events,
                mean_bytes=given.event_bytes,
                processes=given.processes,
            )
        if "pulls" in parts:
            figures |= measure_pulls(given.database_url)
        if "workers" in parts:
            figures |= measure_workers(given.database_url)
    except HivemindError as error:
        print(f"{parser.prog}: {error.message}\n{error.hint}", file=sys.stderr)
        return 2
    print(json.dumps(figures, ensure_ascii=False) if given.json else table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
