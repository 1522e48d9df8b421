"""Measure traces in: spans a second beside a raw insert, coverage of recorded traces, and `skills_for`.

`python -m benchmarks.otlp [--json]`. Requests are an SDK's: 512 spans in protobuf, gzip. The raw insert
writes the very rows that came of them into a table without anything else, a transaction a request.
The log records are the contents of requests to a model as today's conventions send them, beside no spans.
The recorded traces are the examples', in tests/fixtures/otlp.
"""

import argparse
import gzip
import json
import logging
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.command import Figures
from hivemind.capture.redaction import Redactor
from hivemind.otlp import conventions, reading, receiver
from hivemind.otlp.reading import JSON, PROTOBUF, Limits, Signal
from hivemind.store import schema, sessions
from hivemind.store.database import Database, open_database

TRACES = Path(__file__).parents[1] / "tests" / "fixtures" / "otlp"
REQUESTS, SPANS_A_REQUEST = 20, 512
LOG_REQUESTS, DETAILS = 4, "gen_ai.client.inference.operation.details"
SKILLS, ASKED = 200, 400
_WORDS = """
    order customer address refund shipping invoice payment account return delivery please update check status
    late missing broken package change cancel confirm email number today yesterday twice again answer
""".split()  # noqa: SIM905


def measure() -> Figures:
    """Measure everything."""
    with tempfile.TemporaryDirectory(prefix="hivemind-bench-") as name:
        folder = Path(name)
        return {**_throughput(folder), **_logs(folder), **_coverage(folder), **_skills_for(folder)}


def _throughput(folder: Path) -> dict[str, float]:
    bodies = list(_requests())
    redactor = Redactor()
    database = open_database(folder / "otlp.db")
    times = []
    busy = time.process_time()
    for body in bodies:
        began = time.perf_counter()
        answer = receiver.receive(
            database,
            workspace_id="default",
            body=body,
            content_type=PROTOBUF,
            content_encoding="gzip",
            redactor=redactor,
        )
        times.append(time.perf_counter() - began)
        assert answer.status == 200, answer.body
    busy = time.process_time() - busy
    began = time.process_time()
    for body in bodies:
        receiver.receive(
            database,
            workspace_id="default",
            body=body,
            content_type=PROTOBUF,
            content_encoding="gzip",
            redactor=redactor,
        )
    again = time.process_time() - began
    rows = _rows(database)
    database.close()
    raw = _raw_insert(folder / "raw.db", rows)
    spans = REQUESTS * SPANS_A_REQUEST
    return {
        "spans": spans,
        "events": len(rows),
        "spans_per_cpu_s": spans / busy,
        "spans_per_s": spans / sum(times),
        "request_ms_p50": statistics.median(times) * 1e3,
        "request_ms_max": max(times) * 1e3,
        "raw_insert_rows_per_cpu_s": len(rows) / raw,
        "raw_insert_spans_per_cpu_s": spans / raw,
        "share_of_raw_insert": raw / busy,
        "spans_per_cpu_s_known_already": spans / again,
    }


def _requests() -> Iterator[bytes]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    chance, number = random.Random(7), 0
    waiting: list[dict[str, Any]] = []
    for _ in range(REQUESTS):
        while len(waiting) < SPANS_A_REQUEST:
            waiting += _run(number, chance)
            number += 1
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        _put(group.resource.attributes, {"service.name": "shop-bot"})
        scope = group.scope_spans.add()
        scope.scope.name = "bench"
        for told in waiting[:SPANS_A_REQUEST]:
            span = scope.spans.add()
            span.trace_id, span.span_id = told["trace"], told["id"]
            span.parent_span_id, span.name = told["parent"], told["name"]
            span.start_time_unix_nano, span.end_time_unix_nano = told["start"], told["end"]
            span.status.code = told["status"]
            _put(span.attributes, told["attributes"])
        waiting = waiting[SPANS_A_REQUEST:]
        yield gzip.compress(request.SerializeToString(), 1)


def _put(target: Any, given: dict[str, Any]) -> None:
    for key, value in given.items():
        pair = target.add()
        pair.key = key
        _set(pair.value, value)


def _set(target: Any, value: Any) -> None:
    match value:
        case int():
            target.int_value = value
        case str():
            target.string_value = value
        case list():
            for item in value:
                _set(target.array_value.values.add(), item)
        case dict():
            _put(target.kvlist_value.values, value)


