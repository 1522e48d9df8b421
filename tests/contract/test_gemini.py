"""Gemini CLI: chats of both formats, what its results say of how a call ended, and its one settings file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import agent_fixtures as fixtures
import pytest

from hivemind.agents.base import LineResult, Machine, ReaderState
from hivemind.agents.editing.files import apply_changes
from hivemind.agents.gemini import agent, chat_file, outcome, payload
from hivemind.agents.transcript_file import decode
from hivemind.domain.events import EventKind, ResultStatus

FIXTURES = fixtures.FIXTURES / "gemini"
DOCUMENT = "session-2025-09-10T10-00-3f0b1c2d.json"


def results(path: Path) -> list[LineResult]:
    """Read a chat as ingestion does: opened by the agent, line by line."""
    state = ReaderState()
    with agent.open_transcript(path) as file:
        lines = list(file.lines(final=True))
        assert [end for _, end in lines] == sorted({end for _, end in lines})
    return [agent.read_line(decode(line), line=line, state=state) for line, _ in lines if line is not None]


def statuses(name: str) -> list[str]:
    """Give how each tool call of a fixture ended."""
    found = fixtures.read(agent, FIXTURES / f"{name}.jsonl")
    return [event["status"] for event in found if event.get("kind") == "tool_result"]


def test_a_document_is_read_as_if_its_messages_were_lines() -> None:
    """A chat of an old version gives the events that the same messages give as JSON Lines."""
    from_document = [e for r in results(FIXTURES / DOCUMENT) for e in r.events]
    from_lines = [e for r in results(FIXTURES / "old-results.jsonl") for e in r.events]
    assert from_document
    assert from_document == from_lines[: len(from_document)]


def test_a_document_that_only_grew_is_read_on(tmp_path: Path) -> None:
    """What was read is known again behind a new message, and not behind a message that was changed."""
    value = json.loads((FIXTURES / DOCUMENT).read_text())
    path = tmp_path / DOCUMENT

    def fingerprint(changed: dict[str, Any], offset: int | None) -> tuple[str, int]:
        path.write_text(json.dumps(changed))
        with agent.open_transcript(path) as file:
            offset = file.size_bytes() if offset is None else offset
            assert offset is not None
            return file.fingerprint(offset), offset

    before, offset = fingerprint(value, None)
    grown = {**value, "messages": [*value["messages"], {"id": "m"}], "lastUpdated": "later"}
    assert fingerprint(grown, offset)[0] == before
    changed = {**value, "messages": [*value["messages"][:-1], {**value["messages"][-1], "content": "?"}]}
    assert fingerprint(changed, offset)[0] != before


@pytest.mark.parametrize("content", ["", "[]", "{", '{"messages": 1}', '"\\ud83d"', "[" * 100_000])
def test_a_document_that_is_none_gives_nothing(tmp_path: Path, content: str) -> None:
    """Half-written and foreign documents yield no event and no error."""
    path = tmp_path / DOCUMENT
    path.write_text(content)
    assert [e for r in results(path) for e in r.events] == []


def test_a_subagents_chat_belongs_to_the_session_whose_folder_it_is_in(tmp_path: Path) -> None:
    """Its events carry the subagent's id and its session's; its task is not a person's request."""
    chats = tmp_path / "tmp" / "shop" / "chats"
    main = chats / "session-2026-11-22T16-51-b6920b55.jsonl"
    sub = chats / "b6920b55-16ef-471e-9853-5bff3d49d54b" / "5e7d9c40-0000-4000-8000-000000000000.jsonl"
    sub.parent.mkdir(parents=True)
    (chats / "whatever-it-is-called.json").write_text('{"sessionId": "s", "projectHash": "h"}')
    (chats.parent / "logs.json").write_text("[]")
    (chats.parent / ".project_root").write_text("/tmp/h/shop")
    main.write_bytes((FIXTURES / "recorded-delegating.jsonl").read_bytes())
    sub.write_bytes((FIXTURES / "recorded-subagent.jsonl").read_bytes())
    assert list(agent.transcripts(tmp_path))[-1] == sub
    assert len(list(agent.transcripts(tmp_path))) == 3
    assert list(agent.companions(main)) == [sub]
    read = results(sub)
    assert read[0].facts is not None
    assert (read[0].facts.session_id, read[0].facts.cwd) == (sub.parent.name, "/tmp/h/shop")
    events = [e for r in read for e in r.events]
    assert all(e.agent_id for e in events)
    assert EventKind.PROMPT not in {e.kind for e in events}
    assert ResultStatus.ERROR in {e.status for e in events}


def test_a_chat_cannot_name_its_session_or_folder_by_our_keys(tmp_path: Path) -> None:
    """What a chat's place says replaces what somebody wrote into the chat under the same names."""
    path = tmp_path / "session-x.jsonl"
    header = {"sessionId": "s", "projectHash": "h", chat_file.PARENT_KEY: "other", chat_file.ROOT_KEY: "/etc"}
    path.write_text(json.dumps(header) + "\n")
    [result] = results(path)
    assert result.facts is not None
    assert (result.facts.session_id, result.facts.cwd) == ("s", "")


