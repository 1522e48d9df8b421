"""Log records become parts of the sessions that spans make: each message and each outcome once."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otlp_stories import Trace, attributes, cancelling, hex_id, log, record, send

from hivemind import config
from hivemind.config import Settings
from hivemind.domain.events import EventKind
from hivemind.store import episodes, late, problems, schema, search, sessions, skills
from hivemind.store.database import Database, open_database
from hivemind.worker import learn

CONVERSATION = "conversation-of-more-than-twenty"
DETAILS = "gen_ai.client.inference.operation.details"
CONTENTS = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")


def only_session(database: Database) -> Any:
    """Give the one session that is stored."""
    with database.read() as workspace:
        (found,) = sessions.recent(workspace, limit=5)
    return found


def told(database: Database) -> list[tuple[str, str, str]]:
    """Give what was said and done in the one session, as (kind, status, text); records are left out."""
    session_id = only_session(database).session_id
    with database.read() as workspace:
        rows = sessions.events_of(workspace, session_id)
    assert [row.seq for row in rows] == list(range(len(rows)))
    return [
        (row.kind, row.status or "", row.text)
        for row in rows
        if not (row.kind == EventKind.SYSTEM and not row.text)
    ]


def said(database: Database) -> list[tuple[str, str]]:
    """Give what was reported of the one session, as (label, who); it is about its prompts."""
    with database.read() as workspace:
        reports = episodes.reports(workspace, only_session(database).session_id)
        rows = sessions.events_of(workspace, reports[0].session_id)
    prompts = {row.event_id for row in rows if row.kind == "prompt"}
    assert {report.event_id for report in reports} <= {*prompts, ""}
    return [(report.score_label, report.evaluation_name) for report in reports]


def a_run(name: str = "r", *, conversation: str = "") -> Trace:
    """Tell a run with a call that fails."""
    trace = Trace(name=name, conversation=conversation)
    trace.asks("Cancel order A11.")
    trace.model("I will.", ("c1", "cancel_order", {"order": "A11"}))
    trace.tool("c1", "cancel_order", {"order": "A11"}, "look it up first", failed=True)
    trace.model("I could not.")
    return trace


EXPECTED = [
    ("prompt", "", "Cancel order A11."),
    ("assistant", "", "I will."),
    ("tool_call", "", '{"order": "A11"}'),
    ("tool_result", "error", "look it up first"),
    ("assistant", "", "I could not."),
]


def without_contents(trace: Trace) -> list[dict[str, Any]]:
    """Give the spans as an instrumentation sends them that puts contents into events alone."""
    return [
        {**span, "attributes": [pair for pair in span["attributes"] if pair["key"] not in CONTENTS]}
        for span in trace.spans
    ]


def details(trace: Trace, *, conversation: str = "") -> list[dict[str, Any]]:
    """Give the log records of today's conventions for a trace: one a request to a model."""
    found = []
    for span in trace.spans:
        held = {
            pair["key"]: pair["value"]["stringValue"]
            for pair in span["attributes"]
            if "stringValue" in pair["value"]
        }
        if held["gen_ai.operation.name"] != "chat":
            continue
        given = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m-1",
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 10,
            **{name: json.loads(held[name]) for name in CONTENTS if name in held},
            **({"gen_ai.conversation.id": conversation} if conversation else {}),
        }
        one = record(DETAILS, given)
        found.append(
            {**one, **{k: span[k] for k in ("traceId", "spanId")}, "timeUnixNano": span["endTimeUnixNano"]}
        )
    return found


def messages(trace: Trace) -> list[dict[str, Any]]:
    """Give the log records of the conventions before: one a message, a request repeating the history."""
    first, _, last = trace.spans
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "cancel_order", "arguments": '{"order": "A11"}'},
    }
    told_ = [
        (first, "gen_ai.user.message", {"content": "Cancel order A11."}),
        (first, "gen_ai.choice", {"index": 0, "message": {"content": "I will.", "tool_calls": [call]}}),
        (last, "gen_ai.user.message", {"content": "Cancel order A11."}),
        (last, "gen_ai.assistant.message", {"content": "I will.", "tool_calls": [call]}),
        (last, "gen_ai.tool.message", {"id": "c1", "content": "look it up first"}),
        (last, "gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": "I could not."}}),
    ]
    return [
        {
            **record(name, {"gen_ai.system": "openai"}, body=body),
            **{k: span[k] for k in ("traceId", "spanId")},
            "timeUnixNano": str(int(span["startTimeUnixNano"]) + number * 1_000_000),
        }
        for number, (span, name, body) in enumerate(told_)
    ]


