"""Write examples as TRL documents them: dialogues, preferred and rejected answers, answers with a label."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from hivemind.finetune.conversation import Conversation, Example, Labelled, Message, Pair, Role
from hivemind.finetune.export import choosing
from hivemind.finetune.export.choosing import Chosen, Filters
from hivemind.store.database import Workspace

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Name a kind of file, what goes into it, how a row is written, and its columns."""

    name: str
    choose: Callable[[Workspace, Filters], Iterator[Chosen]]
    write: Callable[[Chosen], Row]
    columns: dict[str, str]  #: name → messages, json, text or bool; the order in Parquet


def message_row(message: Message) -> Row:
    """Write a turn as OpenAI and TRL do; what a turn does not have is left out."""
    row: Row = {"role": message.role, "content": message.text}
    if message.calls:
        row["tool_calls"] = [
            {
                "type": "function",
                **({"id": call.call_id} if call.call_id else {}),
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.calls
        ]
    if message.role == Role.TOOL and message.call_id:
        row["tool_call_id"] = message.call_id
    if message.name:
        row["name"] = message.name
    if message.reasoning:
        row["reasoning_content"] = message.reasoning
    if message.weight is not None:
        row["weight"] = message.weight
    return row


def _messages(messages: tuple[Message, ...]) -> list[Row]:
    return [message_row(message) for message in messages]


def _tools(example: Example) -> Row:
    return {"tools": list(example.tools)}


def _sft(chosen: Chosen) -> Row:
    source, example = chosen
    assert isinstance(example, Conversation)  # noqa: S101 - chosen by its kind
    return {"id": source.ids[0], "messages": _messages(example.messages), **_tools(example)}


def _dpo(chosen: Chosen) -> Row:
    source, example = chosen
    assert isinstance(example, Pair)  # noqa: S101 - chosen by its kind
    return {
        "id": "-".join(source.ids),
        "prompt": _messages(example.prompt),
        "chosen": _messages(example.chosen),
        "rejected": _messages(example.rejected),
        **_tools(example),
    }


def _kto(chosen: Chosen) -> Row:
    source, example = chosen
    assert isinstance(example, Labelled)  # noqa: S101 - chosen by its kind
    return {
        "id": source.ids[0],
        "prompt": _messages(example.prompt),
        "completion": _messages(example.completion),
        "label": example.label,
        **_tools(example),
    }


def _plain(chosen: Chosen) -> Row:
    return {**_sft(chosen), "about": chosen[0].facts}


_ID: Final = {"id": "text"}
_TOOLS: Final = {"tools": "messages"}
WRITERS: Final[dict[str, Writer]] = {
    writer.name: writer
    for writer in (
        Writer(
            name="sft",
            choose=choosing.conversations,
            write=_sft,
            columns={**_ID, "messages": "messages", **_TOOLS},
        ),
        Writer(
            name="dpo",
            choose=choosing.pairs,
            write=_dpo,
            columns={
                **_ID,
                "prompt": "messages",
                "chosen": "messages",
                "rejected": "messages",
                **_TOOLS,
            },
        ),
        Writer(
            name="kto",
            choose=choosing.labelled,
            write=_kto,
            columns={**_ID, "prompt": "messages", "completion": "messages", "label": "bool", **_TOOLS},
        ),
        Writer(
            name="plain",
            choose=lambda workspace, filters: choosing.conversations(workspace, _any_outcome(filters)),
            write=_plain,
            columns={**_ID, "messages": "messages", **_TOOLS, "about": "json"},
        ),
    )
}


def _any_outcome(filters: Filters) -> Filters:
    """Write every episode plainly, whatever its outcome, unless some are asked for."""
    if filters.outcomes:
        return filters
    return Filters(
        projects=filters.projects,
        since=filters.since,
        until=filters.until,
        outcomes=("success", "failure", "unknown"),
        models=filters.models,
        agents=filters.agents,
    )
