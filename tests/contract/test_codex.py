"""Codex: what differs from other agents, in its rollouts, its hooks and the trust that it wants for them."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import agent_fixtures as fixtures
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hivemind.agents.base import FileChange, Machine, ReaderState, Wiring
from hivemind.agents.codex import agent, payload, trust
from hivemind.agents.codex.install import config_file, home, hooks_file
from hivemind.agents.codex.results import outcome
from hivemind.agents.editing import toml_edit
from hivemind.agents.editing.files import apply_changes, diff
from hivemind.domain.events import EventKind, ResultStatus
from hivemind.errors import HivemindError

FOLDER = fixtures.FIXTURES / "codex"


def events(case: str, kind: EventKind) -> list[dict[str, Any]]:
    """Give the events of one kind that the reader makes of a fixture."""
    found = fixtures.read(agent, FOLDER / f"{case}.jsonl")
    return [event for event in found if event.get("kind") == kind]


# Rollouts


@pytest.mark.parametrize(
    ("case", "statuses"),
    [
        ("recorded-session", {"error": 5, "ok": 2, "unknown": 1, "cancelled": 1}),
        ("recorded-denied", {"denied": 2}),
        ("recorded-mcp", {"ok": 2, "error": 2}),
        ("first-format", {"error": 2, "ok": 2}),
        ("events-beside-items", {"error": 4, "ok": 6, "denied": 1, "cancelled": 1, "unknown": 1}),
    ],
)
def test_each_result_says_how_it_ended(case: str, statuses: dict[str, int]) -> None:
    """Failed, refused, stopped and unfinished calls are told apart, in every format."""
    found = [event["status"] for event in events(case, EventKind.TOOL_RESULT)]
    assert {status: found.count(status) for status in found} == statuses


def test_a_command_that_takes_longer_ends_with_its_own_exit_code() -> None:
    """What a later poll tells of its end is the result of the command, not of the poll."""
    calls = {
        e["tool_call_id"]: e["text"] for e in events("recorded-session", EventKind.TOOL_CALL) if "text" in e
    }
    ended = [e for e in events("recorded-session", EventKind.TOOL_RESULT) if e.get("exit_code") == 7]
    assert [calls[e["tool_call_id"]] for e in ended] == ["printf start; sleep 2; echo end; exit 7"]
    assert [e["text"] for e in ended] == ["end\n"]


@pytest.mark.parametrize(
    ("output", "status", "exit_code"),
    [
        ("Exit code: 0\nWall time: 1 seconds\nOutput:\nExit code: 3\n", ResultStatus.OK, 0),
        (
            "Chunk ID: ab\nProcess exited with code 2\nOutput:\nProcess exited with code 0\n",
            ResultStatus.ERROR,
            2,
        ),
        ("Exit code: -1\nOutput:\n", ResultStatus.ERROR, -1),
        ("Process running with session ID 12\nOutput:\n", ResultStatus.UNKNOWN, None),
        ('{"output":"Exit code: 0\\nOutput:\\n","metadata":{"exit_code":9}}', ResultStatus.ERROR, 9),
        ('{"output":"x","metadata":{}}', ResultStatus.UNKNOWN, None),
        ("all fine\nProcess exited with code 0\n", ResultStatus.UNKNOWN, None),
        (
            'exec_command failed for `x`: CreateProcess { message: "Rejected(\\"no\\")" }',
            ResultStatus.DENIED,
            None,
        ),
        ("Wall time: 0.8 seconds\naborted by user", ResultStatus.CANCELLED, None),
        ({"content": "no", "success": False}, ResultStatus.ERROR, None),
        (None, ResultStatus.UNKNOWN, None),
    ],
)
def test_only_the_clients_own_words_say_how_a_command_ended(
    output: Any, status: ResultStatus, exit_code: int | None
) -> None:
    """What the command printed may look the same and counts for nothing; silence is no success either."""
    found = outcome(output, tool="exec_command", ended=None, exit_code=None)
    assert (found.status, found.exit_code) == (status, exit_code)


def test_what_an_event_says_of_a_call_is_used_where_its_output_says_nothing() -> None:
    """An MCP call's output has no status of its own."""
    found = {e["tool_name"]: e["status"] for e in events("events-beside-items", EventKind.TOOL_RESULT)}
    assert (found["mcp__docs__search"], found["mcp__forge__fetch"]) == (ResultStatus.OK, ResultStatus.ERROR)