def _logs(folder: Path) -> dict[str, float]:
    """Send what requests to a model held as log records, in requests of as many as an SDK sends."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    chance, database, redactor = random.Random(13), open_database(folder / "logs.db"), Redactor()
    chats = [s for n in range(LOG_REQUESTS * SPANS_A_REQUEST // 4) for s in _run(n, chance)]
    chats = [span for span in chats if span["name"].startswith("chat ")]
    busy = 0.0
    for start in range(0, len(chats), SPANS_A_REQUEST):
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        _put(group.resource.attributes, {"service.name": "shop-bot"})
        scope = group.scope_logs.add()
        for told in chats[start : start + SPANS_A_REQUEST]:
            record = scope.log_records.add()
            record.trace_id, record.span_id, record.event_name = told["trace"], told["id"], DETAILS
            record.time_unix_nano = told["end"]
            contents = {k: json.loads(v) for k, v in told["attributes"].items() if k.endswith("messages")}
            _put(record.attributes, {**told["attributes"], **contents})
        body = gzip.compress(request.SerializeToString(), 1)
        began = time.process_time()
        answer = receiver.receive(
            database,
            workspace_id="default",
            body=body,
            content_type=PROTOBUF,
            content_encoding="gzip",
            signal=Signal.LOGS,
            redactor=redactor,
        )
        busy += time.process_time() - began
        assert answer.status == 200, answer.body
    database.close()
    return {"log_records": len(chats), "log_records_per_cpu_s": len(chats) / busy}


def _run(number: int, chance: random.Random) -> list[dict[str, Any]]:
    """Make the spans of one run: an agent, four requests to a model and three tools."""
    trace, now = chance.randbytes(16), 1_790_000_000_000_000_000 + number * 10**10
    root = chance.randbytes(8)
    history: list[dict[str, Any]] = [
        {"role": "user", "parts": [{"type": "text", "content": _say(chance, 30)}]}
    ]
    spans: list[dict[str, Any]] = []

    def span(name: str, attributes: dict[str, Any], *, status: int = 0) -> None:
        nonlocal now
        spans.append(
            {
                "trace": trace,
                "id": chance.randbytes(8),
                "parent": root,
                "name": name,
                "start": now,
                "end": now + 9 * 10**8,
                "status": status,
                "attributes": attributes,
            }
        )
        now += 10**9

    began = now
    for step in range(4):
        call = {
            "type": "tool_call",
            "id": f"c{number}-{step}",
            "name": "get_order",
            "arguments": {"order": step},
        }
        said = {"type": "text", "content": _say(chance, 40)}
        answer = {"role": "assistant", "parts": [said, call] if step < 3 else [said]}
        span(
            "chat m-1",
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "m-1",
                "gen_ai.usage.input_tokens": 900 + step,
                "gen_ai.usage.output_tokens": 80,
                "gen_ai.input.messages": json.dumps(history),
                "gen_ai.output.messages": json.dumps([answer]),
                "server.address": "api.example.com",
            },
        )
        history.append(answer)
        if step < 3:
            result = _say(chance, 60)
            span(
                "execute_tool get_order",
                {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": "get_order",
                    "gen_ai.tool.call.id": f"c{number}-{step}",
                    "gen_ai.tool.call.arguments": json.dumps({"order": step}),
                    "gen_ai.tool.call.result": result,
                },
                status=2 if step == 0 else 0,
            )
            part = {"type": "tool_call_response", "id": f"c{number}-{step}", "response": result}
            history.append({"role": "tool", "parts": [part]})
    span("invoke_agent bot", {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "bot"})
    spans[-1] |= {"id": root, "parent": b"", "start": began}
    return spans


def _say(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(_WORDS, k=words)) + "."


def _rows(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as workspace:
        found = [
            row
            for session in sessions.recent(workspace, limit=1_000_000)
            for row in sessions.events_of(workspace, session.session_id)
        ]
    return [
        tuple(
            json.dumps(v)
            if isinstance(v, dict)
            else str(v)
            if v is not None and not isinstance(v, int)
            else v
            for v in row
        )
        for row in found
    ]


def _raw_insert(path: Path, rows: list[tuple[Any, ...]]) -> float:
    names = [column.name for column in schema.events.columns]
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"CREATE TABLE events ({', '.join(names)}, PRIMARY KEY (workspace_id, event_id))")
    statement = f"INSERT INTO events VALUES ({', '.join('?' * len(names))})"  # noqa: S608
    size = -(-len(rows) // REQUESTS)
    began = time.process_time()
    for start in range(0, len(rows), size):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, rows[start : start + size])
        connection.execute("COMMIT")
    done = time.process_time() - began
    connection.close()
    return done


def _coverage(folder: Path) -> dict[str, float | str]:
    """Count, in recorded traces, spans that are mapped, and attributes that are read or kept."""
    spans = mapped = attributes = kept = 0
    texts = found = 0
    by_framework = []
    for path in sorted(TRACES.glob("*.json")):
        database = open_database(folder / f"{path.stem}.db")
        own = [0, 0]
        for document in json.loads(path.read_text("utf-8")):
            body = json.dumps(document).encode()
            said = reading.read(body, content_type=JSON, limits=Limits())
            readings = [(span, conventions.read(span)) for span in said.spans]
            own[0] += len(readings)
            own[1] += sum(r is not None and (r.work is not None or bool(r.verdicts)) for _, r in readings)
            attributes += sum(len(span.attributes) for span in said.spans)
            answer = receiver.receive(
                database, workspace_id="default", body=body, content_type=JSON, redactor=Redactor()
            )
            assert answer.status == 200
            kept += sum(len(set(s.attributes) & r.used) for s, r in readings if r is not None)
            told = [m for _, r in readings if r for m in (*r.inputs, *r.outputs) if m.text.strip()]
            texts += len({m.text.strip() for m in told})
        with database.read() as workspace:
            rows = [
                row
                for session in sessions.recent(workspace, limit=100)
                for row in sessions.events_of(workspace, session.session_id)
            ]
        kept += sum(
            len(row.data["span"].get("attributes", {})) for row in rows if row.data and "span" in row.data
        )
        found += len({row.text for row in rows if row.text and row.kind != "tool_call"})
        spans, mapped = spans + own[0], mapped + own[1]
        by_framework.append(f"{path.stem} {own[1]} of {own[0]}")
        database.close()
    return {
        "recorded_spans": spans,
        "recorded_spans_mapped": mapped / max(1, spans),
        "recorded_attributes": attributes,
        "recorded_attributes_read_or_kept": kept / max(1, attributes),
        "recorded_distinct_texts": texts,
        "stored_distinct_texts": found,
        "by_framework": "; ".join(by_framework),
    }


def _skills_for(folder: Path) -> dict[str, float]:
    """Time `skills_for` in process among skills of one project, without a worker and its index."""
    from hivemind.api import skills_for
    from hivemind.domain.projects import project_id, service_remote
    from hivemind.store.search import SkillEntry, index_skill

    chance, now = random.Random(11), datetime(2026, 11, 1, tzinfo=UTC)
    project = project_id(remote=service_remote("shop-bot"), root="")
    database = open_database(folder / "hivemind.db")
    with database.write() as workspace:
        for number in range(SKILLS):
            name, about = f"skill-{number}", _say(chance, 12)
            body = "\n".join(f"- {_say(chance, 14)}" for _ in range(12))
            own = {
                "workspace_id": "default",
                "skill_id": f"k{number}",
                "name": name,
                "author": "",
                "version": 1,
            }
            workspace.execute(
                schema.skills.insert().values(
                    **own, project_id=project, topic="", state="active", created_at=now, updated_at=now
                )
            )
            rest = {
                "content_hash": "",
                "frontmatter": {},
                "requests": "",
                "origin": "template",
                "created_at": now,
            }
            lists: dict[str, Any] = {"lesson_ids": [], "gates": []}
            workspace.execute(
                schema.skill_versions.insert().values(**own, **rest, **lists, description=about, body=body)
            )
            entry = SkillEntry(
                skill_id=own["skill_id"],  # type: ignore[arg-type]
                project_id=project,
                name=name,
                description=about,
                requests="",
                body=body,
            )
            index_skill(workspace, entry)
    database.close()
    kept = {name: os.environ.get(name) for name in ("HIVEMIND_HOME", "HIVEMIND_WORKER")}
    os.environ |= {"HIVEMIND_HOME": str(folder), "HIVEMIND_WORKER": "off"}
    times, given = [], 0
    for _ in range(ASKED):
        prompt = _say(chance, 8)
        began = time.perf_counter()
        given += bool(skills_for(prompt, project="shop-bot", strict=True))
        times.append((time.perf_counter() - began) * 1e3)
    for name, value in kept.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    times.sort()
    return {
        "skills_for_ms_p50": times[len(times) // 2],
        "skills_for_ms_p99": times[int(len(times) * 0.99)],
        "skills_for_answered": given / ASKED,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.otlp")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="not needed")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    figures = measure()
    if arguments.json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        for key, value in figures.items():
            print(f"{key:<36}{value:.3f}" if isinstance(value, float) else f"{key:<36}{value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
