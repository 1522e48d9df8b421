"""The contract that every agent's folder keeps, whatever the agent: its fixtures are all that differs."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import agent_fixtures as fixtures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hivemind
from hivemind.agents import base
from hivemind.agents.base import Agent, Machine, ReaderState
from hivemind.agents.editing.files import apply_changes
from hivemind.agents.registry import agents, by_name
from hivemind.capture import hook, layout
from hivemind.domain.events import ResultStatus
from hivemind.errors import HivemindError

AGENTS = agents()
EVENTS_OF_ANY = ("", "Nonsense", "\ud83d")
#: Lines that two agents' folders may have in common, as a share of the smaller one.
MAX_SHARED = 0.05
#: So many equal lines in a row count as shared.
SHARED_LINES = 6
TRANSCRIPTS = [pytest.param(a, p, id=f"{a.name}-{p.stem}") for a in AGENTS for p in fixtures.transcripts(a)]
HOMES = [pytest.param(a, p, id=f"{a.name}-{p.name}") for a in AGENTS for p in fixtures.homes(a)]

every_agent = pytest.mark.parametrize("agent", AGENTS, ids=lambda a: a.name)


def payload_module(agent: Agent) -> ModuleType:
    """Give the module that the hook imports for an agent."""
    return import_module(f"hivemind.agents.{agent.name}.payload")


@every_agent
def test_an_agent_has_all_that_the_protocol_names(agent: Agent) -> None:
    """Each member is there, and each function takes what the protocol says."""
    assert by_name(agent.name) is agent
    for name, wanted in vars(base.Agent).items():
        if name.startswith("_") or not callable(wanted):
            continue
        found = list(inspect.signature(getattr(agent, name)).parameters)
        assert found == list(inspect.signature(wanted).parameters)[1:], name
    assert agent.title
    assert all(isinstance(name, str) for name in (*agent.shell_tools, *agent.edit_tools))


@every_agent
def test_an_agent_has_fixtures(agent: Agent) -> None:
    """Sessions, payloads and homes: what is not recorded is not proven."""
    assert fixtures.transcripts(agent)
    assert list(fixtures.payloads(agent))
    assert fixtures.homes(agent)


# Reading


@pytest.mark.parametrize(("agent", "path"), TRANSCRIPTS)
def test_records_give_the_golden_events(agent: Agent, path: Path) -> None:
    """Each fixture gives exactly the events that were looked over by a person."""
    found = fixtures.read(agent, path)
    assert found == fixtures.golden(path.with_suffix(".golden.json"), found)


@every_agent
def test_a_failed_command_is_never_a_success(agent: Agent) -> None:
    """The fixtures have commands that failed and worked; none that exited with a failure counts as OK."""
    results = [
        event
        for path in fixtures.transcripts(agent)
        for event in fixtures.read(agent, path)
        if event.get("kind") == "tool_result" and event.get("tool_name") in agent.shell_tools
    ]
    assert any(r["status"] == ResultStatus.ERROR and r.get("exit_code") for r in results)
    assert any(r["status"] == ResultStatus.OK for r in results)
    assert not [r for r in results if r["status"] == ResultStatus.OK and r.get("exit_code")]


@pytest.mark.parametrize(("agent", "path"), TRANSCRIPTS)
def test_reading_again_gives_the_same_ids(agent: Agent, path: Path) -> None:
    """Native ids do not depend on when or how often a record is read, and are not used twice."""
    first, again = fixtures.read(agent, path), fixtures.read(agent, path)
    assert [e.get("native_id") for e in first] == [e.get("native_id") for e in again]
    ids = [(e["native_id"], e["kind"]) for e in first if e.get("kind") not in (None, "usage")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("agent", "path"), TRANSCRIPTS)
def test_no_other_agent_takes_the_format_for_its_own(agent: Agent, path: Path) -> None:
    """What one agent recognises by content no other one claims before it."""
    first = [json.loads(line) for line in path.read_text().splitlines()[:16]]
    claimed = [other.name for other in AGENTS if other.recognises(first)]
    assert claimed in ([agent.name], []), claimed


@cache
def _vocabulary(agent: Agent) -> tuple[list[str], list[Any]]:
    """Collect the keys and the short values that an agent's fixtures hold, for generated records."""
    keys: set[str] = set()
    values: dict[str, Any] = {}
    pending: list[Any] = [
        json.loads(x) for p in fixtures.transcripts(agent) for x in p.read_text().splitlines()
    ]
    pending += [payload for _, payload, _ in fixtures.payloads(agent)]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            keys.update(value)
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif len(str(value)) < 40:
            values[repr(value)] = value
    return sorted(keys), [values[key] for key in sorted(values)]


