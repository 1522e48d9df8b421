"""Wiring Claude Code: what an install writes, and that uninstalling puts every byte back."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hivemind.agents.base import FileChange, Machine, Wiring
from hivemind.agents.claude import install
from hivemind.agents.editing.files import apply_changes
from hivemind.agents.editing.json_edit import parse
from hivemind.errors import HivemindError

FOREIGN = {"type": "command", "command": "notify-send 'done'"}

SETTINGS = [
    "",
    "\n",
    "{}",
    "{ }\n",
    '{"model":"opus"}',
    '{"hooks": {}}',
    '{"hooks": {"Stop": []}, "n": 1.0e3}',
    '\ufeff{\r\n\t"a": 1,\r\n\t"a": 2\r\n}\r\n',
    '{\n    "hooks": {\n        // mine\n        "Stop": [ // here\n        ],\n    },\n}',
    '{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "x"}]}]}}',
    "// nothing yet",
    '/* a */ {"env": {"X": "\\u00e9"}} // b',
]
LAYOUT = st.sampled_from(["", "", " ", "\n", "\n  ", "\r\n\t", " // c\n", "\n/* c */", "/* } */ "])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a user whose Claude Code was started before."""
    (tmp_path / "home" / ".claude").mkdir(parents=True)
    return Machine(home=tmp_path / "home")


@pytest.fixture
def wiring(tmp_path: Path) -> Wiring:
    """Give an installation in a folder with a space and a quotation mark in its name."""
    base = tmp_path / "it's here"
    hook = base / "hivemind" / "capture" / "hook.py"
    return Wiring(python=str(base / "bin" / "python"), hook_file=hook, data_dir=tmp_path / "data")


def _apply(changes: list[FileChange], wiring: Wiring) -> None:
    apply_changes(changes, backup_dir=wiring.data_dir / "backups")


def _install(machine: Machine, wiring: Wiring) -> None:
    _apply(install.plan_install(machine, wiring), wiring)


def _uninstall(machine: Machine, wiring: Wiring) -> None:
    _apply(install.plan_uninstall(machine), wiring)


def _write(machine: Machine, text: str) -> Path:
    path = install.settings_file(machine)
    path.write_bytes(text.encode())
    return path


def _read(path: Path) -> Any:
    return parse(path.read_bytes(), path=path).value


def _commands(machine: Machine, event: str) -> list[str]:
    groups = _read(install.settings_file(machine))["hooks"].get(event, [])
    return [hook["command"] for group in groups for hook in group["hooks"]]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_install_writes_the_hooks_and_the_server(machine: Machine, wiring: Wiring) -> None:
    """Each event has one command hook that a shell splits into our words, and the server is at user scope."""
    _install(machine, wiring)
    hooks = _read(machine.home / ".claude" / "settings.json")["hooks"]
    assert list(hooks) == [
        "SessionStart",
        "UserPromptSubmit",
        "Stop",
        "SubagentStop",
        "SessionEnd",
        "PreCompact",
    ]
    for event, [group] in hooks.items():
        [hook] = group["hooks"]
        words = [wiring.python, "-I", "-S", str(wiring.hook_file), "claude", event, str(wiring.data_dir)]
        assert shlex.split(hook["command"]) == [*words, "||", "true"]
        assert (hook["type"], hook["timeout"]) == ("command", 10 if event == "SessionEnd" else 5)
    assert _read(machine.home / ".claude.json")["mcpServers"]["hivemind"] == {
        "type": "stdio",
        "command": wiring.python,
        "args": ["-E", "-P", "-m", "hivemind", "mcp"],
        "env": {"HIVEMIND_HOME": str(wiring.data_dir)},
    }


def test_the_configuration_folder_can_be_elsewhere(tmp_path: Path, wiring: Wiring) -> None:
    """With CLAUDE_CONFIG_DIR set, both files are in that folder and none is in the home folder."""
    config = tmp_path / "config"
    machine = Machine(home=tmp_path / "home", env={"CLAUDE_CONFIG_DIR": str(config)})
    _install(machine, wiring)
    assert sorted(_files(config)) == [".claude.json", "settings.json"]
    assert not machine.home.exists()
    _uninstall(machine, wiring)
    assert _files(config) == {}