@pytest.mark.parametrize("shape", [details, messages])
@pytest.mark.parametrize("with_contents", [True, False])
@pytest.mark.parametrize("conversation", ["", CONVERSATION])
@pytest.mark.parametrize("first", ["logs", "spans"])
def test_logs_and_spans_of_one_call_are_stored_once(
    database: Database, shape: Any, with_contents: bool, conversation: str, first: str
) -> None:
    """Whichever comes first, and whether only one of them has the contents or names the conversation."""
    trace = a_run(conversation=conversation)
    spans = trace.spans if with_contents else without_contents(trace)
    for turn in (first, "spans" if first == "logs" else "logs", first):
        answer = log(database, shape(trace)) if turn == "logs" else send(database, spans)
        assert (answer.status, answer.body) == (200, b"{}")
    assert [event for event in told(database) if event[0] != "usage"] == EXPECTED
    assert [event[0] for event in told(database)].count("usage") == 2
    session = only_session(database)
    expected = CONVERSATION if conversation else trace.trace_id
    assert (session.session_id, session.project) == (f"otel.{expected}", "shop-bot")
    assert (session.prompts, session.tool_calls, session.tool_errors) == (1, 1, 1)
    assert session.request_model == "m-1"
    with database.read() as workspace:
        assert [hit.kind for hit in search.search_events(workspace, "could not")] == ["assistant"]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(("", CONVERSATION)))
def test_order_and_repetition_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, conversation: str
) -> None:
    """Late, twice, out of order, one by one: the session is the same."""
    database = open_database(tmp_path_factory.mktemp("any") / "x.db")
    trace = a_run(conversation=conversation)
    many = [*((send, span) for span in trace.spans), *((log, one) for one in details(trace))]
    many += chance.sample(many, 3)
    chance.shuffle(many)
    for take, one in many:
        assert take(database, [one]).status == 200
    found = told(database)
    assert [e for e in found if e[0] != "usage"] == EXPECTED
    assert len(found) == len(EXPECTED) + 2
    database.close()


@pytest.mark.parametrize("shape", [details, messages])
def test_logs_alone_are_a_session(database: Database, shape: Any) -> None:
    """Who sends no spans is learnt from, too."""
    for _ in range(2):
        log(database, shape(a_run()))
    found = [event for event in told(database) if event[0] != "usage"]
    assert found == [
        (kind, "unknown" if kind == "tool_result" else status, text) for kind, status, text in EXPECTED
    ]
    session = only_session(database)
    assert (session.agent, session.project, session.title) == ("otel", "shop-bot", "Cancel order A11.")


def test_logs_of_no_trace_go_by_their_conversation(database: Database) -> None:
    """Programs without traces name the conversation in their events."""
    records = [{**one, "traceId": "", "spanId": ""} for one in details(a_run(), conversation=CONVERSATION)]
    for _ in range(2):
        log(database, records)
    assert only_session(database).session_id == f"otel.{CONVERSATION}"
    assert len(told(database)) == len(EXPECTED) + 2


def test_the_same_request_again_is_another(database: Database) -> None:
    """Where each run starts anew, the same words are asked again, also by logs that come first."""
    for name in ("r1", "r2"):
        trace = a_run(name, conversation=CONVERSATION)
        log(database, details(trace))
        send(database, without_contents(trace))
        log(database, details(trace))
    found = [event for event in told(database) if event[0] != "usage"]
    assert [event[0] for event in found].count("prompt") == 2


def evaluation(trace: Trace, label: str = "pass", **named: Any) -> dict[str, Any]:
    """Give an evaluation of a trace's last span."""
    given = {"gen_ai.evaluation.name": "resolved", "gen_ai.evaluation.score.label": label}
    one = record("gen_ai.evaluation.result", {**given, **named.pop("more", {})}, at=30)
    return {**one, **{k: trace.spans[-1][k] for k in ("traceId", "spanId")}, **named}


