"""Every documented way to write a row of fine-tuning data is read, and none is known by a name."""

from __future__ import annotations

from typing import Any

import pytest
from finetune_rows import ANSWER, ASKED, CONVERSATIONS, LABELLED, PAIRS, WORSE
from hypothesis import given
from hypothesis import strategies as st

from hivemind.finetune import formats
from hivemind.finetune.conversation import Conversation, Labelled, Pair, RefusedError, Role, ToolCall


@pytest.mark.parametrize(("name", "row"), [(n, r) for n, rows in CONVERSATIONS.items() for r in rows])
def test_a_dialogue_is_read_in_every_spelling(name: str, row: Any) -> None:
    """What was asked and answered is the same, whoever wrote it down."""
    found, example = formats.read(row)
    assert isinstance(example, Conversation)
    asked = [m.text for m in example.messages if m.role == Role.USER]
    assert found == name
    assert asked[-1] in (ASKED, "Where is it?\n\norder 7")
    assert (example.messages[-1].role, example.messages[-1].text) == (Role.ASSISTANT, ANSWER)


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini", "sharegpt", "bedrock"])
def test_calls_and_their_results_are_read(name: str) -> None:
    """A call has its tool and its input, the result stands behind it, and the tools are described alike."""
    rows = [
        row
        for row in CONVERSATIONS[name]
        if isinstance(row, dict) and ("tools" in row or "toolConfig" in row)
    ]
    _, example = formats.read(rows[0])
    assert isinstance(example, Conversation)
    calls = [call for m in example.messages for call in m.calls]
    assert [call.name for call in calls] == ["find_order"]
    assert name == "bedrock" or calls[0].arguments == {"number": 7}
    roles = [m.role for m in example.messages]
    assert roles[roles.index(Role.TOOL) - 1] == Role.ASSISTANT
    assert example.tools[0]["type"] == "function"
    assert example.tools[0]["function"]["name"] == "find_order"


@pytest.mark.parametrize("row", PAIRS)
def test_a_pair_is_read_in_every_spelling(row: Any) -> None:
    """One request, a preferred and a rejected answer."""
    name, example = formats.read(row)
    assert name == "preference"
    assert isinstance(example, Pair)
    assert [m.text for m in example.prompt if m.role == Role.USER] == [ASKED]
    assert [m.text for m in example.chosen] == [ANSWER]
    assert [m.text for m in example.rejected] == [WORSE]


@pytest.mark.parametrize(("row", "label"), LABELLED)
def test_a_label_is_read_in_every_spelling(row: Any, label: bool) -> None:
    """One request, one answer, and what was thought of it."""
    name, example = formats.read(row)
    assert name == "kto"
    assert isinstance(example, Labelled)
    assert example.label is label
    assert [m.text for m in example.prompt] == [ASKED]
    assert [m.text for m in example.completion] == [ANSWER]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("text", "the row is not an object"),
        ({}, "the row is empty"),
        ({"a": 1, "b": 2}, "no known format has the keys a, b"),
        ({"messages": [{"role": "user", "content": "x"}]}, "no answer of an assistant"),
        (
            {"prompt": "x", "chosen": "same", "rejected": "same"},
            "the chosen and the rejected answer are the same",
        ),
        ({"prompt": "x", "chosen": "good", "rejected": ""}, "the chosen or the rejected answer is empty"),
        ({"instruction": "", "output": "x"}, "the instruction is empty"),
        ({"text": "once upon a time"}, "plain text that marks no turns"),
        ({"messages": [{"role": "user", "content": "x"}, 7]}, "a turn is neither an object nor a text"),
    ],
)
def test_a_row_without_a_lesson_is_refused_with_its_reason(row: Any, reason: str) -> None:
    """The reason says what is wrong in words that rows share."""
    with pytest.raises(RefusedError) as refused:
        formats.read(row)
    assert refused.value.reason == reason


def test_unknown_roles_and_images_are_kept_as_what_they_are() -> None:
    """An unknown role keeps its name; what is no text is counted and left out."""
    image = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}
    _, example = formats.read(
        {
            "messages": [
                {"role": "Narrator", "content": "Night."},
                {"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]},
                {"role": "assistant", "content": "A cat."},
            ]
        }
    )
    assert isinstance(example, Conversation)
    assert [m.role for m in example.messages] == ["narrator", "user", "assistant"]
    assert example.messages[1].left_out == ("image_url",)


def test_arguments_that_are_no_object_are_kept_as_text() -> None:
    """A broken call is a call all the same."""
    row = {"conversations": [{"from": "human", "value": "x"}, {"from": "function_call", "value": "{broken"}]}
    _, example = formats.read(row)
    assert isinstance(example, Conversation)
    assert example.messages[1].calls == (ToolCall(name="unknown", arguments="{broken"),)


@pytest.mark.parametrize("answer", ['{"a": 1}', '[{"a": 1}]', '{"content": "x"}', "[1, 2]", "{broken"])
def test_an_answer_that_is_json_stays_a_text(answer: str) -> None:
    """Only turns are unpacked where a column keeps them as a text."""
    _, example = formats.read({"prompt": ASKED, "completion": answer})
    assert isinstance(example, Conversation)
    assert example.messages[-1].text == answer
    _, pair = formats.read({"prompt": ASKED, "chosen": answer, "rejected": WORSE})
    assert isinstance(pair, Pair)
    assert pair.chosen[0].text == answer


def test_a_labelled_answer_begins_where_the_row_says() -> None:
    """Also where a person spoke again meanwhile, and had the last word."""
    said = [
        {"role": "assistant", "content": "Which one?"},
        {"role": "user", "content": "The blue one."},
        {"role": "assistant", "content": ANSWER},
        {"role": "user", "content": "Thanks."},
    ]
    asked = {"role": "user", "content": ASKED}
    _, example = formats.read({"prompt": [asked], "completion": said, "label": True})
    assert isinstance(example, Labelled)
    assert [len(example.prompt), len(example.completion)] == [1, 4]
    _, whole = formats.read({"messages": [asked, *said], "label": True})
    assert isinstance(whole, Labelled)
    assert [m.text for m in whole.completion] == [ANSWER]


def test_a_label_that_is_a_class_makes_no_thumb() -> None:
    """`label: sports` says what a text is about, not whether the answer was good."""
    name, example = formats.read({"messages": CONVERSATIONS["openai"][2]["messages"], "label": "sports"})
    assert (name, type(example)) == ("openai", Conversation)


_NAMES = """
    messages conversations role from content value type text tool_calls function name arguments chosen
    rejected prompt completion label kto_tag instruction input output history system tools functions
    contents parts schemaVersion toolUse toolResult input_schema data preferred_output
    non_preferred_output id weight
"""
_KEYS = st.sampled_from(_NAMES.split())
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from(
        ["user", "assistant", "human", "gpt", "tool", "system", "[{", '{"name": 1}', "tool_use"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=30,
)


@given(row=_JSON | st.dictionaries(_KEYS, _JSON, max_size=6))
def test_no_row_makes_a_reader_raise(row: Any) -> None:
    """Whatever JSON comes, it is an example or refused."""
    try:
        name, example = formats.read(row)
    except RefusedError:
        return
    assert name
    assert isinstance(example, Conversation | Pair | Labelled)
