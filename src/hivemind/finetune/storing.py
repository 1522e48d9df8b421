"""Keep an example as the events of a session, redacted, and read it back; also what agents really did."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hivemind.capture.ingest import redact
from hivemind.capture.redaction import Redactor
from hivemind.domain.events import Event, EventKind, ResultStatus
from hivemind.finetune.conversation import Conversation, Example, Labelled, Message, Pair, Role, ToolCall
from hivemind.store import imports
from hivemind.store.sessions import RedactedEvent

#: Where `events.agent_id` says which side of a comparison an event is on; empty for what both share.
CHOSEN, REJECTED = "chosen", "rejected"
_PROMPT = ""
#: Arguments that are no JSON object are kept under this key.
_RAW = "hivemind_raw_arguments"
_SPOKEN = (EventKind.SYSTEM, EventKind.PROMPT, EventKind.ASSISTANT)


def row_of(
    example: Example, *, file: str, number: int, format_name: str, project_id: str, redactor: Redactor
) -> imports.Row:
    """Give an example as it is stored; its id is that of its content, redacted, wherever it came from.

    `file` is redacted already: it is the same for many rows.
    """
    spoken = [redact(event, redactor) for event in _events(example)]
    kind = kind_of(example)
    facts: dict[str, Any] = {"file": file, "row": number, "format": format_name, "kind": kind}
    if isinstance(example, Labelled):
        facts["label"] = example.label
    head = RedactedEvent(
        event=Event(
            kind=EventKind.SYSTEM,
            native_id="~row",
            text=f"row {number} of {file} ({format_name}, {kind})",
            data=facts,
        )
    )
    if example.tools:
        described = Event(kind=EventKind.SYSTEM, native_id="~tools", data={"tools": list(example.tools)})
        tools = redact(described, redactor)
        facts |= tools.event.data
        head = replace(head, redactions=tools.redactions)
    session_id = imports.scope_of(project_id) + _digest(example, spoken)
    return imports.Row(session_id=session_id, format=format_name, events=(head, *spoken))


def kind_of(example: Example) -> str:
    """Name what an example is: conversation, pair or labelled."""
    return {Pair: "pair", Labelled: "labelled"}.get(type(example), "conversation")


def left_out_of(example: Example) -> Iterator[str]:
    """Yield the kinds of content of an example that is no text."""
    for message in _all_turns(example):
        yield from message.left_out


def _all_turns(example: Example) -> tuple[Message, ...]:
    match example:
        case Pair():
            return (*example.prompt, *example.chosen, *example.rejected)
        case Labelled():
            return (*example.prompt, *example.completion)
        case _:
            return example.messages


def _digest(example: Example, events: Iterable[RedactedEvent]) -> str:
    told = [
        [e.event.kind, e.event.agent_id, e.event.tool_name, e.event.tool_call_id, e.event.text, e.event.data]
        for e in events
    ]
    whole = json.dumps([kind_of(example), told, list(example.tools)], sort_keys=True, default=str)
    return hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=15).hexdigest()


def _events(example: Example) -> list[Event]:
    match example:
        case Pair(prompt=prompt, chosen=chosen, rejected=rejected):
            parts = [(_PROMPT, prompt), (CHOSEN, chosen), (REJECTED, rejected)]
        case Labelled(prompt=prompt, completion=completion, label=label):
            parts = [(_PROMPT, prompt), (CHOSEN if label else REJECTED, completion)]
        case _:
            parts = [(_PROMPT, example.messages)]
    found: list[Event] = []
    for side, messages in parts:
        for message in messages:
            for kind, values in _of(message):
                found.append(Event(kind=kind, native_id=f"~{len(found)}", agent_id=side, **values))
    return found


def _of(message: Message) -> Iterator[tuple[EventKind, dict[str, Any]]]:
    extra = _extra(message)
    match message.role:
        case Role.USER:
            yield EventKind.PROMPT, {"text": message.text, "data": extra}
        case Role.ASSISTANT:
            if message.text or extra or not message.calls:
                yield EventKind.ASSISTANT, {"text": message.text, "data": extra}
            for call in message.calls:
                given = call.arguments if isinstance(call.arguments, dict) else {_RAW: call.arguments}
                text = json.dumps(call.arguments, ensure_ascii=False, default=str)
                yield (
                    EventKind.TOOL_CALL,
                    {"text": text, "data": given, "tool_name": call.name, "tool_call_id": call.call_id},
                )
        case Role.TOOL:
            yield (
                EventKind.TOOL_RESULT,
                {
                    "text": message.text,
                    "data": {k: v for k, v in extra.items() if k != "name"},
                    "tool_name": message.name,
                    "tool_call_id": message.call_id,
                    "status": ResultStatus.UNKNOWN,
                },
            )
        case _:
            yield EventKind.SYSTEM, {"text": message.text, "data": {"role": message.role, **extra}}


def _extra(message: Message) -> dict[str, Any]:
    extra = {
        "name": message.name,
        "reasoning": message.reasoning,
        "weight": message.weight,
        "left_out": list(message.left_out),
    }
    return {key: value for key, value in extra.items() if value not in ("", None, [])}


def facts_of(rows: Sequence[Any]) -> Mapping[str, Any]:
    """Give what is known of an imported row: its file, number, format, kind and label."""
    head = rows[0].data if rows and rows[0].kind == EventKind.SYSTEM else None
    return head if isinstance(head, dict) else {}


def example_of(rows: Sequence[Any]) -> Example:
    """Read an imported row's example back from its events."""
    facts = facts_of(rows)
    tools = tuple(tool for tool in facts.get("tools") or () if isinstance(tool, dict))
    sides = {
        side: tuple(messages_of(r for r in rows[1:] if r.agent_id == side))
        for side in (_PROMPT, CHOSEN, REJECTED)
    }
    match facts.get("kind"):
        case "pair":
            return Pair(prompt=sides[_PROMPT], chosen=sides[CHOSEN], rejected=sides[REJECTED], tools=tools)
        case "labelled":
            label = facts.get("label") is True
            answer = sides[CHOSEN if label else REJECTED]
            return Labelled(prompt=sides[_PROMPT], completion=answer, label=label, tools=tools)
        case _:
            return Conversation(messages=sides[_PROMPT], tools=tools)