def test_only_what_a_person_typed_is_a_prompt() -> None:
    """Context, skills, notices and summaries that the client sends as the person are left out."""
    assert [e["text"] for e in events("client-texts", EventKind.PROMPT)] == [
        "raise the prices",
        "lower the prices",
        "<b>bold</b> is a tag that I typed",
        "[image]\nwhat is this?",
        "from the person",
    ]
    assert [e["text"] for e in events("recorded-session", EventKind.PROMPT)] == [
        "please set up the shop",
        "how did it end?",
        "sleep long",
    ]


@pytest.mark.parametrize(
    "case", ["recorded-subagent", "recorded-subagent-with-history", "subagent-by-source"]
)
def test_a_subagent_belongs_to_its_main_conversation(case: str) -> None:
    """Its events carry its id and the main session's; its task is no prompt, copied history not its own."""
    found = fixtures.read(agent, FOLDER / f"{case}.jsonl")
    own = [event for event in found if "kind" in event]
    facts = next(event["facts"] for event in found if "facts" in event)
    assert {event["agent_id"] for event in own} != {facts["session_id"]}
    assert len({event["agent_id"] for event in own}) == 1
    assert [e["text"] for e in own if e["kind"] == EventKind.TOOL_CALL] in (
        ["echo in sub; exit 4"],
        ["rg price"],
    )
    assert not [e for e in own if e["kind"] == EventKind.PROMPT]


@pytest.mark.parametrize("case", ["recorded-fork", "fork-with-copied-history"])
def test_a_fork_has_only_what_is_new(case: str) -> None:
    """History that was copied from the other session is in that one already."""
    assert len(events(case, EventKind.PROMPT)) == 1
    assert not {"run the tests", "pytest -q"} & {
        e.get("text") for e in fixtures.read(agent, FOLDER / f"{case}.jsonl")
    }


def test_a_compaction_repeats_no_history() -> None:
    """The record holds what came before it once more; only the summary is taken from it."""
    assert len(events("recorded-compaction", EventKind.COMPACTION)) == 1
    assert [e["text"] for e in events("recorded-compaction", EventKind.PROMPT)] == [
        "once more, please",
        "and once more",
    ]


def test_tokens_are_counted_once() -> None:
    """Repeated counts add nothing, and the sum is the client's own total."""
    used = [e["usage"] for e in events("events-beside-items", EventKind.USAGE)]
    assert sum(u["input_tokens"] + u["cache_read_tokens"] for u in used) == 6_500
    assert sum(u["output_tokens"] for u in used) == 200
    recorded = [e["usage"]["message_id"] for e in events("recorded-session", EventKind.USAGE)]
    assert len(recorded) == len(set(recorded)) == 11


def test_a_password_in_a_remote_is_not_remembered() -> None:
    """The reader's state is stored, so a remote enters it without its user and password."""
    state = fixtures.read(agent, FOLDER / "events-beside-items.jsonl")[-1]["state"]
    assert state["remote"] == "https://github.com/acme/shop"
    assert "t0ken" not in json.dumps(state)


def test_no_command_enters_the_state() -> None:
    """A command may hold a secret, and the state is stored as it is."""
    state = ReaderState()
    for line in (FOLDER / "recorded-session.jsonl").read_bytes().splitlines():
        agent.read_line(json.loads(line), line=line, state=state)
        assert "exit 7" not in json.dumps(state.values)


