"""The scripted model speaks every wire format, and follows its script."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from .clients import ClaudeCode
from .model import MAX_TURNS, Request, ScriptedModel, Step, call, fail, say, shell, together, write
from .model.script import reply

JSON = dict[str, Any]


def _request(*messages: JSON, tools: tuple[str, ...] = ("Bash",)) -> Request:
    body = {"messages": list(messages), "tools": [{"name": name} for name in tools]}
    return Request("POST", "/v1/messages", {}, body)


def _user(*texts: str) -> JSON:
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


CALL: JSON = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Bash", "input": {}}]}
RESULT: JSON = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "1", "content": "a result"}],
}


@pytest.mark.e2e
def test_a_failing_and_a_working_command(
    scripted_model: ScriptedModel, claude_code: ClaudeCode, project: Path
) -> None:
    """The client runs what the script asks for and hands failures and outputs back to the model."""
    scripted_model.when(
        "run the tests",
        shell("make tests", "I run the tests."),
        together(shell("make test"), shell("echo beside")),
        lambda request: say(f"The last output was: {request.last_result}"),
    )
    done = claude_code.run("Please run the tests", cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.result == "The last output was: beside"
    first, second, third = scripted_model.turns
    assert "Please run the tests" in first.text
    assert "No rule to make target" in second.last_result
    assert "3 passed" in third.text
    records = [json.loads(line) for line in claude_code.transcript(done.session_id).read_text().splitlines()]
    assert {record["cwd"] for record in records if record["type"] == "user"} == {str(project)}


@pytest.mark.e2e
def test_a_conversation_and_its_resumption(
    scripted_model: ScriptedModel, claude_code: ClaudeCode, project: Path
) -> None:
    """Several prompts go through one process, and a resumed session remembers them."""
    scripted_model.when("first", say("one"))
    scripted_model.when("second", shell("echo two"), lambda request: say(request.last_result))
    scripted_model.when("third", lambda request: say("known" if "the first" in request.text else "forgotten"))
    talk = claude_code.converse(["the first", "the second"], cwd=project)
    assert talk.results == ("one", "two")
    resumed = claude_code.run("the third", cwd=project, resume=talk.session_id)
    assert (resumed.result, resumed.session_id) == ("known", talk.session_id)


@pytest.mark.e2e
def test_an_error_of_the_model(scripted_model: ScriptedModel, claude_code: ClaudeCode, project: Path) -> None:
    """An HTTP error of the model reaches the person, not a hang."""
    scripted_model.when("break", fail(400, "no such luck"))
    done = claude_code.run("break", cwd=project)
    assert done.returncode != 0
    assert "no such luck" in done.result


@pytest.mark.e2e
def test_nothing_of_the_developer_leaks(
    scripted_model: ScriptedModel, claude_code: ClaudeCode, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client sees the variables that a test hands over and none that the developer has set."""
    monkeypatch.setenv("HIVEMIND_WORKSPACE_ID", "the-developers")
    monkeypatch.setenv("LEAK", "yes")
    scripted_model.when("env", shell("echo [$LEAK] [$HIVEMIND_CAPTURE] [$HIVEMIND_WORKSPACE_ID]"))
    claude_code.run("env", cwd=project, env={"HIVEMIND_CAPTURE": "false"})
    assert scripted_model.turns[-1].last_result == "[] [false] []"


@pytest.mark.e2e
def test_a_client_that_hangs_is_ended(
    scripted_model: ScriptedModel, claude_code: ClaudeCode, project: Path
) -> None:
    """A run comes back in bounded time, with what there is."""
    scripted_model.when("wait", say("too late", delay=20))
    assert claude_code.run("wait", cwd=project, timeout=3).returncode == -signal.SIGKILL
    assert claude_code.converse(["wait"], cwd=project, timeout=3).results == ()


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (_user("do it"), "do it"),
        (_user("<system-reminder>\nskip\n</system-reminder>", "do it"), "do it"),
        (_user("<system-reminder>all of it</system-reminder>"), ""),
        (_user("<task-notification>\n<task-id>1</task-id>\n</task-notification>"), ""),
        (_user("Base directory for this skill: /a"), ""),
        ({"role": "system", "content": "SessionStart hook additional context: x"}, ""),
        (RESULT, ""),
        (_user("do it\n\n<hivemind-skills>\na skill\n</hivemind-skills>"), "do it"),
        (_user("<hook_context>x</hook_context>\n<session_context>y</session_context>\ndo it"), "do it"),
        (_user("<environment_context>\n<cwd>/a</cwd>\n</environment_context>"), ""),
        (_user("# AGENTS.md instructions for /a\n\n<INSTRUCTIONS>"), ""),
    ],
)
def test_what_a_person_wrote(message: JSON, text: str) -> None:
    """Texts that the client wrote are not taken for a person's."""
    assert _request(message).prompt == text