@pytest.mark.parametrize("text", SETTINGS)
def test_uninstalling_restores_every_byte(machine: Machine, wiring: Wiring, text: str) -> None:
    """Install, install again and uninstall leave the user's files as they were, and no receipt."""
    _write(machine, text)
    before = _files(machine.home)
    _install(machine, wiring)
    assert install.plan_install(machine, wiring) == []
    hooks, server = install.check_wiring(machine, wiring)
    assert hooks.ok == ("/" not in text)
    assert server.ok
    _uninstall(machine, wiring)
    assert _files(machine.home) == before
    assert install.plan_uninstall(machine) == []
    assert list((wiring.data_dir / "installs").iterdir()) == []


@st.composite
def _settings(draw: st.DrawFn) -> str:
    """Generate settings with foreign hooks in places, odd white space, comments and trailing commas."""

    def listed(opening: str, members: list[str], closing: str) -> str:
        comma = "," if members and draw(st.booleans()) else ""
        body = ",".join(draw(LAYOUT) + member + draw(LAYOUT) for member in members)
        return opening + body + comma + draw(LAYOUT) + closing

    def named(key: str, value: str) -> str:
        return f'"{key}"{draw(LAYOUT)}:{draw(LAYOUT)}{value}'

    def group() -> str:
        hooks = [json.dumps(FOREIGN)] * draw(st.integers(0, 2))
        return listed("{", [named("hooks", listed("[", hooks, "]"))], "}")

    def event() -> str:
        name = draw(st.sampled_from(["Stop", "SessionStart", "PreToolUse", "Stop"]))
        return named(name, listed("[", [group() for _ in range(draw(st.integers(0, 2)))], "]"))

    members = [named("n", "1.0e3"), named("x", r'"\u00e9"')][: draw(st.integers(0, 2))]
    if draw(st.booleans()):
        events = [event() for _ in range(draw(st.integers(0, 3)))]
        members.insert(draw(st.integers(0, len(members))), named("hooks", listed("{", events, "}")))
    bom = draw(st.sampled_from(["", "\ufeff"]))
    return bom + draw(LAYOUT) + listed("{", members, "}") + draw(LAYOUT)


@given(text=_settings())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_uninstalling_restores_generated_settings(machine: Machine, wiring: Wiring, text: str) -> None:
    """The round trip is byte-exact for any layout; after a change by others only white space may differ."""
    path = _write(machine, text)
    _install(machine, wiring)
    _uninstall(machine, wiring)
    assert path.read_bytes() == text.encode()
    _install(machine, wiring)
    path.write_bytes(path.read_bytes() + b" ")
    _uninstall(machine, wiring)
    assert _read(path) == parse(text.encode(), path=path).value
    assert "".join(path.read_text("utf-8").split()) == "".join(text.split())


def test_a_reinstall_from_elsewhere_replaces_the_stale_hooks(
    machine: Machine, wiring: Wiring, tmp_path: Path
) -> None:
    """Another environment and data folder take over, with one set of hooks, and can be undone."""
    text = json.dumps({"hooks": {"Stop": [{"hooks": [FOREIGN]}]}}, indent=2)
    _write(machine, text)
    _install(machine, wiring)
    other = Wiring(
        python="/opt/new/bin/python", hook_file=Path("/opt/new/capture/hook.py"), data_dir=tmp_path / "other"
    )
    assert [check.ok for check in install.check_wiring(machine, other)] == [False, False]
    _install(machine, other)
    assert _commands(machine, "Stop") == [
        FOREIGN["command"],
        f"/opt/new/bin/python -I -S /opt/new/capture/hook.py claude Stop {other.data_dir} || true",
    ]
    assert all(check.ok for check in install.check_wiring(machine, other))
    assert list((wiring.data_dir / "installs").iterdir()) == []
    _uninstall(machine, other)
    assert _files(machine.home) == {".claude/settings.json": text.encode()}


