"""Traces become sessions: each thing that was said or done once, in order, however the spans come."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otlp_stories import REDACTOR, SECOND_NS, Trace, attributes, cancelling, document, hex_id, send

from hivemind import config
from hivemind.config import Settings
from hivemind.domain.events import EventKind
from hivemind.otlp import receiver
from hivemind.otlp.reading import JSON, PROTOBUF
from hivemind.store import episodes, problems, search, sessions, skills
from hivemind.store.database import Database, open_database
from hivemind.worker import learn


def only_session(database: Database) -> Any:
    """Give the one session that is stored."""
    with database.read() as workspace:
        (found,) = sessions.recent(workspace, limit=5)
    return found


def told(database: Database, session_id: str = "") -> list[tuple[str, str, str, str]]:
    """Give what was said and done, as (kind, subagent, status, text); records of spans are left out."""
    session_id = session_id or only_session(database).session_id
    with database.read() as workspace:
        rows = sessions.events_of(workspace, session_id)
    assert [row.seq for row in rows] == list(range(len(rows)))
    return [
        (row.kind, row.agent_id, row.status or "", row.text)
        for row in rows
        if not (row.kind == EventKind.SYSTEM and not row.text)
    ]


def a_run(name: str = "r", conversation: str = "") -> Trace:
    """Tell a run with a failing and a working call."""
    trace = Trace(name=name, conversation=conversation)
    trace.asks("Cancel order A11.")
    trace.model("", ("c1", "cancel_order", {"order": "A11"}))
    trace.tool("c1", "cancel_order", {"order": "A11"}, "look it up first", failed=True)
    trace.model("Let me look.", ("c2", "get_order", {"order": "A11"}))
    trace.tool("c2", "get_order", {"order": "A11"}, "open")
    trace.model("Done.")
    return trace


EXPECTED = [
    ("prompt", "", "", "Cancel order A11."),
    ("tool_call", "", "", '{"order": "A11"}'),
    ("usage", "", "", ""),
    ("tool_result", "", "error", "look it up first"),
    ("assistant", "", "", "Let me look."),
    ("tool_call", "", "", '{"order": "A11"}'),
    ("usage", "", "", ""),
    ("tool_result", "", "ok", "open"),
    ("assistant", "", "", "Done."),
    ("usage", "", "", ""),
]


def test_a_trace_is_a_session(database: Database) -> None:
    """What was asked, called, answered and paid for is there once, with model and project."""
    answer = send(database, a_run().spans, packed=True)
    assert (answer.status, answer.body) == (200, b"{}")
    session = only_session(database)
    assert (session.agent, session.project, session.request_model) == ("otel", "shop-bot", "m-1")
    assert (session.prompts, session.tool_calls, session.tool_errors) == (1, 2, 1)
    assert told(database) == EXPECTED


def test_unknown_attributes_are_kept(database: Database) -> None:
    """What no convention reads is kept with its span."""
    send(database, a_run().spans)
    with database.read() as workspace:
        rows = sessions.events_of(workspace, only_session(database).session_id)
    spans = [row.data["span"] for row in rows if row.data and "span" in row.data]
    assert len(spans) == 5
    assert sum(span.get("attributes") == {"custom.attribute": "kept"} for span in spans) == 3
    assert {span.get("provider", "openai") for span in spans} == {"openai"}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(("", "conversation-of-more-than-twenty")))
def test_order_and_repetition_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, conversation: str
) -> None:
    """Late, twice, out of order, one by one: the session is the same."""
    database = open_database(tmp_path_factory.mktemp("any") / "x.db")
    spans = a_run(conversation=conversation).spans
    many = [*spans, *chance.sample(spans, 2)]
    chance.shuffle(many)
    while many:
        take = chance.randint(1, len(many))
        assert send(database, many[:take]).status == 200
        many = many[take:]
    found = told(database)
    assert sorted(found) == sorted(EXPECTED)
    assert [e for e in found if e[0] != "usage"] == [e for e in EXPECTED if e[0] != "usage"]
    database.close()


def test_a_conversation_of_many_traces_is_one_session(database: Database) -> None:
    """Each request repeats the history, which is stored once."""
    first = a_run("r1", conversation="c-1")
    send(database, first.spans)
    second = Trace(name="r2", conversation="c-1", at=60, history=list(first.history))
    second.asks("Thanks. And order B7?")
    second.model("It is open.")
    send(database, second.spans)
    assert told(database)[-3:] == [
        ("prompt", "", "", "Thanks. And order B7?"),
        ("assistant", "", "", "It is open."),
        ("usage", "", "", ""),
    ]
    assert len(told(database)) == len(EXPECTED) + 3
    assert only_session(database).session_id == "otel.shop-bot.c-1"


def test_the_same_request_again_is_another(database: Database) -> None:
    """Where each run starts anew, the same words are asked again."""
    for number in range(3):
        trace = Trace(name=f"nightly{number}", conversation="nightly", at=number * 100)
        trace.asks("Check the orders.")
        trace.model("", (f"n{number}", "get_orders", {}))
        trace.tool(f"n{number}", "get_orders", {}, "3 orders")
        trace.model(f"All {number} fine.")
        send(database, trace.spans[:1])
        send(database, trace.spans[1:])
        send(database, trace.spans)
    assert [kind for kind, *_ in told(database)].count("prompt") == 3


def test_later_spans_without_the_conversation_find_it(database: Database) -> None:
    """The conversation that one span of a trace names is that of the others, also of later ones."""
    trace = a_run("r")
    trace.conversation = "c-2"
    trace.model("Anything else?")
    send(database, trace.spans[-1:] + trace.spans[:1])
    send(database, trace.spans[1:-1])
    assert only_session(database).session_id == "otel.shop-bot.c-2"


def test_what_happens_within_a_tool_is_a_subagents(database: Database) -> None:
    """An agent that is run as a tool does not speak for the main one."""
    trace = Trace()
    trace.asks("Sort this out.")
    trace.model("", ("c1", "ask_expert", {"about": "A11"}))
    outer = trace.tool("c1", "ask_expert", {"about": "A11"}, "it is open")
    inner = Trace(name=trace.name, at=1)
    inner.spans = [{}] * 10
    inner.asks("What about A11?")
    said = inner.model("It is open.", parent=outer["spanId"])
    send(database, [*trace.spans, said])
    by_agent = {(kind, bool(agent)) for kind, agent, *_ in told(database)}
    assert ("prompt", True) in by_agent
    assert only_session(database).title == "Sort this out."


def test_tools_without_the_id_of_their_call(database: Database) -> None:
    """OpenInference's tool spans name no call: it is found by tool and input."""
    messages = {
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Cancel A11",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "cancel",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"order": "A11"}',
        "llm.token_count.prompt": 12,
        "llm.token_count.completion": 3,
        "llm.model_name": "m-2",
        "openinference.span.kind": "LLM",
    }
    trace = Trace()
    trace.span("generation", messages)
    trace.span(
        "cancel",
        {
            "openinference.span.kind": "TOOL",
            "tool.name": "cancel",
            "input.value": '{"order": "A11"}',
            "output.value": "no",
        },
        failed="no",
    )
    send(database, trace.spans[:1])
    send(database, trace.spans[1:])
    assert [(kind, status) for kind, _, status, _ in told(database)] == [
        ("prompt", ""),
        ("tool_call", ""),
        ("usage", ""),
        ("tool_result", "error"),
    ]