def test_rollouts_are_found_in_both_folders_and_nothing_else(tmp_path: Path) -> None:
    """Current and archived rollouts, in the order of their times; no log, no link."""
    day = tmp_path / "sessions" / "2026" / "11" / "22"
    archive = tmp_path / "archived_sessions"
    for folder in (day, archive):
        folder.mkdir(parents=True)
    late = day / "rollout-2026-11-22T10-00-00-b.jsonl"
    early = archive / "rollout-2026-11-21T10-00-00-a.jsonl"
    for path in (late, early, tmp_path / "history.jsonl", day / ".rollout.jsonl", day / "a.jsonl.tmp"):
        path.write_text("{}\n")
    (day / "linked.jsonl").symlink_to(early)
    assert list(agent.transcripts(tmp_path)) == [early, late]
    assert list(agent.transcripts(late)) == [late]
    shutil.rmtree(tmp_path / "sessions")
    shutil.rmtree(archive)
    (tmp_path / "elsewhere.jsonl").write_text("{}\n")
    assert list(agent.transcripts(tmp_path)) == [tmp_path / "elsewhere.jsonl"]


# Hooks


def test_a_context_is_cut_by_its_bytes() -> None:
    """Codex counts bytes: ten thousand of them arrive whole, whatever the script."""
    text = payload.output("SessionStart", context="x\N{SNOWMAN}" * 9_000, notice="hello")
    answer = json.loads(text)
    said = answer["hookSpecificOutput"]["additionalContext"]
    assert len(said.encode()) in range(9_997, 10_001)
    assert answer["systemMessage"] == "hello"


# Trust