_ODD = [
    *(
        "Exit code 99999999999999999999",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "\0",
        "\ud83d",
    ),
    *(10**400, -1, 1e308, float("nan"), "<hivemind-skills>", '{"exit_code": 1e999}', "[" * 50),
]


@cache
def _json(agent: Agent) -> st.SearchStrategy[Any]:
    keys, values = _vocabulary(agent)
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    scalars = scalars | st.sampled_from(_ODD) | st.sampled_from(values)
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(keys) | st.text(max_size=6), inner, max_size=8)
        ),
        max_leaves=30,
    )


@every_agent
@settings(deadline=None)  # the first example reads the fixtures
@given(data=st.data())
def test_no_json_makes_the_reader_raise(agent: Agent, data: st.DataObject) -> None:
    """Whatever the records are, they yield events with sane fields and a state that JSON can hold."""
    records = data.draw(st.lists(_json(agent) | _spoilt(agent, data), max_size=6))
    state = ReaderState()
    for record in records:
        result = agent.read_line(record, line=b"x", state=state)
        for event in result.events:
            texts = (event.text, event.tool_name, event.tool_call_id, event.agent_id, event.native_id)
            assert all(type(text) is str for text in texts)
            assert event.native_id
            assert event.at is None or 2000 <= event.at.year < 2200
            assert isinstance(event.data, dict)
            assert event.exit_code is None or abs(event.exit_code) < 2**63
            assert event.usage is None or event.usage.output_tokens < 2**63
    json.dumps(state.values)
    assert isinstance(agent.recognises(records), bool)


@cache
def _lines_of(agent: Agent) -> list[str]:
    return [line for path in fixtures.transcripts(agent) for line in path.read_text().splitlines()]


def _spoilt(agent: Agent, data: st.DataObject) -> st.SearchStrategy[Any]:
    """Take a real record and put something else in the place of one of its values."""
    record = json.loads(data.draw(st.sampled_from(_lines_of(agent))))
    node = record
    while isinstance(node, dict) and node:
        key = data.draw(st.sampled_from(sorted(node)))
        if not isinstance(node[key], dict) or data.draw(st.booleans()):
            node[key] = data.draw(_json(agent))
            break
        node = node[key]
    return st.just(record)


@every_agent
def test_the_state_stays_small_whatever_is_never_answered(agent: Agent) -> None:
    """Every fixture read three hundred times with fresh ids does not make the state grow for ever."""
    state = ReaderState()
    for n, line in itertools.product(range(300), _lines_of(agent)[:40]):
        record = json.loads(line.replace("call", f"call{n}").replace("toolu", f"toolu{n}"))
        agent.read_line(record, line=line.encode(), state=state)
    assert len(json.dumps(state.values)) < 500_000


# Hooks


@every_agent
def test_payloads_give_the_golden_announcements(agent: Agent) -> None:
    """Each recorded payload says the moment, the session, its transcript and what was asked."""
    module = payload_module(agent)
    found = [
        {
            "event": event,
            "announcement": module.announcement(event, payload, root),
            "prompt": module.prompt(payload),
            **({"record": module.record(event, payload)} if hasattr(module, "record") else {}),
        }
        for event, payload, root in fixtures.payloads(agent)
    ]
    found = json.loads(json.dumps(found))
    assert found == fixtures.golden(fixtures.folder(agent) / "payloads.golden.json", found)
    moments = {f["announcement"]["moment"] for f in found if f["announcement"]}
    assert {"prompt", "turn"} <= moments