def test_older_events_and_flat_attributes(database: Database) -> None:
    """Messages as span events, and as OpenLLMetry's numbered attributes, are the same session."""
    trace = Trace()
    trace.span(
        "chat",
        {"gen_ai.system": "openai", "gen_ai.operation.name": "chat"},
        events=[
            ("gen_ai.system.message", {"content": "Be brief."}),
            ("gen_ai.user.message", {"content": "Hello there, bot"}),
            (
                "gen_ai.choice",
                {
                    "index": 0,
                    "message": json.dumps(
                        {
                            "content": "Hi",
                            "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": "{}"}}],
                        }
                    ),
                },
            ),
        ],
    )
    trace.span(
        "openai.chat",
        {
            "llm.request.type": "chat",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "Hello there, bot",
            "gen_ai.prompt.1.role": "assistant",
            "gen_ai.prompt.1.content": "Hi",
            "gen_ai.prompt.1.tool_calls.0.id": "c1",
            "gen_ai.prompt.1.tool_calls.0.name": "look",
            "gen_ai.prompt.1.tool_calls.0.arguments": "{}",
            "gen_ai.prompt.2.role": "tool",
            "gen_ai.prompt.2.tool_call_id": "c1",
            "gen_ai.prompt.2.content": "nothing",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "There is nothing.",
        },
    )
    send(database, trace.spans)
    assert [(kind, text) for kind, _, _, text in told(database)] == [
        ("system", "Be brief."),
        ("prompt", "Hello there, bot"),
        ("assistant", "Hi"),
        ("tool_call", ""),
        ("tool_result", "nothing"),
        ("assistant", "There is nothing."),
    ]


def test_records_of_spans_are_not_found(database: Database) -> None:
    """Who searches past work finds what was said and done, and pruning leaves nothing behind."""
    send(database, a_run().spans)
    session = only_session(database)
    with database.read() as workspace:
        assert search.search_events(workspace, "custom attribute chat") == []
        assert search.search_events(workspace, "cancel order")
    with database.write() as workspace:
        sessions.prune(workspace, [session.session_id])
        assert search.search_events(workspace, "cancel order") == []


def test_secrets_are_replaced(database: Database) -> None:
    """Nothing is stored that looks like a key, neither in a message nor in a tool's input or an attribute."""
    key = "sk-ant-api03-" + "Ab1" * 30 + "AA"
    trace = Trace()
    trace.asks(f"Use {key}")
    trace.model("", ("c1", "call_api", {"api_key": key}))
    trace.span("x", {"gen_ai.operation.name": "embeddings", "my.token": key})
    send(database, trace.spans)
    with database.read() as workspace:
        rows = sessions.events_of(workspace, only_session(database).session_id)
    assert key not in json.dumps([[row.text, row.data] for row in rows])
    assert sum(row.redactions for row in rows) >= 3