def messages_of(rows: Iterable[Any]) -> Iterator[Message]:
    """Read turns from events; calls belong to what the assistant said right before them."""
    speaking: Message | None = None
    for row in rows:
        extra = row.data if isinstance(row.data, dict) else {}
        if row.kind == EventKind.TOOL_CALL:
            held = speaking or Message(role=Role.ASSISTANT.value)
            call = ToolCall(name=row.tool_name, arguments=_arguments(row), call_id=row.tool_call_id)
            speaking = Message(
                role=held.role,
                text=held.text,
                reasoning=held.reasoning,
                calls=(*held.calls, call),
                name=held.name,
                weight=held.weight,
                left_out=held.left_out,
            )
            continue
        if speaking is not None and (row.kind in _SPOKEN or row.kind == EventKind.TOOL_RESULT):
            yield speaking
            speaking = None
        if row.kind == EventKind.ASSISTANT:
            speaking = _message(row, extra, role=Role.ASSISTANT.value)
        elif row.kind == EventKind.PROMPT:
            yield _message(row, extra, role=Role.USER.value)
        elif row.kind == EventKind.TOOL_RESULT:
            yield Message(role=Role.TOOL.value, text=row.text, call_id=row.tool_call_id, name=row.tool_name)
        elif row.kind == EventKind.SYSTEM and "role" in extra:
            yield _message(row, extra, role=str(extra["role"]))
    if speaking is not None:
        yield speaking


def _message(row: Any, extra: Mapping[str, Any], *, role: str) -> Message:
    weight = extra.get("weight")
    return Message(
        role=role,
        text=row.text,
        reasoning=str(extra.get("reasoning", "")),
        name=str(extra.get("name", "")),
        weight=float(weight) if isinstance(weight, (int, float)) else None,
        left_out=tuple(map(str, extra.get("left_out") or ())),
    )


def _arguments(row: Any) -> dict[str, Any] | str:
    given = row.data if isinstance(row.data, dict) else {}
    return str(given[_RAW]) if set(given) == {_RAW} else given