def test_the_step_follows_from_the_request() -> None:
    """The next step is the number of model turns since the person spoke, whatever the client put between."""
    model = ScriptedModel()
    model.when("go", shell("one"), shell("two"), say("three"))
    notice = _user("<task-notification>done</task-notification>")
    chosen = [
        model.choose(_request(_user("go"))),
        model.choose(_request(_user("go"), CALL, RESULT, notice)),
        model.choose(_request(_user("go"), CALL, CALL, RESULT, CALL, RESULT)),
        model.choose(_request(_user("go"), CALL, RESULT, _user("go"))),
        model.choose(_request(*[_user("go"), CALL, RESULT, CALL, RESULT, CALL])),
    ]
    assert chosen == [shell("one"), shell("two"), say("three"), shell("one"), say("Done.")]


def test_a_step_may_depend_on_what_the_model_was_told() -> None:
    """A step that is a function sees the whole request."""

    def careful(request: Request) -> Step:
        return shell("make test") if "use make" in request.text else shell("pytest")

    model = ScriptedModel()
    model.when("test it", careful)
    told = {"role": "system", "content": [{"type": "text", "text": "use make"}]}
    assert model.choose(_request(_user("test it"))) == shell("pytest")
    assert model.choose(_request(_user("test it"), told)) == shell("make test")


def test_a_mistake_in_a_script_is_said() -> None:
    """A step that raises ends the run with its reason; the client would try again after a lost connection."""
    model = ScriptedModel()
    model.when("go", lambda request: say(request.body["absent"]))
    assert model.choose(_request(_user("go"))) == fail(400, "The script failed: KeyError('absent')")


def test_a_conversation_ends() -> None:
    """A script that would go on for ever is stopped."""
    model = ScriptedModel()
    model.when("go", *[shell("again")] * 1000)
    endless = [_user("go"), *[CALL, RESULT] * MAX_TURNS]
    assert model.choose(_request(*endless)).calls == ()


# One conversation in each format: what the model was told, what a person asked, a call and its result.
SCHEMA: JSON = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
TOLD = "You are told something."


def _messages(call_id: str = "", name: str = "", args: JSON | None = None) -> JSON:
    messages: list[JSON] = [_user("go")]
    if call_id:
        used = {"type": "tool_use", "id": call_id, "name": name, "input": args}
        result = {
            "type": "tool_result",
            "tool_use_id": call_id,
            "content": [{"type": "text", "text": "smoke"}],
        }
        messages += [{"role": "assistant", "content": [used]}, {"role": "user", "content": [result]}]
    tools = [{"name": "Bash", "input_schema": SCHEMA}]
    return {"model": "m", "system": [{"type": "text", "text": TOLD}], "messages": messages, "tools": tools}