@pytest.mark.parametrize("first", ["spans", "evaluation"])
@pytest.mark.parametrize("conversation", ["", CONVERSATION])
def test_evaluations_are_outcomes(database: Database, first: str, conversation: str) -> None:
    """An evaluation is reported once, whenever it comes, and by whatever program."""
    trace = a_run(conversation=conversation)
    for turn in (first, "evaluation" if first == "spans" else "spans", first):
        if turn == "spans":
            send(database, trace.spans)
        else:
            log(database, [evaluation(trace)], service="evaluator")
    assert [e for e in told(database) if e[0] != "usage"] == EXPECTED
    assert said(database) == [("success", "eval:resolved")]
    if first == "spans":
        assert only_session(database).project == "shop-bot"


def test_an_evaluation_is_about_what_was_asked_before_its_span_ended(database: Database) -> None:
    """Not about what was asked since."""
    first = a_run("r1", conversation=CONVERSATION)
    second = Trace(name="r2", conversation=CONVERSATION, at=60, history=list(first.history))
    second.asks("And order B7?")
    second.model("It is open.")
    send(database, [*first.spans, *second.spans])
    log(database, [{**evaluation(first, "fail"), "timeUnixNano": second.spans[-1]["endTimeUnixNano"]}])
    with database.read() as workspace:
        (report,) = episodes.reports(workspace, f"otel.{CONVERSATION}")
        (row,) = (
            r for r in sessions.events_of(workspace, report.session_id) if r.event_id == report.event_id
        )
    assert row.text == "Cancel order A11."


def test_an_evaluation_finds_its_answer_by_the_id_of_the_answer(database: Database) -> None:
    """Where no span is named; one that finds none is rejected, and said to be."""
    trace = a_run(conversation=CONVERSATION)
    trace.spans[-1]["attributes"] += attributes({"gen_ai.response.id": "resp-1"})
    send(database, trace.spans)
    lost = {"traceId": "", "spanId": ""}
    many = [evaluation(trace, more={"gen_ai.response.id": f"resp-{n}"}, **lost) for n in (1, 2)]
    answer = json.loads(log(database, many).body)["partialSuccess"]
    assert (answer["rejectedLogRecords"], "id of an answer" in answer["errorMessage"]) == ("1", True)
    assert said(database) == [("success", "eval:resolved")]


@pytest.mark.parametrize(
    ("name", "given_", "body", "label"),
    [
        ("gen_ai.evaluation.user_feedback", {"gen_ai.evaluation.score": -1.0}, {"comment": "no"}, "failure"),
        ("gen_ai.evaluation.user_feedback", {"gen_ai.evaluation.score": 1}, None, "success"),
        ("user_feedback", {}, {"rating": "thumbs_up"}, "success"),
        ("", {"event.name": "user_feedback", "score": 2}, None, "failure"),
    ],
)
def test_feedback_is_a_persons_outcome(
    database: Database, name: str, given_: dict[str, Any], body: Any, label: str
) -> None:
    """In the shapes that programs send it in."""
    trace = a_run()
    send(database, trace.spans)
    one = {**record(name, given_, body=body, at=30), "traceId": trace.trace_id}
    for _ in range(2):
        log(database, [one])
    assert said(database) == [(label, "person:user")]


def test_an_outcome_of_the_program(database: Database) -> None:
    """A plain log line with our own attributes is one."""
    trace = a_run()
    send(database, trace.spans)
    line = record("", {"hivemind.outcome": "failure", "hivemind.actor": "billing"}, body="done", at=30)
    log(database, [{**line, "traceId": trace.trace_id}])
    assert said(database) == [("failure", "eval:billing")]


def test_a_request_that_failed_says_so_once(database: Database) -> None:
    """Whether the details or the exception tell it."""
    given_ = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": [{"role": "user", "content": "Hi"}]}
    failed = record(DETAILS, {**given_, "error.type": "timeout"}, trace="t", span="s")
    thrown = {"gen_ai.operation.name": "chat", "exception.type": "timeout", "exception.message": "60 s"}
    log(database, [failed, record("gen_ai.client.operation.exception", thrown, trace="t", span="s", at=1)])
    assert told(database) == [
        ("prompt", "", "Hi"),
        ("system", "", "the request to the model failed: timeout"),
    ]