def test_the_hash_is_the_one_that_codex_computes() -> None:
    """Matchers, missing and clamped times, status messages and odd characters: as the client listed them."""
    recorded = json.loads((FOLDER / "trust.json").read_text())
    found = trust.of_hooks(recorded["hooks"], path=Path(recorded["path"]), agent="codex")
    assert {t.key: t.digest for t in found} == recorded["hashes"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a person who has hooks, servers and trust of other programs, wired."""
    place = Path(shutil.copytree(FOLDER / "homes" / "foreign", tmp_path / "home"))
    machine = fixtures.machine(place, tmp_path / "data")
    install(machine)
    return machine


def install(machine: Machine, *, wiring: Wiring | None = None) -> list[str]:
    """Wire it, and give what a person is told."""
    wiring = wiring or fixtures.wiring(machine.home.parent, machine.data_dir)
    return apply(machine, agent.plan_install(machine, wiring))


def elsewhere(machine: Machine) -> Wiring:
    """Give a second installation, with a folder of its own."""
    place = machine.home.parent / "other"
    return fixtures.wiring(place, place / "data")


def uninstall(machine: Machine) -> list[str]:
    """Unwire it, and give what a person is told."""
    return apply(machine, agent.plan_uninstall(machine))


def apply(machine: Machine, changes: list[FileChange]) -> list[str]:
    """Write a plan, and give what a person is told."""
    apply_changes(changes, backup_dir=machine.home.parent / "backups")
    return [change.note for change in changes if change.note]


def check(machine: Machine, name: str) -> Any:
    """Give one part of what doctor sees."""
    checks = agent.check_wiring(machine, fixtures.wiring(machine.home.parent, machine.data_dir))
    return next(check for check in checks if check.name == name)


def config(machine: Machine) -> Any:
    """Give the decoded configuration."""
    path = config_file(machine)
    return toml_edit.parse(path.read_bytes() if path.exists() else b"", path=path).value


def change(path: Path, old: str, new: str) -> None:
    """Change a file as somebody else would."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_trust_is_given_to_our_hooks_only_and_told(tmp_path: Path) -> None:
    """The note names the events; a foreign hook stays as untrusted as it was."""
    machine = fixtures.machine(tmp_path / "home", tmp_path / "data")
    shutil.copytree(FOLDER / "homes" / "foreign", machine.home)
    before = config(machine)["hooks"]["state"]
    (note,) = install(machine)
    after = config(machine)["hooks"]["state"]
    assert "SessionStart" in note
    assert "no others" in note
    added = after.keys() - before.keys()
    assert {key.removeprefix(f"{hooks_file(machine)}:") for key in added} == {
        *("session_start:0:0", "user_prompt_submit:0:0", "stop:1:0", "subagent_stop:0:0"),
        *("pre_compact:0:0", "session_end:0:0"),
    }
    assert {key: after[key] for key in before} == before


def test_a_hook_that_somebody_puts_before_ours_makes_trust_lapse(machine: Machine, tmp_path: Path) -> None:
    """The check notices it, an install mends it and leaves no stale entry, an uninstall takes all of it."""
    assert check(machine, "trust").ok
    before = {
        key for key in config(machine)["hooks"]["state"] if not key.startswith(str(hooks_file(machine)))
    }
    value = json.loads(hooks_file(machine).read_text())
    value["hooks"]["Stop"].insert(0, {"hooks": [{"type": "command", "command": "echo first"}]})
    hooks_file(machine).write_text(json.dumps(value))
    lapsed = check(machine, "trust")
    assert not lapsed.ok
    assert "Stop" in lapsed.detail
    assert "hivemind codex install" in lapsed.hint
    assert install(machine)
    assert check(machine, "trust").ok
    assert install(machine) == []
    keys = {key.removeprefix(f"{hooks_file(machine)}:") for key in config(machine)["hooks"]["state"]}
    assert {key for key in keys if key.startswith("stop")} == {"stop:2:0"}
    apply_changes(agent.plan_uninstall(machine), backup_dir=tmp_path / "backups")
    assert set(config(machine)["hooks"]["state"]) == before
    assert "echo first" in hooks_file(machine).read_text()
    assert "capture/hook.py" not in hooks_file(machine).read_text()


def test_what_the_client_wrote_into_its_configuration_stays(machine: Machine, tmp_path: Path) -> None:
    """After a change by Codex itself our entries are known by what they are."""
    with config_file(machine).open("a") as file:
        file.write('\n[projects."/h/shop"]\ntrust_level = "trusted"\n')
    apply_changes(agent.plan_uninstall(machine), backup_dir=tmp_path / "backups")
    before = (FOLDER / "homes" / "foreign" / ".codex" / "config.toml").read_text()
    assert config_file(machine).read_text() == before + '\n[projects."/h/shop"]\ntrust_level = "trusted"\n'


def test_a_hook_that_a_person_disabled_stays_disabled(machine: Machine, tmp_path: Path) -> None:
    """An install trusts what it says and leaves the switch; an uninstall puts back what stood there."""
    key = f"{hooks_file(machine)}:stop:1:0"
    change(config_file(machine), f'[hooks.state."{key}"]\n', f'[hooks.state."{key}"]\nenabled = false\n')
    assert not check(machine, "trust").ok
    assert "/hooks" in check(machine, "trust").hint
    digest = config(machine)["hooks"]["state"][key]["trusted_hash"]
    change(config_file(machine), digest, "sha256:old")
    install(machine)
    assert config(machine)["hooks"]["state"][key] == {"enabled": False, "trusted_hash": digest}
    apply_changes(agent.plan_uninstall(machine), backup_dir=tmp_path / "backups")
    assert config(machine)["hooks"]["state"][key] == {"enabled": False, "trusted_hash": "sha256:old"}


@pytest.mark.parametrize("switch", ["hooks", "codex_hooks"])
def test_hooks_that_are_switched_off_are_reported(machine: Machine, switch: str) -> None:
    """Under its old and its new name the switch stops every hook; an install does not touch it."""
    change(config_file(machine), "hooks = true", f"{switch} = false")
    found = check(machine, "trust")
    assert not found.ok
    assert f"features.{switch}" in found.detail
    assert install(machine) == []


def test_a_field_that_codex_does_not_know_is_reported(machine: Machine) -> None:
    """With it, Codex takes none of the hooks in the file."""
    change(hooks_file(machine), '"description": "mine"', '"version": 1')
    assert not check(machine, "hooks").ok
    assert "'version'" in check(machine, "hooks").detail


def test_a_server_with_a_time_limit_of_the_persons_own_is_ours(machine: Machine) -> None:
    """What a person adds to the entry stays; one that is disabled is reported."""
    header = "[mcp_servers.hivemind]\n"
    change(config_file(machine), header, header + "tool_timeout_sec = 5\n")
    assert check(machine, "mcp").ok
    assert install(machine) == []
    change(config_file(machine), header, header + "enabled = false\n")
    assert not check(machine, "mcp").ok


def test_a_foreign_server_of_our_name_is_refused(tmp_path: Path) -> None:
    """Nothing is written, and the check says the same."""
    machine = fixtures.machine(tmp_path / "home", tmp_path / "data")
    config_file(machine).parent.mkdir(parents=True)
    config_file(machine).write_text('[mcp_servers.hivemind]\ncommand = "theirs"\n')
    with pytest.raises(HivemindError, match="not ours"):
        install(machine)
    assert "not ours" in check(machine, "mcp").detail
    assert not hooks_file(machine).exists()


@pytest.mark.parametrize("text", ['mcp_servers = { a = { command = "x" } }\n', "hooks = { }\n"])
def test_a_layout_that_cannot_be_added_to_is_refused_by_name(tmp_path: Path, text: str) -> None:
    """An inline table in the way would have to be rewritten."""
    machine = fixtures.machine(tmp_path / "home", tmp_path / "data")
    config_file(machine).parent.mkdir(parents=True)
    config_file(machine).write_text(text)
    with pytest.raises(HivemindError) as caught:
        install(machine)
    assert str(config_file(machine)) in caught.value.message
    assert config_file(machine).read_text() == text


def test_the_folder_is_named_as_codex_names_it(tmp_path: Path) -> None:
    """The variable is followed to the folder itself, the default one is not: keys of trust begin with it."""
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    linked = Machine(home=tmp_path, env={"CODEX_HOME": str(tmp_path / "link")})
    assert home(linked) == real.resolve()
    assert home(Machine(home=tmp_path / "link", env={"CODEX_HOME": ""})) == tmp_path / "link" / ".codex"


# Other people's hooks behind ours: Codex knows each by its place

THEIRS: dict[str, Any] = {"type": "command", "command": "true b"}


def hooks(machine: Machine) -> Any:
    """Give the decoded hooks."""
    path = hooks_file(machine)
    return json.loads(path.read_text()) if path.exists() else {}


def foreign(machine: Machine) -> list[trust.Trust]:
    """Give other people's hooks, in their order."""
    found = trust.foreign(hooks(machine), path=hooks_file(machine), agent="codex")
    return [hook for event in sorted(found) for hook in found[event]]


def runs(machine: Machine) -> list[tuple[str, str, bool]]:
    """Say of each of other people's hooks whether Codex trusts it where it stands."""
    states = config(machine).get("hooks", {}).get("state", {})
    return [
        (h.event, h.digest, states.get(h.key, {}).get("trusted_hash") == h.digest) for h in foreign(machine)
    ]


def put(machine: Machine, event: str, *groups: Any) -> None:
    """Append groups of hooks as another tool would, and trust each of its hooks as a person would."""
    value = hooks(machine)
    value["hooks"].setdefault(event, []).extend(groups)
    hooks_file(machine).write_text(json.dumps(value, indent=2))
    trust_all(machine)


def trust_all(machine: Machine) -> None:
    """Trust other people's hooks that are new."""
    known = config(machine)["hooks"]["state"]
    with config_file(machine).open("a") as file:
        for hook in foreign(machine):
            if hook.key not in known:
                file.write(f'\n# theirs\n[hooks.state."{hook.key}"]\ntrusted_hash = "{hook.digest}"\n')


def test_a_reinstall_from_elsewhere_moves_no_foreign_hook(machine: Machine) -> None:
    """Our commands are written over where they stand, so their keys and their trust stay as they are."""
    put(machine, "Stop", {"hooks": [THEIRS]})
    before = config(machine)["hooks"]["state"]
    keys = [hook.key for hook in foreign(machine)]
    wiring = elsewhere(machine)
    notes = install(machine, wiring=wiring)
    assert [hook.key for hook in foreign(machine)] == keys
    assert config(machine)["hooks"]["state"].keys() == before.keys()
    assert runs(machine)[-1][2]
    assert "new place" not in "".join(notes)
    assert str(wiring.data_dir) in hooks(machine)["hooks"]["Stop"][1]["hooks"][0]["command"]
    assert agent.plan_install(machine, wiring) == []
    assert all(check.ok for check in agent.check_wiring(machine, wiring))


def test_what_was_written_over_does_not_come_back(machine: Machine) -> None:
    """After an install over another one, an uninstall leaves neither's hooks, and what a person had."""
    put(machine, "Stop", {"hooks": [THEIRS]})
    install(machine, wiring=elsewhere(machine))
    uninstall(machine)
    value = json.loads((FOLDER / "homes" / "foreign" / ".codex" / "hooks.json").read_text())
    value["hooks"]["Stop"].append({"hooks": [THEIRS]})
    assert hooks(machine) == value
    assert not list(machine.home.parent.rglob("installs/*.json"))


def test_trust_goes_with_a_hook_that_an_uninstall_moves(machine: Machine) -> None:
    """The key in its header is all that changes of it, the plan shows that, and a person is told."""
    put(machine, "Stop", {"hooks": [THEIRS]}, {"hooks": [{**THEIRS, "command": "true c", "timeout": 9}]})
    before = runs(machine)
    assert [ok for *_, ok in before].count(True) == 4
    theirs = config_file(machine).read_text().partition("\n# theirs\n")[2]
    plan = agent.plan_uninstall(machine)
    assert f'+[hooks.state."{hooks_file(machine)}:stop:1:0"]' in diff(plan)
    assert apply(machine, plan) == ["keeps your trusted hook for Stop at its new place"]
    assert runs(machine) == before
    after = config_file(machine).read_text().partition("\n# theirs\n")[2]
    assert after == theirs.replace("stop:2:0", "stop:1:0").replace("stop:3:0", "stop:2:0")
    assert agent.plan_uninstall(machine) == []


def test_trust_goes_with_a_hook_in_a_group_of_ours(machine: Machine) -> None:
    """A tool may have put its hook beside ours; there is no place to keep for it."""
    value = hooks(machine)
    value["hooks"]["Stop"][1]["hooks"].append(THEIRS)
    hooks_file(machine).write_text(json.dumps(value))
    trust_all(machine)
    before = runs(machine)
    install(machine, wiring=elsewhere(machine))
    assert runs(machine) == before
    uninstall(machine)
    assert runs(machine) == before
    assert [hook.key.rpartition(":stop:")[2] for hook in foreign(machine) if hook.event == "Stop"] == [
        "0:0",
        "1:0",
    ]


def test_no_trust_comes_of_a_move(machine: Machine) -> None:
    """A hook that was changed since somebody trusted it, or that nobody trusted, is as untrusted after."""
    put(machine, "Stop", {"hooks": [THEIRS]}, {"hooks": [THEIRS]})
    text = config_file(machine).read_text()
    config_file(machine).write_text(text[: text.rindex("\n# theirs")])
    change(hooks_file(machine), "true b", "curl evil")
    before = runs(machine)
    assert [ok for *_, ok in before][-2:] == [False, False]  # the second is what the first was trusted as
    assert "new place" not in "".join(uninstall(machine))
    assert runs(machine) == before


def test_an_install_that_moves_a_hook_takes_its_trust_along(machine: Machine) -> None:
    """An earlier version's hook for another event goes; that is told, and an uninstall does not undo it."""
    ours = hooks(machine)["hooks"]["Stop"][1]
    put(machine, "PostToolUse", ours, {"matcher": "Bash", "hooks": [{**THEIRS, "additionalContextLimit": 7}]})
    before = runs(machine)
    (note,) = install(machine)
    assert note.endswith("; keeps your trusted hook for PostToolUse at its new place")
    assert runs(machine) == before
    assert all(
        check.ok
        for check in agent.check_wiring(machine, fixtures.wiring(machine.home.parent, machine.data_dir))
    )
    uninstall(machine)
    assert runs(machine) == before


@pytest.mark.parametrize(
    "written",
    [
        "['hooks'.state.'{key}']\ntrusted_hash = '{digest}' # mine\nsince = 2026-11-22\n",
        '[hooks.state."{key}".more]\nx = nan\n[hooks.state."{key}"]\ntrusted_hash = "{digest}"',
    ],
)
def test_trust_that_is_written_otherwise_goes_with_its_hook(machine: Machine, written: str) -> None:
    """Comments, values of any type and tables below the entry stay as they are."""
    hook = {**THEIRS, "timeout": 4}
    put(machine, "Stop", {"hooks": [hook]})
    text = config_file(machine).read_text()
    last = foreign(machine)[-1]
    entry = written.format(key=last.key, digest=last.digest)
    config_file(machine).write_text(text[: text.rindex("\n# theirs")] + "\n" + entry)
    before = runs(machine)
    assert before[-1][2]
    uninstall(machine)
    assert runs(machine) == before
    quoted = entry.replace(f"'{last.key}'", f'"{last.key}"')
    assert config_file(machine).read_text().endswith(quoted.replace("stop:2:0", "stop:1:0"))


def test_trust_that_cannot_be_moved_is_left_with_its_hook(machine: Machine) -> None:
    """Where the key is spelled with escapes, the uninstall is refused by name and nothing is written."""
    put(machine, "Stop", {"hooks": [THEIRS]})
    change(config_file(machine), "hooks.json:stop:2:0", "hooks.json\\u003astop:2:0")
    before = fixtures.files(machine.home)
    with pytest.raises(HivemindError, match="cannot be renamed"):
        uninstall(machine)
    assert fixtures.files(machine.home) == before


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_same_foreign_hooks_are_trusted_whatever_stands_where(data: st.DataObject) -> None:
    """Ours and theirs in any order and grouping, trusted or not: neither command changes what runs."""
    with tempfile.TemporaryDirectory() as folder:
        machine = fixtures.machine(Path(folder, "home"), Path(folder, "data"))
        install(machine)
        value = hooks(machine)
        for event in ("Stop", "SessionStart"):
            ours = value["hooks"][event][0]["hooks"][0]
            command = st.sampled_from([ours, *({**THEIRS, "command": f"true {n}"} for n in "abc")])
            groups = st.lists(st.lists(command, max_size=3), max_size=4)
            value["hooks"][event] = [{"hooks": group} for group in data.draw(groups)]
        hooks_file(machine).write_text(json.dumps(value))
        with config_file(machine).open("a") as file:
            states = config(machine)["hooks"]["state"]
            for hook in foreign(machine):
                digest = data.draw(st.sampled_from([hook.digest, hook.digest, "sha256:old", ""]))
                if digest and hook.key not in states:
                    file.write(f'[hooks.state."{hook.key}"]\ntrusted_hash = "{digest}"\n')
        before = runs(machine)
        for wiring in data.draw(st.lists(st.sampled_from([None, elsewhere(machine)]), max_size=2)):
            install(machine, wiring=wiring)
            assert runs(machine) == before
        uninstall(machine)
        assert runs(machine) == before


# What a check says of entries that were changed


def test_changed_entries_are_not_called_those_of_another_installation(machine: Machine) -> None:
    """A time limit or a command that somebody changed: what differs is named, and an install mends it."""
    change(hooks_file(machine), '"timeout": 5', '"timeout": 50')
    change(config_file(machine), "HIVEMIND_HOME", "OTHER")
    assert "hooks that differ from what this installation writes" in check(machine, "hooks").detail
    assert check(machine, "mcp").detail.endswith("values that differ from what this installation writes: env")
    install(machine)
    assert check(machine, "hooks").ok
    assert check(machine, "mcp").ok