def _chat(call_id: str = "", name: str = "", args: JSON | None = None) -> JSON:
    messages: list[JSON] = [{"role": "system", "content": TOLD}, {"role": "user", "content": "go"}]
    if call_id:
        function = {"name": name, "arguments": json.dumps(args)}
        called = {"id": call_id, "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [called]})
        messages.append({"role": "tool", "tool_call_id": call_id, "content": "smoke"})
    tools = [{"type": "function", "function": {"name": "terminal", "parameters": SCHEMA}}]
    return {"model": "m", "messages": messages, "tools": tools}


def _responses(call_id: str = "", name: str = "", args: JSON | None = None) -> JSON:
    def said(role: str, text: str) -> JSON:
        return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}

    given: list[JSON] = [said("developer", TOLD), said("user", "go")]
    if call_id:
        given.append({"type": "reasoning", "summary": []})
        called = {"type": "function_call", "call_id": call_id, "name": name, "arguments": json.dumps(args)}
        given += [called, {"type": "function_call_output", "call_id": call_id, "output": "smoke"}]
    schema = {"properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}
    tools = [{"type": "function", "name": "exec_command", "parameters": schema}, {"type": "web_search"}]
    return {"model": "m", "instructions": "Base.", "input": given, "tools": tools}


def _gemini(call_id: str = "", name: str = "", args: JSON | None = None) -> JSON:
    contents: list[JSON] = [{"role": "user", "parts": [{"text": "go"}]}]
    if name:
        result = {"name": name, "response": {"output": "smoke"}}
        contents.append({"role": "model", "parts": [{"functionCall": {"name": name, "args": args}}]})
        contents.append({"role": "user", "parts": [{"functionResponse": result}]})
    tools = [{"functionDeclarations": [{"name": "run_shell_command", "parameters": SCHEMA}]}]
    return {"systemInstruction": {"parts": [{"text": TOLD}]}, "contents": contents, "tools": tools}


def _post(model: ScriptedModel, path: str, body: JSON) -> str:
    request = urllib.request.Request(model.url + path, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


def _data(stream: str) -> list[JSON]:
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def _read_messages(answer: JSON | list[JSON]) -> tuple[str, str, str, JSON]:
    if isinstance(answer, list):
        starts = {event["index"]: event["content_block"] for event in answer if "content_block" in event}
        for event in answer:
            if event["type"] == "content_block_delta":
                delta, block = event["delta"], starts[event["index"]]
                if delta["type"] == "text_delta":
                    block["text"] += delta["text"]
                else:
                    block["input"] = json.loads(delta["partial_json"])
        assert answer[-1] == {"type": "message_stop"}
        answer = {"content": [starts[index] for index in sorted(starts)]}
    text = "".join(block.get("text", "") for block in answer["content"])
    used: JSON = next((block for block in answer["content"] if block["type"] == "tool_use"), {})
    return text, used.get("id", ""), used.get("name", ""), used.get("input", {})


def _read_chat(answer: JSON | list[JSON]) -> tuple[str, str, str, JSON]:
    if isinstance(answer, list):
        deltas = [choice["delta"] for chunk in answer for choice in chunk["choices"]]
        assert answer[-1]["usage"]["total_tokens"] > 0
        calls = [one for delta in deltas for one in delta.get("tool_calls", [])]
        message: JSON = {
            "content": "".join(delta.get("content", "") for delta in deltas),
            "tool_calls": calls,
        }
    else:
        message = answer["choices"][0]["message"]
    for one in message.get("tool_calls") or []:
        function = one["function"]
        return message["content"] or "", one["id"], function["name"], json.loads(function["arguments"])
    return message["content"], "", "", {}


def _read_responses(answer: JSON | list[JSON]) -> tuple[str, str, str, JSON]:
    if isinstance(answer, list):
        assert [event["sequence_number"] for event in answer] == list(range(len(answer)))
        done = [event["item"] for event in answer if event["type"] == "response.output_item.done"]
        assert answer[-1]["response"]["output"] == done
    whole: JSON = answer[-1]["response"] if isinstance(answer, list) else answer
    text, call_id, name, args = "", "", "", {}
    for item in whole["output"]:
        if item["type"] == "message":
            text = item["content"][0]["text"]
        else:
            call_id, name, args = item["call_id"], item["name"], json.loads(item["arguments"])
    return text, call_id, name, args


def _read_gemini(answer: JSON | list[JSON]) -> tuple[str, str, str, JSON]:
    one: JSON = answer[0] if isinstance(answer, list) else answer
    parts = one["candidates"][0]["content"]["parts"]
    called: JSON = next((part["functionCall"] for part in parts if "functionCall" in part), {})
    return "".join(part.get("text", "") for part in parts), "", called.get("name", ""), called.get("args", {})


GEMINI = "/v1beta/models/m:generateContent"
FORMATS = {
    "messages": ("/v1/messages?beta=true", _messages, _read_messages, "Bash", "command"),
    "chat": ("/v1/chat/completions", _chat, _read_chat, "terminal", "command"),
    "responses": ("/v1/responses", _responses, _read_responses, "exec_command", "cmd"),
    "gemini": (GEMINI, _gemini, _read_gemini, "run_shell_command", "command"),
}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("wire", FORMATS)
def test_a_turn_over_plain_http(scripted_model: ScriptedModel, wire: str, streams: bool) -> None:
    """A call goes to the format's own shell tool, its result is read, and the answer comes back."""
    path, body, read, tool, argument = FORMATS[wire]
    scripted_model.when("^go$", shell("echo smoke", "I run it."), lambda request: say(request.last_result))

    def ask(given: JSON) -> tuple[str, str, str, JSON]:
        if not streams:
            return read(json.loads(_post(scripted_model, path, given)))
        if wire == "gemini":
            streamed = path.replace(":g", ":streamG") + "?alt=sse"
            return read(_data(_post(scripted_model, streamed, given)))
        return read(_data(_post(scripted_model, path, {**given, "stream": True})))

    text, call_id, name, args = ask(body())
    assert (text, name, args) == ("I run it.", tool, {argument: "echo smoke"})
    assert ask(body(call_id, name, args))[0] == "smoke"
    first, second = scripted_model.turns
    assert TOLD in first.text
    assert (first.prompt, first.turn, first.model) == ("go", 0, "m")
    assert (second.prompt, second.turn, second.last_result) == ("go", 1, "smoke")
    assert [item.role for item in first.found(TOLD)] == ["system"]
    assert tool in first.tools


def test_a_gemini_stream_without_events_is_an_array(scripted_model: ScriptedModel) -> None:
    """Without `alt=sse` the API answers with a JSON array."""
    scripted_model.when("go", say("hello"))
    answer = json.loads(_post(scripted_model, GEMINI.replace(":g", ":streamG"), _gemini()))
    assert _read_gemini(answer)[0] == "hello"


@pytest.mark.parametrize("wire", FORMATS)
def test_an_error_over_plain_http(scripted_model: ScriptedModel, wire: str) -> None:
    """An error has the status of the script, and its message where each format has one."""
    path, body, *_ = FORMATS[wire]
    scripted_model.when("go", fail(418, "a teapot"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        _post(scripted_model, path, body())
    assert caught.value.code == 418
    assert json.loads(caught.value.read())["error"]["message"] == "a teapot"
    caught.value.close()


def test_other_paths(scripted_model: ScriptedModel) -> None:
    """Tokens are counted, models are listed, the rest is not there; none of it is a turn."""
    assert json.loads(_post(scripted_model, "/v1/messages/count_tokens", _messages()))["input_tokens"] > 1
    assert json.loads(_post(scripted_model, "/v1beta/models/m:countTokens", _gemini()))["totalTokens"] > 1
    with urllib.request.urlopen(scripted_model.url + "/v1/models", timeout=10) as answer:
        assert json.load(answer)["data"][0]["id"]
    with pytest.raises(urllib.error.HTTPError) as caught:
        _post(scripted_model, "/v1/embeddings", {})
    caught.value.close()
    assert scripted_model.turns == []


def _called(step: Step, *tools: JSON) -> tuple[str, JSON]:
    body = {"messages": [{"role": "user", "content": "go"}], "tools": list(tools)}
    request = Request("POST", "/v1/chat/completions", {}, body)
    (made,) = reply(request, step).calls
    return made.tool.name, made.args


def _tool(name: str, *required: str, **kinds: str) -> JSON:
    properties = {key: {"type": kind} for key, kind in kinds.items()}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def test_a_command_in_each_tools_own_shape() -> None:
    """The argument has the tool's name and type; what is required is filled, what is unknown left out."""
    step = shell("ls", description="List")
    assert _called(step, _tool("shell", command="array")) == ("shell", {"command": ["bash", "-lc", "ls"]})
    assert _called(step, _tool("exec_command", cmd="string")) == ("exec_command", {"cmd": "ls"})
    strict = _tool("bash", "command", "description", command="string", description="string")
    assert _called(step, strict) == ("bash", {"command": "ls", "description": "List"})
    assert _called(shell("ls"), strict) == ("bash", {"command": "ls", "description": "Run a command"})


def test_a_file_in_each_tools_own_shape() -> None:
    """A client without a tool for it writes in its shell."""
    step = write("/a b", "it's")
    tool = _tool("create", path="string", file_text="string")
    assert _called(step, tool) == ("create", {"path": "/a b", "file_text": "it's"})
    name, args = _called(step, _tool("exec_command", cmd="string"))
    assert (name, args) == ("exec_command", {"cmd": "printf %s 'it'\"'\"'s' > '/a b'"})


@pytest.mark.parametrize("name", ["mcp_hivemind_skills_load", "hivemind-skills_load", "skills_load"])
def test_a_tool_of_a_server_by_any_clients_name(name: str) -> None:
    """The name that Claude Code gives a tool finds it in every client; what is not there stays as it is."""
    step = call("mcp__hivemind__skills_load", {"name": "x"})
    assert _called(step, _tool(name), _tool("other")) == (name, {"name": "x"})
    assert _called(step, _tool("other")) == ("mcp__hivemind__skills_load", {"name": "x"})


def test_a_deferred_tool_is_called_in_its_namespace(scripted_model: ScriptedModel) -> None:
    """Codex calls a server's tool by its plain name and the server's, offered or not."""
    scripted_model.when("go", call("mcp__hivemind__skills_load", {"name": "x"}))
    (item,) = json.loads(_post(scripted_model, "/v1/responses", _responses()))["output"]
    assert (item["name"], item["namespace"]) == ("skills_load", "mcp__hivemind")
    inner = {"type": "function", "name": "skills_load", "parameters": {}}
    offered = {**_responses(), "tools": [{"type": "namespace", "name": "mcp__hivemind", "tools": [inner]}]}
    (item,) = json.loads(_post(scripted_model, "/v1/responses", offered))["output"]
    assert (item["name"], item["namespace"]) == ("skills_load", "mcp__hivemind")
