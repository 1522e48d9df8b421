"""Rows of fine-tuning data in every format, written for the tests."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

CALL = {"name": "find_order", "arguments": {"number": 7}}
ASKED, ANSWER, WORSE = "Where is order 7?", "It left the shelf on Monday.", "No idea."
TOOL = {
    "name": "find_order",
    "description": "Finds an order",
    "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}},
}


def _openai() -> list[dict[str, Any]]:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "find_order", "arguments": json.dumps(CALL["arguments"])},
    }
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "shelf 3"},
        {"role": "assistant", "content": ANSWER, "weight": 1},
    ]


_TURNS = [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWER}]
_SHARE = [{"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWER}]

#: Format → its rows in their documented variants, all of which say the same.
CONVERSATIONS: dict[str, list[Any]] = {
    "openai": [
        {
            "messages": _openai(),
            "tools": [{"type": "function", "function": TOOL}],
            "parallel_tool_calls": False,
        },
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": ASKED}]},
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "find_order", "arguments": "{}"},
                },
                {"role": "function", "name": "find_order", "content": "shelf 3"},
                {"role": "assistant", "content": ANSWER},
            ],
            "functions": [TOOL],
        },
        {"messages": _TURNS},
        {
            "messages": [
                {"role": t["role"], "content": [{"type": "text", "value": t["content"]}]} for t in _TURNS
            ]
        },
        _TURNS,
        {"messages": [{"role": "developer", "content": "Be brief."}, *_TURNS]},
        {"messages": json.dumps(_TURNS)},
    ],
    "anthropic": [
        {"system": "Be brief.", "messages": _TURNS},
        {
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [
                {"role": "user", "content": ASKED},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Look it up."},
                        {"type": "tool_use", "id": "t1", "name": "find_order", "input": {"number": 7}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t1",
                            "content": [{"type": "text", "text": "shelf 3"}],
                        }
                    ],
                },
                {"role": "assistant", "content": [{"type": "text", "text": ANSWER}]},
            ],
            "tools": [{"name": "find_order", "description": "", "input_schema": TOOL["parameters"]}],
        },
    ],
    "bedrock": [
        {
            "schemaVersion": "bedrock-conversation-2024",
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": ASKED}]},
                {"role": "assistant", "content": [{"text": ANSWER}]},
            ],
        },
        {
            "messages": [
                {"role": "user", "content": [{"text": ASKED}, {"image": {"format": "png", "source": {}}}]},
                {
                    "role": "assistant",
                    "content": [{"toolUse": {"toolUseId": "t", "name": "find_order", "input": {}}}],
                },
                {
                    "role": "user",
                    "content": [{"toolResult": {"toolUseId": "t", "content": [{"json": {"a": 1}}]}}],
                },
                {"role": "assistant", "content": [{"text": ANSWER}]},
            ],
            "toolConfig": {"tools": [{"toolSpec": {"name": "find_order", "inputSchema": {"json": {}}}}]},
        },
    ],
    "gemini": [
        {
            "systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": ASKED}]},
                {"role": "model", "parts": [{"functionCall": {"name": "find_order", "args": {"number": 7}}}]},
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "find_order", "response": {"s": 3}}}],
                },
                {"role": "model", "parts": [{"text": ANSWER}]},
            ],
            "tools": [{"functionDeclarations": [TOOL]}],
        }
    ],
    "sharegpt": [
        {"id": "1", "conversations": _SHARE},
        {
            "conversations": [
                {"from": "system", "value": "Be brief."},
                {"from": "human", "value": ASKED},
                {"from": "function_call", "value": json.dumps(CALL)},
                {"from": "observation", "value": "shelf 3"},
                {"from": "gpt", "value": ANSWER},
            ],
            "tools": json.dumps([TOOL]),
        },
        {"system": "Be brief.", "conversation": _TURNS},
        {"data": [ASKED, ANSWER]},
        [{"from": "user", "value": ASKED}, {"from": "assistant", "value": ANSWER}],
    ],
    "alpaca": [
        {"instruction": "Where is it?", "input": "order 7", "output": ANSWER},
        {
            "instruction": ASKED,
            "input": "",
            "output": ANSWER,
            "history": [["Hello", "Hello!"]],
            "system": "Be brief.",
        },
        {"instruction": ASKED, "context": "", "response": ANSWER, "category": "open_qa"},
    ],
    "completion": [
        {"prompt": ASKED, "completion": ANSWER},
        {"prompt": ASKED, "response": ANSWER},
        {"question": ASKED, "answer": ANSWER, "id": 7},
        {"input": ASKED, "output": ANSWER},
        {"prompt": [_TURNS[0]], "completion": [_TURNS[1]]},
        {"prompt": f"\n\nHuman: {ASKED}\n\nAssistant:", "completion": ANSWER},
    ],
    "text": [
        {"text": f"### Human: {ASKED}### Assistant: {ANSWER}"},
        {"text": f"Human: {ASKED}\n\nAssistant: {ANSWER}"},
        {"text": f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n{ANSWER}<|im_end|>"},
        {"text": f"<s>[INST] <<SYS>>Be brief.<</SYS>> {ASKED} [/INST] {ANSWER} </s>"},
    ],
}
PAIRS: list[Any] = [
    {"prompt": ASKED, "chosen": ANSWER, "rejected": WORSE},
    {"chosen": _TURNS, "rejected": [_TURNS[0], {"role": "assistant", "content": WORSE}]},
    {"prompt": ASKED, "chosen": _TURNS, "rejected": [_TURNS[0], {"role": "assistant", "content": WORSE}]},
    {"prompt": [_TURNS[0]], "chosen": [_TURNS[1]], "rejected": [{"role": "assistant", "content": WORSE}]},
    {
        "conversations": [{"from": "human", "value": ASKED}],
        "chosen": {"from": "gpt", "value": ANSWER},
        "rejected": {"from": "gpt", "value": WORSE},
    },
    {"chosen_messages": _TURNS, "rejected_messages": [_TURNS[0], {"role": "assistant", "content": WORSE}]},
    {"instruction": ASKED, "input": "", "chosen": ANSWER, "rejected": WORSE},
    {
        "input": {"messages": [_TURNS[0]], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [_TURNS[1]],
        "non_preferred_output": [{"role": "assistant", "content": WORSE}],
    },
    {
        "chosen": f"\n\nHuman: {ASKED}\n\nAssistant: {ANSWER}",
        "rejected": f"\n\nHuman: {ASKED}\n\nAssistant: {WORSE}",
    },
    {"question": ASKED, "response_j": ANSWER, "response_k": WORSE},
    {"prompt": ASKED, "response_0": WORSE, "response_1": ANSWER, "better_response_id": 1},
    {"instruction": ASKED, "output_1": ANSWER, "output_2": WORSE, "preference": 1},
]
LABELLED: list[tuple[Any, bool]] = [
    ({"prompt": ASKED, "completion": ANSWER, "label": True}, True),
    ({"prompt": [_TURNS[0]], "completion": [_TURNS[1]], "label": False}, False),
    ({"messages": _TURNS, "label": "false"}, False),
    ({"conversations": _SHARE, "kto_tag": True}, True),
    ({"instruction": ASKED, "input": "", "output": ANSWER, "kto_tag": 0}, False),
    ({"messages": _TURNS, "label": "desirable"}, True),
]


def write(path: Path, rows: list[Any]) -> Path:
    """Write rows as JSON lines, packed where the name says so."""
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path
