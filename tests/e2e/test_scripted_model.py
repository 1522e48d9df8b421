"""The real client makes whole turns with the scripted model."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from .claude_code import ClaudeCode, ClientUnavailableError, find_claude
from .scripted_model import MAX_TURNS, Request, ScriptedModel, Step, fail, human_text, say, shell, together

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


def test_a_missing_npm_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the client cannot be installed, the reason names what is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HIVEMIND_E2E_CLIENTS", str(tmp_path))
    with pytest.raises(ClientUnavailableError, match="npm is not installed"):
        find_claude()


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
    ],
)
def test_what_a_person_wrote(message: JSON, text: str) -> None:
    """Texts that the client wrote are not taken for a person's."""
    assert human_text(message) == text


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