def test_secrets_are_replaced(database: Database) -> None:
    """In messages, in what is kept, and in notes; and a conversation that is moved keeps what is replaced."""
    key = "sk-ant-api03-" + "Ab1" * 30 + "AA"
    trace = Trace(conversation=CONVERSATION).asks(f"Use {key}")
    trace.model("", ("c1", "call_api", {"api_key": key}))
    log(database, details(trace))
    log(database, [evaluation(trace, more={"gen_ai.evaluation.explanation": key, "other": key})])
    send(database, trace.spans)
    with database.read() as workspace:
        rows = sessions.events_of(workspace, only_session(database).session_id)
        (report,) = episodes.reports(workspace, f"otel.{CONVERSATION}")
    assert key not in json.dumps([[row.text, row.data] for row in rows]) + report.note
    assert [row.kind for row in rows if row.text] == ["prompt", "tool_call"]


def test_what_is_kept_out_is_rejected(database: Database) -> None:
    """A project on the deny-list is told so, and nothing of it is stored."""
    rules = Settings(capture_exclude_remotes=("service/shop-*",))
    answer = json.loads(log(database, messages(a_run()), rules=rules).body)["partialSuccess"]
    assert answer["rejectedLogRecords"] == "6"
    assert "capture.exclude_remotes" in answer["errorMessage"]
    with database.read() as workspace:
        assert sessions.recent(workspace, limit=1) == []


def test_what_says_nothing_is_counted(database: Database) -> None:
    """Lines of a program's log are not stored, and shown with their number."""
    for _ in range(2):
        assert log(database, [record("", body="GET /"), record("app.started")], scope="uvicorn").status == 200
    with database.read() as workspace:
        (problem,) = problems.recent(workspace)
        assert late.sessions_of(workspace, "otel") == 0
    assert (problem.slug, problem.count) == ("otlp-unmapped", 4)
    assert problem.message.startswith("log records of uvicorn")


def test_a_session_that_also_has_spans_is_not_taken_apart(database: Database) -> None:
    """Spans without a conversation stay in the session of their trace, and so do the logs beside them."""
    trace = a_run()
    log(database, details(trace))
    send(database, trace.spans[:1])
    named = a_run(conversation=CONVERSATION)
    send(database, named.spans[1:])
    with database.read() as workspace:
        found = {row.session_id for row in sessions.recent(workspace, limit=5)}
        own = sessions.events_of(workspace, f"otel.{trace.trace_id}")
    assert found == {f"otel.{trace.trace_id}", f"otel.{CONVERSATION}"}
    assert [row.kind for row in own].count("prompt") == 1


def test_what_is_placed_by_an_answer_goes_with_it(database: Database) -> None:
    """An evaluation of no trace, in the request that names the conversation of its answer."""
    trace = a_run()
    more = attributes({"gen_ai.response.id": "resp-1"})
    first, last = details(trace)
    log(database, [{**first, "attributes": [*first["attributes"], *more]}])
    named = attributes({"gen_ai.conversation.id": CONVERSATION})
    judged = evaluation(trace, more={"gen_ai.response.id": "resp-1"}, traceId="", spanId="")
    log(database, [judged, {**last, "attributes": [*last["attributes"], *named]}])
    assert only_session(database).session_id == f"otel.{CONVERSATION}"
    assert said(database) == [("success", "eval:resolved")]


def test_ids_of_stories_match() -> None:
    """A log record's span is the span of the story."""
    trace = a_run()
    assert details(trace)[0]["spanId"] == hex_id("r/0", 16) == trace.spans[0]["spanId"]


def test_what_was_mined_before_it_is_moved_is_mined_again(database: Database) -> None:
    """Nothing of the trace's own session is left, and its lessons are not counted twice."""
    runs = [cancelling(f"s{n:02}", careful=n % 2 == 1, conversation=f"{CONVERSATION}-{n}") for n in range(16)]
    for run in runs:
        log(database, [*details(run), evaluation(run, "pass" if len(run.spans) > 4 else "fail")])
    learn.learn(database, "default", settings=config.Settings())
    for run in runs:
        send(database, without_contents(run))
    learn.learn(database, "default", settings=config.Settings())
    with database.read() as workspace:
        found = {row.session_id for row in sessions.recent(workspace, limit=50)}
        bodies = [
            skills.version_of(workspace, s.skill_id, version=s.version).document.body
            for s in skills.listed(workspace)
        ]
        counts = workspace.execute(sa.select(schema.lessons.c.sessions)).scalars().all()
    assert found == {f"otel.{CONVERSATION}-{n}" for n in range(16)}
    assert any("get_order" in body for body in bodies)
    assert max(counts) <= 16