def test_what_others_added_since_stays(machine: Machine, wiring: Wiring) -> None:
    """Foreign hooks around ours keep their order; containers that we made and they use stay."""
    path = _write(machine, '{"hooks": {"PreCompact": []}}')
    _install(machine, wiring)
    value = _read(path)
    ours = value["hooks"]["Stop"][0]["hooks"][0]
    first, last = {"type": "command", "command": "first"}, {"type": "command", "command": "last"}
    value["hooks"]["Stop"] = [{"hooks": [first, ours, last]}, {"matcher": "*", "hooks": [FOREIGN]}]
    path.write_text(json.dumps(value))
    assert install.plan_install(machine, wiring) == []
    _uninstall(machine, wiring)
    assert _read(path) == {
        "hooks": {"PreCompact": [], "Stop": [{"hooks": [first, last]}, {"matcher": "*", "hooks": [FOREIGN]}]}
    }


def test_what_claude_wrote_into_its_state_file_stays(machine: Machine, wiring: Wiring) -> None:
    """Claude Code rewrites the file that we made: our server goes, the rest and the file stay."""
    _install(machine, wiring)
    state = machine.home / ".claude.json"
    state.write_text(json.dumps({"numStartups": 3, **_read(state), "projects": {"/p": {"mcpServers": {}}}}))
    _uninstall(machine, wiring)
    assert _read(state) == {"numStartups": 3, "projects": {"/p": {"mcpServers": {}}}}


def test_a_later_install_does_not_make_claudes_own_content_ours(machine: Machine, wiring: Wiring) -> None:
    """A file that we made and Claude Code filled survives a reinstall and the uninstall after it."""
    _install(machine, wiring)
    state = machine.home / ".claude.json"
    state.write_text(json.dumps({"numStartups": 3, **_read(state)}, indent=2))
    moved = Wiring(python="/opt/new/bin/python", hook_file=wiring.hook_file, data_dir=wiring.data_dir)
    _install(machine, moved)
    _uninstall(machine, moved)
    assert _files(machine.home) == {".claude.json": b'{\n  "numStartups": 3\n}'}


def test_without_the_receipt_only_our_traces_go(machine: Machine, wiring: Wiring) -> None:
    """When Hivemind's folder is lost, our entries and the containers that only they filled are removed."""
    path = _write(machine, '{"model": "opus", "env": {}}')
    _install(machine, wiring)
    for receipt in (wiring.data_dir / "installs").iterdir():
        receipt.write_bytes(b"[1]")
    _uninstall(machine, wiring)
    assert path.read_text() == '{"model": "opus", "env": {}}'


def test_a_foreign_server_of_our_name_is_not_overwritten(machine: Machine, wiring: Wiring) -> None:
    """Somebody else's server called hivemind stops the install before anything is written, and stays."""
    state = machine.home / ".claude.json"
    state.write_text('{"mcpServers": {"hivemind": {"command": "node", "args": ["server.js"]}}}')
    before = _files(machine.home)
    with pytest.raises(HivemindError) as caught:
        install.plan_install(machine, wiring)
    assert caught.value.slug == "mcp-server-taken"
    assert caught.value.hint
    assert install.plan_uninstall(machine) == []
    assert [check.ok for check in install.check_wiring(machine, wiring)] == [False, False]
    assert _files(machine.home) == before


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ('{"hooks": {', "settings-unparseable"),
        ("[" * 10_000, "settings-unparseable"),
        ('{"hooks": []}', "settings-shape"),
        ('{"hooks": {"Stop": {}}}', "settings-shape"),
        ("[]", "settings-shape"),
    ],
)
def test_files_that_cannot_be_edited_are_refused(
    machine: Machine, wiring: Wiring, text: str, slug: str
) -> None:
    """A broken file is left alone, and the check reports it instead of failing."""
    path = _write(machine, text)
    with pytest.raises(HivemindError) as caught:
        install.plan_install(machine, wiring)
    assert caught.value.slug == slug
    assert str(path) in caught.value.message
    assert not install.check_wiring(machine, wiring)[0].ok
    assert path.read_text() == text


def test_switched_off_hooks_are_reported(machine: Machine, wiring: Wiring) -> None:
    """With disableAllHooks the hooks are in place and yet not in effect."""
    _write(machine, '{"disableAllHooks": true}')
    _install(machine, wiring)
    hooks, server = install.check_wiring(machine, wiring)
    assert not hooks.ok
    assert "disableAllHooks" in hooks.detail
    assert hooks.hint
    assert server.ok


