"""OpenInference, as Arize Phoenix and its instrumentations write it."""

from typing import Any

from hivemind.otlp.conventions.base import (
    Attributes,
    Call,
    Message,
    Reading,
    Role,
    Tokens,
    ToolRun,
    Verdict,
    Work,
    as_text,
    decoded,
    mapping,
    sub_list,
)
from hivemind.otlp.conventions.messages import role_of
from hivemind.otlp.spans import Span

_WORKS = {
    "LLM": Work.CHAT,
    "TOOL": Work.TOOL,
    "AGENT": Work.AGENT,
    "CHAIN": Work.AGENT,
}
_MARKS = ("openinference.", "llm.", "session.id")


def read(span: Span) -> Reading | None:
    """Read a span's OpenInference attributes; None where it has none."""
    if not any(name.startswith(_MARKS) for name in span.attributes):
        return None
    a = Attributes(span)
    kind = a.text("openinference.span.kind").upper()
    work = _WORKS.get(kind, Work.ASIDE) if kind else None
    metadata = mapping(decoded(a.values.get("metadata")))
    session = next(
        (as_text(metadata[k]) for k in ("session_id", "conversation_id", "thread_id") if metadata.get(k)), ""
    )
    asked, answered = "", ""
    if work in (Work.CHAT, Work.AGENT):
        asked, answered = a.text("input.value"), a.text("output.value")
        a.note("input.mime_type", "output.mime_type")
    return Reading(
        work=work,
        conversation_id=a.text("session.id") or session,
        model=a.text("llm.model_name"),
        provider=a.text("llm.provider", "llm.system"),
        agent_name=a.text("agent.name", "graph.node.id") if work is Work.AGENT else a.text("agent.name"),
        inputs=_messages(a, "llm.input_messages"),
        outputs=_messages(a, "llm.output_messages"),
        asked=asked,
        answered=answered,
        tool=_tool(a, span) if work is Work.TOOL else None,
        tokens=_tokens(a),
        tools=tuple(
            tool
            for one in a.list("llm.tools")
            if isinstance(tool := decoded(one.get("tool.json_schema")), dict)
        ),
        verdicts=_verdicts(a) if kind == "EVALUATOR" else (),
        used=frozenset(a.used),
    )


def _messages(a: Attributes, prefix: str) -> tuple[Message, ...]:
    found = []
    for one in a.list(prefix):
        role = role_of(one.get("message.role"), Role.ASSISTANT if "output" in prefix else Role.USER)
        text = as_text(one.get("message.content"))
        if not text:
            parts = sub_list(one, "message.contents")
            texts = [as_text(part.get("message_content.text")) for part in parts]
            text = "\n".join(said for said in texts if said)
        calls = tuple(
            Call(
                name=as_text(call.get("tool_call.function.name")),
                arguments=_arguments(call.get("tool_call.function.arguments")),
                call_id=as_text(call.get("tool_call.id")),
            )
            for call in sub_list(one, "message.tool_calls")
        )
        if text or calls or role is Role.TOOL:
            found.append(
                Message(
                    role=role,
                    text=text,
                    calls=calls,
                    call_id=as_text(one.get("message.tool_call_id")) if role is Role.TOOL else "",
                    name=as_text(one.get("message.name")),
                )
            )
    return tuple(found)


def _arguments(value: Any) -> Any:
    return {} if value in (None, "") else decoded(value)


def _tool(a: Attributes, span: Span) -> ToolRun:
    output = a.text("output.value")
    answer = mapping(decoded(output))
    a.note("input.mime_type", "output.mime_type")
    given = decoded(a.take("input.value"))
    # LangChain wraps the answer of a tool in a message with the id of the call.
    inner = mapping(answer.get("kwargs")) or mapping(answer.get("data"))
    inner = inner or (answer if answer.get("type") == "tool" else {})
    call_id = a.text("tool_call.id", "tool.call.id", "tool.id") or as_text(inner.get("tool_call_id"))
    if "content" in inner and call_id:
        output = as_text(inner["content"])
    return ToolRun(
        name=a.text("tool.name", "tool_call.function.name") or span.name,
        call_id=call_id,
        arguments=given,
        result=output,
    )


def _tokens(a: Attributes) -> Tokens | None:
    counted = Tokens(
        input=a.count("llm.token_count.prompt"),
        output=a.count("llm.token_count.completion"),
        cache_read=a.count("llm.token_count.prompt_details.cache_read"),
        cache_write=a.count("llm.token_count.prompt_details.cache_write"),
    )
    return counted if counted != Tokens() else None


def _verdicts(a: Attributes) -> tuple[Verdict, ...]:
    score = a.number("eval.score", "evaluation.score", "score")
    label = a.text("eval.label", "evaluation.label", "label")
    if score is None and not label:
        return ()
    name = a.text("eval.name", "evaluation.name") or "evaluator"
    note = a.text("eval.explanation", "evaluation.explanation", "explanation")
    return (Verdict(name=name, label=label, score=score, note=note),)