@every_agent
@settings(deadline=None)  # the first example reads the fixtures
@given(data=st.data())
def test_no_payload_makes_the_hooks_adapter_raise(agent: Agent, data: st.DataObject) -> None:
    """Whatever is in a payload, the announcement and the prompt are made of it without an error."""
    module = payload_module(agent)
    body = data.draw(st.dictionaries(st.sampled_from(_vocabulary(agent)[0]), _json(agent), max_size=6))
    event = data.draw(st.sampled_from([*module.MOMENTS, *EVENTS_OF_ANY]))
    said = module.announcement(event, body, data.draw(st.sampled_from(["", "/h/.agent"])))
    assert said is None or said["moment"] == module.MOMENTS.get(event, "")
    assert isinstance(module.prompt(body), str)
    if hasattr(module, "record"):
        assert isinstance(module.record(event, body), dict)


@every_agent
@pytest.mark.parametrize("context", ["x" * 60_000, "\N{SNOWMAN}\n" * 30_000, 'a"\\\0' * 9_000])
def test_what_is_injected_stays_within_the_agents_limit(agent: Agent, context: str) -> None:
    """However long a context is, the agent gets one that it does not cut, drop or put into a file."""
    module = payload_module(agent)
    assert 1_000 <= module.MAX_CONTEXT_CHARS <= 10_000
    for event in module.MOMENTS:
        text = module.output(event, context=context, notice="")
        pending = [json.loads(text)] if text else []
        while pending:
            value = pending.pop()
            assert not isinstance(value, str) or len(value) <= module.MAX_CONTEXT_CHARS
            pending += value.values() if isinstance(value, dict) else []
        assert module.output(event, context="", notice="") == ""
    assert any(module.output(event, context="hint", notice="") for event in module.MOMENTS)


@every_agent
def test_the_real_hook_takes_every_payload(agent: Agent, tmp_path: Path) -> None:
    """Started as an agent starts it, the hook exits 0 and is silent; inside Hivemind it does not announce."""
    data = tmp_path / "data"
    env = {"PATH": os.environ["PATH"], "HIVEMIND_WORKER": "false"}
    for event, payload, root in fixtures.payloads(agent):
        command = [sys.executable, "-I", "-S", hook.__file__, agent.name, event, str(data), root]
        run = {"input": json.dumps(payload).encode(), "capture_output": True, "check": True}
        done = subprocess.run(command, env={**env, "HIVEMIND_INSIDE": "1"}, **run)  # type: ignore[call-overload]
        assert (done.stdout, done.stderr) == (b"", b"")
        assert not Path(layout.spool_dir(str(data))).exists()
        shutil.rmtree(data / "not-captured", ignore_errors=True)
        done = subprocess.run(command, env=env, **run)  # type: ignore[call-overload]
        assert (done.stdout, done.stderr) == (b"", b"")
        assert not (data / "hook-errors.jsonl").exists(), (data / "hook-errors.jsonl").read_text()
        shutil.rmtree(layout.spool_dir(str(data)), ignore_errors=True)


# Wiring


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Give Hivemind's own folder."""
    return tmp_path / "data"


@pytest.mark.parametrize(("agent", "case"), HOMES)
def test_uninstalling_restores_every_byte(agent: Agent, case: Path, tmp_path: Path, data_dir: Path) -> None:
    """Install, install again and uninstall leave a person's files as they were, and no receipt."""
    home = Path(shutil.copytree(case, tmp_path / "home"))
    machine, wiring = fixtures.machine(home, data_dir), fixtures.wiring(tmp_path, data_dir)
    before = fixtures.files(home)
    assert agent.detect(machine)
    assert not all(check.ok for check in agent.check_wiring(machine, wiring))
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    assert agent.plan_install(machine, wiring) == []
    assert all(check.ok or check.hint for check in agent.check_wiring(machine, wiring))
    after = fixtures.files(home)
    assert set(before) <= set(after)
    apply_changes(agent.plan_uninstall(machine), backup_dir=tmp_path / "backups")
    assert fixtures.files(home) == before
    assert agent.plan_uninstall(machine) == []
    assert list((data_dir / "installs").iterdir()) == []


@every_agent
def test_an_empty_home_is_wired_and_emptied_again(agent: Agent, tmp_path: Path, data_dir: Path) -> None:
    """Where no file is, an install makes what it needs, every check is fine, and an uninstall removes it."""
    home = tmp_path / "home"
    home.mkdir()
    machine, wiring = fixtures.machine(home, data_dir), fixtures.wiring(tmp_path, data_dir)
    assert not agent.detect(machine)
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    assert [check for check in agent.check_wiring(machine, wiring) if not check.ok] == []
    apply_changes(agent.plan_uninstall(machine), backup_dir=tmp_path / "backups")
    assert fixtures.files(home) == {}