def test_what_is_kept_out_is_rejected(database: Database) -> None:
    """A project on the deny-list is told so, and nothing of it is stored."""
    rules = Settings(capture_exclude_remotes=("service/shop-*",))
    answer = receiver.receive(
        database,
        workspace_id="default",
        body=json.dumps(document(a_run().spans)).encode(),
        content_type=JSON,
        redactor=REDACTOR,
        rules=rules,
    )
    assert json.loads(answer.body)["partialSuccess"]["rejectedSpans"] == "5"
    with database.read() as workspace:
        assert sessions.recent(workspace, limit=1) == []


def test_what_says_nothing_is_counted(database: Database) -> None:
    """Spans of a web framework are not stored, and shown with their number."""
    trace = Trace()
    trace.span("GET /", {"http.request.method": "GET"})
    trace.span("SELECT", {"db.system": "postgresql"})
    for _ in range(2):
        assert send(database, trace.spans, scope="opentelemetry.instrumentation.wsgi").status == 200
    with database.read() as workspace:
        (problem,) = problems.recent(workspace)
        assert sessions.recent(workspace, limit=1) == []
    assert (problem.slug, problem.count) == ("otlp-unmapped", 4)
    assert "opentelemetry.instrumentation.wsgi" in problem.message


@pytest.mark.parametrize(
    ("given_", "label"),
    [
        ({"gen_ai.evaluation.name": "correct", "gen_ai.evaluation.score.label": "pass"}, "success"),
        ({"gen_ai.evaluation.name": "task", "gen_ai.evaluation.score.value": 0.2}, "failure"),
        ({"gen_ai.evaluation.name": "toxicity", "gen_ai.evaluation.score.value": 0.1}, None),
        ({"gen_ai.evaluation.name": "fluency", "gen_ai.evaluation.score.value": 4.0}, None),
    ],
)
def test_evaluations_are_outcomes(database: Database, given_: dict[str, Any], label: str | None) -> None:
    """A verdict on the work is a report; other measures are none."""
    trace = a_run()
    trace.span(
        "agent",
        {"gen_ai.operation.name": "invoke_agent"},
        start=0,
        events=[("gen_ai.evaluation.result", given_)],
    )
    for _ in range(2):
        send(database, trace.spans)
    with database.read() as workspace:
        said = episodes.reports(workspace, only_session(database).session_id)
    assert [report.score_label for report in said] == ([label] if label else [])


def test_feedback_of_a_person_later(database: Database) -> None:
    """Feedback comes in a span of its own, and is about what was asked."""
    trace = a_run()
    send(database, trace.spans)
    trace.span(
        "feedback",
        {"logfire.feedback.name": "thumb", "thumb": False, "logfire.feedback.comment": "still open"},
    )
    send(database, trace.spans[-1:])
    with database.read() as workspace:
        (said,) = episodes.reports(workspace, only_session(database).session_id)
        prompt = sessions.latest_prompt(workspace, said.session_id)
    assert (said.score_label, said.evaluation_name, said.note) == ("failure", "person:thumb", "still open")
    assert said.event_id == prompt


def test_answers_are_in_the_encoding_of_the_request(database: Database) -> None:
    """Refusals are told as google.rpc.Status, in JSON or protobuf."""
    answer = receiver.receive(
        database, workspace_id="default", body=b"{", content_type=JSON, redactor=REDACTOR
    )
    assert (answer.status, json.loads(answer.body)["code"]) == (400, 3)
    answer = receiver.refusal(429, "too much", content_type=PROTOBUF)
    assert answer.headers == {"Content-Type": PROTOBUF, "Retry-After": "2"}
    assert answer.body == b"\x08\x08\x12\x08too much"


def test_runs_that_failed_and_worked_become_a_skill(database: Database) -> None:
    """Some runs look first and work, some do not and fail: the skill says to look first."""
    for number in range(16):
        trace = cancelling(f"s{number:02}", careful=number % 2 == 1)
        trace.at += number * 100
        for span in trace.spans:
            for key in ("startTimeUnixNano", "endTimeUnixNano"):
                span[key] = str(int(span[key]) + number * 1_000 * SECOND_NS)
        assert send(database, trace.spans).status == 200
    learn.learn(database, "default", settings=config.Settings())
    with database.read() as workspace:
        found = skills.listed(workspace)
        bodies = [skills.version_of(workspace, s.skill_id, version=s.version).document.body for s in found]
    assert found
    assert any("get_order" in body for body in bodies)


def test_ids_of_fixtures_are_ids() -> None:
    """The stories write ids as OTLP has them."""
    assert len(hex_id("x", 32)) == 32
    assert attributes({"a": 1}) == [{"key": "a", "value": {"intValue": "1"}}]