def test_what_a_compaction_keeps_is_not_told_twice() -> None:
    """The history that is written anew has new ids for what was said before; only the summary is new."""
    kinds = [e["kind"] for e in fixtures.read(agent, FIXTURES / "compaction.jsonl") if "kind" in e]
    assert kinds.count("compaction") == 1
    assert kinds.count("prompt") == 2
    assert kinds.count("tool_call") == kinds.count("tool_result")


def test_calls_that_were_refused_are_told_from_calls_that_failed() -> None:
    """A policy, a hook and the client's own rules refuse; so does a person."""
    assert statuses("denied") == [ResultStatus.DENIED] * 3
    assert statuses("interrupt") == [ResultStatus.CANCELLED]
    assert ResultStatus.DENIED in statuses("old-results")


@pytest.mark.parametrize(
    ("state", "said", "status", "exit_code"),
    [
        ("success", "Output: x\nProcess Group PGID: 1", ResultStatus.OK, 0),
        ("success", "Output: x\nExit Code: 3\nProcess Group PGID: 1", ResultStatus.ERROR, 3),
        ("success", "Output: Exit Code: 0\nExit Code: 3", ResultStatus.ERROR, 3),
        (
            "success",
            "Output: x\nExit Code: -1\nBackground PIDs: 2\nProcess Group PGID: 1",
            ResultStatus.ERROR,
            -1,
        ),
        ("success", "Output: x\nSignal: SIGKILL\nProcess Group PGID: 1", ResultStatus.ERROR, None),
        ("success", "Output: x", ResultStatus.UNKNOWN, None),
        ("success", "", ResultStatus.UNKNOWN, None),
        ("success", "The build is fine.", ResultStatus.UNKNOWN, None),
        ("error", "Output: x\nProcess Group PGID: 1", ResultStatus.ERROR, None),
        ("error", "", ResultStatus.ERROR, None),
        ("", "Output: x\nProcess Group PGID: 1", ResultStatus.UNKNOWN, None),
        ("cancelled", "[Operation Cancelled] Reason: User denied execution.", ResultStatus.DENIED, None),
    ],
)
def test_a_command_is_a_success_only_where_its_result_says_so(
    state: str, said: str, status: ResultStatus, exit_code: int | None
) -> None:
    """The exit code stands in the text, and is left out where it is 0; no field says that it failed."""
    assert outcome.of(state, said, is_shell=True) == outcome.Outcome(status, exit_code)


def test_a_result_made_to_be_slow_is_not() -> None:
    """Lines that look like a result's end, repeated without an end, take no time to speak of."""
    said = "Output: x" + "\nExit Code: 3\nSignal: " * 200_000 + " <hook_context>" * 10_000
    started = time.perf_counter()
    outcome.of("success", outcome.unwrapped(said), is_shell=True)
    assert time.perf_counter() - started < 2


def test_a_prompt_is_what_the_person_typed() -> None:
    """The hook's payload already has what hooks put before the prompt at the session's start."""
    given = "<hook_context>a</hook_context>\n\n<hook_context>b</hook_context>\n\nFix <hook_context>"
    assert payload.prompt({"prompt": given}) == "Fix <hook_context>"
    assert payload.prompt({"prompt": "<hook_context>open"}) == "<hook_context>open"


def test_the_folder_can_be_elsewhere_and_the_file_is_edited_once(tmp_path: Path) -> None:
    """With GEMINI_CLI_HOME set, hooks and server go into its settings in one edit, with one receipt."""
    machine = Machine(home=tmp_path / "home", env={"GEMINI_CLI_HOME": str(tmp_path / "other")})
    wiring = fixtures.wiring(tmp_path, tmp_path / "data")
    changes = agent.plan_install(machine, wiring)
    path = tmp_path / "other" / ".gemini" / "settings.json"
    assert [c.path for c in changes if not c.internal] == [path]
    apply_changes(changes, backup_dir=tmp_path / "backups")
    settings = json.loads(path.read_text())
    assert list(settings["hooks"]) == list(payload.MOMENTS)
    assert {group["hooks"][0]["timeout"] for [group] in settings["hooks"].values()} == {5_000, 10_000}
    assert list(settings["mcpServers"]) == ["hivemind"]
    assert agent.default_root(machine) == path.parent / "tmp"


@pytest.mark.parametrize("reason", ["enabled", "disabled"])
def test_hooks_that_are_switched_off_are_reported(tmp_path: Path, reason: str) -> None:
    """Hooks may be there and yet not run: all are off, or ours are on the list of those that are."""
    machine, wiring = Machine(home=tmp_path), fixtures.wiring(tmp_path, tmp_path / "data")
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    path = tmp_path / ".gemini" / "settings.json"
    settings = json.loads(path.read_text())
    command = settings["hooks"]["BeforeAgent"][0]["hooks"][0]["command"]
    settings["hooksConfig"] = {"enabled": False} if reason == "enabled" else {"disabled": [command]}
    path.write_text(json.dumps(settings))
    [check] = [c for c in agent.check_wiring(machine, wiring) if c.name == "hooks"]
    assert not check.ok
    assert reason in check.detail
    assert check.hint