@pytest.mark.parametrize(("agent", "case"), HOMES)
def test_a_reinstall_from_elsewhere_takes_over(
    agent: Agent, case: Path, tmp_path: Path, data_dir: Path
) -> None:
    """Another environment and data folder replace the old entries, and can be undone to the last byte."""
    home = Path(shutil.copytree(case, tmp_path / "home"))
    before = fixtures.files(home)
    first = fixtures.wiring(tmp_path, data_dir)
    other = fixtures.wiring(tmp_path / "other", tmp_path / "other data")
    machine = fixtures.machine(home, data_dir)
    apply_changes(agent.plan_install(machine, first), backup_dir=tmp_path / "backups")
    assert not any(check.ok for check in agent.check_wiring(machine, other) if check.name in ("hooks", "mcp"))
    apply_changes(agent.plan_install(machine, other), backup_dir=tmp_path / "backups")
    assert agent.plan_install(machine, other) == []
    texts = b"".join(content for path, content in fixtures.files(home).items() if path not in before)
    assert str(data_dir).encode() + b"'" not in texts
    apply_changes(agent.plan_uninstall(machine), backup_dir=tmp_path / "backups")
    assert fixtures.files(home) == before


@every_agent
@pytest.mark.parametrize("broken", [b'{"a": [1,', b"\xff\xfe\0", b"[" * 10_000, b"a: [\n- 'b"])
def test_a_file_that_does_not_parse_is_refused_by_name(
    agent: Agent, broken: bytes, tmp_path: Path, data_dir: Path
) -> None:
    """Each settings file in turn is broken: the error names it, the checks report it, nothing is written."""
    home = tmp_path / "home"
    home.mkdir()
    machine, wiring = fixtures.machine(home, data_dir), fixtures.wiring(tmp_path, data_dir)
    changed = [c.path for c in agent.plan_install(machine, wiring) if not c.internal]
    assert changed
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(broken)
        with pytest.raises(HivemindError) as caught:
            agent.plan_install(machine, wiring)
        assert str(path) in caught.value.message
        assert caught.value.hint
        assert not all(check.ok for check in agent.check_wiring(machine, wiring))
        assert fixtures.files(home) == {str(path.relative_to(home)): broken}
        path.unlink()


@every_agent
def test_skills_go_into_a_folder_of_the_project(agent: Agent, tmp_path: Path) -> None:
    """Where an agent reads a project's skills, that is inside the project."""
    place = agent.skill_folder(tmp_path)
    assert place is None or place.is_relative_to(tmp_path)


@every_agent
def test_the_transcripts_of_an_agent_that_was_never_used_are_none(agent: Agent, tmp_path: Path) -> None:
    """A folder without sessions has none, and a session that is not there has no size."""
    machine = Machine(home=tmp_path, data_dir=tmp_path / "data")
    root = agent.default_root(machine)
    assert list(agent.transcripts(root)) == []
    with pytest.raises(FileNotFoundError):
        agent.size_bytes(root / "nothing.jsonl")
    assert list(agent.companions(root / "nothing.jsonl")) == []


# One piece of code for one job


def _lines(name: str) -> list[str]:
    folder = Path(hivemind.__file__).parent / "agents" / name
    texts = [path.read_text() for path in sorted(folder.glob("*")) if path.suffix in (".py", ".ts", ".js")]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("import ", "from ", "#", "//"))]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations([a.name for a in AGENTS], 2)))
def test_no_agent_is_a_near_copy_of_another(one: str, other: str) -> None:
    """Of the smaller folder, at most a twentieth are lines that stand in a row in the other, too."""
    first, second = sorted((_lines(one), _lines(other)), key=len)
    known = {tuple(second[n : n + SHARED_LINES]) for n in range(len(second))}
    shared: set[int] = set()
    for n in range(len(first) - SHARED_LINES + 1):
        if tuple(first[n : n + SHARED_LINES]) in known:
            shared.update(range(n, n + SHARED_LINES))
    assert len(shared) <= MAX_SHARED * len(first), [first[n] for n in sorted(shared)]