@pytest.mark.parametrize("text", ['{"a": 1,}', "{} // x", '{"mcpServers": {} /* x */}'])
def test_comments_that_claude_does_not_read_are_reported(machine: Machine, wiring: Wiring, text: str) -> None:
    """Claude Code drops a whole file with comments or trailing commas, so neither part is in effect."""
    for path in (install.settings_file(machine), install.state_file(machine)):
        path.write_text(text)
    _install(machine, wiring)
    for check in install.check_wiring(machine, wiring):
        assert not check.ok
        assert "comments or trailing commas" in check.detail


def test_a_path_that_is_not_utf8_is_refused(machine: Machine, tmp_path: Path) -> None:
    """A folder whose name JSON cannot hold stops the install before anything is written."""
    wiring = Wiring(
        python="/opt/\udcff/python", hook_file=Path("/opt/capture/hook.py"), data_dir=tmp_path / "data"
    )
    with pytest.raises(HivemindError) as caught:
        install.plan_install(machine, wiring)
    assert caught.value.slug == "settings-encoding"


def test_a_missing_hook_is_named(machine: Machine, wiring: Wiring) -> None:
    """When somebody took one hook out, the check says which."""
    _install(machine, wiring)
    path = install.settings_file(machine)
    document = parse(path.read_bytes(), path=path)
    path.write_bytes(document.remove_where(("hooks", "Stop"), lambda _: True).encode())
    assert "no hook for Stop" in install.check_wiring(machine, wiring)[0].detail


@pytest.mark.parametrize(
    "command",
    ["python hook.py claude Stop", "/x/capture/hook.py codex Stop", "echo 'open", "", "/x/capture/hook.py"],
)
def test_other_peoples_commands_are_not_ours(machine: Machine, wiring: Wiring, command: str) -> None:
    """Only a command with our hook file and this agent's name is taken for ours."""
    path = _write(machine, json.dumps({"hooks": {"Stop": [{"hooks": [{"command": command}]}]}}))
    before = path.read_bytes()
    assert install.plan_uninstall(machine) == []
    _install(machine, wiring)
    assert _commands(machine, "Stop")[0] == command
    _uninstall(machine, wiring)
    assert path.read_bytes() == before


JUNK = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["hooks", "Stop", "command", "mcpServers", "hivemind", "env", "args"]), inner
        )
    ),
    max_leaves=10,
)


@given(value=JUNK)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_json_breaks_the_check_or_the_uninstall(machine: Machine, wiring: Wiring, value: Any) -> None:
    """Whatever JSON the files hold, they can be checked, and there is nothing of ours to take out."""
    for path in (install.settings_file(machine), install.state_file(machine)):
        path.write_text(json.dumps(value))
    assert not any(check.ok for check in install.check_wiring(machine, wiring))
    assert install.plan_uninstall(machine) == []


def test_claude_is_detected_by_its_folder_its_state_or_its_command(tmp_path: Path) -> None:
    """Any trace of Claude Code counts, and an empty machine has none."""
    home, tools = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    tools.mkdir()
    machine = Machine(home=home, env={"PATH": str(tools)})
    assert not install.detect(machine)
    (tools / "claude").write_text("#!/bin/sh\n")
    (tools / "claude").chmod(0o755)
    assert install.detect(machine)
    assert not install.detect(Machine(home=home))
    (home / ".claude.json").write_text("{}")
    assert install.detect(Machine(home=home))
    (home / ".claude.json").unlink()
    (home / ".claude").mkdir()
    assert install.detect(Machine(home=home))


def test_a_hook_whose_package_is_gone_blocks_nothing(tmp_path: Path) -> None:
    """Removed without unwiring, the command still exits 0: 2, as Python alone would, blocks the prompt."""
    machine = Machine(home=tmp_path, env={})
    gone = Wiring(python=sys.executable, hook_file=tmp_path / "gone" / "hook.py", data_dir=tmp_path / "data")
    (change, *_) = [c for c in install.plan_install(machine, gone) if c.path.name == "settings.json"]
    assert change.after is not None
    for groups in json.loads(change.after)["hooks"].values():
        command = groups[0]["hooks"][0]["command"]
        assert subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode == 0
